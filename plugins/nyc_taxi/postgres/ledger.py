"""The ledger of a Postgres warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nyc_taxi.core.check import Check
from nyc_taxi.files.batch import RejectedRow
from nyc_taxi.load.attempt import Attempt, Outcome
from nyc_taxi.postgres import attempts
from nyc_taxi.postgres.rejects import as_line, copy_rejects
from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import timedelta

    from nyc_taxi.core.check import MeasuredBy
    from nyc_taxi.core.month import Month
    from nyc_taxi.load.attempt import Key
    from nyc_taxi.postgres.sessions import Sessions


@dataclass(frozen=True, slots=True)
class PostgresLedger:
    """Implements :class:`~nyc_taxi.load.ledger.Ledger`; each call has its own session."""

    sessions: Sessions

    def get(self, key: Key) -> Attempt:
        """Return one attempt."""
        with self.sessions("ledger") as connection:
            return attempts.get(connection, key.id)

    def with_neighbours(self, key: Key, within: timedelta) -> tuple[Attempt, list[Attempt]]:
        """Return one attempt, and the published ones of its month and of those around it."""
        with self.sessions("ledger") as connection:
            attempt = attempts.get(connection, key.id)
            published = attempts.find(connection, dataset=key.dataset, outcomes=[Outcome.PUBLISHED])
        first_day = key.month.first_day
        return attempt, [one for one in published if abs(one.month.first_day - first_day) <= within]

    def current(self, dataset: str, month: Month) -> Attempt | None:
        """Return the attempt whose rows the month holds now."""
        with self.sessions("ledger") as connection:
            return attempts.current(connection, dataset, month)

    def latest(self, dataset: str, month: Month) -> Attempt | None:
        """Return the attempt that was published last."""
        with self.sessions("ledger") as connection:
            return attempts.latest(connection, dataset, month)

    def published(self, dataset: str | None = None) -> list[Attempt]:
        """Return the published attempt of every month."""
        with self.sessions("ledger") as connection:
            return attempts.find(connection, dataset=dataset, outcomes=[Outcome.PUBLISHED])

    def overview(self, dataset: str | None = None) -> list[Attempt]:
        """Return the published or the newest attempt of every month."""
        with self.sessions("ledger") as connection:
            return attempts.find(connection, dataset=dataset, overview=True)

    def history(self, dataset: str, month: Month) -> list[Attempt]:
        """Return every attempt for a month, oldest first."""
        with self.sessions("ledger") as connection:
            return attempts.find(connection, dataset=dataset, month=month)

    def update(
        self,
        key: Key,
        outcome: Outcome,
        *,
        only_from: Sequence[Outcome] | None = None,
        checks: Iterable[Check] | None = None,
        **values: Any,
    ) -> bool:
        """Set an attempt's outcome, its checks and other fields in one transaction."""
        with self.sessions("ledger") as connection, connection.transaction():
            changed = attempts.update(connection, key.id, outcome, only_from=only_from, **values)
            if changed and checks is not None:
                attempts.record_checks(connection, key.id, checks)
            return changed

    def keep_rejects(self, attempt: Attempt, rejects: Iterable[RejectedRow]) -> None:
        """Keep rejected rows of an attempt that failed."""
        with self.sessions("ledger") as connection:
            copy_rejects(connection, (as_line(attempt, reject) for reject in rejects))

    def rejecting(self, dataset: str, month: Month) -> Attempt | None:
        """Return the newest attempt for a month that was published or rejected rows."""
        with self.sessions("ledger") as connection:
            row = connection.execute(
                statement("rejecting_attempt"), {"dataset": dataset, "month": month.first_day}
            ).fetchone()
            return attempts.get(connection, row[0]) if row and row[0] else None

    def rejects(self, attempt: Attempt, limit: int | None = None) -> Iterator[RejectedRow]:
        """Yield the rejected rows of an attempt in file order."""
        values = {"attempt": attempt.id, "limit": limit}
        with self.sessions("ledger") as connection, connection.cursor(binary=True) as cursor:
            for row in cursor.stream(statement("rejects"), values):
                yield RejectedRow(*row)

    def count_rejects(self, key: Key) -> tuple[int, int]:
        """Return how many rows of an attempt were rejected, and the sum of their row numbers."""
        with self.sessions("ledger") as connection:
            found = connection.execute(statement("count_rejects"), {"attempt": key.id}).fetchone()
        rows, ordinals = found or (0, 0)
        return rows, ordinals

    def checks(self, key: Key) -> dict[MeasuredBy, tuple[Check, ...]]:
        """Return what the checks found of an attempt."""
        found: dict[MeasuredBy, tuple[Check, ...]] = {}
        with self.sessions("ledger") as connection:
            for measured_by, *check in connection.execute(statement("quality_results"), {"attempt": key.id}):
                found[measured_by] = (*found.get(measured_by, ()), Check(*check))
        return found

    def warnings(self) -> dict[int, tuple[str, ...]]:
        """Return the names of the checks that did not pass, by published attempt."""
        with self.sessions("ledger") as connection:
            return {id: tuple(names) for id, names in connection.execute(statement("warnings"))}

    def discard_unchanged(self, attempt: Attempt, current: Attempt) -> None:
        """Remove an attempt whose file is the published one, which takes over how its source describes it."""
        with self.sessions("ledger") as connection, connection.transaction():
            names = ("source", "url", "etag", "last_modified", "bytes")
            described = {name: getattr(attempt, name) for name in names}
            connection.execute(statement("same_content"), {"id": current.id, **described})
            connection.execute("delete from ops.file_ledger where id = %s", (attempt.id,))
