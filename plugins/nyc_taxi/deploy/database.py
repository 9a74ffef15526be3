"""Airflow's own database: waiting for it, locking out other inits, and migrating it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow import settings
from airflow.utils.db import (
    add_default_pool_if_not_exists,
    check_migrations,
    synchronize_log_template,
    upgradedb,
)
from airflow.utils.session import create_session
from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from nyc_taxi.deploy.console import Retry, say
from nyc_taxi.deploy.metadata import check_address
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

_LOCK = {"space": int.from_bytes(b"taxi", "big") + 3, "number": 0}
"""The advisory lock of a running init. The warehouse, which may be the same database, uses other numbers."""


def wait_for_database(timeout: float) -> None:
    """Return once Airflow's database answers.

    :param timeout: seconds to wait
    :raises BootstrapFailed: if it did not answer or refused the connection, with the last reason
    """
    engine = _engine()
    check_address(engine.url.render_as_string(hide_password=False))
    retry = Retry("Airflow's database", timeout)
    while True:
        try:
            with engine.connect() as connection:
                connection.execute(text("select 1"))
            return
        except OperationalError as error:
            if retry.again(why := reason(error)):
                continue
            where = engine.url.render_as_string(hide_password=True)
            if refusal := why.partition("FATAL:")[2].strip():
                raise BootstrapFailed(
                    f"Airflow's database {where} refuses the connection: {refusal}. "
                    "Correct AIRFLOW__DATABASE__SQL_ALCHEMY_CONN and its password, or the database's user."
                ) from error
            raise BootstrapFailed(
                f"Airflow's database {where} did not answer within {timeout:g} s ({why}). "
                "Start it, or correct AIRFLOW__DATABASE__SQL_ALCHEMY_CONN."
            ) from error


@contextmanager
def exclusive(timeout: float) -> Iterator[None]:
    """Lock out other inits while the body runs. The lock of a killed init is released by Postgres.

    Databases other than Postgres are not locked.

    :param timeout: seconds to wait for another init
    :raises BootstrapFailed: if it was still running then
    """
    engine = _engine()
    if engine.dialect.name != "postgresql":
        yield
        return
    # At a higher isolation level, the open transaction would block a migration's "create index concurrently".
    with engine.connect().execution_options(isolation_level="READ COMMITTED") as connection:
        # A lock of the transaction, unlike one of the session, is safe behind a transaction pooler.
        connection.execute(text("set local idle_in_transaction_session_timeout = 0"))
        retry = Retry("another init", timeout)
        while not connection.scalar(text("select pg_try_advisory_xact_lock(:space, :number)"), _LOCK):
            if not retry.again("it is running"):
                raise BootstrapFailed(f"Another init still ran after {timeout:g} s. Wait for it, or stop it.")
        yield


def migrate() -> None:
    """Migrate Airflow's database to the installed version, and add the rows that a new one starts with.

    :raises BootstrapFailed: if Airflow cannot migrate it
    """
    try:
        if not _is_current():
            say("Migrating Airflow's database.")
            upgradedb()
        # After a killed migration, Airflow would not add them: it only looks for the tables.
        with create_session() as session:
            add_default_pool_if_not_exists(session=session)
            synchronize_log_template(session=session)
    except Exception as error:  # Alembic's errors have no common class
        why = reason(error) if isinstance(error, SQLAlchemyError) else error
        raise BootstrapFailed(
            f"Cannot migrate Airflow's database: {why}. Use the Airflow version that wrote it or a newer one."
        ) from error


def _is_current() -> bool:
    with _engine().connect() as connection:
        # check_migrations would wait a second for the tables of an empty database.
        if not inspect(connection).has_table("alembic_version"):
            return False
    try:
        check_migrations(0)  # type: ignore[no-untyped-call]
    except TimeoutError:
        return False
    return True


def _engine() -> Engine:
    engine: Engine = settings.get_engine()  # type: ignore[no-untyped-call]
    return engine


def reason(error: SQLAlchemyError) -> str:
    """Return the database's own reason for an error, without the values that were sent to it."""
    own: Any = getattr(error, "orig", None)
    lines = str(own).strip().splitlines() if own is not None else []
    return lines[0] if lines else type(error).__name__
