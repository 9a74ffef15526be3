"""Warehouses as earlier versions of this project left them: a published month, and two on their way.

The tables are made with the statements that the code of that time ran: until the ledger had ``measured``,
a stage table had its file's name in each row, and a sequence of its own that numbered the rows.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.types.json import Jsonb

from nyc_taxi.core.dataset import dataset_names, get_dataset
from nyc_taxi.postgres import schema
from nyc_taxi.postgres.measure import measure
from nyc_taxi.postgres.quality import Check, record_checks
from nyc_taxi.postgres.statements import migrations, statement
from nyc_taxi.postgres.tables import StageTable
from tests.postgres.trips import GREEN, MONTH, NEXT, lines, text, write

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from nyc_taxi.core.month import Month

STEPS = dict(migrations())
NAMES = list(STEPS)
MEASURED = "0004_measured"
RESULTS = "0006_quality_result"
RESULTS_ONLY = "0007_checks_are_results"
RENAMED = {"0005_measured": MEASURED}
"""Names that steps had for some commits."""

STATES = [
    *(NAMES[: number + 1] for number in range(len(NAMES))),
    ["0001_ledger", "0002_taxi_zone_lookup", "0005_measured"],
    ["0001_ledger", "0002_taxi_zone_lookup", "0003_unloaded", "0005_measured"],
]
"""The steps that a warehouse had taken; the last two are of the time before a step was renamed."""

_STAGE = """
create unlogged sequence {sequence} cache 1000;

create table {table} (
    like raw.green_tripdata,
    constraint {check} check (file_month = {first_day})
);

alter table {table}
alter column file_month set default {first_day},
alter column filename set default {filename},
alter column row_number set default nextval({sequence_name}::regclass)
"""

_SEAL = """
alter table {table}
alter column file_month drop default,
alter column filename drop default,
alter column row_number drop default;

