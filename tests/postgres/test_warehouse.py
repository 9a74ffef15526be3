from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from nyc_taxi.core.dataset import Column, Dataset, get_dataset
from nyc_taxi.errors import TaxiError, WarehouseBusy, WarehouseRefused, WarehouseUnreachable
from nyc_taxi.postgres import schema
from nyc_taxi.postgres import sessions as connections
from nyc_taxi.postgres.warehouse import PostgresWarehouse

TABLES = """
select format('%I.%I', table_schema, table_name)
from information_schema.tables
where table_schema in ('raw', 'ops')
order by 1
"""
COLUMNS = """
select attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum)
from pg_attribute
where attrelid = 'raw.green_tripdata'::regclass and attnum > 0
order by attnum
"""

TRIED = """
insert into ops.file_ledger (
    dataset, month, outcome, source, url, run_id, rows_in_file, rows_loaded, rows_rejected
)
values ('green', make_date(2021, %s, 1), %s, 's', 'u', 'r', 0, 0, 0)
"""


@pytest.fixture
def warehouse_uri(empty_warehouse_uri: str) -> str:
    """These tests are about preparing, too."""
    return empty_warehouse_uri


def refused(uri: str) -> TaxiError:
    """Return the error of a warehouse that cannot be used, after checking that it is one good sentence."""
    warehouse = PostgresWarehouse(lambda: psycopg.connect(uri), "postgres_taxi")
    with pytest.raises(TaxiError) as caught, warehouse.sessions():
        pytest.fail("the session was opened")
    said = str(caught.value)
    assert "postgres_taxi" in said
    assert "\n" not in said
    assert "hunter2" not in said
    assert caught.value.__suppress_context__, "the driver's message would be shown too"
    return caught.value


def test_unreachable_warehouse_is_named_with_host_and_port(warehouse_uri: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    parts = psycopg.conninfo.conninfo_to_dict(warehouse_uri)
    error = refused(psycopg.conninfo.make_conninfo(**{**parts, "port": port, "password": "hunter2"}))
    assert isinstance(error, WarehouseUnreachable)
    assert f"127.0.0.1:{port}" in str(error)
    assert "Connection refused" in str(error)


def test_unknown_host_is_named(warehouse_uri: str) -> None:
    error = refused(
        psycopg.conninfo.make_conninfo(warehouse_uri, host="warehouse.invalid", password="hunter2")
    )
    assert isinstance(error, WarehouseUnreachable)
    assert "warehouse.invalid" in str(error)


def test_wrong_password_is_told_from_an_unreachable_warehouse(warehouse_uri: str) -> None:
    error = refused(psycopg.conninfo.make_conninfo(warehouse_uri, password="hunter2"))
    assert isinstance(error, WarehouseRefused)
    assert "password of user taxi" in str(error)


def test_missing_database_is_named(warehouse_uri: str) -> None:
    error = refused(psycopg.conninfo.make_conninfo(warehouse_uri, dbname="nowhere"))
    assert isinstance(error, WarehouseRefused)
    assert "has no database nowhere" in str(error)


def test_unknown_user_is_refused(warehouse_uri: str) -> None:
    assert isinstance(refused(psycopg.conninfo.make_conninfo(warehouse_uri, user="nobody")), WarehouseRefused)


def test_malformed_connection_is_refused_without_its_text(warehouse_uri: str) -> None:
    error = refused("postgresql://taxi:hunter2@127.0.0.1/taxi?no_such_option=hunter2")
    assert isinstance(error, WarehouseRefused)


def test_server_older_than_the_oldest_supported_is_refused(
    taxi_warehouse: PostgresWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "OLDEST", 99)
    with pytest.raises(WarehouseRefused, match="is Postgres 18; 99 or newer"), taxi_warehouse.sessions():
        pytest.fail("the session was opened")


def test_settings_of_role_and_database_do_not_change_what_is_loaded(
    warehouse_uri: str, taxi_warehouse: PostgresWarehouse
) -> None:
    wanted = {"datestyle": "ISO, YMD", "extra_float_digits": "1", "statement_timeout": "0", "timezone": "UTC"}
    with psycopg.connect(warehouse_uri, autocommit=True) as owner:
        for name, value in (
            ("datestyle", "'SQL, DMY'"),
            ("extra_float_digits", "0"),
            ("timezone", "'Asia/Tokyo'"),
        ):
            owner.execute(f'alter database "{owner.info.dbname}" set {name} = {value}')
        owner.execute(f'alter database "{owner.info.dbname}" set statement_timeout = 1000')
    with taxi_warehouse.sessions("a test") as connection:
        for name, value in wanted.items():
            assert connection.execute(f"show {name}").fetchone() == (value,)
        assert connection.execute("show application_name").fetchone() == ("nyc_taxi a test",)
        assert connection.autocommit
        connection.execute("select pg_sleep(1.2)")


def test_lost_connection_is_said_to_be_lost(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection
) -> None:
    def lose() -> None:
        with taxi_warehouse.sessions() as connection:
            reader.execute("select pg_terminate_backend(%s)", (connection.info.backend_pid,))
            connection.execute("select 1")

    with pytest.raises(WarehouseUnreachable, match="postgres_taxi was lost"):
        lose()


def test_lock_that_is_not_granted_is_said_to_be_busy(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection
) -> None:
    def wait() -> None:
        with taxi_warehouse.sessions() as connection:
            connection.execute("set lock_timeout = '50ms'")
            connection.execute("select count(*) from ops.file_ledger")

    with reader.transaction():
        reader.execute("lock table ops.file_ledger")
        with pytest.raises(WarehouseBusy):
            wait()


def test_prepare_creates_everything_and_then_nothing(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection
) -> None:
    assert [name for (name,) in reader.execute(TABLES)] == [
        "ops.file_ledger",
        "ops.quality_result",
        "ops.rejected_rows",
        "ops.schema_migration",
        "raw.fhv_tripdata",
        "raw.fhvhv_tripdata",
        "raw.green_tripdata",
        "raw.taxi_zone_lookup",
        "raw.yellow_tripdata",
    ]
    before = reader.execute("select * from ops.schema_migration order by name").fetchall()
    with reader.transaction():
        # Not even a lock that a person's open transaction would hold up.
        reader.execute("lock table raw.green_tripdata in access share mode")
        taxi_warehouse.prepare()
    assert reader.execute("select * from ops.schema_migration order by name").fetchall() == before


def test_trip_table_has_the_columns_of_its_dataset_with_comments(reader: psycopg.Connection) -> None:
    columns = reader.execute(COLUMNS).fetchall()
    names = [name for name, _, _ in columns]
    assert names[:3] == ["file_month", "filename", "row_number"]
    assert names[3:-1] == [column.name for column in get_dataset("green").columns]
    assert names[-1] == "unmapped"
    assert all(comment for _, _, comment in columns)
    types = {name: type_ for name, type_, _ in columns}
    assert types["lpep_pickup_datetime"] == "timestamp without time zone"
    assert types["unmapped"] == "jsonb"


def test_six_first_uses_at_once_all_succeed(taxi_warehouse: PostgresWarehouse, warehouse_uri: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: taxi_warehouse.prepare(), range(6)))
    with psycopg.connect(warehouse_uri) as reader:
        assert len(reader.execute(TABLES).fetchall()) == 9


