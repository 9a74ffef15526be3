"""The tables of the load: what they are, and their making on first use."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from google.api_core import exceptions
from google.cloud import bigquery

from nyc_taxi.bigquery.failures import failures
from nyc_taxi.bigquery.jobs import RETRY
from nyc_taxi.core.dataset import dataset_names, get_dataset
from nyc_taxi.errors import WarehouseRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nyc_taxi.bigquery.jobs import Jobs
    from nyc_taxi.core.dataset import ColumnType, Dataset

TYPES: Final[dict[ColumnType, str]] = {
    "integer": "INTEGER",
    "double": "FLOAT",
    "text": "STRING",
    "timestamp": "DATETIME",
}
"""A spec's column types in BigQuery, under the names that its API uses."""

_LABEL: Final = "nyc_taxi_shape"
"""Label of each table, which changes when the table has to."""

_FILE_MONTH: Final = "Month of the file, as its first day; trips of other months stay in the file's month."


def fields(text: str) -> list[bigquery.SchemaField]:
    """Return the columns that the lines of a text describe: name, type, ``!`` for required, description."""
    found = []
    for line in text.strip().splitlines():
        name, type_, description = (*line.split(maxsplit=2), "")[:3]
        mode = "REPEATED" if type_.endswith("[]") else "REQUIRED" if type_.endswith("!") else "NULLABLE"
        kind = type_.rstrip("[]!")
        found.append(bigquery.SchemaField(name, kind, mode, description=description))
    return found


def trips(dataset: Dataset) -> list[bigquery.SchemaField]:
    """Return the columns of a dataset's table: those that it has in Postgres, and the attempt."""
    return [
        *fields(f"""
            file_month DATE! {_FILE_MONTH}
            filename STRING! Name of the file that holds the row.
            row_number INTEGER! Ordinal of the row among the file's data rows, from 1.
        """),
        *_of_spec(dataset),
        *fields("""
            unmapped JSON Values of columns that the dataset does not know, by name; null when there are none.
            attempt_id INTEGER! The attempt in ops.file_ledger that loaded the row.
        """),
    ]


def staged(dataset: Dataset) -> list[bigquery.SchemaField]:
    """Return the columns of a staging table: those of the batches of rows."""
    return [*fields("row_number INTEGER!"), *_of_spec(dataset), *fields("unmapped STRING")]


def _of_spec(dataset: Dataset) -> Iterator[bigquery.SchemaField]:
    for column in dataset.columns:
        yield bigquery.SchemaField(column.name, TYPES[column.type], description=column.description)


LEDGER: Final = """
    id INTEGER! Number of the attempt; later attempts have larger ones.
    dataset STRING! Name of the dataset, such as green.
    month DATE! First day of the file's month.
    outcome STRING! staging, uploaded, staged, audited: in progress; published: what raw holds now; \
replaced: was published before; unloaded: was published and then removed by a user; superseded: staged, but \
another version was published first; failed: see reason; abandoned: its process died, \
or it was not published within a week.
    source STRING! The source in the connection's list that had the file: its name, such as mirror, or its \
address.
    url STRING! Address of the file; of a file in a folder, with file://.
    etag STRING The file's entity tag, if the source sent one.
    last_modified TIMESTAMP When the source last changed the file, if it states that.
    bytes INTEGER Size of the file as stored at the source.
    bytes_uncompressed INTEGER Size of the file's content.
    sha256 STRING SHA-256 of the file in hexadecimal, as stored at the source.
    rows_in_file INTEGER Data rows counted in the file itself: rows_loaded + rows_rejected.
    rows_loaded INTEGER Rows that were staged. The raw table holds them while the outcome is published.
    rows_rejected INTEGER Rows that could not be loaded. They are in ops.rejected_rows; of a failed \
attempt, the first 1,000.
    header STRING[] Column names as the file spells them.
    line_end STRING How the file's rows end: LF, CRLF or CR; empty for a parquet file.
    schema_version STRING Which of the dataset's known column layouts the file has.
    missing STRING[] Columns of the dataset that the file lacks.
    unknown STRING[] Columns of the file that the dataset lacks; their values are in unmapped.
    run_id STRING! The run of Airflow that made the attempt; of airflow taxi load, cli__ and the time of \
its start.
    base_id INTEGER The attempt that was published last when this one began.
    replaced_id INTEGER The published attempt whose rows this one replaced.
    stage_table STRING Where the rows are, in the bucket or in the dataset stage, until they are \
published or removed.
    measures JSON What the staged rows add up to: count, row numbers, pickups outside the month, first and \
last pickup.
    started TIMESTAMP! When the attempt began.
    finished TIMESTAMP When the outcome was reached; for published and replaced, when readers saw the month.
    seconds FLOAT Seconds from started to finished.
    reason STRING Why the attempt failed, was superseded or was abandoned.
    owner STRING The process that stages the attempt.
    lease_until TIMESTAMP Until when that process is taken to be alive without another sign of life.
    object STRING Where the file is in the bucket, with the object's generation.
    bytes_billed INTEGER Bytes billed for publishing the month.
"""

