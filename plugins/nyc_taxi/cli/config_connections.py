"""The connections that the taxi DAGs use: where each is found, and what of it is no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.configuration import ensure_secrets_loaded
from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied
from sqlalchemy.exc import DBAPIError

from nyc_taxi.cli.config_values import HIDDEN, Setting
from nyc_taxi.errors import InvalidSource
from nyc_taxi.files.source_list import SourceList

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Connection
    from airflow.secrets import BaseSecretsBackend

_FIELDS = ("host", "port", "schema", "login")
"""Fields of a connection that are shown as they are."""

_OPTIONAL = "nyc_tlc_default"
"""The connection that may be missing. The settings name it too, and do not load with a wrong option."""

_TORN = (
    "The connection {} in {} is not one. Percent-encode the special characters of its password, or write it "
    "as JSON."
)


def connection(conn_id: str, *, otherwise: str = "") -> Iterator[Setting]:
    """Yield the type, place and login of a connection, and the names in its extra.

    Of the password it is said whether there is one. A connection that looks as if a part of a password
    had got into another field, because its special characters were not percent-encoded, is not shown.

    :param conn_id: the connection
    :param otherwise: what is used when there is none
    """
    yield from _shown(conn_id, *_find(conn_id), otherwise)


def sources(conn_id: str) -> Iterator[Setting]:
    """Yield a connection as :func:`connection` does, and the sources that it names, in order."""
    found, origin, problem = _find(conn_id)
    otherwise = str(SourceList.parse()) if conn_id == _OPTIONAL else ""
    yield from _shown(conn_id, found, origin, problem, otherwise)
    if found is None:
        return
    text = _extra(found).get("sources") or ""
    try:
        if not isinstance(text, str):
            raise InvalidSource(f"The sources of {conn_id} are no text such as mirror, tlc. Correct it.")
        named = str(SourceList.parse(text))
    except InvalidSource as error:
        yield Setting("connection", f"{conn_id}.sources", None, origin, str(error))
    else:
        said = origin if text else f"{origin}, which names none"
        yield Setting("connection", f"{conn_id}.sources", named, said)


def _shown(
    conn_id: str, found: Connection | None, origin: str, problem: str, otherwise: str
) -> Iterator[Setting]:
    if found is None:
        instead = f"; {otherwise} is used" if otherwise and not problem else ""
        yield Setting("connection", conn_id, None, f"{origin}{instead}", problem)
        return
    yield Setting("connection", f"{conn_id}.type", found.conn_type, origin, problem)
    for field in _FIELDS:
        if value := getattr(found, field):
            yield Setting("connection", f"{conn_id}.{field}", value, origin)
    if found.password:
        yield Setting("connection", f"{conn_id}.password", HIDDEN, origin)
    if names := ", ".join(sorted(_extra(found))):
        yield Setting("connection", f"{conn_id}.extra", names, origin)


def _find(conn_id: str) -> tuple[Connection | None, str, str]:
    """Return a connection, where it was found or sought, and why one that is there cannot be used.

    The backends are asked in Airflow's order. As in Airflow, one that fails is passed over.
    """
    passed_over: list[str] = []
    problem = ""
    for backend in ensure_secrets_loaded():
        where = _name(backend, conn_id)
        try:
            found: Connection | None = backend.get_connection(conn_id=conn_id)
        except AirflowSecretsBackendAccessDenied:
            return None, where, f"The connection {conn_id} is denied by {where}. Ask who looks after it."
        except DBAPIError as error:
            passed_over.append(f"{where} was not asked: {str(error.orig).strip().splitlines()[0]}")
        except Exception as error:  # backends raise what they like
            passed_over.append(f"{where} failed: {type(error).__name__}")
            problem = f"The connection {conn_id} cannot be read from {where}. Correct it there."
        else:
            if found is not None and _torn(found):
                return None, where, _TORN.format(conn_id, where)
            if found is not None:
                return found, where, problem
    return None, "; ".join(["not found", *passed_over]), problem


def _name(backend: BaseSecretsBackend, conn_id: str) -> str:
    kind = type(backend)
    if kind.__name__ == "EnvironmentVariablesBackend":
        return f"AIRFLOW_CONN_{conn_id.upper()}"
    if kind.__name__ == "MetastoreBackend":
        return "Airflow's database"
    return f"secrets backend {kind.__module__}.{kind.__name__}"


def _torn(found: Connection) -> bool:
    """Return whether a part of a password, or another secret of a URL, may have got into another field."""
    parts = (found.host or "", found.schema or "", *_extra(found))
    return not found.conn_type or any(mark in part for part in parts for mark in "@?#")


def _extra(found: Connection) -> dict[str, Any]:
    """Return the extra of a connection; one that is no JSON object is as good as none."""
    try:
        return dict(found.extra_dejson)
    except (TypeError, ValueError):
        return {}
