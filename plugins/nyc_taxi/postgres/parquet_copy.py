"""Reading a parquet file in batches: columns are cast as a whole and go to COPY as CSV."""

from __future__ import annotations

import errno
import io
import json
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from nyc_taxi.errors import TruncatedFile
from nyc_taxi.files.header import plan_names
from nyc_taxi.files.old_casts import cast_column
from nyc_taxi.postgres.intake import Intake, Loaded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import psycopg

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.files.header import HeaderPlan
    from nyc_taxi.postgres.rejects import Rejects
    from nyc_taxi.postgres.tables import StageTable

_BATCH: Final = 65_536
"""Rows decoded at a time: memory is bounded by them, not by the file."""
_OPTIONS: Final = pa_csv.WriteOptions(include_header=False, quoting_style="needed")


def copy_parquet(
    connection: psycopg.Connection[Any],
    dataset: Dataset,
    stage: StageTable,
    path: Path,
    rejects: Rejects,
    progress: Callable[[int], None],
) -> Loaded:
    """Copy the rows of a parquet file into its stage table, and those that do not fit to ``rejects``.

    :param progress: called with the bytes of content read so far
    :raises SchemaDrift: when the dataset's policy does not accept the columns, or one has no such type
    :raises TruncatedFile: when the file is cut or damaged
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
            return _copy(connection, dataset, stage, file, rejects, progress)
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise TruncatedFile(
            f"The parquet file is cut or damaged ({str(error).splitlines()[0]}). "
            "Fetch it again; nothing was loaded."
        ) from error


def _copy(
    connection: psycopg.Connection[Any],
    dataset: Dataset,
    stage: StageTable,
    file: pq.ParquetFile,
    rejects: Rejects,
    progress: Callable[[int], None],
) -> Loaded:
    plan = plan_names(dataset, file.schema_arrow.names)
    rows = file.metadata.num_rows
    size = sum(
        file.metadata.row_group(group).total_byte_size for group in range(file.metadata.num_row_groups)
    )
    intake = Intake(stage, plan, numbered=True)
    intake.open(connection)
    read = 0
    with connection.cursor() as cursor:
        with cursor.copy(intake.copy) as copy:
            for batch in file.iter_batches(batch_size=_BATCH):
                copy.write(_as_csv(batch, plan, read, rejects))
                read += batch.num_rows
                progress(size * read // rows)
        loaded = cursor.rowcount
    intake.close(connection)
    return Loaded(plan, rows, loaded, rejects.count, size)


def _as_csv(batch: pa.RecordBatch, plan: HeaderPlan, before: int, rejects: Rejects) -> bytes:
    """Return a batch's good rows as CSV, led by their row numbers, after keeping the bad ones."""
    columns = [pa.array(range(before + 1, before + batch.num_rows + 1), pa.int64())]
    masks: dict[int, pa.BooleanArray] = {}
    for position, target in enumerate(plan.targets):
        values, refused = cast_column(
            batch.column(position), target.column.type if target.column else "text", plan.header[position]
        )
        columns.append(values)
        if pc.any(refused).as_py():
            masks[position] = refused
    good = pa.RecordBatch.from_arrays(columns, names=[str(position) for position, _ in enumerate(columns)])
    if masks:
        bad = next(iter(masks.values()))
        for mask in masks.values():
            bad = pc.or_(bad, mask)
        _keep(batch, plan, before, masks, bad, rejects)
        good = good.filter(pc.invert(bad))
    sink = io.BytesIO()
    pa_csv.write_csv(good, sink, _OPTIONS)
    return sink.getvalue()


def _keep(
    batch: pa.RecordBatch,
    plan: HeaderPlan,
    before: int,
    masks: dict[int, pa.BooleanArray],
    bad: pa.BooleanArray,
    rejects: Rejects,
) -> None:
    """Keep a batch's bad rows as JSON, each with the first column that refused it."""
    for index in pc.indices_nonzero(bad).to_pylist():
        position = next(position for position, mask in masks.items() if mask[index].as_py())
        column = plan.targets[position].column
        value = batch.column(position)[index].as_py()
        reason = f"{plan.header[position]}: {value!r} is no {column.type if column else 'text'}"
        row = {name: batch.column(at)[index].as_py() for at, name in enumerate(plan.header)}
        line = json.dumps(row, default=str, ensure_ascii=False).encode(errors="backslashreplace")
        rejects.add(before + index + 1, None, reason.replace("\0", r"\0"), line)