REJECTED: Final = """
    attempt_id INTEGER! The attempt in ops.file_ledger that rejected the row.
    dataset STRING! Name of the dataset, such as green.
    month DATE! First day of the file's month.
    line_number INTEGER Line in the file, from 1; null for a parquet file.
    row_number INTEGER! Ordinal of the data row in the file, from 1.
    reason STRING! Why the row could not be loaded.
    line BYTES! The row as it is in the file; of a parquet file, as JSON.
"""

QUALITY: Final = """
    attempt_id INTEGER! The attempt in ops.file_ledger whose rows were measured.
    dataset STRING! Name of the dataset, such as green.
    month DATE! First day of the file's month.
    dimension STRING! The dimension of quality: accuracy, completeness, consistency, timeliness, uniqueness \
or validity.
    check_name STRING! What was checked.
    value FLOAT! What was found: a share (1 is 100 %), or a number.
    threshold STRING! The values that pass.
    outcome STRING! pass; warn: reported; error: kept the month out of the raw tables (load) or \
the marts (dbt).
    message STRING! The finding as a sentence.
    measured_by STRING! load: the audit of the staged file; dbt: the build of the marts.
    measured_at TIMESTAMP! When the attempt was measured.
"""

ZONES: Final = """
    locationid INTEGER! TLC's number of the zone.
    borough STRING The zone's borough; EWR for Newark airport.
    zone STRING Name of the zone; a few names cover several zones.
    service_zone STRING Which taxis may pick up there.
"""


def rejected_rows() -> list[bigquery.SchemaField]:
    """Return the columns of ``ops.rejected_rows``."""
    return fields(REJECTED)


def tables(jobs: Jobs) -> list[bigquery.Table]:
    """Return the tables that the load needs, as they should be."""
    place = jobs.place
    found = [
        _table(jobs, place.ops, "file_ledger", fields(LEDGER), "month", ("dataset",)),
        _table(jobs, place.ops, "rejected_rows", rejected_rows(), "month", ("attempt_id", "row_number")),
        _table(jobs, place.ops, "quality_result", fields(QUALITY), "month", ("attempt_id",)),
        _table(jobs, place.raw, "taxi_zone_lookup", fields(ZONES)),
    ]
    found[0].description = "One row per attempt to load a file. A file that was found unchanged adds none."
    found[1].description = "Rows of a file that could not be loaded, byte for byte."
    found[2].description = "What each check found in each attempt, including rejected ones."
    found[3].description = "TLC's taxi zones: what the location ids of the trips mean."
    for dataset in map(get_dataset, dataset_names()):
        table = _table(jobs, place.raw, dataset.table, trips(dataset), "file_month", (dataset.pickup,))
        table.description = f"{dataset.title}. {dataset.description}"
        found.append(table)
    for table in found:
        shape = [table.description, [field.to_api_repr() for field in table.schema]]
        digest = hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:16]
        table.labels = {**place.labels, _LABEL: digest}
    return found


