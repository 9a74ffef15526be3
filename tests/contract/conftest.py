"""The warehouses that have to keep the contract, and what a reader sees in each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
import pytest
from psycopg.rows import dict_row

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.contract.memory import MemoryWarehouse
from tests.trips import MONTH, leftovers

if TYPE_CHECKING:
    from nyc_taxi.core.month import Month
    from nyc_taxi.load.warehouse import Warehouse


class Subject(Protocol):
    """A warehouse and a reader of it."""

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse."""

    def rows(self, dataset: str = "green", month: Month = MONTH) -> list[dict[str, Any]]:
        """Return the rows of a month as a reader sees them, in the order of their numbers."""

    def leftovers(self) -> int:
        """Return how many attempts have something staged."""

    def lose(self, dataset: str, month: Month) -> None:
        """Remove a month's rows without the ledger, as a user may."""


@dataclass
class InMemory:
    warehouse: MemoryWarehouse

    def rows(self, dataset: str = "green", month: Month = MONTH) -> list[dict[str, Any]]:
        table = self.warehouse.months.get((dataset, month))
        return [] if table is None else table.to_pylist()

    def leftovers(self) -> int:
        return len(self.warehouse.staged)

    def lose(self, dataset: str, month: Month) -> None:
        del self.warehouse.months[dataset, month]


@dataclass
class InPostgres:
    warehouse: PostgresWarehouse
    uri: str

    def rows(self, dataset: str = "green", month: Month = MONTH) -> list[dict[str, Any]]:
        names = [column.name for column in get_dataset(dataset).columns]
        wanted = ", ".join(("row_number", *names, "unmapped::text"))
        query = f"select {wanted} from raw.{dataset}_tripdata where file_month = %s order by row_number"
        with psycopg.connect(self.uri, row_factory=dict_row) as reader:
            return reader.execute(query.encode(), (month.first_day,)).fetchall()

    def leftovers(self) -> int:
        with psycopg.connect(self.uri) as reader:
            return len(leftovers(reader))

    def lose(self, dataset: str, month: Month) -> None:
        with psycopg.connect(self.uri) as person:
            delete = f"delete from raw.{dataset}_tripdata where file_month = %s"
            person.execute(delete.encode(), (month.first_day,))


@pytest.fixture(params=["memory", "postgres"])
def subject(request: pytest.FixtureRequest) -> Subject:
    """An empty warehouse of each kind."""
    if request.param == "memory":
        return InMemory(MemoryWarehouse())
    uri = request.getfixturevalue("warehouse_uri")
    return InPostgres(PostgresWarehouse(lambda: psycopg.connect(uri), "postgres_taxi"), uri)


@pytest.fixture
def warehouse(subject: Subject) -> Warehouse:
    """The warehouse of the test's subject."""
    return subject.warehouse
