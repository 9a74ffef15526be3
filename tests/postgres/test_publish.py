from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import IsolationLevel

from nyc_taxi.errors import ContractError, WarehouseBusy, WarehouseRefused
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.postgres.publish import publish_month
from tests.trips import (
    MONTH,
    NEXT,
    content,
    counts,
    green,
    leftovers,
    load,
    published,
    staged_and_audited,
)

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.postgres.warehouse import PostgresWarehouse

OLD = datetime(2021, 3, 1, tzinfo=UTC)
NEW = OLD + timedelta(days=30)


def outcomes(reader: psycopg.Connection) -> list[str]:
    return [outcome for (outcome,) in reader.execute("select outcome from ops.file_ledger order by id")]


def test_new_month_is_attached_without_a_scan(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    attempt = staged_and_audited(taxi_warehouse, published(green(tmp_path)))
    table = f"stage.green_tripdata_2021_01_{attempt.id}"
    heard: list[str] = []
    reader.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
    with reader.transaction(force_rollback=True):
        reader.execute("set local client_min_messages = debug1")
        reader.execute(
            f"alter table raw.green_tripdata attach partition {table} for values in ('2021-01-01')"
        )
    assert any("implied by existing constraints" in message for message in heard)

    done = taxi_warehouse.publish(attempt)
    assert done.outcome is Outcome.PUBLISHED
    assert done.finished is not None
    assert counts(reader) == {"2021-01-01": 100}
    assert leftovers(reader) == []
    partition = "select tableoid::regclass::text from raw.green_tripdata limit 1"
    assert reader.execute(partition).fetchone() == ("raw.green_tripdata_2021_01",)


def test_autovacuum_leaves_a_staged_month_alone_and_a_published_one_not(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    options = "select reloptions from pg_class where relname ~ '^green_tripdata_2021_01'"
    attempt = staged_and_audited(taxi_warehouse, published(green(tmp_path)))
    assert reader.execute(options).fetchall() == [(["autovacuum_enabled=off"],)]

    taxi_warehouse.publish(attempt)
    assert reader.execute(options).fetchall() == [(None,)]


PARTITION = "select 'raw.green_tripdata_2021_01'::regclass::oid"


def test_month_that_nobody_reads_is_exchanged_without_a_copy(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    reader.execute("grant select on raw.green_tripdata to public")
    first = load(taxi_warehouse, published(green(tmp_path, 100)))
    attempt = staged_and_audited(taxi_warehouse, published(green(tmp_path, 120)))
    staged = f"select 'stage.green_tripdata_2021_01_{attempt.id}'::regclass::oid"
    table = reader.execute(staged).fetchone()
    second = taxi_warehouse.publish(attempt)
    assert reader.execute(PARTITION).fetchone() == table
    assert counts(reader) == {"2021-01-01": 120}
    assert outcomes(reader) == ["replaced", "published"]
    assert second.replaced_id == first.id
    assert leftovers(reader) == []
    readable = "select has_table_privilege('public', 'raw.green_tripdata_2021_01', 'select')"
    assert reader.execute(readable).fetchone() == (True,)


@pytest.mark.parametrize(
    ("person", "kept"),
    {
        "index": (
            "create index days on raw.green_tripdata_2021_01 (lpep_pickup_datetime)",
            "select count(*) = 1 from pg_indexes where indexname = 'days'",
        ),
        "index of the whole table": (
            "create index on raw.green_tripdata (lpep_pickup_datetime)",
            "select count(*) = 1 from pg_indexes where tablename = 'green_tripdata_2021_01'",
        ),
        "view": (
            "create view january as select * from raw.green_tripdata_2021_01",
            "select count(*) = 120 from january",
        ),
        "right": (
            "grant insert on raw.green_tripdata_2021_01 to public",
            "select has_table_privilege('public', 'raw.green_tripdata_2021_01', 'insert')",
        ),
        "statistics": (
            "create statistics fares on fare_amount, tip_amount from raw.green_tripdata_2021_01",
            "select count(*) = 1 from pg_statistic_ext where stxname = 'fares'",
        ),
        "setting": (
            "alter table raw.green_tripdata_2021_01 set (fillfactor = 90)",
            "select reloptions is not null from pg_class where relname = 'green_tripdata_2021_01'",
        ),
    }.values(),
)
def test_month_that_people_added_something_to_is_replaced_inside_its_partition(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path, person: str, kept: str
) -> None:
    load(taxi_warehouse, published(green(tmp_path, 100)))
    reader.execute(person)
    partition = reader.execute(PARTITION).fetchone()
    load(taxi_warehouse, published(green(tmp_path, 120)))
    assert reader.execute(PARTITION).fetchone() == partition
    assert counts(reader) == {"2021-01-01": 120}
    assert reader.execute(kept).fetchone() == (True,)


def test_month_of_a_replicated_server_is_replaced_by_rows_that_are_replicated(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path, 100)))
    partition = reader.execute(PARTITION).fetchone()
    reader.execute("select pg_create_physical_replication_slot('standby')")
    try:
        load(taxi_warehouse, published(green(tmp_path, 120)))
    finally:
        reader.execute("select pg_drop_replication_slot('standby')")
    assert reader.execute(PARTITION).fetchone() == partition
    assert counts(reader) == {"2021-01-01": 120}


def test_reader_whose_snapshot_is_from_between_staging_and_publishing_sees_one_whole_month(
    taxi_warehouse: PostgresWarehouse, warehouse_uri: str, tmp_path: Path
) -> None:
    """Such a snapshot has the staged rows as well as the published ones, and shows only the latter."""
    load(taxi_warehouse, published(green(tmp_path, 100)))
    attempt = staged_and_audited(taxi_warehouse, published(green(tmp_path, 120)))
    with psycopg.connect(warehouse_uri) as after, psycopg.connect(warehouse_uri) as before:
        for one in (after, before):
            one.isolation_level = IsolationLevel.REPEATABLE_READ
        before.execute("select 1")
        taxi_warehouse.publish(attempt)
        after.execute("select 1")
        assert counts(before) == {"2021-01-01": 100}
        assert counts(after) == {"2021-01-01": 120}


def test_month_is_replaced_and_unloaded_in_a_database_that_publishes_all_tables(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    reader.execute("create publication everything for all tables")
    load(taxi_warehouse, published(green(tmp_path)))
    with reader.transaction():
        reader.execute("select from raw.green_tripdata")  # a reader: rows are deleted for its sake
        load(taxi_warehouse, published(green(tmp_path / "newer", 90)))
    assert counts(reader) == {"2021-01-01": 90}
    assert taxi_warehouse.unload("green", MONTH) == 90
    assert counts(reader) == {}


def test_table_of_a_person_that_is_published_without_an_identity_is_named_with_the_way_out(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    reader.execute("create table raw.mine partition of raw.green_tripdata for values in ('2021-01-01')")
    reader.execute("create publication everything for all tables")
    attempt = staged_and_audited(taxi_warehouse, published(green(tmp_path)))
    with pytest.raises(WarehouseRefused, match="alter table … replica identity full") as caught:
        taxi_warehouse.publish(attempt)
    assert "\n" not in str(caught.value)
    reader.execute("alter table raw.mine replica identity full")
    assert taxi_warehouse.publish(attempt).outcome is Outcome.PUBLISHED


def test_readers_see_the_old_month_or_the_new_whole(
    taxi_warehouse: PostgresWarehouse, warehouse_uri: str, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path, 100)))
    with psycopg.connect(warehouse_uri) as repeatable, psycopg.connect(warehouse_uri) as committed:
        repeatable.isolation_level = IsolationLevel.REPEATABLE_READ
        # The snapshot is there, but the table was not touched: a swapped partition would look empty.
        repeatable.execute("select 1")
        committed.execute("select 1")
        load(taxi_warehouse, published(green(tmp_path, 120)))
        load(taxi_warehouse, published(green(tmp_path, 50, NEXT), month=NEXT))
        assert counts(repeatable) == {"2021-01-01": 100}
        assert counts(committed) == {"2021-01-01": 120, "2021-02-01": 50}


def test_reader_in_the_middle_of_a_query_holds_nothing_up(
    taxi_warehouse: PostgresWarehouse, warehouse_uri: str, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path, 100)))
    with psycopg.connect(warehouse_uri) as person:
        before = content(person)  # and the transaction stays open, with its locks
        attempt = staged_and_audited(taxi_warehouse, published(green(tmp_path, 120)))
        assert publish_month(taxi_warehouse.sessions, attempt, patience=0).outcome is Outcome.PUBLISHED
        other = staged_and_audited(taxi_warehouse, published(green(tmp_path, 10, NEXT), month=NEXT))
        assert publish_month(taxi_warehouse.sessions, other, patience=0).outcome is Outcome.PUBLISHED
        assert before == [("2021-01-01", 100, before[0][2])]
        assert counts(person) == {"2021-01-01": 120, "2021-02-01": 10}


