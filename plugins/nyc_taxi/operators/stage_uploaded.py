"""The second step of a load into a warehouse that loads from a bucket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from nyc_taxi import metrics
from nyc_taxi.operators.staged_month import StagedMonthOperator
from nyc_taxi.triggers.load_job import LoadJobTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

PATIENCE: Final = 10.0
"""Seconds to wait for the warehouse before the task defers, which alone takes seconds."""


class StageUploadedOperator(StagedMonthOperator):
    """Loads what was uploaded into a table of its attempt, and waits for that in the triggerer.

    A month that is loaded within ten seconds is not deferred. A retried or cleared task finds the job of the
    first try, and needs nothing from the machine that uploaded.

    Its parameters are those of :class:`~nyc_taxi.operators.staged_month.StagedMonthOperator`.
    """

    ui_color = "#d9ecf7"

    def execute(self, context: Context) -> dict[str, Any]:
        """Stage the month, and return what was staged, or defer until it can be."""
        return self._stage(context, datetime.now(UTC))

    def execute_complete(self, context: Context, event: dict[str, Any], since: str) -> dict[str, Any]:  # noqa: ARG002
        """Continue after the wait.

        :param since: when the first try began, as ISO text with time zone
        """
        return self._stage(context, datetime.fromisoformat(since))

    def _stage(self, context: Context, since: datetime) -> dict[str, Any]:
        from nyc_taxi.load.stage import stage_uploaded

        uploaded = self.find_staged(context)
        if uploaded.unchanged:
            self.log.info("%s %s already holds this file.", uploaded.dataset, uploaded.month)
            return uploaded.to_json()
        with metrics.timed("stage", uploaded.dataset, self.target, since=since):
            staged = stage_uploaded(self.warehouse, uploaded, patience=PATIENCE)
            if staged is None:
                self.log.info("%s %s is being loaded.", uploaded.dataset, uploaded.month)
                self.defer(
                    trigger=LoadJobTrigger(
                        target=self.target,
                        warehouse_conn_id=self.warehouse_conn_id,
                        dataset=uploaded.dataset,
                        month=str(uploaded.month),
                        attempt=uploaded.attempt,
                    ),
                    method_name="execute_complete",
                    kwargs={"since": since.isoformat()},
                )
        self.log.info("%s %s: %s rows loaded.", staged.dataset, staged.month, f"{staged.rows_loaded:,}")
        return staged.to_json()
