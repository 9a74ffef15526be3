"""The ledger of a BigQuery warehouse."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nyc_taxi.bigquery import attempts
from nyc_taxi.bigquery.rejects import keep_rejects
from nyc_taxi.core.check import Check
from nyc_taxi.files.batch import RejectedRow
from nyc_taxi.load.attempt import Attempt, Key, Outcome
from nyc_taxi.load.supersede import latest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import timedelta

    from nyc_taxi.bigquery.jobs import Jobs
    from nyc_taxi.core.check import MeasuredBy
    from nyc_taxi.core.month import Month


@dataclass(frozen=True, slots=True)
class BigQueryLedger:
    """Implements :class:`~nyc_taxi.load.ledger.Ledger`; each call can be repeated.

    :param staging: the attempts that this process stages, with the place of their file in the bucket
    """

    jobs: Jobs
    staging: dict[int, str] = field(default_factory=dict)

    def get(self, key: Key) -> Attempt:
        """Return one attempt."""
        return attempts.get(self.jobs, key)

    def with_neighbours(self, key: Key, within: timedelta) -> tuple[Attempt, list[Attempt]]:
        """Return one attempt, and the published ones of its month and of those around it."""
        return attempts.with_neighbours(self.jobs, key, within)

    def current(self, dataset: str, month: Month) -> Attempt | None:
        """Return the attempt whose rows the month holds now."""
        found = attempts.find(self.jobs, dataset=dataset, month=month, outcomes=[Outcome.PUBLISHED])
        return found[0] if found else None

    def latest(self, dataset: str, month: Month) -> Attempt | None:
        """Return the attempt that was published last."""
        return latest_of(attempts.find(self.jobs, dataset=dataset, month=month))

    def published(self, dataset: str | None = None) -> list[Attempt]:
        """Return the published attempt of every month."""
        return attempts.find(self.jobs, dataset=dataset, outcomes=[Outcome.PUBLISHED])

    def overview(self, dataset: str | None = None) -> list[Attempt]:
        """Return the published or the newest attempt of every month."""
        shown: dict[tuple[str, Month], Attempt] = {}
        for attempt in attempts.find(self.jobs, dataset=dataset):
            known = shown.get((attempt.dataset, attempt.month))
            if known is None or known.outcome is not Outcome.PUBLISHED:
                shown[attempt.dataset, attempt.month] = attempt
        return list(shown.values())

    def history(self, dataset: str, month: Month) -> list[Attempt]:
        """Return every attempt for a month, oldest first."""
        return attempts.find(self.jobs, dataset=dataset, month=month)

    def update(
        self,
        key: Key,
        outcome: Outcome,
        *,
        only_from: Sequence[Outcome] | None = None,
        checks: Iterable[Check] | None = None,
        **values: Any,
    ) -> bool:
        """Set an attempt's outcome, its checks and other fields.

        The checks are written first: without them, nothing must be published.
        """
        if checks is not None:
            attempts.record_checks(self.jobs, key, checks, only_from)
        if object := self.staging.get(key.id):
            values["object"] = object
        changed = attempts.update(self.jobs, key, outcome, only_from=only_from, **values)
        if changed and outcome is not Outcome.STAGING:
            self.staging.pop(key.id, None)
        return changed

    def keep_rejects(self, attempt: Attempt, rejects: Iterable[RejectedRow]) -> None:
        """Keep rejected rows of an attempt that failed."""
        keep_rejects(self.jobs, attempt, rejects)

    def rejecting(self, dataset: str, month: Month) -> Attempt | None:
        """Return the newest attempt for a month that was published or rejected rows."""
        values = {"dataset": ("STRING", dataset), "month": ("DATE", month.first_day)}
        ((id,),) = self.jobs.rows("rejecting_attempt", values)
        return None if id is None else attempts.get(self.jobs, Key(dataset, month, id))

    def rejects(self, attempt: Attempt, limit: int | None = None) -> Iterator[RejectedRow]:
        """Yield the rejected rows of an attempt in file order, a page of the response at a time."""
        values = attempts.parameters(attempt.key)
        # BigQuery takes no expression here, and no null.
        most = str(2**63 - 1 if limit is None else int(limit))
        for row in self.jobs.rows("rejects", values, limit=most):
            yield RejectedRow(*row)

    def count_rejects(self, key: Key) -> tuple[int, int]:
        """Return how many rows of an attempt were rejected, and the sum of their row numbers."""
        ((rows, ordinals),) = self.jobs.rows("count_rejects", attempts.parameters(key))
        return rows, ordinals

    def checks(self, key: Key) -> dict[MeasuredBy, tuple[Check, ...]]:
        """Return what the checks found of an attempt."""
        found: dict[MeasuredBy, tuple[Check, ...]] = {}
        for measured_by, *check in self.jobs.rows("quality_results", attempts.parameters(key)):
            found[measured_by] = (*found.get(measured_by, ()), Check(*check))
        return found

    def warnings(self) -> dict[int, tuple[str, ...]]:
        """Return the names of the checks that did not pass, by published attempt."""
        return {id: tuple(names) for id, names in self.jobs.rows("warnings")}

    def discard_unchanged(self, attempt: Attempt, current: Attempt) -> None:
        """Remove an attempt whose file is the published one, which takes over how its source describes it."""
        attempts.describe(self.jobs, current.key, attempt)
        self.jobs.change("forget_attempt", attempts.parameters(attempt.key))
        self.staging.pop(attempt.id, None)