def test_column_that_a_dataset_gains_is_added_in_place(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.execute("create table raw.green_2021 partition of raw.green_tripdata for values in ('2021-01-01')")
    reader.execute(
        "insert into raw.green_tripdata (file_month, filename, row_number) values ('2021-01-01', 'f', 1)"
    )

    def grown(name: str) -> Dataset:
        dataset = get_dataset(name)
        column = Column(name="moon_fee", type="double", description="Fee at full moon.")
        return replace(dataset, columns=(*dataset.columns, column)) if name == "green" else dataset

    monkeypatch.setattr(schema, "get_dataset", grown)
    taxi_warehouse.prepare()
    assert reader.execute("select filename, moon_fee from raw.green_tripdata").fetchall() == [("f", None)]
    assert reader.execute(COLUMNS).fetchall()[-1] == ("moon_fee", "double precision", "Fee at full moon.")


def test_column_whose_type_contradicts_the_dataset_is_refused(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection
) -> None:
    reader.execute("alter table raw.green_tripdata alter column fare_amount type text")
    reader.execute("delete from ops.schema_migration where name like 'dataset green%'")
    with pytest.raises(WarehouseRefused, match=r"raw\.green_tripdata\.fare_amount is text"):
        taxi_warehouse.prepare()


def test_trip_table_that_a_person_dropped_is_created_again(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection
) -> None:
    reader.execute("drop table raw.green_tripdata")
    taxi_warehouse.prepare()
    assert reader.execute("select count(*) from raw.green_tripdata").fetchone() == (0,)


def test_connection_test_names_server_database_and_user(taxi_warehouse: PostgresWarehouse) -> None:
    said = taxi_warehouse.check()
    assert said.startswith("Postgres 18.")
    assert "user taxi" in said


@pytest.mark.parametrize(
    ("settings", "type_", "says"),
    [
        ({"sslmode": "require"}, WarehouseRefused, "server does not support SSL, but SSL was required"),
        ({"service": "nowhere"}, WarehouseRefused, 'definition of service "nowhere" not found'),
        ({"options": "-c nonsense=1"}, WarehouseRefused, 'unrecognized configuration parameter "nonsense"'),
        (
            {"target_session_attrs": "standby"},
            WarehouseUnreachable,
            "target_session_attrs asks for: server is",
        ),
        (
            {"host": "127.0.0.1,127.0.0.1", "port": "1,2"},
            WarehouseUnreachable,
            "127.0.0.1:2 cannot be reached",
        ),
    ],
)
def test_setting_of_libpq_that_does_not_fit_is_named(
    warehouse_uri: str, settings: dict[str, str], type_: type[TaxiError], says: str
) -> None:
    error = refused(psycopg.conninfo.make_conninfo(warehouse_uri, **settings))
    assert type(error) is type_
    assert says in str(error)


def test_a_month_is_shown_by_what_it_holds_or_else_by_what_was_last_tried(warehouse_uri: str) -> None:
    warehouse = PostgresWarehouse(lambda: psycopg.connect(warehouse_uri), "postgres_taxi")
    warehouse.prepare()
    tried = {1: ["replaced", "published", "failed"], 2: ["failed", "abandoned"], 3: ["replaced", "unloaded"]}
    with psycopg.connect(warehouse_uri) as connection:
        for month, outcomes in tried.items():
            for outcome in outcomes:
                connection.execute(TRIED, (month, outcome))
    shown = {str(one.month): str(one.outcome) for one in warehouse.ledger.overview()}
    assert shown == {"2021-01": "published", "2021-02": "abandoned", "2021-03": "unloaded"}
    assert not warehouse.ledger.overview("yellow")
