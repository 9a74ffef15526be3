"""What dbt has built and measured: its models, read for the load's own records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from nyc_taxi.core.month import Month
from nyc_taxi.dbt.schemas import schema_of
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.warehouse import StaleMonth, new_months
from nyc_taxi.postgres import attempts
from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    import psycopg


def stale_months(connection: psycopg.Connection[Any], target: str) -> list[StaleMonth]:
    """Return the months of which the marts lack the published version, oldest first.

    Before the first run of dbt, these are all published ones.

    :param target: dbt's target, ``prod`` or ``dev``
    """
    view = sql.Identifier(schema_of("ops", target), "stale_months")
    if not _exists(connection, view):
        return new_months(attempts.find(connection, outcomes=[Outcome.PUBLISHED]))
    rows = connection.execute(statement("stale_months", view=view)).fetchall()
    return [StaleMonth(dataset, Month.of(month), reason) for dataset, month, reason in rows]


def record_dbt_checks(connection: psycopg.Connection[Any], target: str) -> int:
    """Record what dbt has measured since the last time, in place of its earlier results of the same attempts.

    The result does not depend on which run measured, nor on how often or by how many this is called.
    Measurements of another target than ``prod`` are a trial and not recorded.

    :returns: how many results are new
    """
    measured = sql.Identifier(schema_of("intermediate", target), "int_quality")
    if target != "prod" or not _exists(connection, measured):
        return 0
    with connection.transaction():
        connection.execute(statement("forget_measured", measured=measured))
        return connection.execute(statement("record_measured", measured=measured)).rowcount


def _exists(connection: psycopg.Connection[Any], relation: sql.Identifier) -> bool:
    found = connection.execute("select to_regclass(%s)", (relation.as_string(connection),)).fetchone()
    return found is not None and found[0] is not None
