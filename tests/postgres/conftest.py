"""A warehouse as the product sees it, and a reader of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from nyc_taxi.postgres import locks
from nyc_taxi.postgres.warehouse import PostgresWarehouse

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def taxi_warehouse(warehouse_uri: str) -> PostgresWarehouse:
    """The warehouse of this test alone."""
    return PostgresWarehouse(lambda: psycopg.connect(warehouse_uri), "postgres_taxi")


@pytest.fixture
def reader(warehouse_uri: str, taxi_warehouse: PostgresWarehouse) -> Iterator[psycopg.Connection]:
    """A person's autocommit connection to a warehouse whose tables are there."""
    taxi_warehouse.prepare()
    with psycopg.connect(warehouse_uri, autocommit=True) as connection:
        yield connection


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a transaction wait for a lock a second instead of three: long enough to see who holds it."""
    monkeypatch.setattr(locks, "_ONE_TRY", "1s")
