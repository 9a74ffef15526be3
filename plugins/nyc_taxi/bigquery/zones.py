"""The zone lookup: replaced as a whole or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nyc_taxi.core.zones import ZONE_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

    from nyc_taxi.bigquery.jobs import Jobs


def replace_zones(jobs: Jobs, zones: pd.DataFrame) -> int:
    """Make ``raw.taxi_zone_lookup`` hold exactly these zones, and write nothing when it already does.

    :param zones: the zones as :func:`~nyc_taxi.core.zones.read_zones` returns them
    :returns: how many zones the table holds
    """
    wanted = [dict(zip(ZONE_COLUMNS, row, strict=True)) for row in zones[list(ZONE_COLUMNS)].values.tolist()]
    if [dict(zip(ZONE_COLUMNS, row, strict=True)) for row in jobs.rows("zones")] != wanted:
        jobs.change("replace_zones", {"zones": ("STRING", json.dumps(wanted))})
    return len(wanted)


def count_zones(jobs: Jobs) -> int:
    """Return how many zones ``raw.taxi_zone_lookup`` has."""
    return sum(1 for _ in jobs.rows("zones"))
