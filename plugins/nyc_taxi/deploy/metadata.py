"""Airflow's database, read without Airflow where possible: importing Airflow takes two seconds of a core."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg2  # Airflow's own driver
from psycopg2.extensions import parse_dsn

from nyc_taxi import __version__
from nyc_taxi.deploy.last_applied import NAME
from nyc_taxi.errors import BootstrapFailed, MetadataUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

_URI = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
_OTHER_SETTINGS = ("AIRFLOW__DATABASE__SQL_ALCHEMY_SCHEMA", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS")
_STATUS = f"select description from variable where key = '{NAME}'"  # noqa: S608


def check_address(address: str) -> None:
    """Check that the password in an address of Airflow's database ends where the host begins.

    :raises BootstrapFailed: if it does not; the rest of it would be taken, and shown, as the host
    """
    if not address.startswith("sqlite") and "@" in address.partition("@")[2]:
        raise BootstrapFailed(
            f"The password in {_URI} contains an @. Write it as %40, or leave the password out there and set "
            "PGPASSWORD."
        )


def dsn(environment: Mapping[str, str]) -> str | None:
    """Return how libpq connects to Airflow's database; None if only Airflow knows.

    :raises BootstrapFailed: if the password is not encoded as in a URL
    """
    check_address(environment.get(_URI, ""))
    scheme, _, address = environment.get(_URI, "").partition("://")
    if scheme.partition("+")[0] not in {"postgres", "postgresql"} or any(
        map(environment.get, _OTHER_SETTINGS)
    ):
        return None
    try:
        # Unlike Airflow, libpq ends the host and the port at a slash in the password.
        odd = "@" in parse_dsn(f"postgresql://{address}").get("dbname", "")
    except psycopg2.ProgrammingError:
        odd = True
    return None if odd else f"postgresql://{address}"


def query(dsn: str, statement: str, parameters: Mapping[str, Any] | None = None) -> tuple[Any, ...] | None:
    """Return the first row of a query; None without a row, or without the table.

    :raises MetadataUnavailable: if the database cannot be read
    """
    try:
        with closing(psycopg2.connect(dsn, connect_timeout=5)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row
    except psycopg2.errors.UndefinedTable:
        return None
    except psycopg2.Error as error:
        raise _unavailable(error) from error


def versions() -> str:
    """Return the installed versions that init sets up Airflow for."""
    from importlib.metadata import version

    return f"Airflow {version('apache-airflow-core')} and airflow-provider-nyc-taxi {__version__}"


def completed() -> str:
    """Return the description of init's variable once init has completed for the installed versions."""
    return f"Written by entrypoint.sh init, completed for {versions()}."


def why_not_completed(environment: Mapping[str, str]) -> str:
    """Return why init has not completed for the installed versions, as a clause; empty if it has."""
    address = dsn(environment)
    try:
        row = query(address, _STATUS) if address else _query_with_airflow(_STATUS)
    except MetadataUnavailable as error:
        return str(error)
    if row is None:
        return "it has not run yet"
    return "" if row[0] == completed() else "it has not completed for the installed versions"


def load_airflow() -> None:
    """Import Airflow's settings.

    :raises BootstrapFailed: if that fails; Airflow's own message may quote a setting, so it is not shown
    """
    try:
        import airflow.settings  # noqa: F401
    except Exception as error:
        raise BootstrapFailed(
            f"Airflow cannot read its settings ({type(error).__name__}). Correct {_URI}, its _CMD or _SECRET "
            "form, or another AIRFLOW__ variable."
        ) from error


def _query_with_airflow(statement: str) -> tuple[Any, ...] | None:
    load_airflow()
    from airflow import settings
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    engine = settings.get_engine()  # type: ignore[no-untyped-call]
    check_address(engine.url.render_as_string(hide_password=False))
    try:
        with engine.connect() as connection:
            row: tuple[Any, ...] | None = connection.execute(text(statement)).first()
            return row
    except SQLAlchemyError as error:
        raise _unavailable(getattr(error, "orig", None) or error) from error


def _unavailable(error: BaseException) -> MetadataUnavailable:
    why = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return MetadataUnavailable(f"Airflow's database cannot be read ({why})")
