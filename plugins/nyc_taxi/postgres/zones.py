"""The zone lookup: replaced as a whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nyc_taxi.core.zones import ZONE_COLUMNS
from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    import pandas as pd
    import psycopg


def replace_zones(connection: psycopg.Connection[Any], zones: pd.DataFrame) -> int:
    """Make ``raw.taxi_zone_lookup`` hold exactly these zones, and write nothing when it already does.

    Readers see the old zones or the new ones, whole, also those whose transaction began before, and never
    have to wait. Two replacements at once happen one after the other.

    :param zones: the zones as :func:`~nyc_taxi.core.zones.read_zones` returns them
    :returns: how many zones the table holds
    """
    rows = list(zones[list(ZONE_COLUMNS)].itertuples(index=False, name=None))
    with connection.transaction():
        # The lock lets readers pass. DELETE keeps the old rows for older snapshots; TRUNCATE would not.
        connection.execute(statement("lock_zones"))
        if connection.execute(statement("zones")).fetchall() != rows:
            connection.execute(statement("empty_zones"))
            with connection.cursor().copy(statement("fill_zones")) as copy:
                for row in rows:
                    copy.write_row(row)
    return len(rows)


def count_zones(connection: psycopg.Connection[Any]) -> int:
    """Return how many zones ``raw.taxi_zone_lookup`` has."""
    return len(connection.execute(statement("zones")).fetchall())
