"""Connections in messages: those that Airflow did not find, and those that it tests under a random id."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowNotFoundException

from nyc_taxi.errors import ConnectionNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def expected(conn_id: str, conn_type: str) -> Iterator[None]:
    """Raise an error that is retried when Airflow does not find a connection within this context.

    Airflow says that a connection is not defined also while its API server, its database or a secrets
    backend does not answer. Only a retry can tell the two apart.

    :param conn_id: the connection
    :param conn_type: the type to create it with
    :raises ConnectionNotFound: when Airflow does not find it
    """
    try:
        yield
    except AirflowNotFoundException:
        raise ConnectionNotFound(
            f"Airflow has no connection {conn_id}, or could not look it up. If it does not exist, run "
            f"`entrypoint.sh init`, or create it: airflow connections add {conn_id} --conn-type {conn_type}"
        ) from None


def without_id(message: str, conn_id: str) -> str:
    """Return a message of the **Test** button without a connection's id.

    Airflow tests a copy of the connection under a random id, which would tell users nothing.
    """
    return message.replace(f"connection {conn_id}", "connection")
