"""Rejected rows, as ``ops.rejected_rows`` takes them."""

from __future__ import annotations

import base64
import json
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from nyc_taxi.bigquery.attempts import parameters
from nyc_taxi.bigquery.schema import rejected_rows
from nyc_taxi.load.rejects import Rejects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nyc_taxi.bigquery.jobs import Jobs
    from nyc_taxi.files.batch import RejectedRow
    from nyc_taxi.load.attempt import Attempt


def as_line(attempt: Attempt, reject: RejectedRow) -> bytes:
    """Return a rejected row as one line of the JSON that BigQuery loads."""
    values = {
        "attempt_id": attempt.id,
        "dataset": attempt.dataset,
        "month": attempt.month.first_day.isoformat(),
        "line_number": reject.line_number,
        "row_number": reject.row_number,
        "reason": reject.reason,
        "line": base64.b64encode(reject.line).decode(),
    }
    return json.dumps(values).encode() + b"\n"


def load_rejects(jobs: Jobs, rejects: Rejects, purpose: str) -> None:
    """Load rejected rows, all of them or none; nothing is done when there are none.

    :param purpose: what the job's id ends with; the same rows are loaded only once under it
    """
    if not rejects.count:
        return
    jobs.load(
        rejects.spool,
        jobs.table(jobs.place.ops, "rejected_rows"),
        f"nyc_taxi_{purpose}_{rejects.attempt.id}",
        schema=rejected_rows(),
        source_format="NEWLINE_DELIMITED_JSON",
        write_disposition="WRITE_APPEND",
        create_disposition="CREATE_NEVER",
    )


def keep_rejects(jobs: Jobs, attempt: Attempt, rejects: Iterable[RejectedRow]) -> None:
    """Keep rejected rows of an attempt that failed."""
    with TemporaryFile() as spool:
        kept = Rejects(attempt, as_line, spool)
        for reject in rejects:
            kept.add(reject)
        load_rejects(jobs, kept, "keep_rejects")


def drop_rejects(jobs: Jobs, attempt: Attempt) -> None:
    """Delete the rejected rows of an attempt."""
    jobs.change("drop_rejects", parameters(attempt.key))
