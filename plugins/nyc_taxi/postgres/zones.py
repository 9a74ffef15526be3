"""The zone lookup in the warehouse: replaced as a whole, or left as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nyc_taxi.core.zones import ZONE_COLUMNS
from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    import pandas as pd

    from nyc_taxi.postgres.warehouse import Warehouse


def replace_zones(warehouse: Warehouse, zones: pd.DataFrame) -> int:
    """Make ``raw.taxi_zone_lookup`` hold exactly these zones, and write nothing when it does already.

    Readers see the old zones or the new ones, whole, also those whose transaction began before; nobody
    who reads has to wait. Two replacements at once happen one after the other.

    :param zones: the zones as :func:`~nyc_taxi.core.zones.read_zones` returns them
    :return: how many zones the table holds
    :raises WarehouseBusy: when another session kept the table locked
    """
    rows = list(zones[list(ZONE_COLUMNS)].itertuples(index=False, name=None))
    warehouse.prepare()
    with warehouse.session("replace the zone lookup") as connection, connection.transaction():
        # The lock lets readers pass. DELETE keeps the old rows for older snapshots; TRUNCATE would not.
        connection.execute(statement("lock_zones"))
        if connection.execute(statement("zones")).fetchall() != rows:
            connection.execute(statement("empty_zones"))
            with connection.cursor().copy(statement("fill_zones")) as copy:
                for row in rows:
                    copy.write_row(row)
    return len(rows)


def count_zones(warehouse: Warehouse) -> int:
    """Return how many zones ``raw.taxi_zone_lookup`` has; the table is made when it is not there."""
    warehouse.prepare()
    with warehouse.session("count the zones") as connection:
        return len(connection.execute(statement("zones")).fetchall())
