"""The settings of a session, passed on to dbt, whose profile knows a few of them only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nyc_taxi.dbt.access import Access

if TYPE_CHECKING:
    import psycopg

_SERVICE: Final = "nyc_taxi"

_RESOLVED: Final = frozenset(
    {"host", "port", "user", "password", "dbname", "service", "servicefile", "passfile"}
    # dbt names its own sessions.
    | {"application_name", "fallback_application_name"}
)
"""Settings whose values are looked up in the session itself, or that led to such values."""

_FILES: Final = frozenset({"sslcert", "sslkey", "sslrootcert", "sslcrl", "sslcrldir"})


def dbt_access(connection: psycopg.Connection[Any]) -> Access:
    """Return what dbt needs to open a session like this one.

    Each setting counts, wherever it comes from: the connection, a service file, a password file, a login
    token, or the environment of this process. Of several hosts, dbt gets the one that this session is on.

    libpq reads most settings from the environment; those without a variable are in a service file.
    """
    info = connection.info
    environment = {
        "NYC_TAXI_WAREHOUSE_HOST": info.host,
        "NYC_TAXI_WAREHOUSE_PORT": str(info.port),
        "NYC_TAXI_WAREHOUSE_USER": info.user,
        "NYC_TAXI_WAREHOUSE_PASSWORD": info.password,
        "NYC_TAXI_WAREHOUSE_DATABASE": info.dbname,
    }
    service: dict[str, str] = {}
    for option in connection.pgconn.info:
        keyword = option.keyword.decode()
        if option.val is None or option.val == option.compiled:
            continue
        value = option.val.decode()
        if keyword == "hostaddr":
            value = info.hostaddr
        elif keyword in _RESOLVED:
            continue
        elif keyword in _FILES and value != "system":
            value = str(Path(value).absolute())  # dbt runs in another folder
        if option.envvar:
            environment[option.envvar.decode()] = value
        else:
            service[keyword] = value
    if not service:
        return Access(environment)
    lines = (f"{keyword}={value}\n" for keyword, value in service.items())
    return Access(
        {**environment, "PGSERVICE": _SERVICE}, {"PGSERVICEFILE": f"[{_SERVICE}]\n{''.join(lines)}"}
    )
