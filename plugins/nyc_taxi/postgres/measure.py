"""What a staged month holds, measured where it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from nyc_taxi.load.measures import Measures
from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    import psycopg

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.core.month import Month
    from nyc_taxi.postgres.tables import StageTable


def measure(
    connection: psycopg.Connection[Any], stage: StageTable, dataset: Dataset, month: Month
) -> Measures:
    """Measure the rows of a stage table that the session sees: its own, before it commits them.

    Reading rows before the commit also spares the first reader after it to mark each page as committed,
    which can write the whole table to the log again.
    """
    row = connection.execute(
        statement("measure", table=stage.table, pickup=sql.Identifier(dataset.pickup)),
        {"from": month.first_day, "to": month.next().first_day},
    ).fetchone()
    return Measures(*(row or ()))
