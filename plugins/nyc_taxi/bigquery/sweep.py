"""Removing leftovers of attempts that died, failed or came too late, and never those of a live one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nyc_taxi.bigquery import attempts
from nyc_taxi.bigquery.landing import remove_object, staged_name
from nyc_taxi.bigquery.rejects import drop_rejects
from nyc_taxi.bigquery.tables import drop_table, stage_name
from nyc_taxi.load.attempt import Attempt, Outcome
from nyc_taxi.load.leftovers import Verdict, judge
from nyc_taxi.load.supersede import latest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nyc_taxi.bigquery.attempts import Found
    from nyc_taxi.bigquery.jobs import Jobs

_log = logging.getLogger(__name__)

UNFINISHED = (Outcome.STAGING, Outcome.UPLOADED, Outcome.STAGED, Outcome.AUDITED, Outcome.FAILED)


def judge_month(jobs: Jobs, found: Sequence[Found]) -> None:
    """Remove what earlier attempts at a month left.

    The caller holds the month, or none of the attempts is audited.

    :param found: all attempts of the month
    """
    for one, verdict in verdicts(found):
        remove(jobs, one.attempt, verdict)


def verdicts(found: Iterable[Found]) -> list[tuple[Found, Verdict]]:
    """Return what becomes of those unfinished attempts of one month that nobody needs any more."""
    found = list(found)
    latest = latest_of(one.attempt for one in found)
    judged = []
    for one in found:
        attempt = one.attempt
        staging = attempt.outcome is Outcome.STAGING
        if attempt.outcome not in UNFINISHED or not (staging or attempt.stage_table):
            continue
        if staging and not one.lease_ended:
            continue
        if verdict := judge(attempt, latest, one.now):
            judged.append((one, verdict))
    return judged


def remove(jobs: Jobs, attempt: Attempt, verdict: Verdict) -> bool:
    """Remove what one attempt left, and return whether it was still a leftover."""
    staging = attempt.outcome is Outcome.STAGING
    if verdict.outcome is not None and not attempts.update(
        jobs,
        attempt.key,
        verdict.outcome,
        only_from=[attempt.outcome],
        only_dead=staging,
        reason=verdict.reason,
    ):
        return False
    if staging:
        drop_rejects(jobs, attempt)
    drop_stage(jobs, attempt)
    if verdict.outcome is None:
        jobs.change("forget_stage", attempts.parameters(attempt.key))
    return True


def drop_stage(jobs: Jobs, attempt: Attempt) -> None:
    """Remove an attempt's staging table and the object that it was loaded from, as far as they are there."""
    drop_table(jobs, stage_name(attempt.key))
    remove_object(jobs, staged_name(attempt.key))


def discard(jobs: Jobs, attempt: Attempt) -> None:
    """Remove what an attempt has staged, whether it is alive or not."""
    drop_stage(jobs, attempt)
    drop_rejects(jobs, attempt)
