"""What becomes of attempts that died, failed or came too late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from nyc_taxi.load.attempt import Attempt, Outcome
from nyc_taxi.load.supersede import published_first, supersedes

if TYPE_CHECKING:
    from datetime import datetime

OLD: Final = timedelta(days=7)
"""How long staged rows are kept for a person who wants to look at them or publish them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a leftover: its staged rows are removed, and this is recorded.

    :param outcome: the attempt's new outcome; None when it keeps the one it has
    :param reason: why
    """

    outcome: Outcome | None
    reason: str


def judge(attempt: Attempt, latest: Attempt | None, now: datetime) -> Verdict | None:
    """Return what becomes of an unfinished attempt that no live process owns.

    * An attempt that was still staging is *abandoned*: its process has died.
    * A staged attempt that can no longer be published is *superseded*, one older than a week *abandoned*.
    * The rows of a failed audit are removed once the month has been published since, or after a week.

    :param latest: the attempt of the month that was published last
    :param now: the warehouse's time, by which the ledger's times were set
    :returns: None when the attempt, or what it has staged, may still be needed
    """
    old = now - attempt.started > OLD
    if attempt.outcome is Outcome.STAGING:
        return Verdict(Outcome.ABANDONED, "The process that staged it died.")
    if attempt.outcome is Outcome.FAILED:
        if latest is not None and latest.id > attempt.id:
            return Verdict(None, "The month was published since.")
        return Verdict(None, "It failed more than a week ago.") if old else None
    if latest is not None and not supersedes(attempt, latest):
        return Verdict(Outcome.SUPERSEDED, published_first(latest))
    return Verdict(Outcome.ABANDONED, "It was staged a week ago and never published.") if old else None
