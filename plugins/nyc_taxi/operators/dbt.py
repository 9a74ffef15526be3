"""Running dbt on the loaded months, in a separate process and environment."""

from __future__ import annotations

import fcntl
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from nyc_taxi import settings
from nyc_taxi.dbt.invocation import Invocation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import Context


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
        from nyc_taxi.hooks.dbt_runs import DbtRuns

        if self.work is None:
            raise AirflowSkipException("Every month of the ledger is already built.")
        invocation = Invocation.from_json(self.work)
        with artifacts(f"{self.dag_id} {invocation.target}", context["run_id"]) as (folder, by_this_run):
            retried = context["ti"].try_number > 1
            if retried and not by_this_run:
                self.log.info("No results of the previous try on this machine: everything runs again.")
            runs = DbtRuns(self.target, self.warehouse_conn_id, self.log.log)
            nodes = runs.run(invocation, folder, only_failed=retried and by_this_run)
        return [
            {"model": node.name, "status": node.status, "rows": node.rows, "seconds": round(node.seconds, 2)}
            for node in nodes
            if node.kind == "model"
        ]


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
