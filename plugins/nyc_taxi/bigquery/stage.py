"""Putting a file's rows into the staging table of an attempt: uploaded first, then loaded."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Final

import pyarrow.parquet as pq
from google.api_core import exceptions
from google.cloud import bigquery

from nyc_taxi.bigquery.failures import failures
from nyc_taxi.bigquery.jobs import RETRY
from nyc_taxi.bigquery.landing import land, put_staged, staged_address
from nyc_taxi.bigquery.rejects import as_line, load_rejects
from nyc_taxi.bigquery.schema import staged
from nyc_taxi.bigquery.tables import stage_name
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.errors import ContractError, WarehouseRefused
from nyc_taxi.files.batch import batch_schema
from nyc_taxi.files.reader import open_file
from nyc_taxi.load.leftovers import OLD
from nyc_taxi.load.measures import Measures, measure
from nyc_taxi.load.rejects import Rejects
from nyc_taxi.load.warehouse import Loaded, StageStats

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.bigquery.jobs import Jobs
    from nyc_taxi.files.download import File
    from nyc_taxi.files.reader import Reader
    from nyc_taxi.load.attempt import Attempt, Key
    from nyc_taxi.load.warehouse import Progress

_KEPT: Final = OLD + timedelta(days=1)
"""After how long a staging table removes itself, if nobody has done so."""


def upload(jobs: Jobs, attempt: Attempt, file: File, progress: Progress) -> tuple[StageStats, str]:
    """Put a file and its rows into the bucket, and its rejected rows into ``ops.rejected_rows``.

    Doing it again for the same attempt adds no rejected row twice. Memory does not grow with the file.

    :returns: what it came to, and where the file is in the bucket, with the object's generation
    """
    parquet = file.path.with_name(f"{attempt.id}.parquet")
    with ExitStack() as opened:
        opened.callback(parquet.unlink, missing_ok=True)
        dataset = get_dataset(attempt.dataset)
        reader = opened.enter_context(open_file(dataset, file.path, attempt.month, whole=file.length_proven))
        rejects = Rejects(attempt, as_line, opened.enter_context(TemporaryFile(dir=file.path.parent)))
        measures = _write(reader, file.path, attempt, parquet, rejects, progress)
        object = land(jobs, attempt, file.path)
        put_staged(jobs, attempt.key, parquet)
        load_rejects(jobs, rejects, "rejects")
    stats = StageStats(
        plan=reader.plan,
        rows_in_file=reader.rows,
        rows_loaded=measures.rows,
        rows_rejected=rejects.count,
        bytes_uncompressed=reader.bytes,
        measures=replace(measures, unended=reader.unended),
        table=staged_address(jobs, attempt.key),
    )
    return stats, object


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


def load(jobs: Jobs, key: Key, patience: float | None = None) -> Loaded | None:
    """Load the rows of an attempt into its staging table; see :class:`~nyc_taxi.load.warehouse.Uploading`.

    :raises ContractError: when the job was done before, and its table was removed since
    """
    name = stage_name(key)
    table = jobs.table(jobs.place.stage, name)
    job = jobs.load(
        staged_address(jobs, key),
        table,
        load_job(key),
        patience=patience,
        schema=staged(get_dataset(key.dataset)),
        source_format="PARQUET",
        write_disposition="WRITE_TRUNCATE",
        create_disposition="CREATE_IF_NEEDED",
    )
    if job is None:
        return None
    if job.output_rows is None:
        raise WarehouseRefused(f"The load job {job.job_id} does not say how many rows it has loaded.")
    with failures(jobs.name):
        made = bigquery.Table(table)
        made.expires = datetime.now(UTC) + _KEPT
        made.description = f"Rows of {key}, until they are published or removed."
        made.labels = jobs.all_labels()
        try:
            jobs.client.update_table(made, ["expires", "description", "labels"], retry=RETRY)
        except exceptions.NotFound as error:
            raise ContractError(f"The staging table of {key} was removed. Load the month again.") from error
    return Loaded(int(job.output_rows), f"{jobs.place.stage}.{name}")


def load_job(key: Key) -> str:
    """Return the id of the job that loads the rows of an attempt, without the number of the try."""
    return f"nyc_taxi_stage_{key.dataset}_{key.month}_{key.id}"
