"""Running dbt on a warehouse's months, recording what its checks found, and publishing its documentation."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from nyc_taxi import settings
from nyc_taxi.core.numerals import counted
from nyc_taxi.dbt.invocation import Command, Invocation
from nyc_taxi.errors import DataTestFailed
from nyc_taxi.hooks.dbt import dbt, docs_page, record_checks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nyc_taxi.dbt.results import Node


@dataclass(frozen=True, slots=True)
class DbtRuns:
    """Runs dbt on a warehouse.

    :param target: name of the warehouse
    :param conn_id: its connection; None for the target's own
    :param log: called with the :mod:`logging` level and the text of each line
    """

    target: str
    conn_id: str | None
    log: Callable[[int, str], object]

    def run(self, invocation: Invocation, folder: Path, *, only_failed: bool = False) -> tuple[Node, ...]:
        """Run dbt, and return its nodes. What its checks found is then recorded, also if months failed one.

        :param folder: where the artifacts go
        :param only_failed: run what failed or was skipped in the last run in this folder
        :raises DataTestFailed: naming the months whose data fail a test; the others are built
        """
        try:
            return self._run(invocation, folder, only_failed=only_failed)
        except DataTestFailed as failure:
            self._run_others(invocation, failure, folder.with_name("others"))

    def publish_docs(self, dbt_target: str, folder: Path, dag_id: str) -> str:
        """Describe the project and its tables on one page, store it for the web server, and return where.

        :param dag_id: DAG whose page links to it
        """
        described = Invocation(Command.DOCS, target=dbt_target, threads=settings.DBT_THREADS)
        dbt(folder, self.target, self.conn_id).run(described, self.log)
        page = docs_page(dag_id)
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text((folder / "static_index.html").read_text("utf-8"), encoding="utf-8")
        self.log(logging.INFO, f"The documentation is at {page}")
        return str(page)

    def _run(self, invocation: Invocation, folder: Path, *, only_failed: bool = False) -> tuple[Node, ...]:
        from nyc_taxi.dbt.results import table

        try:
            nodes = dbt(folder, self.target, self.conn_id).run(invocation, self.log, only_failed=only_failed)
        except DataTestFailed:
            self._record(invocation)
            raise
        self._record(invocation)
        if nodes:
            self.log(logging.INFO, f"dbt {invocation.command}:\n{table(nodes)}")
        return nodes

    def _record(self, invocation: Invocation) -> None:
        """Copy the results of dbt's checks to the ledger, also those of months that failed one."""
        new = record_checks(invocation.target, self.target, self.conn_id)
        self.log(
            logging.INFO,
            f"{new} new results of checks in ops.quality_result; airflow taxi show prints those of a month.",
        )

    def _run_others(self, invocation: Invocation, failure: DataTestFailed, folder: Path) -> NoReturn:
        """Build the months in which no check found an error, in a separate folder: a retry must measure all.

        :raises DataTestFailed: always, with what was found in the others
        """
        good, findings = invocation.months, [*failure.findings]
        while True:
            bad = {finding.partition(",")[0] for finding in failure.findings}
            others = tuple(month for month in good if str(month) not in bad)
            if not others or others == good:
                break
            self.log(logging.WARNING, f"{failure} Building the other months.")
            good = others
            try:
                self._run(replace(invocation, months=good), folder)
            except DataTestFailed as again:
                failure = again
                findings += again.findings
            else:
                found = "; ".join(text.rstrip(".") for text in findings)
                raise DataTestFailed(
                    f"{found}. The marts keep their previous content of these months. "
                    f"The other {len(good)} of {counted(len(invocation.months), 'month')} were built.",
                    findings,
                )
        raise failure
