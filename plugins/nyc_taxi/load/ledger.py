"""The ledger as the load sees it: one row per attempt to load a month's file, kept in the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import timedelta

    from nyc_taxi.core.check import Check, MeasuredBy
    from nyc_taxi.core.month import Month
    from nyc_taxi.files.batch import RejectedRow
    from nyc_taxi.load.attempt import Attempt, Key, Outcome


class Ledger(Protocol):
    """Reads and writes the attempts, their rejected rows and the results of their checks.

    Each call is atomic, and sees what earlier calls of any process have written.
    """

    def get(self, key: Key) -> Attempt:
        """Return one attempt.

        :raises ContractError: when the ledger has no such attempt
        """

    def with_neighbours(self, key: Key, within: timedelta) -> tuple[Attempt, list[Attempt]]:
        """Return one attempt, and the published ones of its month and of the months around it.

        :param within: how far away those months may be
        :raises ContractError: when the ledger has no such attempt
        """

    def current(self, dataset: str, month: Month) -> Attempt | None:
        """Return the attempt whose rows the month holds now."""

    def latest(self, dataset: str, month: Month) -> Attempt | None:
        """Return the attempt that was published last, also when its rows were unloaded since."""

    def published(self, dataset: str | None = None) -> list[Attempt]:
        """Return the published attempt of every month, ordered by dataset and month."""

    def overview(self, dataset: str | None = None) -> list[Attempt]:
        """Return the published attempt of every month, or the newest one of a month without any."""

    def history(self, dataset: str, month: Month) -> list[Attempt]:
        """Return every attempt for a month, oldest first."""

    def update(
        self,
        key: Key,
        outcome: Outcome,
        *,
        only_from: Sequence[Outcome] | None = None,
        checks: Iterable[Check] | None = None,
        **values: Any,
    ) -> bool:
        """Set an attempt's outcome and whatever else is known of it.

        :param only_from: outcomes that may be overwritten; None for any
        :param checks: what the audit found, in place of an earlier audit's results
        :param values: further fields of :class:`~nyc_taxi.load.attempt.Attempt`; the others are kept
        :returns: whether the attempt was changed
        """

    def keep_rejects(self, attempt: Attempt, rejects: Iterable[RejectedRow]) -> None:
        """Keep rejected rows of an attempt that failed."""

    def rejecting(self, dataset: str, month: Month) -> Attempt | None:
        """Return the newest attempt for a month that was published or rejected rows."""

    def rejects(self, attempt: Attempt, limit: int | None = None) -> Iterator[RejectedRow]:
        """Yield the rejected rows of an attempt in file order; memory holds one at a time.

        :param limit: how many at most; None for all
        """

    def count_rejects(self, key: Key) -> tuple[int, int]:
        """Return how many rows of an attempt were rejected, and the sum of their row numbers."""

    def checks(self, key: Key) -> Mapping[MeasuredBy, tuple[Check, ...]]:
        """Return what the checks found of an attempt, ordered by dimension and name."""

    def warnings(self) -> Mapping[int, tuple[str, ...]]:
        """Return the names of the checks that did not pass, in order, by published attempt."""

    def discard_unchanged(self, attempt: Attempt, current: Attempt) -> None:
        """Remove an attempt whose file turned out to be the published one.

        The published attempt takes over the address, entity tag, time of change and size, so that the
        next check recognises the file without a download.

        :param attempt: the attempt, as its file is described
        """
