"""The dbt project on BigQuery's emulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local import dbt
from nyc_taxi.bigquery.dbt_access import dbt_access
from nyc_taxi.bigquery.warehouse import BigQueryWarehouse
from tests.dbt.mart import Project, environment, prepare

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.bigquery.place import Place


@dataclass(frozen=True)
class BigQueryMart(Project):
    """The project on BigQuery.

    :param place: whose datasets it has
    """

    place: Place

    @classmethod
    def open(cls, place: Place, folder: Path, program: str) -> BigQueryMart:
        """Prepare a warehouse in empty datasets, and load the zones."""
        warehouse = BigQueryWarehouse(place, "bigquery_taxi")
        prepare(warehouse, folder)
        given = {**environment(), "DBT_PROFILE": "bigquery", **dbt_access(place).environment}
        return cls(warehouse, folder, program, dbt.environment(given, folder), place)

    def all(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query, in which ``{prefix}`` is that of the datasets."""
        text = statement.replace("{prefix}", self.place.prefix)
        return [tuple(row.values()) for row in self.place.bigquery().query_and_wait(text)]
