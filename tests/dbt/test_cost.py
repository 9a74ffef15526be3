"""What a month costs when many were built before it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.samples import USUAL_DATASETS, write_sample
from tests.extent import LONG

if TYPE_CHECKING:
    from tests.dbt.mart import Mart

FIRST = Month("2019-06")
MONTHS = 24
ROWS = 50_000

# Every further month is the first one, moved: loading it would take longer, and give no other work to dbt.
MOVE = """
create table raw.{table}_{name} partition of raw.{table} for values in ('{day}');

insert into raw.{table} ({columns}) select {moved} from raw.{table} where file_month = '{first}';

insert into ops.file_ledger (
    dataset, month, outcome, source, url, rows_in_file, rows_loaded, rows_rejected, run_id, finished
)
select dataset, date '{day}', outcome, source, url, rows_in_file, rows_loaded, rows_rejected, run_id, finished
from ops.file_ledger
where dataset = '{dataset}' and month = '{first}';
"""


def move(mart: Mart, dataset: str, months: int) -> None:
    """Put the first month there once more, as the one so many months later."""
    spec, month = get_dataset(dataset), FIRST.plus(months)
    columns = ["file_month", "filename", "row_number", *(column.name for column in spec.columns)]
    moved = {"file_month": f"date '{month.first_day}'"} | {
        name: f"{name} + interval '{months} months'" for name in (spec.pickup, spec.dropoff)
    }
    mart.connection.execute(
        MOVE.format(
            table=spec.table,
            name=str(month).replace("-", "_"),
            day=month.first_day,
            first=FIRST.first_day,
            dataset=dataset,
            columns=", ".join(columns),
            moved=", ".join(moved.get(name, name) for name in columns),
        )
    )


@pytest.mark.skipif(not LONG, reason="24 months take some minutes: make test-long")
def test_a_new_month_costs_a_small_part_of_a_full_refresh(mart: Mart) -> None:
    for path in write_sample(MonthRange(FIRST, FIRST), ROWS, mart.folder)[:-1]:
        mart.load(path, path.parent.name, str(FIRST))
    for number in range(1, MONTHS):
        for dataset in USUAL_DATASETS:
            move(mart, dataset, number)
    mart.connection.execute("analyze")
    last = str(FIRST.plus(MONTHS - 1))
    clocks, nodes = [], []
    for chosen in ((), (last,)):
        began = time.monotonic()
        nodes.append(mart.built(*chosen).seconds)
        clocks.append(time.monotonic() - began)
    assert sum(mart.months().values()) > 2 * 49_000 * MONTHS
    said = f"{clocks[1]:.1f} of {clocks[0]:.1f} s, without dbt's start {nodes[1]:.1f} of {nodes[0]:.1f} s"
    assert nodes[1] <= 0.15 * nodes[0], said
    assert clocks[1] <= 0.2 * clocks[0], said
