"""Publishing a staged month: in one statement, seen by readers as a whole or not at all.

Rows and ledger are two tables, which no single statement changes. The rows come first, and each says which
attempt it is of. The next look at the month finds a publication of which the ledger does not know yet.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from google.api_core import exceptions

from nyc_taxi.bigquery import attempts
from nyc_taxi.bigquery.jobs import identifier
from nyc_taxi.bigquery.lease import PATIENCE, holding_month
from nyc_taxi.bigquery.sweep import drop_stage, judge_month
from nyc_taxi.bigquery.tables import stage, stage_name, trips
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.errors import ContractError, WarehouseBusy, WarehouseRefused
from nyc_taxi.load.attempt import Attempt, Outcome
from nyc_taxi.load.supersede import is_final, latest_of, published_first, supersedes

if TYPE_CHECKING:
    from google.cloud.bigquery import QueryJob

    from nyc_taxi.bigquery.attempts import Found
    from nyc_taxi.bigquery.jobs import Jobs, Value
    from nyc_taxi.core.month import Month
    from nyc_taxi.load.attempt import Key

_log = logging.getLogger(__name__)

_CHANGED: Final = "nyc_taxi: the staged rows were changed"
_OVERTAKEN: Final = "nyc_taxi: another attempt was published"


def publish_month(jobs: Jobs, key: Key, *, patience: float = PATIENCE) -> Attempt:
    """Make an audited attempt what readers see of its month, unless another version won meanwhile.

    :param patience: seconds to wait for others that publish the same month
    :returns: the attempt, *published* or *superseded* (*replaced* when it is asked again later)
    :raises ContractError: when the attempt was not audited, failed, or lost its staging table
    :raises WarehouseBusy: when others have the month; the attempt can be published later
    """
    jobs = jobs.about(key.dataset, key.month, key.id)
    with holding_month(jobs, key.dataset, key.month, what=f"Publishing {key}", patience=patience):
        try:
            return _publish(jobs, key)
        except _Overtaken:
            _log.info("%s %s holds rows that the ledger does not know of.", key.dataset, key.month)
            return _publish(jobs, key, thorough=True)


def _publish(jobs: Jobs, key: Key, *, thorough: bool = False) -> Attempt:
    """Publish an attempt or give it up. The ledger is written last: until then, this can be done again."""
    found = attempts.look(jobs, dataset=key.dataset, month=key.month)
    held, found = finish(jobs, key.dataset, key.month, found, thorough=thorough)
    attempt = next((one.attempt for one in found if one.attempt.id == key.id), None)
    if attempt is None:
        raise attempts.missing(key)
    latest = latest_of(one.attempt for one in found)
    if not is_final(attempt):
        if supersedes(attempt, latest):
            merged = _merge(jobs, attempt, held)
            drop_stage(jobs, attempt)
            attempt = _record(jobs, attempt, latest, [merged])
        else:
            drop_stage(jobs, attempt)
            reason = published_first(latest) if latest else None
            attempts.update(jobs, key, Outcome.SUPERSEDED, only_from=[Outcome.AUDITED], reason=reason)
            attempt = attempts.get(jobs, key)
    judge_month(jobs, [replace(one, attempt=_since(one.attempt, attempt)) for one in found])
    return attempt


def _since(attempt: Attempt, published: Attempt) -> Attempt:
    """Return an attempt as it is after another one of its month was published."""
    if attempt.id == published.id:
        return published
    return replace(attempt, outcome=Outcome.REPLACED) if attempt.id == published.replaced_id else attempt


def finish(
    jobs: Jobs, dataset: str, month: Month, found: list[Found], *, thorough: bool = False
) -> tuple[frozenset[int], list[Found]]:
    """Finish what a process that died had begun to change of a month.

    The caller holds the month. Rows of an audited attempt were published, which the ledger then says; rows of
    an unloaded one are removed. Without a job of an audited attempt there is nothing to finish, and the
    month's rows are those that the ledger says: the statement that publishes fails if they are others.

    :param found: the attempts of the month
    :param thorough: whether to look at the month's rows in any case
    :returns: the attempts that the month's rows are of, and the attempts of the month, as they are now
    """
    waiting = [one.attempt for one in found if one.attempt.outcome is Outcome.AUDITED]
    tries = {one.id: jobs.wait(_job(one)) for one in waiting}
    latest = latest_of(one.attempt for one in found)
    unloaded = latest is not None and latest.outcome is Outcome.UNLOADED
    if not thorough and not unloaded and not any(tries.values()):
        return frozenset([latest.id] if latest else []), found
    values: dict[str, Value] = {"month": ("DATE", month.first_day)}
    held = frozenset(id for (id,) in jobs.rows("held_by", values, table=trips(jobs, dataset)))
    for attempt in waiting:
        if attempt.id in held:
            _log.info("%s was published by a process that died before it said so.", attempt)
            drop_stage(jobs, attempt)
            _record(jobs, attempt, latest, tries[attempt.id])
            return held, attempts.look(jobs, dataset=dataset, month=month)
    if latest is not None and unloaded and latest.id in held:
        _log.info("%s was unloaded by a process that died before its rows were removed.", latest)
        jobs.change("empty_month", values, table=trips(jobs, dataset))
        held = frozenset()
    return held, found


class _Overtaken(WarehouseBusy):
    """A month holds rows of an attempt that was not expected."""


def _merge(jobs: Jobs, attempt: Attempt, held: frozenset[int]) -> QueryJob:
    """Put the staged rows in place of those that the month holds, and return the job that did it.

    :raises ContractError: when the staging table is not what it was when the attempt was staged
    :raises _Overtaken: when the month holds other rows than those of ``held``
    """
    dataset = get_dataset(attempt.dataset)
    names = ["row_number", *(column.name for column in dataset.columns)]
    values: dict[str, Value] = {
        "month": ("DATE", attempt.month.first_day),
        "filename": ("STRING", attempt.filename),
        "attempt": ("INT64", attempt.id),
        "seen": ("ARRAY<INT64>", sorted(held)),
        "rows": ("INT64", attempt.rows_loaded),
    }
    columns = [f"staged.{identifier(name)}" for name in names]
    try:
        return jobs.run(
            "publish",
            _job(attempt),
            values,
            table=trips(jobs, attempt.dataset),
            stage=stage(jobs, attempt.key),
            columns=",\n        ".join([*columns, "parse_json(staged.unmapped) as unmapped"]),
            names=",\n    ".join(map(identifier, [*names, "unmapped"])),
        )
    except WarehouseRefused as error:
        if _CHANGED in str(error) or _is_gone(error, attempt):
            raise ContractError(
                f"The staging table of {attempt} was changed or removed. Load the month again."
            ) from error
        if _OVERTAKEN in str(error):
            raise _Overtaken(
                f"Another process changed {attempt.dataset} {attempt.month} while {attempt} was published. "
                "Nothing was changed by this step; run it again."
            ) from error
        raise


def _is_gone(error: WarehouseRefused, attempt: Attempt) -> bool:
    return isinstance(error.__cause__, exceptions.NotFound) and stage_name(attempt.key) in str(error)


def _record(jobs: Jobs, attempt: Attempt, latest: Attempt | None, tries: list[QueryJob]) -> Attempt:
    """Let the ledger say what the month holds, and what that has replaced, in one statement.

    :param tries: the jobs that have published the attempt, the last of them successfully
    :returns: the attempt as it is now
    """
    replaced = latest.id if latest and latest.outcome is Outcome.PUBLISHED else None
    finished = tries[-1].ended if tries else None
    jobs.change(
        "publish_attempt",
        {
            **attempts.parameters(attempt.key),
            "replaced_id": ("INT64", replaced),
            "billed": ("INT64", sum(job.total_bytes_billed or 0 for job in tries)),
            "finished": ("TIMESTAMP", finished),
        },
    )
    return replace(
        attempt,
        outcome=Outcome.PUBLISHED,
        stage_table=None,
        replaced_id=replaced,
        finished=finished,
        seconds=(finished - attempt.started).total_seconds() if finished else None,
    )


def _job(attempt: Attempt) -> str:
    """Return the id of the job that publishes an attempt, without the number of the try."""
    return f"nyc_taxi_publish_{attempt.dataset}_{attempt.month}_{attempt.id}"
