"""Who wins when several versions of a month are on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nyc_taxi.errors import ContractError
from nyc_taxi.load.attempt import Attempt, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

FINAL: Final = (Outcome.PUBLISHED, Outcome.REPLACED, Outcome.UNLOADED, Outcome.SUPERSEDED)
"""Outcomes after which an attempt cannot be published any more."""


def latest_of(attempts: Iterable[Attempt]) -> Attempt | None:
    """Return which of a month's attempts was published last, also when its rows were unloaded since."""
    found = [one for one in attempts if one.outcome in {Outcome.PUBLISHED, Outcome.UNLOADED}]
    return max(found, key=lambda one: (one.outcome is Outcome.PUBLISHED, one.finished), default=None)


def published_first(latest: Attempt) -> str:
    """Return why an attempt is *superseded*.

    :param latest: the attempt that was published last
    """
    return f"Attempt {latest.id} was published first."


def supersedes(attempt: Attempt, latest: Attempt | None) -> bool:
    """Return whether a staged attempt may be published after the one that was published last.

    It may when nothing was published since it began. Otherwise another version has won in the meantime, and
    only a newer file from the same address may replace it. An older file never replaces a newer one, and
    never comes back after the newer one was unloaded.

    :param latest: the attempt that was published last, also when its rows were unloaded since
    """
    if latest is None or latest.id == attempt.base_id:
        return True
    return (
        attempt.url == latest.url
        and attempt.last_modified is not None
        and latest.last_modified is not None
        and attempt.last_modified > latest.last_modified
    )


def is_final(attempt: Attempt) -> bool:
    """Return whether publishing an attempt again changes nothing: it was published before, or overtaken.

    :raises ContractError: when it can neither be published nor has been
    """
    if attempt.outcome in FINAL:
        return True
    if attempt.outcome is not Outcome.AUDITED:
        raise ContractError(
            f"{attempt} is {attempt.outcome}{f': {attempt.reason}' if attempt.reason else ''}. "
            "Only an audited attempt can be published: load the month again."
        )
    return False
