"""``airflow taxi show`` against a real warehouse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg
import pytest

from nyc_taxi.core.month import MonthRange
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from nyc_taxi.samples import write_sample
from tests.cli.taxi import run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("taxi_connection")

SOME_REJECTED = """
update ops.quality_result set value = 17.0 / 49996 where check_name = 'rejected rows'
"""


def split_row(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")]


def test_figures_are_in_the_unit_of_their_threshold(
    warehouse_uri: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for month, rows in (("2021-01", 1_200), ("2021-02", 500)):
        write_sample(MonthRange.parse(month), rows, tmp_path, ["green"])
    PostgresWarehouse(lambda: psycopg.connect(warehouse_uri), "postgres_taxi").prepare()
    with psycopg.connect(warehouse_uri) as connection:
        connection.execute("alter sequence ops.file_ledger_id_seq restart with 1000")
    run(f"load green 2021-02 --source {tmp_path}")
    run(f"load green 2021-01 --source {tmp_path}")
    with psycopg.connect(warehouse_uri) as connection:
        connection.execute(SOME_REJECTED)
    capsys.readouterr()
    run("show green 2021-01")
    facts, _, checks = capsys.readouterr().out.partition("dimension")
    assert ["attempt", "1001"] in [line.split() for line in facts.splitlines()]
    assert re.search(r"loaded_at +20[-0-9]+ [:0-9]+ UTC\n", facts)
    found = {line[1]: line[2:] for line in map(split_row, checks.splitlines()) if len(line) > 2}
    assert found["row accounting"] == ["1,200", "1,200", "pass", "load", "1001"]
    assert found["volume"][0] == "240%"
    assert found["rejected rows"][:3] == ["0.034%", "none", "pass"]
    assert found["pickups in the month"][1:3] == ["at most 1%", "pass"]
    assert "warn: volume: 1,200 rows, 240% of the usual 500 (median of 1 month around it)." in checks