@pytest.mark.parametrize(
    "person",
    [
        "truncate raw.green_tripdata_2021_01",
        "drop table raw.green_tripdata_2021_01",
        "alter table raw.green_tripdata detach partition raw.green_tripdata_2021_01",
        "delete from raw.green_tripdata where row_number > 50",
        "alter table raw.green_tripdata_2021_01 rename to january",
        "delete from ops.file_ledger",
    ],
)
def test_month_that_a_person_took_apart_is_whole_again_after_the_next_load(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path, person: str
) -> None:
    file = published(green(tmp_path, 100))
    load(taxi_warehouse, file)
    before = content(reader)
    reader.execute(person)
    assert load(taxi_warehouse, file).outcome is Outcome.PUBLISHED
    assert content(reader) == before
    assert load(taxi_warehouse, published(green(tmp_path, 120))).outcome is Outcome.PUBLISHED
    assert counts(reader) == {"2021-01-01": 120}


def test_detached_partition_stays_a_persons_own(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path, 100)))
    reader.execute("alter table raw.green_tripdata detach partition raw.green_tripdata_2021_01")
    load(taxi_warehouse, published(green(tmp_path, 120)))
    assert reader.execute("select count(*) from raw.green_tripdata_2021_01").fetchone() == (100,)
    assert counts(reader) == {"2021-01-01": 120}


