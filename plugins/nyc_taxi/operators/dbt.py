"""Running dbt on the loaded months, in a separate process and environment."""

from __future__ import annotations

import fcntl
import re
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from nyc_taxi import settings
from nyc_taxi.core.numerals import counted
from nyc_taxi.dbt.invocation import Invocation
from nyc_taxi.errors import DataTestFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import Context

    from nyc_taxi.dbt.results import Node


class DbtOperator(BaseOperator):
    """Runs dbt, shows its progress in the log, and ends with a table of the models.

    A retry runs only what failed or was skipped, if the results of the previous try are on this machine and
    no data test had failed. Otherwise it runs everything again. The results of the checks of each month are
    then in ``ops.quality_result``, also when a month failed one.

    :param work: the :class:`~nyc_taxi.dbt.invocation.Invocation` as plain values; None when there is
        nothing to do, which skips the task (templated)
    :param target: name of the warehouse
    :param warehouse_conn_id: its connection; None for the target's own
    """

    template_fields: Sequence[str] = ("work",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"work": "json"}
    ui_color = "#fbe3d6"

    def __init__(
        self,
        *,
        work: dict[str, Any] | None,
        target: str,
        warehouse_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.work = work
        self.target = target
        self.warehouse_conn_id = warehouse_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Run dbt, and return the models that it built with their rows and seconds.

        :raises DataTestFailed: naming the months whose data fail a test; the others are built
        """
        if self.work is None:
            raise AirflowSkipException("Every month of the ledger is already built.")
        invocation = Invocation.from_json(self.work)
        with artifacts(f"{self.dag_id} {invocation.target}", context["run_id"]) as (folder, by_this_run):
            retried = context["ti"].try_number > 1
            if retried and not by_this_run:
                self.log.info("No results of the previous try on this machine: everything runs again.")
            try:
                nodes = self._run(invocation, folder, only_failed=retried and by_this_run)
            except DataTestFailed as failure:
                self._run_others(invocation, failure, folder.with_name("others"))
        return [
            {"model": node.name, "status": node.status, "rows": node.rows, "seconds": round(node.seconds, 2)}
            for node in nodes
            if node.kind == "model"
        ]

    def _run(self, invocation: Invocation, folder: Path, *, only_failed: bool = False) -> tuple[Node, ...]:
        from nyc_taxi.dbt.results import table
        from nyc_taxi.hooks.dbt import dbt

        try:
            nodes = dbt(folder, self.target, self.warehouse_conn_id).run(
                invocation, self.log.log, only_failed=only_failed
            )
        except DataTestFailed:
            self._record(invocation)
            raise
        self._record(invocation)
        if nodes:
            self.log.info("dbt %s:\n%s", invocation.command, table(nodes))
        return nodes

    def _record(self, invocation: Invocation) -> None:
        """Copy the results of dbt's checks to the ledger, also those of months that failed one."""
        from nyc_taxi.hooks.dbt import record_checks

        new = record_checks(invocation.target, self.target, self.warehouse_conn_id)
        self.log.info(
            "%d new results of checks in ops.quality_result; airflow taxi show prints those of a month.", new
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
            self.log.warning("%s Building the other months.", failure)
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


@contextmanager
def artifacts(name: str, run_id: str) -> Iterator[tuple[Path, bool]]:
    """Lock the folder for the artifacts of one kind of call, which keeps those of the last call.

    They are there for people who look for a statement, and for retries.

    :param name: the kind of call
    :param run_id: the run that calls
    :return: the folder, and whether the same run made the last call there
    """
    folder = Path(settings.DBT_ARTIFACTS) / re.sub(r"[^\w-]+", "-", name)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "last_run_id").open("a+", encoding="utf-8") as last:
        fcntl.flock(last, fcntl.LOCK_EX)
        last.seek(0)
        same = last.read() == run_id
        last.truncate(0)
        last.write(run_id)
        last.flush()
        yield folder / "target", same
