"""What processes that died had begun, looked for where a month is looked at next, and by the doctor."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nyc_taxi.bigquery import attempts
from nyc_taxi.bigquery.lease import holding_month
from nyc_taxi.bigquery.publish import finish
from nyc_taxi.bigquery.sweep import judge_month
from nyc_taxi.errors import WarehouseBusy
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.supersede import latest_of

if TYPE_CHECKING:
    from nyc_taxi.bigquery.attempts import Found
    from nyc_taxi.bigquery.jobs import Jobs
    from nyc_taxi.core.month import Month
    from nyc_taxi.load.attempt import Attempt

_log = logging.getLogger(__name__)


def remove_leftovers(jobs: Jobs, dataset: str, month: Month) -> Attempt | None:
    """Finish what was begun of a month, and remove what earlier attempts at it left.

    A month that somebody publishes is left to that process.

    :returns: the attempt whose rows the month holds
    """
    found = attempts.look(jobs, dataset=dataset, month=month)
    if not half_done(found):
        judge_month(jobs, found)
        return _current(found)
    try:
        with holding_month(jobs, dataset, month, what=f"Clearing up {dataset} {month}", patience=0):
            found = _finish(jobs, dataset, month)
            judge_month(jobs, found)
    except WarehouseBusy as busy:
        _log.info("What is left of %s %s is kept for now: %s", dataset, month, busy)
        judge_month(jobs, [one for one in found if one.attempt.outcome is not Outcome.AUDITED])
    return _current(found)


def _current(found: list[Found]) -> Attempt | None:
    latest = latest_of(one.attempt for one in found)
    return latest if latest is not None and latest.outcome is Outcome.PUBLISHED else None


def finish_month(jobs: Jobs, dataset: str, month: Month) -> None:
    """Finish what was begun of a month, unless somebody publishes it."""
    try:
        with holding_month(jobs, dataset, month, what=f"Looking at {dataset} {month}", patience=0):
            _finish(jobs, dataset, month)
    except WarehouseBusy as busy:
        _log.info("%s %s is left to the process that has it: %s", dataset, month, busy)


def _finish(jobs: Jobs, dataset: str, month: Month) -> list[Found]:
    """Return the attempts of the month, as they are after that."""
    return finish(jobs, dataset, month, attempts.look(jobs, dataset=dataset, month=month))[1]


def half_done(found: list[Found]) -> bool:
    """Return whether a process may have died in the middle of publishing or unloading a month.

    :param found: all attempts of the month
    """
    latest = latest_of(one.attempt for one in found)
    unloaded = latest is not None and latest.outcome is Outcome.UNLOADED
    return unloaded or any(one.attempt.outcome is Outcome.AUDITED for one in found)