def test_stage_table_that_a_person_changed_is_not_published(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path, 100)))
    before = content(reader)
    reader.execute("create index on raw.green_tripdata_2021_01 (row_number)")  # so that the rows are copied
    attempt = staged_and_audited(taxi_warehouse, published(green(tmp_path, 120)))
    reader.execute(f"delete from stage.green_tripdata_2021_01_{attempt.id} where row_number = 1")
    with pytest.raises(ContractError, match="holds 119 rows; 120 were loaded"):
        taxi_warehouse.publish(attempt)
    reader.execute(f"drop table stage.green_tripdata_2021_01_{attempt.id}")
    with pytest.raises(ContractError, match=r"does not exist\. Run the stage step"):
        taxi_warehouse.publish(attempt)
    assert content(reader) == before


def test_half_detached_partition_is_named_with_the_way_out(
    taxi_warehouse: PostgresWarehouse, warehouse_uri: str, reader: psycopg.Connection, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path, 100)))
    reader.execute('alter table raw.green_tripdata_2021_01 rename to "January 2021"')
    with psycopg.connect(warehouse_uri) as person:
        counts(person)
        reader.execute("set lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            reader.execute('alter table raw.green_tripdata detach partition raw."January 2021" concurrently')
        reader.execute("reset lock_timeout")
    attempt = staged_and_audited(taxi_warehouse, published(green(tmp_path, 120)))
    with pytest.raises(WarehouseRefused) as caught:
        taxi_warehouse.publish(attempt)
    reader.execute(str(caught.value).rpartition("with: ")[2])
    assert taxi_warehouse.publish(attempt).outcome is Outcome.PUBLISHED
    assert counts(reader) == {"2021-01-01": 120}


@pytest.mark.usefixtures("hurried")
def test_holder_of_a_lock_is_named_when_patience_ends_and_the_attempt_is_kept(
    taxi_warehouse: PostgresWarehouse, warehouse_uri: str, reader: psycopg.Connection, tmp_path: Path
) -> None:
    attempt = staged_and_audited(taxi_warehouse, published(green(tmp_path)))
    with psycopg.connect(warehouse_uri, application_name="a person") as person:
        person.execute("lock table raw.green_tripdata in share mode")
        with pytest.raises(WarehouseBusy) as caught:
            publish_month(taxi_warehouse.sessions, attempt, patience=1)
        said = str(caught.value)
        assert f"pid {person.info.backend_pid} (user taxi, application a person, idle in transaction" in said
        assert "last statement at 2" in said
        assert "lock table" not in said, "a statement may hold a secret"
        assert content(reader) == []
        person.rollback()
    assert publish_month(taxi_warehouse.sessions, attempt, patience=0).outcome is Outcome.PUBLISHED


def test_publish_goes_on_as_soon_as_the_lock_is_free(
    taxi_warehouse: PostgresWarehouse, warehouse_uri: str, reader: psycopg.Connection, tmp_path: Path
) -> None:
    attempt = staged_and_audited(taxi_warehouse, published(green(tmp_path)))
    with psycopg.connect(warehouse_uri) as person:
        person.execute("lock table raw.green_tripdata in share mode")
        release = threading.Timer(1.0, person.rollback)
        release.start()
        assert taxi_warehouse.publish(attempt).outcome is Outcome.PUBLISHED
        release.join()
    assert counts(reader) == {"2021-01-01": 100}


def test_statistics_are_fresh_after_publishing(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path, 100)))
    estimates = "select reltuples from pg_class where oid = 'raw.green_tripdata_2021_01'::regclass"
    assert reader.execute(estimates).fetchone() == (100.0,)
    inherited = "select count(*) > 0 from pg_stats where tablename = 'green_tripdata' and inherited"
    assert reader.execute(inherited).fetchone() == (True,)
    load(taxi_warehouse, published(green(tmp_path, 120)))
    assert reader.execute(estimates).fetchone() == (120.0,)


