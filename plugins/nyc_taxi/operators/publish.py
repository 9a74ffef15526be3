"""The last step of a load: make the staged month the one that readers see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nyc_taxi import metrics
from nyc_taxi.assets import partition_key, raw_asset
from nyc_taxi.operators.staged_month import StagedMonthOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nyc_taxi.lineage import Lineage
    from nyc_taxi.load.attempt import Attempt


class PublishMonthOperator(StagedMonthOperator):
    """Publishes a month in one transaction, and notifies the consumers of its asset.

    An attempt that a newer load has superseded is discarded, and the task succeeds. The asset event is
    always emitted, because a run may have been killed between its commit and its event.

    Its parameters are those of :class:`~nyc_taxi.operators.staged_month.StagedMonthOperator`.
    """

    ui_color = "#d8f0dc"

    def __init__(self, *, target: str, **kwargs: Any) -> None:
        super().__init__(**{"target": target, "outlets": [raw_asset(target)], **kwargs})
        self._attempt: Attempt | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Publish the month, and return what it holds now."""
        staged = self.find_staged(context)
        with metrics.timed("publish", staged.dataset, self.target):
            if staged.unchanged:
                attempt = self.warehouse.ledger.get(staged.key)
            else:
                self._attempt = attempt = self.warehouse.publish(staged.key)
        result: dict[str, Any] = {
            "dataset": attempt.dataset,
            "month": str(attempt.month),
            "outcome": "unchanged" if staged.unchanged else str(attempt.outcome),
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

        return of_month(self._attempt, self.warehouse)
