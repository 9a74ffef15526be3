"""Bringing a file's rows into the staging table of an attempt: uploaded first, then loaded."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Final

import pyarrow.parquet as pq
from google.cloud import bigquery

from nyc_taxi.bigquery.failures import failures
from nyc_taxi.bigquery.jobs import RETRY
from nyc_taxi.bigquery.landing import land, put_staged
from nyc_taxi.bigquery.rejects import Rejects
from nyc_taxi.bigquery.schema import staged
from nyc_taxi.bigquery.tables import stage_name
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.errors import WarehouseRefused
from nyc_taxi.files.batch import batch_schema
from nyc_taxi.files.reader import open_file
from nyc_taxi.load.leftovers import OLD
from nyc_taxi.load.measures import Measures, measure
from nyc_taxi.load.warehouse import StageStats

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.bigquery.jobs import Jobs
    from nyc_taxi.files.download import File
    from nyc_taxi.files.header import HeaderPlan
    from nyc_taxi.files.reader import Reader
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.load.warehouse import Progress

_KEPT: Final = OLD + timedelta(days=1)
"""After how long a staging table removes itself, if nobody has done so."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file in the bucket: its bytes unchanged, and its rows.

    :param object: where its bytes are, with the generation
    :param rows_object: where its rows are, as parquet
    :param rows: how many rows there are
    :param rows_rejected: how many others were rejected, which the ledger has
    """

    object: str
    rows_object: str
    plan: HeaderPlan
    rows_in_file: int
    rows: int
    rows_rejected: int
    bytes_uncompressed: int
    measures: Measures


def stage_file(jobs: Jobs, attempt: Attempt, file: File, progress: Progress) -> tuple[StageStats, str]:
    """Load a file into the staging table of its attempt, with its rejected rows.

    :returns: what it came to, and where the file is in the bucket
    """
    uploaded = upload(jobs, attempt, file, progress)
    loaded = load(jobs, attempt, uploaded.rows_object)
    stats = StageStats(
        plan=uploaded.plan,
        rows_in_file=uploaded.rows_in_file,
        rows_loaded=loaded,
        rows_rejected=uploaded.rows_rejected,
        bytes_uncompressed=uploaded.bytes_uncompressed,
        measures=uploaded.measures,
        table=f"{jobs.place.stage}.{stage_name(attempt)}",
    )
    return stats, uploaded.object


def upload(jobs: Jobs, attempt: Attempt, file: File, progress: Progress) -> Uploaded:
    """Put a file and its rows into the bucket, and its rejected rows into ``ops.rejected_rows``.

    Doing it again for the same attempt adds no rejected row twice. Memory does not grow with the file.
    """
    dataset = get_dataset(attempt.dataset)
    parquet = file.path.with_name(f"{attempt.id}.parquet")
    with ExitStack() as opened:
        opened.callback(parquet.unlink, missing_ok=True)
        reader = opened.enter_context(open_file(dataset, file.path, attempt.month, whole=file.length_proven))
        rejects = Rejects(attempt, opened.enter_context(TemporaryFile(dir=file.path.parent)))
        measures = _write(reader, file.path, attempt, parquet, rejects, progress)
        object = land(jobs, attempt, file.path)
        rows_object = put_staged(jobs, attempt, parquet)
        rejects.load(jobs, "rejects")
    return Uploaded(
        object=object,
        rows_object=rows_object,
        plan=reader.plan,
        rows_in_file=reader.rows,
        rows=measures.rows,
        rows_rejected=rejects.count,
        bytes_uncompressed=reader.bytes,
        measures=replace(measures, unended=reader.unended),
    )


def _write(
    reader: Reader, path: Path, attempt: Attempt, to: Path, rejects: Rejects, progress: Progress
) -> Measures:
    """Write the rows of a file as parquet, and spool its rejected rows."""
    dataset, measures = get_dataset(attempt.dataset), Measures.none()
    total = path.stat().st_size if path.suffix == ".csv" else None
    with pq.ParquetWriter(to, batch_schema(dataset), compression="snappy") as writer:
        for batch in reader:
            if batch.rows.num_rows:
                writer.write_batch(batch.rows)
                measures += measure(batch.rows, dataset, attempt.month)
            for reject in batch.rejects:
                rejects.add(reject)
            progress("copy", reader.bytes, total)
    return measures


def load(jobs: Jobs, attempt: Attempt, rows_object: str) -> int:
    """Load the rows of an attempt into its staging table, and return how many rows the job counted.

    The job's id is made of the attempt: doing it again finds the job that was started before.
    """
    table = jobs.table(jobs.place.stage, stage_name(attempt))
    job = jobs.load(
        rows_object,
        table,
        f"nyc_taxi_stage_{attempt.dataset}_{attempt.month}_{attempt.id}",
        schema=staged(get_dataset(attempt.dataset)),
        source_format="PARQUET",
        write_disposition="WRITE_TRUNCATE",
        create_disposition="CREATE_IF_NEEDED",
    )
    if job.output_rows is None:
        raise WarehouseRefused(f"The load job {job.job_id} does not say how many rows it has loaded.")
    with failures(jobs.name):
        made = bigquery.Table(table)
        made.expires = datetime.now(UTC) + _KEPT
        made.description = f"Rows of {attempt}, until they are published or removed."
        made.labels = jobs.all_labels()
        jobs.client.update_table(made, ["expires", "description", "labels"], retry=RETRY)
    return int(job.output_rows)
