"""Loading the lookup table of the taxi zones."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from nyc_taxi import settings
from nyc_taxi.errors import TaxiError
from nyc_taxi.hooks.tlc import NycTlcHook
from nyc_taxi.hooks.warehouse import warehouse

if TYPE_CHECKING:
    from airflow.sdk import Context


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

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002
        """Load the zones, and return how many there are and their address."""
        from nyc_taxi.core.zones import read_zones
        from nyc_taxi.postgres.zones import count_zones, replace_zones

        store = warehouse(self.target, self.warehouse_conn_id)
        if self.only_if_missing and (there := count_zones(store)):
            self.log.info("%d zones are there.", there)
            return {"rows": there, "url": None}
        urls = NycTlcHook(self.tlc_conn_id).sources().zone_lookup()
        with TemporaryDirectory(prefix="nyc-taxi-zones-") as folder:
            path = Path(folder) / "taxi_zone_lookup.csv"
            url = self._fetch(urls, path)
            rows = replace_zones(store, read_zones(path))
        self.log.info("%d zones were loaded from %s.", rows, url)
        return {"rows": rows, "url": url}

    def _fetch(self, urls: list[str], path: Path) -> str:
        from nyc_taxi.files.download import fetch

        *others, last = urls
        for url in others:
            try:
                return fetch(url, path).url
            except TaxiError as error:
                self.log.warning("%s Asking the next source.", error)
        return fetch(last, path).url
