"""Rejected rows, spooled to disk while a file is read and then loaded into ``ops.rejected_rows``."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from nyc_taxi.bigquery.schema import rejected_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nyc_taxi.bigquery.jobs import Jobs
    from nyc_taxi.files.batch import RejectedRow
    from nyc_taxi.load.attempt import Attempt


@dataclass(slots=True)
class Rejects:
    """The rejected rows of one attempt, in file order; memory does not grow with them.

    :param spool: where they are kept meanwhile: an empty binary file, open for reading and writing
    """

    attempt: Attempt
    spool: IO[bytes]
    count: int = 0

    def add(self, reject: RejectedRow) -> None:
        """Keep a row, as one line of the JSON that BigQuery loads."""
        self.count += 1
        values = {
            "attempt_id": self.attempt.id,
            "dataset": self.attempt.dataset,
            "month": self.attempt.month.first_day.isoformat(),
            "line_number": reject.line_number,
            "row_number": reject.row_number,
            "reason": reject.reason,
            "line": base64.b64encode(reject.line).decode(),
        }
        self.spool.write(json.dumps(values).encode() + b"\n")

    def load(self, jobs: Jobs, purpose: str) -> None:
        """Load the rows, all of them or none; nothing is done when there are none.

        :param purpose: what the job's id ends with; the same rows are loaded only once under it
        """
        if not self.count:
            return
        jobs.load(
            self.spool,
            jobs.table(jobs.place.ops, "rejected_rows"),
            f"nyc_taxi_{purpose}_{self.attempt.id}",
            schema=rejected_rows(),
            source_format="NEWLINE_DELIMITED_JSON",
            write_disposition="WRITE_APPEND",
            create_disposition="CREATE_NEVER",
        )


def keep_rejects(jobs: Jobs, attempt: Attempt, rejects: Iterable[RejectedRow]) -> None:
    """Keep rejected rows of an attempt that failed."""
    with TemporaryFile() as spool:
        kept = Rejects(attempt, spool)
        for reject in rejects:
            kept.add(reject)
        kept.load(jobs, "keep_rejects")


def drop_rejects(jobs: Jobs, attempt: Attempt) -> None:
    """Delete the rejected rows of an attempt."""
    values = {"id": ("INT64", attempt.id), "month": ("DATE", attempt.month.first_day)}
    jobs.change("drop_rejects", values)
