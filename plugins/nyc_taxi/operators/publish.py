"""The last step of a load: make the staged month the one that readers see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from nyc_taxi import metrics
from nyc_taxi.assets import partition_key, raw_asset
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.links import MonthLink
from nyc_taxi.staged import staged_of_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from nyc_taxi.core.month import Month
    from nyc_taxi.lineage import Lineage
    from nyc_taxi.load.attempt import Attempt


class PublishMonthOperator(BaseOperator):
    """Publishes a month in one transaction, and notifies the consumers of its asset.

    An attempt that a newer load has superseded is discarded, and the task succeeds. The asset event is
    always emitted, because a run may have been killed between its commit and its event.

    :param staged: what the audit task returned (templated). Airflow may lose it when its database fails at
        the wrong moment; then the ledger knows it
    :param dataset: name of the dataset (templated)
    :param month: the month as ``YYYY-MM`` (templated); the run's own month by default
    :param target: name of the warehouse
    :param warehouse_conn_id: its connection; None for the target's own
    """

    template_fields: Sequence[str] = ("staged", "dataset", "month")
    template_fields_renderers: ClassVar[dict[str, str]] = {"staged": "json"}
    operator_extra_links = (MonthLink(),)
    ui_color = "#d8f0dc"

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
        super().__init__(**{"outlets": [raw_asset(target)], **kwargs})
        self.staged = staged
        self.dataset = dataset
        self.month = month
        self.target = target
        self.warehouse_conn_id = warehouse_conn_id
        self.known_month: Month | None = None
        self._attempt: Attempt | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Publish the month, and return what it holds now."""
        store = warehouse(self.target, self.warehouse_conn_id)
        staged = staged_of_task(self.staged, store, self.dataset, self.month, context)
        self.known_month = staged.month
        with metrics.timed("publish", staged.dataset, self.target):
            unchanged = staged.unchanged
            attempt = store.ledger.get(staged.key) if unchanged else store.publish(staged.key)
            self._attempt = None if unchanged else attempt
        result: dict[str, Any] = {
            "dataset": attempt.dataset,
            "month": str(attempt.month),
            "outcome": "unchanged" if unchanged else str(attempt.outcome),
            "replaces": attempt.replaced_id is not None,
            "url": attempt.url,
            "sha256": attempt.sha256,
            "rows_in_file": attempt.rows_in_file,
            "rows_loaded": attempt.rows_loaded,
            "rows_rejected": attempt.rows_rejected,
        }
        self.log.info("%s %s: %s.", attempt.dataset, attempt.month, result["outcome"])
        metrics.count(attempt, result["outcome"], self.target)
        for asset in self.outlets:
            event = context["outlet_events"][asset]
            event.add_partitions(partition_key(attempt.dataset, attempt.month))
            event.extra.update(
                {key: result[key] for key in ("outcome", "rows_loaded", "rows_rejected", "sha256", "url")}
            )
        return result

    def get_openlineage_facets_on_complete(self, task_instance: object) -> Lineage:  # noqa: ARG002
        """Return the file and the table with their rows; neither when the task failed or changed nothing."""
        from nyc_taxi.lineage import of_month

        return of_month(self._attempt, warehouse(self.target, self.warehouse_conn_id))
