"""The second step of a load: check what was staged before anybody can read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from nyc_taxi import metrics, settings
from nyc_taxi.hooks.warehouse import warehouse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context


class AuditMonthOperator(BaseOperator):
    """Fails when a check of severity *error* does not pass; the staged rows then stay to be looked at.

    A month whose file is unchanged is not audited again.

    :param staged: what the stage task returned (templated)
    :param postgres_conn_id: connection of the warehouse
    """

    template_fields: Sequence[str] = ("staged",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"staged": "json"}
    ui_color = "#e5dff4"

    def __init__(
        self,
        *,
        staged: dict[str, Any],
        postgres_conn_id: str = settings.POSTGRES_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.staged = staged
        self.postgres_conn_id = postgres_conn_id

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002
        """Audit the staged month, and hand on what was staged; ``ops.quality_result`` keeps the checks."""
        from tabulate import tabulate

        from nyc_taxi.postgres.audit import audit_month
        from nyc_taxi.postgres.stage import Staged

        staged = Staged.from_json(self.staged)
        if staged.unchanged:
            self.log.info("%s %s is unchanged and was audited before.", staged.dataset, staged.month)
        else:
            with metrics.timed("audit", staged.dataset):
                checks = audit_month(warehouse(self.postgres_conn_id), staged.attempt)
            headers = ("check", "outcome", "message")
            rows = [(check.name, check.outcome, check.message) for check in checks]
            self.log.info("%s %s:\n%s", staged.dataset, staged.month, tabulate(rows, headers, "plain"))
        return self.staged
