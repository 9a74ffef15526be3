"""What a database or its user lacks is said before anything is loaded, by Test button, doctor and load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from nyc_taxi.errors import WarehouseRefused
from nyc_taxi.load.doctor import examine
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.trips import content, green, load, published, stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication


@pytest.fixture
def ordinary(ordinary_uri: str) -> PostgresWarehouse:
    """The warehouse of an ordinary user, who may create schemas; nothing is there yet."""
    return PostgresWarehouse(lambda: psycopg.connect(ordinary_uri), "postgres_taxi")


@pytest.fixture
def administrator(empty_warehouse_uri: str, ordinary: PostgresWarehouse) -> Iterator[psycopg.Connection]:
    """An administrator of the same database."""
    with psycopg.connect(empty_warehouse_uri, autocommit=True) as connection:
        yield connection


def refused(warehouse: PostgresWarehouse, folder: Path) -> str:
    """Return the one sentence of the Test button, the doctor and a load, none of which may download."""

    def download(publication: Publication, folder: Path) -> File:
        pytest.fail("a file was downloaded")

    said = set()
    for use in (
        warehouse.check,
        lambda: examine(warehouse),
        lambda: stage(warehouse, published(green(folder)), fetch=download),
    ):
        with pytest.raises(WarehouseRefused) as caught:
            use()
        said.add(str(caught.value))
    assert len(said) == 1
    sentence = said.pop()
    assert sentence.isprintable()
    return sentence


def test_user_who_may_not_create_schemas_is_told_the_grant(
    ordinary: PostgresWarehouse, ordinary_user: str, administrator: psycopg.Connection, tmp_path: Path
) -> None:
    database = administrator.info.dbname
    administrator.execute(f"revoke create on database {database} from {ordinary_user}")
    grant = f"grant create on database {database} to {ordinary_user};"
    assert refused(ordinary, tmp_path).endswith(f"Let the database's owner run: {grant}")
    administrator.execute(grant)
    load(ordinary, published(green(tmp_path)))


def test_schemas_that_an_administrator_has_made_are_used(
    ordinary: PostgresWarehouse, ordinary_user: str, administrator: psycopg.Connection, tmp_path: Path
) -> None:
    administrator.execute(f"revoke create on database {administrator.info.dbname} from {ordinary_user}")
    administrator.execute("create schema raw; create schema stage; create schema ops")
    grants = "; ".join(
        f"grant usage, create on schema {schema} to {ordinary_user}" for schema in ("ops", "raw", "stage")
    )
    assert refused(ordinary, tmp_path).endswith(f"Let the database's owner run: {grants};")
    administrator.execute(grants)
    load(ordinary, published(green(tmp_path)))
    assert [rows for _, rows, _ in content(administrator)] == [100]


def test_a_role_without_temporary_tables_gains_a_column(
    ordinary: PostgresWarehouse, administrator: psycopg.Connection, tmp_path: Path
) -> None:
    administrator.execute(f"revoke temporary on database {administrator.info.dbname} from public")
    load(ordinary, published(green(tmp_path)))
    administrator.execute("alter table raw.green_tripdata drop column ehail_fee")
    administrator.execute("delete from ops.schema_migration where name like 'dataset green%'")
    load(ordinary, published(green(tmp_path / "newer", 90)))
    assert [rows for _, rows, _ in content(administrator)] == [90]


def test_tables_of_another_user_are_told_from_ones_own(
    ordinary: PostgresWarehouse, ordinary_user: str, administrator: psycopg.Connection, tmp_path: Path
) -> None:
    ordinary.prepare()
    administrator.execute("alter table raw.green_tripdata owner to taxi")
    said = refused(ordinary, tmp_path)
    assert f"belong to taxi, and the connection's user is {ordinary_user}" in said


def test_a_read_only_user_is_told_so(
    ordinary: PostgresWarehouse, ordinary_user: str, administrator: psycopg.Connection, tmp_path: Path
) -> None:
    ordinary.prepare()
    administrator.execute(f"alter role {ordinary_user} set default_transaction_read_only = on")
    ordinary.sessions.close()  # a role's settings are those of connections that are opened afterwards
    assert "is read-only: default_transaction_read_only is on" in refused(ordinary, tmp_path)


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ("create table raw.green_tripdata (id integer)", "raw.green_tripdata is a table of another program"),
        ("create table raw.taxi_zone_lookup (id integer)", 'relation "taxi_zone_lookup" already exists'),
        ("create schema ops create table schema_migration (version text)", "tables of another program"),
    ],
)
def test_a_table_of_another_program_is_never_changed(
    ordinary: PostgresWarehouse,
    ordinary_user: str,
    administrator: psycopg.Connection,
    theirs: str,
    said: str,
) -> None:
    """Schemas called raw and ops are what many people have."""
    administrator.execute(f"create schema raw; {theirs}")
    for schema in ("raw", "ops"):
        if administrator.execute(f"select to_regnamespace('{schema}')").fetchone() != (None,):
            administrator.execute(f"grant all on schema {schema} to {ordinary_user}")
            administrator.execute(f"grant all on all tables in schema {schema} to {ordinary_user}")
    with pytest.raises(WarehouseRefused, match=said) as caught:
        ordinary.prepare()
    assert str(caught.value).isprintable()
