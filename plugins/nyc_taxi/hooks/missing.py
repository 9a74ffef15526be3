"""Telling a connection that does not exist from one that Airflow could not be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied
from airflow.sdk.execution_time.secrets import ExecutionAPISecretsBackend
from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded

from nyc_taxi.errors import ConnectionsUnavailable

if TYPE_CHECKING:
    from airflow.sdk.bases.secrets_backend import BaseSecretsBackend


def confirm_missing(conn_id: str) -> None:
    """Return when every place that Airflow keeps connections in says that it has no such connection.

    Airflow reports a connection as not defined also when its API server, its database or a secrets backend
    failed to answer. Whoever uses something else instead of a missing connection, or gives up because of
    it, asks here first.

    :param conn_id: a connection that Airflow said is not defined
    :raises ConnectionsUnavailable: when a place did not answer, or has the connection after all
    """
    for backend in ensure_secrets_backend_loaded():
        try:
            found = _holds(backend, conn_id)
        except (AirflowSecretsBackendAccessDenied, ValueError):
            # It answered: with a refusal, or with something that is no connection.
            continue
        except Exception as error:  # backends raise what they like
            raise ConnectionsUnavailable(
                f"Airflow could not be asked for the connection {conn_id} ({_said(backend, error)}). "
                "Nothing was done: try again when Airflow's API server and database answer."
            ) from error
        if found:
            raise ConnectionsUnavailable(
                f"Airflow did not find the connection {conn_id} at first, and has it now. "
                "Nothing was done: try again."
            )


def _holds(backend: BaseSecretsBackend, conn_id: str) -> bool:
    """Return whether a place has a connection; what it raises is not passed over."""
    if isinstance(backend, ExecutionAPISecretsBackend):
        return _api_server_holds(conn_id)
    return backend.get_connection(conn_id=conn_id) is not None


def _api_server_holds(conn_id: str) -> bool:
    """Ask the API server, in a moment in which its database answers.

    It says "not found" of every connection while its database is down; to other questions it then says
    that it failed. So it is asked one of those before and after: how often a DAG has run.
    """
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse, GetConnection, GetDRCount

    ask, of_the_database = task_runner.SUPERVISOR_COMMS.send, GetDRCount(dag_id="any")
    ask(of_the_database)
    answer = ask(GetConnection(conn_id=conn_id))
    ask(of_the_database)
    return not isinstance(answer, ErrorResponse)


def _said(backend: BaseSecretsBackend, error: Exception) -> str:
    words = str(error).splitlines() or [""]
    return f"{type(backend).__name__}: {type(error).__name__} {words[0]}".strip()
