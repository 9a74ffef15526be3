"""Running dbt on the months that arrived, in a process and an environment of its own."""

from __future__ import annotations

import fcntl
import re
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from nyc_taxi import settings
from nyc_taxi.dbt.invocation import Invocation
from nyc_taxi.errors import DataTestFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import Context

    from nyc_taxi.core.month import Month
    from nyc_taxi.dbt.results import Node


class DbtOperator(BaseOperator):
    """Runs dbt, shows its progress in the log, and ends with a table of the models.

    A retry runs only what failed or was skipped, where the last try left its results on this machine; all
    is run again when data had failed a test.
    What the checks found of each month is in ``ops.quality_result`` afterwards, also when a month failed one.

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

        :raises DataTestFailed: naming the months whose data do not pass a test; the others are built
        """
        if self.work is None:
            raise AirflowSkipException("Every month of the ledger is built: there is nothing to do.")
        wanted = Invocation.from_json(self.work)
        with artifacts(f"{self.dag_id} {wanted.target}", context["run_id"]) as (folder, by_this_run):
            retried = context["ti"].try_number > 1
            if retried and not by_this_run:
                self.log.info("There are no results of an earlier try on this machine: all is run again.")
            try:
                nodes = self._run(wanted, folder, only_failed=retried and by_this_run)
            except DataTestFailed as failure:
                if len(wanted.months) < 2:
                    raise
                self.log.warning("%s Building month by month, so that none holds up the others.", failure)
                nodes = self._run_month_by_month(wanted, folder.with_name("month"))
        return [
            {"model": node.name, "status": node.status, "rows": node.rows, "seconds": round(node.seconds, 2)}
            for node in nodes
            if node.kind == "model"
        ]

    def _run(self, wanted: Invocation, folder: Path, *, only_failed: bool = False) -> tuple[Node, ...]:
        from nyc_taxi.dbt.results import table
        from nyc_taxi.hooks.dbt import dbt

        try:
            nodes = dbt(folder, self.target, self.warehouse_conn_id).run(
                wanted, self.log.log, only_failed=only_failed
            )
        except DataTestFailed:
            self._record(wanted)
            raise
        self._record(wanted)
        if nodes:
            self.log.info("dbt %s:\n%s", wanted.command, table(nodes))
        return nodes

    def _record(self, wanted: Invocation) -> None:
        """Copy what dbt measured to the results of the months, also of those that failed a test."""
        from nyc_taxi.hooks.dbt import record_checks

        new = record_checks(wanted.target, self.target, self.warehouse_conn_id)
        self.log.info(
            "%d results of checks are new in ops.quality_result; airflow taxi show prints a month's.", new
        )

    def _run_month_by_month(self, wanted: Invocation, folder: Path) -> tuple[Node, ...]:
        """Run dbt for each month, in a folder where no retry looks: it has to begin with all of them."""
        nodes: list[Node] = []
        refused: dict[Month, DataTestFailed] = {}
        for month in wanted.months:
            try:
                nodes += self._run(replace(wanted, months=(month,)), folder)
            except DataTestFailed as failure:
                refused[month] = failure
        if refused:
            raise DataTestFailed(
                f"{len(wanted.months) - len(refused)} of {len(wanted.months)} months were built. "
                "Of the others the marts keep what they had: "
                + " ".join(f"{month}: {failure}" for month, failure in refused.items())
            )
        return tuple(nodes)


@contextmanager
def artifacts(name: str, run_id: str) -> Iterator[tuple[Path, bool]]:
    """Give the folder in which calls of one kind leave their artifacts, to one call at a time.

    It keeps those of the last call, so that a person can look at a statement, and a retry can go on.

    :param name: whose calls
    :param run_id: the run that calls
    :return: the folder, and whether the last call there was by the same run
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
