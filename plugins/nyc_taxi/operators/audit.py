"""The second step of a load: check what was staged before anybody can read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nyc_taxi import metrics
from nyc_taxi.operators.staged_month import StagedMonthOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context


class AuditMonthOperator(StagedMonthOperator):
    """Fails when a check of severity *error* does not pass; the staged rows then stay for inspection.

    A month whose file is unchanged is not audited again.

    The other parameters are those of :class:`~nyc_taxi.operators.staged_month.StagedMonthOperator`.

    :param force: only warn of a month with far fewer rows or values than it had (templated: true or false)
    """

    template_fields: Sequence[str] = (*StagedMonthOperator.template_fields, "force")
    ui_color = "#e5dff4"

    def __init__(self, *, force: bool | str = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.force = force

    def execute(self, context: Context) -> dict[str, Any]:
        """Audit the staged month, keep the results in the ledger, and return what was staged."""
        from tabulate import tabulate

        from nyc_taxi.load.audit import audit_month

        staged = self.find_staged(context)
        if staged.unchanged:
            self.log.info("%s %s is unchanged and was audited before.", staged.dataset, staged.month)
        else:
            with metrics.timed("audit", staged.dataset, self.target):
                forced = str(self.force).lower() == "true"
                checks = audit_month(self.warehouse, staged.key, force=forced)
            headers = ("check", "outcome", "message")
            rows = [(check.name, check.outcome, check.message) for check in checks]
            self.log.info("%s %s:\n%s", staged.dataset, staged.month, tabulate(rows, headers, "plain"))
        return staged.to_json()
