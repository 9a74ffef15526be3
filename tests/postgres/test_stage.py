"""Staging: what is promised of it, whatever the file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.errors import ContractError
from tests.trips import (
    MONTH,
    content,
    fetch,
    green,
    leftovers,
    published,
    stage,
)

if TYPE_CHECKING:
    import psycopg

    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication
    from nyc_taxi.postgres.warehouse import PostgresWarehouse


@pytest.mark.parametrize("swept", [False, True])
def test_lost_session_costs_the_attempt_only_if_another_run_took_it_for_dead(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path, swept: bool
) -> None:
    def cut_off(publication: Publication, folder: Path) -> File:
        (cut,) = reader.execute(
            "select pg_terminate_backend(pid, 60000) from pg_stat_activity "
            "where application_name like '%attempt%'"
        ).fetchall()
        assert cut == (True,)
        if swept:
            taxi_warehouse.remove_leftovers("green", MONTH)
        return fetch(publication, folder)

    if not swept:
        stage(taxi_warehouse, published(green(tmp_path)), fetch=cut_off)
        return
    with pytest.raises(ContractError, match=r"took it for dead"):
        stage(taxi_warehouse, published(green(tmp_path)), fetch=cut_off)
    assert reader.execute("select outcome from ops.file_ledger").fetchall() == [("abandoned",)]
    assert leftovers(reader) == []


def test_staged_table_is_numbered_in_file_order_and_hidden_from_readers(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    staged = stage(taxi_warehouse, published(green(tmp_path, 3000)))
    assert content(reader) == []
    table = f"stage.green_tripdata_2021_01_{staged.attempt}"
    wrong = f"""
        select count(*) from {table}
        where pulocationid <> (row_number - 1) %% 263 + 1
            or extract(day from lpep_pickup_datetime) <> (row_number - 1) %% 27 + 1
    """
    assert reader.execute(wrong, ()).fetchone() == (0,)
    assert leftovers(reader) == [table.removeprefix("stage.")]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process' peak memory")
def test_memory_does_not_grow_with_the_file(
    warehouse_uri: str, taxi_warehouse: PostgresWarehouse, tmp_path: Path
) -> None:
    """The peak of a child that stages many batches is hardly above that of one that stages a few."""
    small = _peak_of_staging(warehouse_uri, green(tmp_path / "small", 100_000))
    large = _peak_of_staging(warehouse_uri, green(tmp_path / "large", 400_000))
    assert large - small < 64 * 1024


def _peak_of_staging(uri: str, path: Path) -> int:
    """Return the peak resident memory, in KiB, of a process that stages a file."""
    script = r"""
import re, sys
from pathlib import Path
import psycopg
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.trips import published, stage
warehouse = PostgresWarehouse(lambda: psycopg.connect(sys.argv[1]), "w")
stage(warehouse, published(Path(sys.argv[2])))
print(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
"""
    child = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", script, uri, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert child.stderr == "", "its idle connection was not closed"
    return int(child.stdout)
