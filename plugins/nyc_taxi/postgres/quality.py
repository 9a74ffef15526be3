"""What the checks found of each attempt: the rows of ``ops.quality_result``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql
from psycopg.types.json import Jsonb

from nyc_taxi.core.check import Check, MeasuredBy
from nyc_taxi.postgres.builds import is_there
from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

INTERMEDIATE: Final = "intermediate"
"""The schema in which dbt's target ``prod`` has what it measured."""


def record_checks(connection: psycopg.Connection[Any], attempt: int, checks: Iterable[Check]) -> None:
    """Write what the audit found of an attempt, in place of what an earlier audit of it found.

    :param connection: in the transaction that writes the outcome to the ledger
    """
    connection.execute(
        "delete from ops.quality_result where attempt_id = %s and measured_by = 'load'", (attempt,)
    )
    connection.execute(
        statement("record_checks"),
        {"attempt": attempt, "checks": Jsonb([asdict(check) for check in checks])},
    )


def record_measured(connection: psycopg.Connection[Any], schema: str = INTERMEDIATE) -> int:
    """Write what dbt has measured since the last time, in place of what it found of the same attempts before.

    It makes no difference which run measured, nor how often or by how many this is called.

    :param connection: an autocommit session of the warehouse
    :param schema: where dbt has ``int_quality``; nothing is done when it was never built
    :returns: how many results are new
    """
    measured = sql.Identifier(schema, "int_quality")
    if not is_there(connection, measured):
        return 0
    with connection.transaction():
        connection.execute(statement("forget_measured", measured=measured))
        return connection.execute(statement("record_measured", measured=measured)).rowcount


def checks_of(connection: psycopg.Connection[Any], attempt: int) -> dict[MeasuredBy, tuple[Check, ...]]:
    """Return what is recorded of an attempt, by who measured it; ordered by dimension and name."""
    found: dict[MeasuredBy, tuple[Check, ...]] = {}
    for measured_by, *check in connection.execute(statement("quality_results"), {"attempt": attempt}):
        found[measured_by] = (*found.get(measured_by, ()), Check(*check))
    return found
