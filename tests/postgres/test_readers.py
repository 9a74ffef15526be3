"""People and tools read the warehouse with a role that can do nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from nyc_taxi.core.dataset import dataset_names, get_dataset
from nyc_taxi.core.month import MonthRange
from nyc_taxi.errors import WarehouseBusy, WarehouseRefused
from nyc_taxi.postgres import schema
from nyc_taxi.postgres.readers import grant_reading
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.trips import (
    MONTH,
    NEXT,
    green,
    lines,
    load,
    published,
    stage,
    staged_and_audited,
    text,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.postgres import EmbeddedPostgres

RIGHTS = """
select relnamespace::regnamespace::text, relname, relacl::text from pg_class
where relnamespace in ('raw'::regnamespace, 'ops'::regnamespace, 'stage'::regnamespace)
union all
select 'schema', nspname, nspacl::text from pg_namespace where nspname in ('raw', 'ops', 'stage')
union all
select 'default', defaclrole::regrole::text, defaclacl::text from pg_default_acl
order by 1, 2, 3
"""
MARCH = MONTH.plus(2)


@pytest.fixture
def role(postgres_server: EmbeddedPostgres, ordinary_user: str) -> Iterator[str]:
    """Name of a role that does not exist yet; whatever it has become is dropped after the test."""
    name = f"Readers of {ordinary_user}"
    yield name
    with psycopg.connect(postgres_server.uri("postgres"), autocommit=True) as connection:
        connection.execute(f'drop role if exists "{name}"')


@pytest.fixture
def person(role: str, ordinary_user: str, warehouse_uri: str) -> Iterator[str]:
    """URI of a person who will be put into the role; the role leaves the warehouse with it."""
    yield psycopg.conninfo.make_conninfo(warehouse_uri, user=ordinary_user, password="ordinary")
    with psycopg.connect(warehouse_uri, autocommit=True) as connection:
        if connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone():
            connection.execute(f'drop owned by "{role}"')


def let_in(person: str, role: str, reader: psycopg.Connection) -> None:
    """Do what the documentation tells an administrator to do."""
    user = psycopg.conninfo.conninfo_to_dict(person)["user"]
    reader.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(str(user))))


def asked(person: str, *queries: str) -> list[Any]:
    """Return the first value that each query of a person gives."""
    with psycopg.connect(person, autocommit=True) as connection:
        return [connection.execute(query).fetchone()[0] for query in queries]  # type: ignore[index]


def test_reader_sees_months_of_before_and_after_the_grant(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, role: str, person: str, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path, 10)))
    rows = [*lines(400, MARCH), "cut"]
    march = published(write(tmp_path, text(rows), f"green_tripdata_{MARCH}.csv"), month=MARCH)
    waiting = staged_and_audited(taxi_warehouse, march)
    assert taxi_warehouse.grant_reading(role)
    let_in(person, role, reader)
    taxi_warehouse.publish(waiting)
    load(taxi_warehouse, published(green(tmp_path, 20, NEXT), month=NEXT))
    load(taxi_warehouse, published(green(tmp_path, 11)))
    assert asked(
        person,
        "select count(*) from raw.green_tripdata",
        "select count(*) from raw.green_tripdata_2021_01",
        "select count(*) from raw.green_tripdata_2021_02",
        "select count(*) from raw.green_tripdata_2021_03",
        "select count(*) from ops.file_ledger",
        "select line from ops.rejected_rows",
        "select count(distinct attempt_id) from ops.quality_result",
        "select count(*) from raw.taxi_zone_lookup",
    ) == [431, 11, 20, 400, 4, b"cut", 4, 0]


FORBIDDEN = (
    "insert into raw.green_tripdata (file_month, filename, row_number) values ('2021-01-01', 'x', 1)",
    "insert into raw.green_tripdata_2021_01 (filename, row_number) values ('x', 1)",
    "update raw.green_tripdata set fare_amount = 0",
    "delete from raw.green_tripdata_2021_01",
    "truncate raw.green_tripdata",
    "drop table raw.green_tripdata_2021_01",
    "alter table raw.green_tripdata add column mine text",
    "begin; lock table raw.green_tripdata in row exclusive mode",
    "delete from raw.taxi_zone_lookup",
    "update ops.file_ledger set outcome = 'failed'",
    "delete from ops.rejected_rows",
    "delete from ops.quality_result",
    "delete from ops.schema_migration",
    "create table raw.mine ()",
    "create table ops.mine ()",
    "create table stage.mine ()",
    "create schema mine",
    "select count(*) from {stage}",
    "drop table {stage}",
    "create role mine",
)
"""What a reader may not do."""


def test_reader_can_do_nothing_else(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    role: str,
    person: str,
    tmp_path: Path,
) -> None:
    load(taxi_warehouse, published(green(tmp_path, 10)))
    taxi_warehouse.grant_reading(role)
    let_in(person, role, reader)
    staged = stage(taxi_warehouse, published(green(tmp_path, 20, NEXT), month=NEXT)).attempt
    for statement in FORBIDDEN:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            asked(person, statement.format(stage=f"stage.green_tripdata_2021_02_{staged}"))


@pytest.mark.parametrize("name", ["", "a\nb", "é" * 32, "public", "pg_monitor"])
def test_what_cannot_be_a_role_is_refused(name: str, taxi_warehouse: PostgresWarehouse) -> None:
    with pytest.raises(WarehouseRefused, match=r"is not the name of a role|that Postgres reserves"):
        taxi_warehouse.grant_reading(name)


def test_role_itself_cannot_log_in(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, role: str, person: str
) -> None:
    taxi_warehouse.grant_reading(role)
    rights = "select rolcanlogin, rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = %s"
    assert reader.execute(rights, (role,)).fetchone() == (False, False, False, False)


def test_granting_again_changes_nothing(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, role: str, person: str, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path, 10)))
    assert taxi_warehouse.grant_reading(role)
    before = reader.execute(RIGHTS).fetchall()
    assert not taxi_warehouse.grant_reading(role)
    assert reader.execute(RIGHTS).fetchall() == before


def test_grants_and_loads_at_once_all_succeed_and_every_month_can_be_read(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, role: str, person: str, tmp_path: Path
) -> None:
    months = list(MonthRange.parse("2021-01..2021-06"))
    files = [published(green(tmp_path, 10, month), month=month) for month in months]
    with ThreadPoolExecutor(12) as pool:
        granted = [pool.submit(taxi_warehouse.grant_reading, role) for _ in range(6)]
        loaded = [pool.submit(load, taxi_warehouse, file) for file in files]
        assert sum(future.result() for future in granted) == 1
        for future in loaded:
            future.result()
    let_in(person, role, reader)
    tables = [f"raw.green_tripdata_{month.text.replace('-', '_')}" for month in months]
    assert asked(person, *(f"select count(*) from {table}" for table in tables)) == [10] * 6


@pytest.mark.usefixtures("hurried")
def test_month_that_is_being_attached_during_the_grant_can_be_read(
    taxi_warehouse: PostgresWarehouse,
    warehouse_uri: str,
    reader: psycopg.Connection,
    role: str,
    person: str,
    tmp_path: Path,
) -> None:
    """The grant and an attaching session wait for each other; neither misses the other."""
    attempt = staged_and_audited(taxi_warehouse, published(green(tmp_path, 10)))
    with psycopg.connect(warehouse_uri) as attaching, ThreadPoolExecutor(1) as pool:
        attaching.execute("create table raw.green_2020 (like raw.green_tripdata)")
        attaching.execute(
            "alter table raw.green_tripdata attach partition raw.green_2020 for values in ('2020-01-01')"
        )
        with pytest.raises(
            WarehouseBusy, match=r"Letting .* read the warehouse waited 0 s for a lock held by pid"
        ):
            grant_reading(taxi_warehouse.sessions, role, patience=0)
        granting = pool.submit(taxi_warehouse.grant_reading, role)
        attaching.commit()
        assert granting.result()
    taxi_warehouse.publish(attempt)
    let_in(person, role, reader)
    assert asked(person, "select count(*) from raw.green_2020") == [0]


def test_tables_of_later_versions_can_be_read(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    role: str,
    person: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taxi_warehouse.grant_reading(role)
    let_in(person, role, reader)
    known = [*dataset_names(), "later"]
    monkeypatch.setattr(schema, "dataset_names", lambda: known)
    monkeypatch.setattr(
        schema,
        "get_dataset",
        lambda name: replace(get_dataset("green"), name="later") if name == "later" else get_dataset(name),
    )
    monkeypatch.setattr(schema, "migrations", lambda: [("9999_later", "create table ops.later (id integer)")])
    taxi_warehouse.prepare()
    assert asked(person, "select count(*) from raw.later_tripdata", "select count(*) from ops.later") == [
        0,
        0,
    ]


def test_marts_can_be_read_as_they_are_built_unless_they_are_somebody_elses(
    role: str, ordinary_uri: str, empty_warehouse_uri: str
) -> None:
    loader = PostgresWarehouse(lambda: psycopg.connect(ordinary_uri), "postgres_taxi")
    reads = "select has_schema_privilege(%s, 'marts', 'usage')"
    with psycopg.connect(empty_warehouse_uri, autocommit=True) as administrator:
        administrator.execute(f'create role "{role}"')
        administrator.execute("create schema marts")
        loader.grant_reading(role)
        assert administrator.execute(reads, (role,)).fetchone() == (False,)
        administrator.execute("drop schema marts")
        loader.grant_reading(role)
        assert administrator.execute(reads, (role,)).fetchone() == (True,)
        with loader.sessions() as dbt:
            dbt.execute("create table marts.fct_trips ()")
            dbt.execute("create view marts.everything as select from marts.fct_trips")
        for built in ("fct_trips", "everything"):
            asks = "select has_table_privilege(%s, %s, 'select')"
            assert administrator.execute(asks, (role, f"marts.{built}")).fetchone() == (True,)
        administrator.execute(f'drop owned by "{role}"')


def test_user_who_may_create_nothing_more_lets_a_role_read_what_there_is(
    role: str, ordinary_uri: str, ordinary_user: str, empty_warehouse_uri: str
) -> None:
    loader = PostgresWarehouse(lambda: psycopg.connect(ordinary_uri), "postgres_taxi")
    loader.prepare()
    with psycopg.connect(empty_warehouse_uri, autocommit=True) as administrator:
        administrator.execute(f'create role "{role}"')
        administrator.execute(f'revoke create on database "{administrator.info.dbname}" from {ordinary_user}')
        loader.grant_reading(role)
        assert administrator.execute("select to_regnamespace('marts')").fetchone() == (None,)
        asks = "select has_table_privilege(%s, 'raw.green_tripdata', 'select')"
        assert administrator.execute(asks, (role,)).fetchone() == (True,)
        administrator.execute(f'drop owned by "{role}"')


def test_whoever_may_read_a_whole_table_may_read_its_months(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    ordinary_user: str,
    person: str,
    tmp_path: Path,
) -> None:
    reader.execute(f"grant usage on schema raw to {ordinary_user}")
    reader.execute("grant select, insert on raw.green_tripdata to public")
    load(taxi_warehouse, published(green(tmp_path, 10)))
    assert asked(person, "select count(*) from raw.green_tripdata_2021_01") == [10]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        asked(person, "insert into raw.green_tripdata_2021_01 (row_number) values (1)")


def test_user_who_may_not_create_roles_is_told_what_an_administrator_has_to_run(
    role: str, ordinary_uri: str, ordinary_user: str, empty_warehouse_uri: str, tmp_path: Path
) -> None:
    loader = PostgresWarehouse(lambda: psycopg.connect(ordinary_uri), "postgres_taxi")
    with psycopg.connect(empty_warehouse_uri, autocommit=True) as administrator:
        with pytest.raises(WarehouseRefused, match=f"user {ordinary_user} may not create one") as caught:
            loader.grant_reading(role)
        _, _, told = str(caught.value).partition(" run: ")
        administrator.execute(told.removesuffix("; then run this again."))
        assert not loader.grant_reading(role)
        load(loader, published(write(tmp_path, text(lines(10)))))
        with administrator.transaction():
            administrator.execute(f'set local role "{role}"')
            assert administrator.execute("select count(*) from raw.green_tripdata_2021_01").fetchone() == (
                10,
            )
        administrator.execute(f'drop owned by "{role}"')
