"""Publishing a staged month: in one statement, seen by readers as a whole or not at all.

Rows and ledger are two tables, which no single statement changes. The rows come first, and each says which
attempt it is of. The next look at the month finds a publication of which the ledger does not know yet.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from google.api_core import exceptions

from nyc_taxi.bigquery import attempts
from nyc_taxi.bigquery.jobs import identifier
from nyc_taxi.bigquery.lease import PATIENCE, holding_month
from nyc_taxi.bigquery.sweep import drop_stage, judge_month
from nyc_taxi.bigquery.tables import stage, stage_name, trips
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.errors import ContractError, WarehouseBusy, WarehouseRefused
from nyc_taxi.load.attempt import Attempt, Outcome
from nyc_taxi.load.supersede import is_final, supersedes

if TYPE_CHECKING:
    from nyc_taxi.bigquery.jobs import Jobs, Value
    from nyc_taxi.core.month import Month

_log = logging.getLogger(__name__)

_CHANGED: Final = "nyc_taxi: the staged rows were changed"
_OVERTAKEN: Final = "nyc_taxi: another attempt was published"


def publish_month(jobs: Jobs, id: int, *, patience: float = PATIENCE) -> Attempt:
    """Make an audited attempt what readers see of its month, unless another version won meanwhile.

    :param patience: seconds to wait for others that publish the same month
    :returns: the attempt, *published* or *superseded* (*replaced* when it is asked again later)
    :raises ContractError: when the attempt was not audited, failed, or lost its staging table
    :raises WarehouseBusy: when others have the month; the attempt can be published later
    """
    attempt = attempts.get(jobs, id)
    if is_final(attempt):
        return attempt
    jobs = jobs.about(attempt.dataset, attempt.month, id)
    with holding_month(jobs, attempt.dataset, attempt.month, what=f"Publishing {attempt}", patience=patience):
        history = attempts.find(jobs, dataset=attempt.dataset, month=attempt.month)
        held, history = finish(jobs, attempt.dataset, attempt.month, history)
        attempt = next(one for one in history if one.id == id)
        if not is_final(attempt):
            _publish(jobs, attempt, attempts.latest(history), held)
        found = attempts.look(jobs, dataset=attempt.dataset, month=attempt.month)
        judge_month(jobs, found)
    return next(one.attempt for one in found if one.attempt.id == id)


def _publish(jobs: Jobs, attempt: Attempt, latest: Attempt | None, held: frozenset[int]) -> None:
    """Publish an attempt or give it up. The ledger is written last: until then, this can be done again."""
    if supersedes(attempt, latest):
        billed = _merge(jobs, attempt, held)
        drop_stage(jobs, attempt)
        _record(jobs, attempt, latest, billed)
        return
    drop_stage(jobs, attempt)
    reason = f"Attempt {latest.id} was published first." if latest else None
    attempts.update(jobs, attempt.id, Outcome.SUPERSEDED, only_from=[Outcome.AUDITED], reason=reason)


def finish(
    jobs: Jobs, dataset: str, month: Month, history: list[Attempt]
) -> tuple[frozenset[int], list[Attempt]]:
    """Finish what a process that died had begun to change of a month.

    The caller holds the month. Rows of an audited attempt were published, which the ledger then says; rows of
    an unloaded one are removed.

    :param history: the attempts of the month
    :returns: the attempts that the month's rows are of, and the attempts of the month, as they are now
    """
    waiting = [one for one in history if one.outcome is Outcome.AUDITED]
    billed = {one.id: jobs.wait(_job(one)) for one in waiting}
    values: dict[str, Value] = {"month": ("DATE", month.first_day)}
    held = frozenset(id for (id,) in jobs.rows("held_by", values, table=trips(jobs, dataset)))
    latest = attempts.latest(history)
    for attempt in waiting:
        if attempt.id in held:
            _log.info("%s was published by a process that died before it said so.", attempt)
            drop_stage(jobs, attempt)
            _record(jobs, attempt, latest, billed[attempt.id])
            return held, attempts.find(jobs, dataset=dataset, month=month)
    if latest is not None and latest.outcome is Outcome.UNLOADED and latest.id in held:
        _log.info("%s was unloaded by a process that died before its rows were removed.", latest)
        jobs.change("empty_month", values, table=trips(jobs, dataset))
        held = frozenset()
    return held, history


def _merge(jobs: Jobs, attempt: Attempt, held: frozenset[int]) -> int:
    """Put the staged rows in place of those that the month holds, and return the bytes billed for it.

    :raises ContractError: when the staging table is not what it was when the attempt was staged
    :raises WarehouseBusy: when somebody else has changed the month, who did not hold it
    """
    dataset = get_dataset(attempt.dataset)
    names = ["row_number", *(column.name for column in dataset.columns)]
    values: dict[str, Value] = {
        "month": ("DATE", attempt.month.first_day),
        "filename": ("STRING", unquote(urlsplit(attempt.url).path).rpartition("/")[2]),
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
            stage=stage(jobs, attempt),
            columns=",\n        ".join([*columns, "parse_json(staged.unmapped) as unmapped"]),
            names=",\n    ".join(map(identifier, [*names, "unmapped"])),
        )
    except WarehouseRefused as error:
        if _CHANGED in str(error) or _is_gone(error, attempt):
            raise ContractError(
                f"The staging table of {attempt} was changed or removed. Run the stage step of the month "
                "again."
            ) from error
        if _OVERTAKEN in str(error):
            raise WarehouseBusy(
                f"Another process changed {attempt.dataset} {attempt.month} while {attempt} was published. "
                "Nothing was changed by this step; run it again."
            ) from error
        raise


def _is_gone(error: WarehouseRefused, attempt: Attempt) -> bool:
    return isinstance(error.__cause__, exceptions.NotFound) and stage_name(attempt) in str(error)


def _record(jobs: Jobs, attempt: Attempt, latest: Attempt | None, billed: int) -> None:
    """Let the ledger say what the month holds, and what that has replaced, in one statement."""
    replaced = latest.id if latest and latest.outcome is Outcome.PUBLISHED else None
    jobs.change(
        "publish_attempt",
        {
            "id": ("INT64", attempt.id),
            "month": ("DATE", attempt.month.first_day),
            "replaced_id": ("INT64", replaced),
            "billed": ("INT64", billed),
        },
    )


def _job(attempt: Attempt) -> str:
    """Return the id of the job that publishes an attempt, without the number of the try."""
    return f"nyc_taxi_publish_{attempt.dataset}_{attempt.month}_{attempt.id}"
