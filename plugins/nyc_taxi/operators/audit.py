"""The second step of a load: check what was staged before anybody can read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from nyc_taxi import metrics
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.links import MonthLink
from nyc_taxi.staged import staged_of_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from nyc_taxi.core.month import Month


class AuditMonthOperator(BaseOperator):
    """Fails when a check of severity *error* does not pass; the staged rows then stay for inspection.

    A month whose file is unchanged is not audited again.

    :param staged: what the stage task returned (templated). Airflow may lose it when its database fails at
        the wrong moment; then the ledger knows it
    :param dataset: name of the dataset (templated)
    :param month: the month as ``YYYY-MM`` (templated); the run's own month by default
    :param target: name of the warehouse
    :param force: only warn of a month with far fewer rows or values than it had (templated: true or false)
    :param warehouse_conn_id: its connection; None for the target's own
    """

    template_fields: Sequence[str] = ("staged", "dataset", "month", "force")
    template_fields_renderers: ClassVar[dict[str, str]] = {"staged": "json"}
    operator_extra_links = (MonthLink(),)
    ui_color = "#e5dff4"

    def __init__(
        self,
        *,
        staged: dict[str, Any] | None,
        dataset: str,
        month: str | None = None,
        target: str,
        force: bool | str = False,
        warehouse_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.staged = staged
        self.dataset = dataset
        self.month = month
        self.target = target
        self.force = force
        self.warehouse_conn_id = warehouse_conn_id
        self.known_month: Month | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Audit the staged month, keep the results in the ledger, and return what was staged."""
        from tabulate import tabulate

        from nyc_taxi.load.audit import audit_month

        store = warehouse(self.target, self.warehouse_conn_id)
        staged = staged_of_task(self.staged, store, self.dataset, self.month, context)
        self.known_month = staged.month
        if staged.unchanged:
            self.log.info("%s %s is unchanged and was audited before.", staged.dataset, staged.month)
        else:
            with metrics.timed("audit", staged.dataset, self.target):
                forced = str(self.force).lower() == "true"
                checks = audit_month(store, staged.key, force=forced)
            headers = ("check", "outcome", "message")
            rows = [(check.name, check.outcome, check.message) for check in checks]
            self.log.info("%s %s:\n%s", staged.dataset, staged.month, tabulate(rows, headers, "plain"))
        return staged.to_json()
