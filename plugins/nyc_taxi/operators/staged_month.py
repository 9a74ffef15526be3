"""What the steps of a load have in common that follow the first one."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.links import MonthLink
from nyc_taxi.run_month import month_of_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from nyc_taxi.core.month import Month
    from nyc_taxi.load.stage import Staged
    from nyc_taxi.load.warehouse import Warehouse


class StagedMonthOperator(BaseOperator):
    """A step that continues with what an earlier task of its run has staged or uploaded.

    :param staged: what that task returned (templated). Airflow may lose it when its database fails at the
        wrong moment; then the ledger knows it
    :param dataset: name of the dataset (templated)
    :param month: the month as ``YYYY-MM`` (templated); the run's own month by default
    :param target: name of the warehouse
    :param warehouse_conn_id: its connection; None for the target's own
    """

    template_fields: Sequence[str] = ("staged", "dataset", "month")
    template_fields_renderers: ClassVar[dict[str, str]] = {"staged": "json"}
    operator_extra_links = (MonthLink(),)

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

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse; a connection to it is opened when it is used."""
        return warehouse(self.target, self.warehouse_conn_id)

    def find_staged(self, context: Context) -> Staged:
        """Return what the run has staged of the month.

        :raises ContractError: when the run has staged nothing
        """
        from nyc_taxi.load.stage import Staged, staged_in_run

        if self.staged is not None:
            staged = Staged.from_json(self.staged)
        else:
            month = month_of_task(self.month, context)
            staged = staged_in_run(self.warehouse, self.dataset, month, context["run_id"])
        self.known_month = staged.month
        return staged
