"""Creating what BigQuery needs before the first load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from nyc_taxi.hooks.bigquery import TaxiBigQueryHook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context


class SetUpGcpOperator(BaseOperator):
    """Creates the bucket, the datasets and the tables that are missing, and changes nothing that exists.

    Names, locations, rights and billing are checked first. Nothing is created when one is in the way.

    :param landing_days: days after which a new bucket deletes the source's files; empty for never
    :param warehouse_conn_id: connection of the type ``nyc_taxi_bigquery``
    """

    template_fields: Sequence[str] = ("landing_days",)
    ui_color = "#d8e6f5"

    def __init__(
        self,
        *,
        landing_days: int | str | None = None,
        warehouse_conn_id: str = TaxiBigQueryHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.landing_days = landing_days
        self.warehouse_conn_id = warehouse_conn_id

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002
        """Create what is missing, and return a sentence about each thing."""
        days = str(self.landing_days or "")
        hook = TaxiBigQueryHook(self.warehouse_conn_id)
        report = hook.set_up(landing_days=int(days) if days.isdecimal() else None)
        for sentence in report:
            self.log.info(sentence)
        return report