def _table(
    jobs: Jobs,
    dataset: str,
    name: str,
    fields: Iterable[bigquery.SchemaField],
    month: str | None = None,
    clustered: tuple[str, ...] = (),
) -> bigquery.Table:
    """Return a table, partitioned by a column that holds the first day of a month.

    A filter by month is not required: without one, people's queries over all months would fail.
    """
    table = bigquery.Table(jobs.table(dataset, name), schema=list(fields))
    if month:
        table.time_partitioning = bigquery.TimePartitioning(type_="MONTH", field=month)
    if clustered:
        table.clustering_fields = list(clustered)
    return table


def prepare(jobs: Jobs) -> None:
    """Create the tables that are missing, and give others the columns that they lack; rows are never touched.

    Any number of processes may do so at once. When there is nothing to do, it is one look per dataset.

    :raises WarehouseRefused: when a dataset is missing, or a table there is not the one that the load needs
    """
    with failures(jobs.name):
        there = {
            (table.dataset_id, table.table_id): table.labels.get(_LABEL)
            for dataset in (jobs.place.raw, jobs.place.ops)
            for table in jobs.client.list_tables(f"{jobs.place.project}.{dataset}", retry=RETRY)
        }
        for table in tables(jobs):
            shape = there.get((table.dataset_id, table.table_id), "")
            if shape == table.labels[_LABEL]:
                continue
            if (table.dataset_id, table.table_id) not in there:
                jobs.client.create_table(table, exists_ok=True, retry=RETRY)
            _upgrade(jobs, table)


def _upgrade(jobs: Jobs, wanted: bigquery.Table) -> None:
    """Give a table that is there the columns, texts and label that it should have."""
    while True:
        there = jobs.client.get_table(wanted.reference, retry=RETRY)
        if there.labels.get(_LABEL) == wanted.labels[_LABEL]:
            return
        _require_ours(there, wanted)
        lacking = {field.name: field for field in wanted.schema}
        fields = []
        for field in there.schema:
            ours = lacking.pop(field.name, None)
            fields.append(_described(field, ours.description) if ours else field)
        # A column that is added to rows cannot be required.
        fields += [_optional(field) for field in lacking.values()]
        there.schema, there.description = fields, wanted.description
        there.labels = {**there.labels, **wanted.labels}
        try:
            jobs.client.update_table(there, ["schema", "description", "labels"], retry=RETRY)
        except exceptions.PreconditionFailed:
            continue  # Another process has just changed it.
        return


def _described(field: bigquery.SchemaField, description: str | None) -> bigquery.SchemaField:
    return bigquery.SchemaField.from_api_repr({**field.to_api_repr(), "description": description or ""})


def _optional(field: bigquery.SchemaField) -> bigquery.SchemaField:
    mode = field.mode if field.mode == "REPEATED" else "NULLABLE"
    return bigquery.SchemaField.from_api_repr({**field.to_api_repr(), "mode": mode})


def _require_ours(there: bigquery.Table, wanted: bigquery.Table) -> None:
    """Refuse a table of another program.

    :raises WarehouseRefused: when it is not partitioned as the load needs it, or a column has another type
    """
    name = f"{wanted.dataset_id}.{wanted.table_id}"
    ours, theirs = (
        one.time_partitioning and (one.time_partitioning.type_, one.time_partitioning.field)
        for one in (wanted, there)
    )
    if ours != theirs or there.table_type not in {None, "TABLE"}:
        raise WarehouseRefused(
            f"{name} is a table of another program: it is not partitioned by month. Rename it, or give the "
            "connection a prefix for its datasets."
        )
    types = {field.name: field.field_type for field in there.schema}
    for field in wanted.schema:
        found = types.get(field.name, field.field_type)
        if _SAME.get(found, found) != _SAME.get(field.field_type, field.field_type):
            raise WarehouseRefused(
                f"{name}.{field.name} is {found}, and {field.field_type} is needed. Rename the table, or "
                "give the connection a prefix for its datasets."
            )


_SAME: Final = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN"}
"""Two names that the API has for one type."""
