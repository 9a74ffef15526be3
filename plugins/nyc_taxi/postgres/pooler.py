"""Telling a pooler that shares server connections from a server, and from a pooler that does not.

A load's settings and locks belong to its session. A pooler in transaction mode gives the server connection
behind a session to others after each transaction, and with it the settings and the locks.
"""

from __future__ import annotations

import select
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from nyc_taxi.errors import WarehouseRefused, WarehouseUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

_ROUNDS: Final = 5
"""How often two sessions compare their server connections; other clients of the pool may hide a match."""

_PATIENCE: Final = 15.0
"""Seconds that a pooler gets to serve a second session."""

_kept: set[tuple[str, int, str, str]] = set()
"""Poolers that this process has seen to keep a server connection for each session."""


def require_own_session(
    connection: psycopg.Connection[Any], open: Callable[[], psycopg.Connection[Any]], name: str
) -> None:
    """Accept a pooler only if each session keeps its server connection to its end.

    :param connection: an autocommit session in which something other than the server answered the login:
        the server's process id is not the one that the session received
    :param open: opens one more session
    :param name: what messages call the warehouse
    :raises WarehouseRefused: when sessions share a server connection
    :raises WarehouseUnreachable: when the pooler has no server connection for a second session
    """
    info = connection.info
    pooler = (info.host, info.port, info.dbname, info.user)
    if pooler in _kept:
        return
    place = f"{name} at {info.host}:{info.port}"
    with closing(open()) as other:
        other.autocommit = True
        mine = _server_process(connection, place)
        for _ in range(_ROUNDS):
            if _server_process(other, place) == mine or _server_process(connection, place) != mine:
                raise WarehouseRefused(
                    f"The warehouse {place} is behind a connection pooler in transaction mode, which would "
                    "share the settings and locks of a load with other clients. Use the address of the "
                    "server itself, or a pool in session mode."
                )
    _kept.add(pooler)


def _server_process(connection: psycopg.Connection[Any], place: str) -> bytes:
    """Return the process id of the server connection that serves a session at this moment."""
    pgconn = connection.pgconn
    pgconn.send_query(b"select pg_catalog.pg_backend_pid()")
    found = None
    if select.select([pgconn.socket], [], [], _PATIENCE)[0]:
        while (result := pgconn.get_result()) is not None:
            found = result.get_value(0, 0) if result.ntuples else found
    if found is None:
        raise WarehouseUnreachable(
            f"The connection pooler in front of the warehouse {place} has no server connection for a second "
            "session, which a load needs. Enlarge its pool, or use the address of the server itself."
        )
    return found