drop sequence {sequence}
"""

_ATTEMPT = """
insert into ops.file_ledger (
    dataset, month, outcome, source, url, last_modified, bytes, bytes_uncompressed, sha256, rows_in_file,
    rows_loaded, rows_rejected, header, era, run_id, base_id, stage_table, checks, finished
)
values (
    'green', %(month)s, %(outcome)s, 'test', %(url)s, '2021-03-01 00:00+00', %(bytes)s, %(bytes)s,
    %(sha256)s, %(rows)s + 1, %(rows)s, 1, %(header)s, 'CSV since 2019, parquet to 2024', 'scheduled',
    %(base)s, %(stage)s, %(checks)s, %(finished)s
)
returning id
"""

_AUDIT = """
update ops.file_ledger
set outcome = 'audited', checks = coalesce(%(checks)s, checks)
where id = %(attempt)s and outcome = any('{staged,audited}')
"""

CHECKS = (
    Check("not empty", "completeness", "pass", 1, "at least 1", "Rows."),
    Check("columns", "consistency", "warn", 1, "no unknown column", "New."),
    Check("volume", "completeness", "warn", 0.125, "50% to 200%", "Few."),
)
"""What the audits of the published and the audited attempt found; the ledger had no dimensions."""

PUBLISHED, AUDITED, STAGED = 100, 120, 130
"""Rows of the three attempts, each of which has refused one more."""


def build(connection: psycopg.Connection, steps: list[str], folder: Path) -> dict[str, Path]:
    """Make the warehouse that a version with these steps left, and return the files of its attempts.

    Attempt 1 is published, 2 is audited for the next month, 3 is staged to replace the first.
    """
    connection.execute(statement("bootstrap"))
    for name in steps:
        connection.execute(STEPS[RENAMED.get(name, name)].encode())
        schema._record(connection, name)
    for dataset in map(get_dataset, dataset_names()):
        schema._ensure_table(connection, dataset)
        schema._record(connection, schema._fingerprint(dataset))
    measured = MEASURED in {RENAMED.get(name, name) for name in steps}
    noted = () if RESULTS_ONLY in steps else CHECKS
    files = {
        outcome: _attempt(connection, folder / outcome, outcome, month, rows, noted, measured=measured)
        for outcome, month, rows in (
            ("published", MONTH, PUBLISHED),
            ("audited", NEXT, AUDITED),
            ("staged", MONTH, STAGED),
        )
    }
    if RESULTS in steps:
        for attempt in (1, 2):
            record_checks(connection, attempt, CHECKS)
    return files


def audit_as_then(connection: psycopg.Connection, attempt: int) -> None:
    """Let an attempt pass its audit as a version did it that kept the checks in the ledger only."""
    connection.execute(_AUDIT, {"attempt": attempt, "checks": Jsonb(list(map(_in_ledger, CHECKS)))})


def _attempt(
    connection: psycopg.Connection,
    folder: Path,
    outcome: str,
    month: Month,
    rows: int,
    noted: tuple[Check, ...],
    *,
    measured: bool,
) -> Path:
    body = text([*lines(rows, month), "cut"])
    path = write(folder, body, f"green_tripdata_{month}.csv")
    values = {
        "month": month.first_day,
        "outcome": outcome,
        "url": path.as_uri(),
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "rows": rows,
        "header": GREEN.split(","),
        "base": 1 if outcome == "staged" else None,
        "stage": None,
        "checks": json.dumps([] if outcome == "staged" else list(map(_in_ledger, noted))),
        "finished": "2021-03-01 00:01+00" if outcome == "published" else None,
    }
    (id,) = connection.execute(_ATTEMPT, values).fetchone() or (0,)
    connection.execute(
        "insert into ops.rejected_rows values (%s, 'green', %s, %s, %s, '1 fields where 20 belong', 'cut')",
        (id, month.first_day, rows + 2, rows + 1),
    )
    stage = StageTable.of(get_dataset("green"), month, id)
    if measured:
        _fill_now(connection, stage, path, month)
        found = Jsonb(asdict(measure(connection, stage, get_dataset("green"), month)))
        connection.execute("update ops.file_ledger set measured = %s where id = %s", (found, id))
    else:
        _fill_then(connection, stage, path, month)
    if outcome == "published":
        _attach(connection, stage, month)
    else:
        connection.execute(
            "update ops.file_ledger set stage_table = %s where id = %s", (f"stage.{stage.name}", id)
        )
    return path


def _in_ledger(check: Check) -> dict[str, Any]:
    return {name: value for name, value in asdict(check).items() if name != "dimension"}


def _fill_then(connection: psycopg.Connection, stage: StageTable, path: Path, month: Month) -> None:
    parts = {
        "table": stage.table,
        "check": sql.Identifier(f"{stage.name}_file_month"),
        "first_day": sql.Literal(month.first_day),
        "filename": sql.Literal(path.name),
        "sequence": sql.Identifier("stage", f"{stage.name}_row_number"),
        "sequence_name": sql.Literal(f'stage."{stage.name}_row_number"'),
    }
    connection.execute(sql.SQL(_STAGE).format(**parts))
    _copy(connection, stage, path)
    connection.execute(sql.SQL(_SEAL).format(**parts))


def _fill_now(connection: psycopg.Connection, stage: StageTable, path: Path, month: Month) -> None:
    stage.create(connection, get_dataset("green"), month)
    table = f'stage."{stage.name}"'
    connection.execute(statement("number_from"), {"table": table, "before": 0})
    connection.execute(statement("take_number"), {"table": table})
    _copy(connection, stage, path)
    stage.seal(connection, path.name)


def _copy(connection: psycopg.Connection, stage: StageTable, path: Path) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, GREEN.lower().split(",")))
    copy_in = sql.SQL("copy {} ({}) from stdin (format csv, null '')").format(stage.table, columns)
    with connection.cursor().copy(copy_in) as copy:
        copy.write(b"".join(path.read_bytes().splitlines(keepends=True)[1:-1]))


def _attach(connection: psycopg.Connection, stage: StageTable, month: Month) -> None:
    name = f"green_tripdata_{month.text.replace('-', '_')}"
    connection.execute(
        statement(
            "attach",
            table=stage.table,
            moved=sql.Identifier("raw", stage.name),
            name=sql.Identifier(name),
            partition=sql.Identifier("raw", name),
            parent=sql.Identifier("raw", "green_tripdata"),
            first_day=sql.Literal(month.first_day),
        )
    )
