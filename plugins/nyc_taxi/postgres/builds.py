"""What dbt has built: the record that its runs write, compared with the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql

from nyc_taxi.core.month import Month
from nyc_taxi.postgres import ledger
from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    import psycopg

MARTS: Final = "marts"
"""The schema of the marts in dbt's target ``prod``."""


@dataclass(frozen=True, slots=True)
class Unbuilt:
    """A month whose rows the marts do not hold as the ledger has them now.

    :param dataset: name of the dataset
    :param month: the month
    :param reason: ``new``, ``replaced``, ``unloaded`` or ``other zones``
    """

    dataset: str
    month: Month
    reason: str

    def __str__(self) -> str:
        return f"{self.dataset} {self.month} ({self.reason})"


def unbuilt(connection: psycopg.Connection[Any], ops: str = "ops") -> list[Unbuilt]:
    """Return the months that dbt has to build, oldest first; after a run that built them, none of them.

    Before the first run these are all published months.

    :param connection: an autocommit session of the warehouse
    :param ops: schema of the records in dbt's target
    """
    view = sql.Identifier(ops, "stale_months")
    if not is_there(connection, view):
        months = [Unbuilt(one.dataset, one.month, "new") for one in ledger.months(connection)]
        return sorted(months, key=lambda one: (one.month, one.dataset))
    rows = connection.execute(statement("unbuilt_months", view=view)).fetchall()
    return [Unbuilt(dataset, Month.of(month), reason) for dataset, month, reason in rows]


def is_there(connection: psycopg.Connection[Any], relation: sql.Identifier) -> bool:
    """Return whether dbt has ever built a model."""
    found = connection.execute("select to_regclass(%s)", (relation.as_string(connection),)).fetchone()
    return found is not None and found[0] is not None
