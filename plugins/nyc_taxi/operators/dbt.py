"""Runs dbt on the stale months, as a subprocess."""

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
    """Runs dbt, logs its progress and a table of the models, and records the results of its checks.

    A retry runs only what failed or was skipped, if the results of the last try are on this machine. After
    a failed data test, everything is run again.
    The results of the checks are in ``ops.quality_result`` afterwards, also those of a month that failed.

    :param work: the :class:`~nyc_taxi.dbt.invocation.Invocation` as plain values; None skips the
        task (templated)
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

        :raises DataTestFailed: naming the months whose data failed a test; the other months are built
        """
        if self.work is None:
            raise AirflowSkipException("Every month in the ledger is built. There is nothing to do.")
        invocation = Invocation.from_json(self.work)
        with artifacts(f"{self.dag_id} {invocation.target}", context["run_id"]) as (folder, by_this_run):
            retried = context["ti"].try_number > 1
            if retried and not by_this_run:
                self.log.info(
                    "The results of the last try are not on this machine, so everything is run again."
                )
            try:
                nodes = self._run(invocation, folder, only_failed=retried and by_this_run)
            except DataTestFailed as failure:
                if len(invocation.months) < 2:
                    raise
                self.log.warning(
                    "%s Building month by month, so that a bad month does not block the others.", failure
                )
                nodes = self._run_month_by_month(invocation, folder.with_name("month"))
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
        """Copy the results of dbt's checks to ``ops.quality_result``."""
        from nyc_taxi.hooks.dbt import record_checks

        new = record_checks(invocation.target, self.target, self.warehouse_conn_id)
        self.log.info(
            "%d new results of checks are in ops.quality_result. airflow taxi show prints those of a month.",
            new,
        )

    def _run_month_by_month(self, invocation: Invocation, folder: Path) -> tuple[Node, ...]:
        """Run dbt once per month, in a folder that retries do not use: they have to begin with all months."""
        nodes: list[Node] = []
        failed: dict[Month, DataTestFailed] = {}
        for month in invocation.months:
            try:
                nodes += self._run(replace(invocation, months=(month,)), folder)
            except DataTestFailed as failure:
                failed[month] = failure
        if failed:
            raise DataTestFailed(
                f"{len(invocation.months) - len(failed)} of {len(invocation.months)} months were built. "
                "For the others, the marts keep their previous content. "
                + " ".join(f"{month}: {failure}" for month, failure in failed.items())
            )
        return tuple(nodes)


@contextmanager
def artifacts(name: str, run_id: str) -> Iterator[tuple[Path, bool]]:
    """Lock the folder for the artifacts of one kind of call, and return it.

    The folder keeps the artifacts of the last call, for people and for retries.

    :param name: the kind of call
    :param run_id: the calling run
    :return: the folder, and whether the last call there was made by the same run
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
