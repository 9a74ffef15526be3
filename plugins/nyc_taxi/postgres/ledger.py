"""The ledger: one row for each attempt to load a month's file, kept in the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from nyc_taxi.core.month import Month
from nyc_taxi.errors import ContractError
from nyc_taxi.files.batch import RejectedRow
from nyc_taxi.load.attempt import Attempt, Outcome
from nyc_taxi.postgres.locks import attempt_lock
from nyc_taxi.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psycopg

    from nyc_taxi.files.publication import Publication


def _attempts(
    connection: psycopg.Connection[Any],
    *,
    id: int | None = None,
    dataset: str | None = None,
    month: Month | None = None,
    outcomes: Sequence[Outcome] | None = None,
) -> list[Attempt]:
    """Return the attempts that match every filter given, oldest first within a month."""
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            statement("attempts"),
            {
                "id": id,
                "dataset": dataset,
                "month": month.first_day if month else None,
                "outcomes": [str(outcome) for outcome in outcomes] if outcomes else None,
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
    found = _attempts(connection, id=id)
    if not found:
        raise ContractError(f"The ledger has no attempt {id}. Run the stage step of the month again.")
    return found[0]


def current(connection: psycopg.Connection[Any], dataset: str, month: Month) -> Attempt | None:
    """Return the attempt whose rows the month holds now, if it was ever published."""
    found = _attempts(connection, dataset=dataset, month=month, outcomes=[Outcome.PUBLISHED])
    return found[0] if found else None


def latest(connection: psycopg.Connection[Any], dataset: str, month: Month) -> Attempt | None:
    """Return the attempt that was published last, also when its rows were unloaded since."""
    found = _attempts(
        connection, dataset=dataset, month=month, outcomes=[Outcome.PUBLISHED, Outcome.UNLOADED]
    )
    return max(found, key=lambda one: (one.outcome is Outcome.PUBLISHED, one.finished), default=None)


def months(connection: psycopg.Connection[Any], dataset: str | None = None) -> list[Attempt]:
    """Return the published attempt of every month, ordered by dataset and month."""
    return _attempts(connection, dataset=dataset, outcomes=[Outcome.PUBLISHED])


def overview(connection: psycopg.Connection[Any], dataset: str | None = None) -> list[Attempt]:
    """Return the published attempt of every month ever tried, or the newest one if none was published."""
    shown: dict[tuple[str, Month], Attempt] = {}
    for attempt in _attempts(connection, dataset=dataset):
        known = shown.get((attempt.dataset, attempt.month))
        if known is None or known.outcome is not Outcome.PUBLISHED:
            shown[attempt.dataset, attempt.month] = attempt
    return list(shown.values())


def history(connection: psycopg.Connection[Any], dataset: str, month: Month) -> list[Attempt]:
    """Return every attempt for a month, oldest first."""
    return _attempts(connection, dataset=dataset, month=month)


def unfinished(
    connection: psycopg.Connection[Any], dataset: str | None = None, month: Month | None = None
) -> list[Attempt]:
    """Return the attempts, of a month or of all, that are on their way, dead, or have a stage table."""
    outcomes = [Outcome.STAGING, Outcome.STAGED, Outcome.AUDITED, Outcome.FAILED]
    found = _attempts(connection, dataset=dataset, month=month, outcomes=outcomes)
    return [attempt for attempt in found if attempt.outcome is Outcome.STAGING or attempt.stage_table]


def rejects(
    connection: psycopg.Connection[Any], dataset: str, month: Month, limit: int | None = None
) -> list[RejectedRow]:
    """Return the rows refused by the newest attempt for a month that counted or refused any.

    :param limit: how many at most, in file order; None for all
    """
    attempt = refusing(connection, dataset, month)
    return list(rejects_of(connection, attempt, limit)) if attempt else []


def refusing(connection: psycopg.Connection[Any], dataset: str, month: Month) -> Attempt | None:
    """Return the newest attempt for a month that was published or refused rows, if there is one."""
    row = connection.execute(
        statement("refusing_attempt"), {"dataset": dataset, "month": month.first_day}
    ).fetchone()
    return get(connection, row[0]) if row and row[0] else None


def rejects_of(
    connection: psycopg.Connection[Any], attempt: Attempt, limit: int | None = None
) -> Iterator[RejectedRow]:
    """Yield the rows that an attempt refused and kept, in file order; memory holds one at a time.

    :param limit: how many at most; None for all
    """
    with connection.cursor(binary=True) as cursor:
        for row in cursor.stream(statement("rejects"), {"attempt": attempt.id, "limit": limit}):
            yield RejectedRow(*row)


def begin(connection: psycopg.Connection[Any], publication: Publication, run_id: str) -> Attempt:
    """Record in a transaction of its own that an attempt has begun, and hold its lock in this session.

    Whoever can see the row can see that it is locked, so a live attempt is never taken for a dead one.
    Its base is what was published last at this instant, before the file is downloaded. Once it is
    published, its base is the attempt that it has replaced.
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
        connection.execute("select pg_advisory_lock(%s, %s)", attempt_lock(id))
    return get(connection, id)


def settle(
    connection: psycopg.Connection[Any],
    id: int,
    outcome: Outcome,
    *,
    only_from: Sequence[Outcome] | None = None,
    **values: Any,
) -> bool:
    """Set an attempt's outcome, and whatever else is known of it by now.

    :param only_from: outcomes that may be overwritten; None for any
    :param values: further columns of the ledger, by name; the others keep their value
    :returns: whether the row was changed
    """
    if "measures" in values:
        values["measures"] = Jsonb(values["measures"])
    done = connection.execute(
        statement("settle_attempt"),
        {
            **dict.fromkeys(_SETTLED),
            **values,
            "id": id,
            "outcome": str(outcome),
            "only_from": [str(old) for old in only_from] if only_from else None,
        },
    )
    return done.rowcount == 1


_SETTLED = (
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
    "base_id",
)


def discard_unchanged(connection: psycopg.Connection[Any], attempt: Attempt, current: Attempt) -> None:
    """Remove an attempt whose file turned out to be the published one, and remember its new marks.

    The next check then recognises the file without downloading it.

    :param attempt: with the url, etag, time of change and size of the file as downloaded
    """
    with connection.transaction():
        connection.execute(statement("same_content"), {"id": current.id, "attempt": attempt.id})
        connection.execute("delete from ops.file_ledger where id = %s", (attempt.id,))
