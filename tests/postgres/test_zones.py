from __future__ import annotations

import threading
from dataclasses import astuple
from typing import TYPE_CHECKING

import pandas as pd
import psycopg
import pytest
from psycopg import IsolationLevel

from nyc_taxi.core.zones import ZONE_COLUMNS, known_zones
from nyc_taxi.errors import WarehouseBusy
from nyc_taxi.postgres import sessions as connections
from tests.waiting import eventually

if TYPE_CHECKING:
    from nyc_taxi.postgres.warehouse import PostgresWarehouse

CONTENT = "select locationid, borough, zone, service_zone from raw.taxi_zone_lookup order by locationid"
WRITTEN = "select xmin::text::bigint from raw.taxi_zone_lookup where locationid = 1"


@pytest.fixture
def new() -> pd.DataFrame:
    return pd.DataFrame([astuple(zone) for zone in known_zones()], columns=list(ZONE_COLUMNS))


@pytest.fixture
def old(new: pd.DataFrame) -> pd.DataFrame:
    old = new.copy()
    old.loc[264, ["borough", "zone"]] = ["Unknown", "NA"]
    return old


def rows(zones: pd.DataFrame) -> list[tuple[object, ...]]:
    return list(zones.itertuples(index=False, name=None))


def test_zones_arrive_in_an_empty_warehouse(
    taxi_warehouse: PostgresWarehouse, warehouse_uri: str, new: pd.DataFrame
) -> None:
    assert taxi_warehouse.replace_zones(new) == 265
    with psycopg.connect(warehouse_uri) as reader:
        assert reader.execute(CONTENT).fetchall() == rows(new)
        assert reader.execute(f"{CONTENT} desc").fetchone() == (265, "N/A", "Outside of NYC", "N/A")


def test_same_zones_write_nothing(
    taxi_warehouse: PostgresWarehouse, warehouse_uri: str, new: pd.DataFrame
) -> None:
    taxi_warehouse.replace_zones(new)
    with psycopg.connect(warehouse_uri, autocommit=True) as reader:
        before = reader.execute(WRITTEN).fetchone()
        assert taxi_warehouse.replace_zones(new) == 265
        assert reader.execute(WRITTEN).fetchone() == before


def test_another_edition_replaces_the_first(
    taxi_warehouse: PostgresWarehouse, warehouse_uri: str, old: pd.DataFrame, new: pd.DataFrame
) -> None:
    taxi_warehouse.replace_zones(old)
    assert taxi_warehouse.replace_zones(new) == 265
    with psycopg.connect(warehouse_uri) as reader:
        assert reader.execute(CONTENT).fetchall() == rows(new)


def test_reader_with_an_older_snapshot_keeps_the_old_zones_whole(
    taxi_warehouse: PostgresWarehouse, warehouse_uri: str, old: pd.DataFrame, new: pd.DataFrame
) -> None:
    taxi_warehouse.replace_zones(old)
    with psycopg.connect(warehouse_uri) as repeatable, psycopg.connect(warehouse_uri) as committed:
        repeatable.isolation_level = IsolationLevel.REPEATABLE_READ
        # The snapshot is taken, the table not yet touched: a TRUNCATE would empty it for this reader.
        repeatable.execute("select 1")
        committed.execute("select 1")
        taxi_warehouse.replace_zones(new)
        assert repeatable.execute(CONTENT).fetchall() == rows(old)
        assert committed.execute(CONTENT).fetchall() == rows(new)
        repeatable.rollback()
        assert repeatable.execute(CONTENT).fetchall() == rows(new)


def test_readers_see_265_zones_while_editions_alternate(
    taxi_warehouse: PostgresWarehouse, warehouse_uri: str, old: pd.DataFrame, new: pd.DataFrame
) -> None:
    taxi_warehouse.replace_zones(old)
    stop = threading.Event()
    seen: list[list[tuple[object, ...]]] = []

    def read() -> None:
        with psycopg.connect(warehouse_uri, autocommit=True) as reader:
            while not stop.is_set():
                seen.append(reader.execute(CONTENT).fetchall())

    thread = threading.Thread(target=read)
    thread.start()
    eventually(lambda: seen)
    for zones in (new, old) * 5:
        taxi_warehouse.replace_zones(zones)
    stop.set()
    thread.join()
    assert all(content in (rows(old), rows(new)) for content in seen)


def test_replacements_at_once_leave_one_edition_whole(
    taxi_warehouse: PostgresWarehouse, warehouse_uri: str, old: pd.DataFrame, new: pd.DataFrame
) -> None:
    start = threading.Barrier(4)
    failures: list[Exception] = []

    def replace(zones: pd.DataFrame) -> None:
        start.wait()
        try:
            taxi_warehouse.replace_zones(zones)
        except Exception as problem:
            failures.append(problem)

    threads = [threading.Thread(target=replace, args=(zones,)) for zones in (old, new, old, new)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with psycopg.connect(warehouse_uri) as reader:
        assert reader.execute(CONTENT).fetchall() in (rows(old), rows(new))


def test_reader_in_the_way_does_not_hold_up_a_replacement(
    taxi_warehouse: PostgresWarehouse, warehouse_uri: str, old: pd.DataFrame, new: pd.DataFrame
) -> None:
    taxi_warehouse.replace_zones(old)
    with psycopg.connect(warehouse_uri) as reader:
        reader.execute(CONTENT)
        assert taxi_warehouse.replace_zones(new) == 265


def test_locked_table_is_reported_as_busy(
    taxi_warehouse: PostgresWarehouse, warehouse_uri: str, old: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections._SETTINGS, "lock_timeout", "200ms")
    with psycopg.connect(warehouse_uri) as holder:
        holder.execute("lock table raw.taxi_zone_lookup in exclusive mode")
        with pytest.raises(WarehouseBusy, match="postgres_taxi"):
            taxi_warehouse.replace_zones(old)
