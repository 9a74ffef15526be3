"""Airflow's own database: waiting for it, being alone at it, and bringing it to this Airflow's version."""

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

from nyc_taxi.deploy.output import Patience, say
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

_LOCK = (int.from_bytes(b"taxi", "big") + 3, 0)
"""Postgres' advisory lock of a running init. The warehouse, which may be the same database, has others."""


def wait_for_database(seconds: float) -> None:
    """Return once Airflow's database answers.

    :param seconds: time that it gets
    :raises BootstrapFailed: when it did not answer by then, with its last reason
    """
    engine = _engine()
    where = engine.url.render_as_string(hide_password=True)
    if "@" in (engine.url.host or ""):
        raise BootstrapFailed(
            "The password in AIRFLOW__DATABASE__SQL_ALCHEMY_CONN has an @ in it. Write it as %40."
        )
    patience = Patience("Airflow's database", seconds)
    while True:
        try:
            with engine.connect() as connection:
                connection.execute(text("select 1"))
        except OperationalError as error:
            if not patience.again(reason(error)):
                raise BootstrapFailed(
                    f"Airflow's database {where} did not answer within {seconds:g} s ({reason(error)}). "
                    "Start it, or correct AIRFLOW__DATABASE__SQL_ALCHEMY_CONN."
                ) from error
        else:
            return


@contextmanager
def alone(seconds: float) -> Iterator[None]:
    """Keep other inits out while the body runs; a killed one keeps nobody out.

    Databases other than Postgres have no such lock.

    :param seconds: time that another init gets to end
    :raises BootstrapFailed: when it had not ended by then
    """
    engine = _engine()
    if engine.dialect.name != "postgresql":
        yield
        return
    # At any other level the open transaction would hold up what a migration does concurrently.
    with engine.connect().execution_options(isolation_level="READ COMMITTED") as connection:
        _lock(connection, seconds)
        yield


def _lock(connection: Connection, seconds: float) -> None:
    """Take the lock until the transaction ends, so that a pooler of transactions does not lose it."""
    connection.execute(text("set local idle_in_transaction_session_timeout = 0"))
    question = text("select pg_try_advisory_xact_lock(:space, :number)")
    patience = Patience("another init", seconds)
    while not connection.scalar(question, {"space": _LOCK[0], "number": _LOCK[1]}):
        if not patience.again("it is at work"):
            raise BootstrapFailed(
                f"Another init was still at work after {seconds:g} s. Wait until it ends, or end it."
            )


def migrate() -> None:
    """Bring Airflow's database to this Airflow's version, with the rows that a new one starts with.

    :raises BootstrapFailed: when Airflow cannot do so
    """
    try:
        if not _current():
            say("Airflow's database is being migrated.")
            upgradedb()
        # After a migration that was killed Airflow takes the tables for all there is to do.
        with create_session() as session:
            add_default_pool_if_not_exists(session=session)
            synchronize_log_template(session=session)
    except SQLAlchemyError as error:
        raise BootstrapFailed(
            f"Airflow's database could not be migrated: {reason(error)}. {_ADVICE}"
        ) from error
    except Exception as error:  # Alembic has errors of its own, such as for a revision that it does not know
        raise BootstrapFailed(f"Airflow's database could not be migrated: {error}. {_ADVICE}") from error


_ADVICE = "Use the Airflow that wrote the database or a newer one, and run init again."


def _current() -> bool:
    """Whether the tables are those of this Airflow; the first look saves a second where there are none."""
    with _engine().connect() as connection:
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
    """Return why a database refused, in its own words, without the values that were sent to it."""
    own: Any = getattr(error, "orig", None)
    lines = str(own).strip().splitlines() if own is not None else []
    return lines[0] if lines else type(error).__name__
