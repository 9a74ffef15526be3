"""Loading the lookup table of the taxi zones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from nyc_taxi import settings
from nyc_taxi.hooks.tlc import NycTlcHook
from nyc_taxi.hooks.warehouse import warehouse

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nyc_taxi.lineage import Lineage
    from nyc_taxi.load.zones import LoadedZones


class LoadZonesOperator(BaseOperator):
    """Replaces ``raw.taxi_zone_lookup`` with the first zone lookup that the sources have.

    :param target: name of the warehouse
    :param only_if_missing: do nothing when the table has zones
    :param tlc_conn_id: connection that lists the sources
    :param warehouse_conn_id: connection of the warehouse; None for the target's own
    """

    ui_color = "#d8f0dc"

    def __init__(
        self,
        *,
        target: str,
        only_if_missing: bool = False,
        tlc_conn_id: str = settings.TLC_CONN_ID,
        warehouse_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target = target
        self.only_if_missing = only_if_missing
        self.tlc_conn_id = tlc_conn_id
        self.warehouse_conn_id = warehouse_conn_id
        self._zones: LoadedZones | None = None

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002
        """Fetch, check and load the zones, and return how many there are and where they are from."""
        from nyc_taxi.load.zones import load_zones

        sources = NycTlcHook(self.tlc_conn_id).sources()
        self._zones = zones = load_zones(
            warehouse(self.target, self.warehouse_conn_id), sources, only_if_missing=self.only_if_missing
        )
        self.log.info("%d zones are loaded%s", zones.rows, f" from {zones.url}" if zones.url else "")
        return {"rows": zones.rows, "url": zones.url}

    def get_openlineage_facets_on_complete(self, task_instance: object) -> Lineage:  # noqa: ARG002
        """Return the lookup's file and its table; neither when the task failed or changed nothing."""
        from nyc_taxi.lineage import of_zones

        return of_zones(self._zones, warehouse(self.target, self.warehouse_conn_id))
