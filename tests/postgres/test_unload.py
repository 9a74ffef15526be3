"""Emptying a month: the ledger knows, readers are not disturbed, and the next run loads it again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import IsolationLevel

from nyc_taxi.core.dataset import dataset_names
from nyc_taxi.errors import WarehouseBusy
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.audit import audit_month
from nyc_taxi.postgres.unload import unload_month
from tests.postgres.trips import (
    MONTH,
    NEXT,
    content,
    counts,
    fetch,
    green,
    leftovers,
    load,
    published,
    stage,
    staged_and_audited,
)

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication
    from nyc_taxi.postgres.warehouse import PostgresWarehouse

OLD = datetime(2021, 3, 1, tzinfo=UTC)
NEW = OLD + timedelta(days=30)


def test_unloaded_month_is_empty_and_loads_again(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    file = published(green(tmp_path, 2_000))
    load(taxi_warehouse, published(green(tmp_path, 50, NEXT), month=NEXT))
    first = load(taxi_warehouse, file)
    before = content(reader)
    assert taxi_warehouse.unload("green", MONTH) == 2_000
    assert taxi_warehouse.ledger.get(first.id).outcome is Outcome.UNLOADED
    assert counts(reader) == {"2021-02-01": 50}
    assert reader.execute("select pg_relation_size('raw.green_tripdata_2021_01')").fetchone() == (0,)
    assert taxi_warehouse.unload("green", MONTH) == 0
    assert load(taxi_warehouse, file).outcome is Outcome.PUBLISHED
    assert content(reader) == before


@pytest.mark.parametrize("dataset", dataset_names())
def test_month_that_was_never_loaded_is_nothing_to_unload(
    taxi_warehouse: PostgresWarehouse, dataset: str
) -> None:
    assert taxi_warehouse.unload(dataset, MONTH) == 0


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


def test_attempt_that_was_staged_before_is_published_after(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path)))
    waiting = staged_and_audited(taxi_warehouse, published(green(tmp_path, 70)))
    taxi_warehouse.unload("green", MONTH)
    assert taxi_warehouse.publish(waiting).outcome is Outcome.PUBLISHED
    assert counts(reader) == {"2021-01-01": 70}
    assert leftovers(reader) == []


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


def test_an_older_file_does_not_come_back_after_a_newer_one_came_and_went(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    old = published(green(tmp_path, 100), modified=OLD)

    def slowly(publication: Publication, folder: Path) -> File:
        file = fetch(publication, folder)
        load(taxi_warehouse, published(green(tmp_path, 120), modified=NEW))
        taxi_warehouse.unload("green", MONTH)
        return file

    late = stage(taxi_warehouse, old, fetch=slowly)
    audit_month(taxi_warehouse, late.attempt)
    assert taxi_warehouse.publish(late.attempt).outcome is Outcome.SUPERSEDED
    assert counts(reader) == {}
    assert leftovers(reader) == []


def test_what_was_unloaded_is_not_said_to_be_replaced(
    taxi_warehouse: PostgresWarehouse, tmp_path: Path
) -> None:
    first = load(taxi_warehouse, published(green(tmp_path)))
    assert load(taxi_warehouse, published(green(tmp_path, 70))).replaced_id == first.id
    taxi_warehouse.unload("green", MONTH)
    assert load(taxi_warehouse, published(green(tmp_path))).replaced_id is None
