"""Why no connection was made, from what libpq and the server say about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from nyc_taxi.errors import TaxiError, WarehouseRefused, WarehouseUnreachable

if TYPE_CHECKING:
    import psycopg

_SETTING: Final = re.compile(
    r"support SSL|certificate|private key|invalid \S+ value|invalid port|definition of service"
    r"|unrecognized configuration parameter|invalid value for parameter|unsupported startup parameter"
)
"""What is said when a setting of the connection is wrong."""

_KIND: Final = re.compile(r"(session is (?:not )?read-only|server is (?:not )?in hot standby mode)")
"""What is said when a server is not of the kind that ``target_session_attrs`` asks for."""


def not_connected(error: psycopg.OperationalError, name: str) -> TaxiError:
    """Say in one sentence why no connection was made, without the password.

    :param name: what messages call the warehouse
    """
    text = " ".join(str(error).split()).removesuffix(".")
    # Of several hosts or addresses, the last one that answered, or else the last one.
    places = re.findall(r'server at "([^"]+)"[^"]*?port (\d+)', text)
    place = f" at {':'.join(places[-1])}" if places else ""
    fatal = re.search(r"FATAL: (.+?)(?= connection to server at| - host:|$)", text)
    said = fatal[1].strip() if fatal else _last_reason(text)
    warehouse = f"The warehouse {name}{place}"
    if re.search(r"password authentication failed|no password supplied", text):
        user = re.search(r'for user "([^"]+)"', text)
        what = f"refused the password of user {user[1]}" if user else "requires a password"
        return WarehouseRefused(f"{warehouse} {what}. Correct login and password of the connection.")
    if fatal and (database := re.search(r'database "([^"]+)" does not exist', text)):
        return WarehouseRefused(
            f"{warehouse} has no database {database[1]}. Create it, or correct the connection."
        )
    if fatal and re.search(r"role .* does not exist|no pg_hba\.conf entry|not permitted|permission", text):
        return WarehouseRefused(f"{warehouse} refused the connection: {said}. Correct the connection.")
    if _SETTING.search(said):
        return WarehouseRefused(
            f"{warehouse} cannot be used with the connection's settings: {said}. Correct its field Extra."
        )
    if fatal:
        return WarehouseUnreachable(f"{warehouse} accepts no connections now: {said}. Try again later.")
    if kind := _KIND.search(text):
        return WarehouseUnreachable(
            f"The warehouse {name} has no server that target_session_attrs asks for: {kind[1]}. "
            "Name the right servers as host of the connection, or change target_session_attrs in its extra."
        )
    if host := re.search(r"failed to resolve host '([^']+)'", text):
        warehouse, said = f"The warehouse {name} at {host[1]}", "the host name cannot be resolved"
    return WarehouseUnreachable(
        f"{warehouse} cannot be reached: {said}. "
        "Check host and port of the connection, and that Postgres runs."
    )


def _last_reason(text: str) -> str:
    """Return what libpq says of the last address that it tried, without its advice."""
    last = re.split(r"failed: |connection is bad: ", text)[-1]
    return re.split(r" Is the server| This probably means| - host:", last)[0].rstrip(".") or "no answer"
