"""Leftovers in the warehouse and in the bucket.

Nothing that a live process owns is touched: an attempt is examined again before it is removed, and a table or
an object only when its attempt is over.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from nyc_taxi.bigquery import attempts
from nyc_taxi.bigquery.failures import failures
from nyc_taxi.bigquery.jobs import RETRY
from nyc_taxi.bigquery.landing import remove_object, staged_name, staged_objects
from nyc_taxi.bigquery.lease import holding_month
from nyc_taxi.bigquery.leftovers import finish_month, half_done
from nyc_taxi.bigquery.sweep import UNFINISHED, remove, verdicts
from nyc_taxi.bigquery.tables import drop_table, stage_name
from nyc_taxi.errors import WarehouseBusy
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.warehouse import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from nyc_taxi.bigquery.attempts import Found
    from nyc_taxi.bigquery.jobs import Jobs
    from nyc_taxi.core.month import Month
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.load.leftovers import Verdict

    Leftover = tuple[Finding, Callable[[], object]]


def findings(jobs: Jobs, *, clean: bool) -> list[Finding]:
    """Return leftovers of dead attempts, after finishing what processes that died had begun to change.

    :param clean: whether to remove the leftovers
    """
    months: dict[tuple[str, Month], list[Found]] = defaultdict(list)
    for one in attempts.look(jobs):
        months[one.attempt.dataset, one.attempt.month].append(one)
    for (dataset, month), found in months.items():
        if half_done(found):
            finish_month(jobs, dataset, month)
            months[dataset, month] = attempts.look(jobs, dataset=dataset, month=month)
    known = [one for found in months.values() for one in found]
    leftovers = [*_attempts(jobs, months.values()), *_ownerless(jobs, known)]
    return [_removed(*leftover) if clean else leftover[0] for leftover in leftovers]


def _removed(finding: Finding, remove: Callable[[], object]) -> Finding:
    gone = remove() is not False
    return replace(finding, to_do="", done="removed" if gone else "left to the process that owns it now")


def _attempts(jobs: Jobs, months: Iterable[list[Found]]) -> Iterator[Leftover]:
    """Find attempts whose leftovers the next run of their month would remove."""
    for found in months:
        for one, verdict in verdicts(found):
            to_do = f"{verdict.reason} --clean, or the next run of the month, removes it."
            finding = Finding("dead attempt", str(one.attempt), one.attempt.started, None, to_do)
            yield finding, partial(_remove, jobs, one.attempt, verdict)


def _remove(jobs: Jobs, attempt: Attempt, verdict: Verdict) -> bool:
    """Remove what an attempt left; an audited one may be about to be published."""
    if attempt.outcome is not Outcome.AUDITED:
        return remove(jobs, attempt, verdict)
    what = f"Removing what is left of {attempt}"
    try:
        with holding_month(jobs, attempt.dataset, attempt.month, what=what, patience=0):
            return remove(jobs, attempt, verdict)
    except WarehouseBusy:
        return False


def _ownerless(jobs: Jobs, known: Sequence[Found]) -> Iterator[Leftover]:
    """Find staging tables and staged objects that no attempt needs any more."""
    needed = [
        one.attempt.key
        for one in known
        if one.attempt.outcome in UNFINISHED and (one.attempt.outcome != "failed" or one.attempt.stage_table)
    ]
    tables, objects = set(map(stage_name, needed)), set(map(staged_name, needed))
    place, to_do = jobs.place, "No attempt needs it. --clean removes it."
    with failures(jobs.name):
        for table in jobs.client.list_tables(f"{place.project}.{place.stage}", retry=RETRY):
            if table.table_id not in tables:
                finding = Finding(
                    "stage table", f"{place.stage}.{table.table_id}", table.created, None, to_do
                )
                yield finding, partial(drop_table, jobs, table.table_id)
    for name, size in staged_objects(jobs):
        if name not in objects:
            finding = Finding("staged object", f"gs://{place.bucket}/{name}", None, size, to_do)
            yield finding, partial(remove_object, jobs, name)
