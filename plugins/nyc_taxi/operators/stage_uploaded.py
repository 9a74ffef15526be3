"""The second step of a load into a warehouse that loads from a bucket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.sdk import BaseOperator

from nyc_taxi import metrics
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.links import MonthLink
from nyc_taxi.staged import staged_of_task
from nyc_taxi.triggers.load_job import LoadJobTrigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from nyc_taxi.core.month import Month

PATIENCE: Final = 10.0
"""Seconds to wait for the warehouse before the task defers, which alone takes seconds."""


class StageUploadedOperator(BaseOperator):
    """Loads what was uploaded into a table of its attempt, and waits for that in the triggerer.

    A month that is loaded within ten seconds is not deferred. A retried or cleared task finds the job of the
    first try, and needs nothing from the machine that uploaded.

    :param staged: what the upload task returned (templated). Airflow may lose it when its database fails at
        the wrong moment; then the ledger knows it
    :param dataset: name of the dataset (templated)
    :param month: the month as ``YYYY-MM`` (templated); the run's own month by default
    :param target: name of the warehouse
    :param warehouse_conn_id: its connection; None for the target's own
    """

    template_fields: Sequence[str] = ("staged", "dataset", "month")
    template_fields_renderers: ClassVar[dict[str, str]] = {"staged": "json"}
    operator_extra_links = (MonthLink(),)
    ui_color = "#d9ecf7"

    def __init__(
        self,
        *,
        staged: dict[str, Any] | None,
        dataset: str,
        month: str | None = None,
        target: str,
        warehouse_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.staged = staged
        self.dataset = dataset
        self.month = month
        self.target = target
        self.warehouse_conn_id = warehouse_conn_id
        self.known_month: Month | None = None

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

        store = warehouse(self.target, self.warehouse_conn_id)
        uploaded = staged_of_task(self.staged, store, self.dataset, self.month, context)
        self.known_month = uploaded.month
        if uploaded.unchanged:
            self.log.info("%s %s already holds this file.", uploaded.dataset, uploaded.month)
            return uploaded.to_json()
        with metrics.timed("stage", uploaded.dataset, self.target, since=since):
            staged = stage_uploaded(store, uploaded, patience=PATIENCE)
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
