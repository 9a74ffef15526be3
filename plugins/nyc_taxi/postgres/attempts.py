"""The rows of ``ops.file_ledger``, read and written in the caller's session or transaction."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from nyc_taxi.core.month import Month
from nyc_taxi.errors import ContractError
from nyc_taxi.load.attempt import Attempt, Outcome
from nyc_taxi.load.supersede import latest_of
from nyc_taxi.postgres.locks import attempt_lock
from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nyc_taxi.core.check import Check
    from nyc_taxi.files.publication import Publication


def find(
    connection: psycopg.Connection[Any],
    *,
    id: int | None = None,
    dataset: str | None = None,
    month: Month | None = None,
    outcomes: Sequence[Outcome] | None = None,
    overview: bool = False,
) -> list[Attempt]:
    """Return the attempts that match every filter given, oldest first within a month.

    :param overview: only the published attempt of each month, or the newest one of a month without any
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            statement("attempts"),
            {
                "id": id,
                "dataset": dataset,
                "month": month.first_day if month else None,
                "outcomes": [str(outcome) for outcome in outcomes] if outcomes else None,
                "overview": overview,
            },
        )
        return [_attempt(row) for row in cursor]


def _attempt(row: dict[str, Any]) -> Attempt:
    return Attempt(
        **{
            **row,
            "month": Month.of(row["month"]),
            "outcome": Outcome(row["outcome"]),
            **{name: tuple(row[name]) for name in ("header", "missing", "unknown")},
        }
    )


def get(connection: psycopg.Connection[Any], id: int) -> Attempt:
    """Return one attempt.

    :raises ContractError: when the ledger has no such attempt
    """
    found = find(connection, id=id)
    if not found:
        raise ContractError(f"The ledger has no attempt {id}. Run the stage step of the month again.")
    return found[0]


def current(connection: psycopg.Connection[Any], dataset: str, month: Month) -> Attempt | None:
    """Return the attempt whose rows the month holds now."""
    found = find(connection, dataset=dataset, month=month, outcomes=[Outcome.PUBLISHED])
    return found[0] if found else None


def latest(connection: psycopg.Connection[Any], dataset: str, month: Month) -> Attempt | None:
    """Return the attempt that was published last, also when its rows were unloaded since."""
    outcomes = [Outcome.PUBLISHED, Outcome.UNLOADED]
    return latest_of(find(connection, dataset=dataset, month=month, outcomes=outcomes))


def unfinished(
    connection: psycopg.Connection[Any], dataset: str | None = None, month: Month | None = None
) -> list[Attempt]:
    """Return the attempts, of a month or of all, that are in progress, dead, or have a stage table."""
    outcomes = [Outcome.STAGING, Outcome.STAGED, Outcome.AUDITED, Outcome.FAILED]
    found = find(connection, dataset=dataset, month=month, outcomes=outcomes)
    return [attempt for attempt in found if attempt.outcome is Outcome.STAGING or attempt.stage_table]


def begin(connection: psycopg.Connection[Any], publication: Publication, run_id: str) -> Attempt:
    """Record in its own transaction that an attempt has begun, and hold its lock in this session.

    Every session that sees the row finds it locked, so a live attempt is never taken for a dead one.
    Its base is what was published last at this instant, before the file is downloaded.
    """
    with connection.transaction():
        row = connection.execute(
            statement("begin_attempt"),
            {
                "dataset": publication.dataset,
                "month": publication.month.first_day,
                "source": publication.source,
                "url": publication.url,
                "etag": publication.etag,
                "last_modified": publication.last_modified,
                "bytes": publication.bytes,
                "run_id": run_id,
            },
        ).fetchone()
        id = int(row[0]) if row else 0
        connection.execute("select pg_advisory_lock_shared(%s, %s)", attempt_lock(id))
    return get(connection, id)


@contextmanager
def holding(connection: psycopg.Connection[Any], attempt: Attempt) -> Iterator[None]:
    """Let a session hold the lock of an attempt that is being staged, next to the session that began it.

    :raises ContractError: when the attempt was taken for dead in the meantime
    """
    connection.execute("select pg_advisory_lock_shared(%s, %s)", attempt_lock(attempt.id))
    now = get(connection, attempt.id)
    if now.outcome is not Outcome.STAGING:
        raise ContractError(
            f"{attempt} is {now.outcome}: its session was lost, and another run took it for dead. "
            "Run the stage step of the month again."
        )
    try:
        yield
    finally:
        release(connection)


def release(connection: psycopg.Connection[Any]) -> None:
    """Release the session's locks now, or close it, so that no idle connection holds them.

    Closing alone would do, but a server closes a session some time after it was asked to.
    """
    try:
        connection.execute("select pg_advisory_unlock_all()")
    except psycopg.Error:
        connection.close()


def update(
    connection: psycopg.Connection[Any],
    id: int,
    outcome: Outcome,
    *,
    only_from: Sequence[Outcome] | None = None,
    **values: Any,
) -> bool:
    """Set an attempt's outcome and other fields; see :meth:`nyc_taxi.load.ledger.Ledger.update`."""
    if "measures" in values:
        values["measures"] = Jsonb(values["measures"])
    done = connection.execute(
        statement("update_attempt"),
        {
            **dict.fromkeys(_FIELDS),
            **{name: list(value) if isinstance(value, tuple) else value for name, value in values.items()},
            "id": id,
            "outcome": str(outcome),
            "only_from": [str(old) for old in only_from] if only_from else None,
        },
    )
    return done.rowcount == 1


_FIELDS = (
    "url",
    "etag",
    "last_modified",
    "bytes",
    "bytes_uncompressed",
    "sha256",
    "rows_in_file",
    "rows_loaded",
    "rows_rejected",
    "header",
    "line_end",
    "schema_version",
    "missing",
    "unknown",
    "stage_table",
    "measures",
    "reason",
    "replaced_id",
)


def record_checks(connection: psycopg.Connection[Any], id: int, checks: Iterable[Check]) -> None:
    """Write what the audit found of an attempt, in place of what an earlier audit found."""
    connection.execute("delete from ops.quality_result where attempt_id = %s and measured_by = 'load'", (id,))
    values = {"attempt": id, "checks": Jsonb([asdict(check) for check in checks])}
    connection.execute(statement("record_checks"), values)
