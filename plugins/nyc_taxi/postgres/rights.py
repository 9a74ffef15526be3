"""What the warehouse's user must be allowed, asked before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nyc_taxi.core.dataset import dataset_names, get_dataset
from nyc_taxi.errors import WarehouseRefused
from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    import psycopg

SCHEMAS: Final = {
    "raw": "TLC trips as published: one partitioned table per dataset, one partition per file.",
    "stage": "Months being loaded: one table per attempt, removed once it is published.",
    "ops": "What was loaded from which file, what was rejected, and what the checks found.",
}
"""The schemas of the load, with their descriptions."""


def require_rights(connection: psycopg.Connection[Any], name: str) -> list[str]:
    """Return the schemas that are missing and that the user may create.

    :param name: what messages call the warehouse
    :raises WarehouseRefused: when the server is read-only, or the user lacks a right that a load needs
    """
    trips = [get_dataset(one).table for one in dataset_names()]
    row = connection.execute(statement("rights"), {"schemas": list(SCHEMAS), "trips": trips}).fetchone()
    read_only, standby, user, missing, grants, owners = row or (False, False, "", [], [], [])
    if standby:
        raise WarehouseRefused(
            f"The warehouse {name} is read-only: it is a standby. Connect to the primary server; of several "
            "hosts, target_session_attrs=read-write in the connection's extra finds it."
        )
    if read_only:
        raise WarehouseRefused(
            f"The warehouse {name} is read-only: default_transaction_read_only is on. Connect to the primary "
            f"server, or switch it off for the user {user}."
        )
    if grants:
        raise WarehouseRefused(
            f"The user {user} lacks rights in the warehouse {name}. Let the database's owner run: "
            f"{'; '.join(grants)};"
        )
    if owners:
        raise WarehouseRefused(
            f"The tables of the warehouse {name} belong to {', '.join(owners)}, and the connection's user is "
            f"{user}. Use the owner as login, or make {user} the owner of the tables in raw, stage and ops."
        )
    return list(missing)
