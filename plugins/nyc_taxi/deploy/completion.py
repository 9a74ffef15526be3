"""The sentence that says for which versions init is complete, and reading it without Airflow."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from nyc_taxi import __version__
from nyc_taxi.deploy.environment import load_airflow
from nyc_taxi.deploy.record import NAME
from nyc_taxi.errors import MetadataUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

INCOMPLETE = "Written by entrypoint.sh init, which has not completed yet."
_URL = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
_ONLY_AIRFLOW = ("AIRFLOW__DATABASE__SQL_ALCHEMY_SCHEMA", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS")


def versions() -> str:
    """Return the installed versions that init prepares for."""
    return f"Airflow {version('apache-airflow-core')} and airflow-provider-nyc-taxi {__version__}"


def complete() -> str:
    """Return what describes the record's variable once init of the installed versions is complete."""
    return f"Written by entrypoint.sh init, complete for {versions()}."


def missing(environment: Mapping[str, str]) -> str:
    """Return what keeps init of these versions from being complete, as a clause; empty when it is.

    Four parts of Airflow ask at once when a stack starts, and importing Airflow takes two seconds each:
    a Postgres that the environment names is asked with its driver alone.
    """
    parameters = libpq_parameters(environment)
    try:
        description = _ask_airflow() if parameters is None else _ask_postgres(parameters)
    except MetadataUnavailable as error:
        return str(error)
    if description == complete():
        return ""
    return "it has run for other versions" if description else "it has not run yet"


def libpq_parameters(environment: Mapping[str, str]) -> dict[str, str] | None:
    """Return how libpq connects to Airflow's database; None when that is for Airflow to find out."""
    text = environment.get(_URL, "")
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return None
    if url.scheme.partition("+")[0] not in {"postgres", "postgresql"} or not url.hostname or url.fragment:
        return None
    if ("@" in text) != ("@" in url.netloc) or any(environment.get(name) for name in _ONLY_AIRFLOW):
        return None
    given = {
        "host": url.hostname,
        "port": str(port or ""),
        "user": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "dbname": unquote(url.path[1:]),
        "connect_timeout": "5",
        **dict(parse_qsl(url.query)),
    }
    return {name: setting for name, setting in given.items() if setting}


def _ask_postgres(parameters: dict[str, str]) -> str | None:
    import psycopg

    question = "select description from variable where key = %s"
    try:
        with psycopg.connect(psycopg.conninfo.make_conninfo(**parameters)) as connection:
            row = connection.execute(question, (NAME,)).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    except psycopg.Error as error:
        raise _unavailable(error) from error
    return row[0] if row else None


def _ask_airflow() -> str | None:
    load_airflow()
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import inspect, select
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            if not inspect(session.connection()).has_table(Variable.__tablename__):
                return None
            return session.scalar(select(Variable.description).where(Variable.key == NAME))
    except SQLAlchemyError as error:
        raise _unavailable(getattr(error, "orig", None) or error) from error


def _unavailable(error: BaseException) -> MetadataUnavailable:
    why = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return MetadataUnavailable(f"Airflow's database does not answer ({why})")