def test_whole_table_is_analyzed_only_when_it_has_grown_by_half(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    known = []
    for number in range(6):
        month = MONTH.plus(number)
        load(taxi_warehouse, published(green(tmp_path, 100, month), month=month))
        (rows,) = reader.execute(
            "select reltuples::integer from pg_class where oid = 'raw.green_tripdata'::regclass"
        ).fetchall()
        known.append(rows[0])
    assert known == [100, 200, 200, 400, 400, 400]


def test_replacements_use_the_room_of_the_rows_they_replaced(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    size = "select pg_relation_size('raw.green_tripdata_2021_01')"
    sizes = []
    for number in range(5):
        load(taxi_warehouse, published(green(tmp_path, 2_000, fare=number)), force=True)
        # With a setting of a person's, the rows are replaced inside the partition.
        reader.execute("alter table raw.green_tripdata_2021_01 set (autovacuum_enabled = off)")
        sizes.append(reader.execute(size).fetchone()[0])  # type: ignore[index]
    assert max(sizes) < 3 * sizes[0]


def test_index_of_a_person_on_the_whole_table_reaches_new_months(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    reader.execute("create index on raw.green_tripdata using brin (lpep_pickup_datetime)")
    load(taxi_warehouse, published(green(tmp_path)))
    found = reader.execute("select count(*) from pg_indexes where tablename = 'green_tripdata_2021_01'")
    assert found.fetchone() == (1,)
