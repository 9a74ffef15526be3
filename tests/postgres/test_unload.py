"""Emptying a month: the ledger knows, readers are not disturbed, and the next run loads it again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import IsolationLevel

from nyc_taxi.errors import WarehouseBusy
from nyc_taxi.postgres.unload import unload_month
from tests.trips import (
    MONTH,
    counts,
    green,
    load,
    published,
)

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.postgres.warehouse import PostgresWarehouse

OLD = datetime(2021, 3, 1, tzinfo=UTC)
NEW = OLD + timedelta(days=30)


def test_rows_that_the_ledger_does_not_know_are_taken_out_too(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path)))
    reader.execute("delete from ops.file_ledger")
    assert taxi_warehouse.unload("green", MONTH) == 100
    assert counts(reader) == {}


def test_reader_that_began_before_sees_the_rows(
    taxi_warehouse: PostgresWarehouse, warehouse_uri: str, reader: psycopg.Connection, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path)))
    with psycopg.connect(warehouse_uri) as old:
        old.isolation_level = IsolationLevel.REPEATABLE_READ
        assert counts(old) == {"2021-01-01": 100}
        taxi_warehouse.unload("green", MONTH)
        assert counts(old) == {"2021-01-01": 100}
    assert counts(reader) == {}


@pytest.mark.usefixtures("hurried")
def test_unloading_waits_for_a_lock_and_gives_up_with_nothing_changed(
    taxi_warehouse: PostgresWarehouse, warehouse_uri: str, reader: psycopg.Connection, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path)))
    with psycopg.connect(warehouse_uri, application_name="a person") as person:
        person.execute("lock table raw.green_tripdata_2021_01 in exclusive mode")
        with pytest.raises(
            WarehouseBusy, match=r"Unloading green 2021-01 .*a person.* run this step again\.$"
        ):
            unload_month(taxi_warehouse.sessions, "green", MONTH, patience=0)
    assert counts(reader) == {"2021-01-01": 100}
    assert taxi_warehouse.ledger.current("green", MONTH) is not None
