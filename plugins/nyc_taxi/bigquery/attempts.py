"""The rows of ``ops.file_ledger``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from nyc_taxi.core.month import Month
from nyc_taxi.errors import ContractError
from nyc_taxi.load.attempt import Attempt, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from nyc_taxi.bigquery.jobs import Jobs, Value
    from nyc_taxi.core.check import Check
    from nyc_taxi.files.publication import Publication
    from nyc_taxi.load.attempt import Key

_KNOWN: Final = tuple(field.name for field in fields(Attempt))

_FIELDS: Final = {
    "url": "STRING",
    "etag": "STRING",
    "last_modified": "TIMESTAMP",
    "bytes": "INT64",
    "bytes_uncompressed": "INT64",
    "sha256": "STRING",
    "rows_in_file": "INT64",
    "rows_loaded": "INT64",
    "rows_rejected": "INT64",
    "header": "ARRAY<STRING>",
    "line_end": "STRING",
    "schema_version": "STRING",
    "missing": "ARRAY<STRING>",
    "unknown": "ARRAY<STRING>",
    "stage_table": "STRING",
    "measures": "STRING",
    "reason": "STRING",
    "object": "STRING",
    "replaced_id": "INT64",
}
"""The fields that an update may set."""

_JSON: Final = {"measures": "measures = parse_json(@measures)"}
_ENDED: Final = {Outcome.PUBLISHED, Outcome.SUPERSEDED, Outcome.FAILED, Outcome.ABANDONED}
_UNSTAGED: Final = {Outcome.PUBLISHED, Outcome.SUPERSEDED, Outcome.ABANDONED}
_FINISHED: Final = "finished = current_timestamp()"
_SECONDS: Final = "seconds = timestamp_diff(current_timestamp(), started, microsecond) / 1000000"


@dataclass(frozen=True, slots=True)
class Found:
    """An attempt as the ledger has it.

    :param now: the time of BigQuery
    :param lease_ended: whether its process can be taken for dead, if it is still staging
    """

    attempt: Attempt
    now: datetime
    lease_ended: bool


def look(
    jobs: Jobs,
    *,
    owner: str | None = None,
    dataset: str | None = None,
    month: Month | None = None,
    outcomes: Sequence[Outcome] = (),
) -> list[Found]:
    """Return the attempts that match every filter given, oldest first within a month."""
    values: dict[str, Value] = {}
    wanted = []
    for name, type_, value in (
        ("owner", "STRING", owner),
        ("dataset", "STRING", dataset),
        ("month", "DATE", month and month.first_day),
    ):
        if value is not None:
            values[name] = (type_, value)
            wanted.append(f"{name} = @{name}")
    if outcomes:
        values["outcomes"] = ("ARRAY<STRING>", [str(outcome) for outcome in outcomes])
        wanted.append("outcome in unnest(@outcomes)")
    return _look(jobs, values, wanted or ["true"])


def find(jobs: Jobs, **filters: Any) -> list[Attempt]:
    """Return the attempts that match every filter of :func:`look`."""
    return [found.attempt for found in look(jobs, **filters)]


def _look(jobs: Jobs, values: dict[str, Value], conditions: Sequence[str]) -> list[Found]:
    # A condition that only a parameter makes true would keep BigQuery from reading one month alone.
    rows = jobs.rows("attempts", values, filters="\n    and ".join(conditions))
    return [Found(_attempt(row), row["now"], row["lease_ended"]) for row in rows]


def _attempt(row: Any) -> Attempt:
    values = {name: row[name] for name in _KNOWN}
    return Attempt(
        **{
            **values,
            "month": Month.of(row["month"]),
            "outcome": Outcome(row["outcome"]),
            # BigQuery writes a JSON value that is missing as the word null.
            "measures": json.loads(row["measures"] or "null"),
            **{name: tuple(row[name] or ()) for name in ("header", "missing", "unknown")},
        }
    )


def get(jobs: Jobs, key: Key) -> Attempt:
    """Return one attempt.

    :raises ContractError: when the ledger has no such attempt
    """
    for found in _look(jobs, parameters(key), ["id = @id", "month = @month"]):
        return found.attempt
    raise missing(key)


def with_neighbours(jobs: Jobs, key: Key, within: timedelta) -> tuple[Attempt, list[Attempt]]:
    """Return one attempt, and the published ones of its month and of those around it.

    :raises ContractError: when the ledger has no such attempt
    """
    values: dict[str, Value] = {
        "id": ("INT64", key.id),
        "dataset": ("STRING", key.dataset),
        "first": ("DATE", key.month.first_day - within),
        "last": ("DATE", key.month.first_day + within),
    }
    wanted = ["dataset = @dataset", "month between @first and @last", "(id = @id or outcome = 'published')"]
    found = [one.attempt for one in _look(jobs, values, wanted)]
    for attempt in found:
        if attempt.id == key.id:
            return attempt, [one for one in found if one.outcome is Outcome.PUBLISHED]
    raise missing(key)


def missing(key: Key) -> ContractError:
    """Return the error about an attempt that the ledger does not have."""
    return ContractError(
        f"The ledger has no attempt {key.id} of {key.dataset} {key.month}. Load the month again."
    )


def parameters(key: Key) -> dict[str, Value]:
    """Return the parameters ``id`` and ``month`` by which statements find an attempt.

    The tables are partitioned by month: with it, a statement reads and changes one partition, and statements
    about other months are not in its way.
    """
    return {"id": ("INT64", key.id), "month": ("DATE", key.month.first_day)}


def begin(jobs: Jobs, publication: Publication, run_id: str, owner: str, lease: int) -> Attempt:
    """Record that an attempt has begun. Its base is what was published last at this instant.

    :param owner: a text that no other attempt has
    :param lease: seconds for which its process is taken to be alive
    """
    values: dict[str, Value] = {
        "dataset": ("STRING", publication.dataset),
        "month": ("DATE", publication.month.first_day),
        **_description(publication),
        "run_id": ("STRING", run_id),
        "owner": ("STRING", owner),
        "lease": ("INT64", lease),
    }
    jobs.change("begin_attempt", values)
    (attempt,) = find(jobs, owner=owner, dataset=publication.dataset, month=publication.month)
    return attempt


def describe(jobs: Jobs, key: Key, newer: Attempt) -> None:
    """Let a published attempt take over how the source describes its file now."""
    jobs.change("same_content", {**parameters(key), **_description(newer)})


def _description(file: Publication | Attempt) -> dict[str, Value]:
    return {
        "source": ("STRING", file.source),
        "url": ("STRING", file.url),
        "etag": ("STRING", file.etag),
        "last_modified": ("TIMESTAMP", file.last_modified),
        "bytes": ("INT64", file.bytes),
    }


def update(
    jobs: Jobs,
    key: Key,
    outcome: Outcome,
    *,
    only_from: Sequence[Outcome] | None = None,
    only_dead: bool = False,
    **values: Any,
) -> bool:
    """Set an attempt's outcome and other fields; see :meth:`nyc_taxi.load.ledger.Ledger.update`.

    :param only_dead: whether to change it only if the lease of its process has ended
    """
    if "measures" in values:
        values["measures"] = json.dumps(values["measures"])
    given = {name: (_FIELDS[name], value) for name, value in values.items() if value not in {None, ()}}
    ended = outcome in _ENDED
    assigned = [_JSON.get(name, f"{name} = @{name}") for name in given]
    if outcome in _UNSTAGED:
        assigned = [one for one in assigned if not one.startswith("stage_table")] + ["stage_table = null"]
    if ended:
        assigned += [_FINISHED, _SECONDS]
    conditions = ["outcome in unnest(@only_from)"] if only_from else []
    if only_dead:
        conditions.append("coalesce(lease_until < current_timestamp(), true)")
    changed = jobs.change(
        "update_attempt",
        {
            **given,
            **parameters(key),
            "outcome": ("STRING", str(outcome)),
            **({"only_from": ("ARRAY<STRING>", [str(old) for old in only_from])} if only_from else {}),
        },
        assigned="".join(f",\n    {one}" for one in assigned),
        conditions="".join(f"\n    and {one}" for one in conditions),
    )
    return changed == 1


def record_checks(jobs: Jobs, key: Key, checks: Iterable[Check], only_from: Sequence[Outcome] | None) -> None:
    """Write what the audit found of an attempt, in place of what an earlier audit found."""
    jobs.change(
        "record_checks",
        {
            **parameters(key),
            "checks": ("STRING", json.dumps([asdict(check) for check in checks])),
            "only_from": ("ARRAY<STRING>", [str(old) for old in only_from or ()]),
        },
    )
