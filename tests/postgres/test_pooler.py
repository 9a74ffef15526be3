from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import psycopg
import pytest

from nyc_taxi.errors import WarehouseRefused, WarehouseUnreachable
from nyc_taxi.load.doctor import examine
from nyc_taxi.postgres import pooler
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.postgres.pgbouncer import pgbouncer
from tests.trips import content, green, load, published, stage

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("size", [1, 3])
def test_a_pooler_in_transaction_mode_is_refused_before_anything_is_set_or_loaded(
    warehouse_uri: str, reader: psycopg.Connection, tmp_path: Path, size: int
) -> None:
    before = "select count(*) from ops.file_ledger"
    with pgbouncer(warehouse_uri, tmp_path, mode="transaction", size=size) as uri:
        warehouse = PostgresWarehouse(lambda: psycopg.connect(uri), "postgres_taxi")
        first_task = lambda: stage(warehouse, published(green(tmp_path)))  # noqa: E731
        for use in (warehouse.check, lambda: examine(warehouse), first_task):
            with pytest.raises(WarehouseRefused, match="behind a connection pooler in transaction mode"):
                use()
        with psycopg.connect(uri) as other:
            assert other.execute("show search_path").fetchone() == ('"$user", public',)
    assert reader.execute(before).fetchone() == (0,)


def test_a_pooler_in_session_mode_is_loaded_through(
    warehouse_uri: str, reader: psycopg.Connection, tmp_path: Path
) -> None:
    with pgbouncer(warehouse_uri, tmp_path, mode="session", size=4) as uri:
        warehouse = PostgresWarehouse(lambda: psycopg.connect(uri), "postgres_taxi")
        load(warehouse, published(green(tmp_path)))
        assert [rows for _, rows, _ in content(reader)] == [100]


def test_a_pooler_in_session_mode_without_a_second_connection_is_named(
    warehouse_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooler, "_PATIENCE", 0.5)
    with pgbouncer(warehouse_uri, tmp_path, mode="session", size=1) as uri:
        warehouse = PostgresWarehouse(lambda: psycopg.connect(uri), "postgres_taxi")
        with pytest.raises(WarehouseUnreachable, match="no server connection for a second session"):
            warehouse.check()


def test_a_direct_session_costs_one_statement(warehouse_uri: str) -> None:
    """Telling a pooler and pinning the settings are one round trip."""
    sent: list[bool] = []

    class Counting(psycopg.Cursor[Any]):
        def execute(self, *given: Any, **settings: Any) -> Self:
            sent.append(True)
            return super().execute(*given, **settings)

    with PostgresWarehouse(
        lambda: psycopg.connect(warehouse_uri, cursor_factory=Counting), "postgres_taxi"
    ).sessions():
        assert len(sent) == 1
