"""Staging: what is promised of it, whatever the file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.errors import ContractError, DownloadInterrupted, TooManyRejects, TruncatedFile
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.stage import Staged, stage_month
from nyc_taxi.postgres import attempts
from tests.postgres.trips import (
    GREEN,
    MONTH,
    content,
    counts,
    fetch,
    green,
    leftovers,
    lines,
    load,
    published,
    refused,
    row,
    stage,
    text,
    write,
)

if TYPE_CHECKING:
    import psycopg

    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication
    from nyc_taxi.postgres.warehouse import PostgresWarehouse


def test_truncated_file_is_refused_with_nothing_changed(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, real_data: Path
) -> None:
    path = real_data / "real" / "yellow_tripdata_2021-01.head22792.csv"
    with pytest.raises(TruncatedFile, match="ends in the middle of line 22794") as caught:
        stage(taxi_warehouse, published(path, dataset="yellow"))
    assert reader.execute("select count(*) from raw.yellow_tripdata").fetchone() == (0,)
    assert leftovers(reader) == []
    attempts = reader.execute("select outcome, reason from ops.file_ledger").fetchall()
    assert attempts == [("failed", str(caught.value))]


def test_cut_gzip_file_is_refused_with_nothing_changed(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path, 1000)))
    before = content(reader)
    whole = green(tmp_path / "new", 2000)
    whole.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(TruncatedFile):
        stage(taxi_warehouse, published(whole))
    assert content(reader) == before
    assert leftovers(reader) == []


def test_unchanged_month_is_told_from_what_the_source_says_alone(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    file = published(green(tmp_path))
    first = load(taxi_warehouse, file)

    def no_fetch(publication: Publication, folder: Path) -> File:
        pytest.fail("the file was downloaded")

    staged = stage(taxi_warehouse, file, fetch=no_fetch)
    assert staged.unchanged
    assert staged.attempt == first.id
    assert staged.rows_loaded == 100
    assert reader.execute("select count(*) from ops.file_ledger").fetchone() == (1,)


def test_file_that_was_only_touched_is_unchanged_and_known_by_its_new_marks(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    path = green(tmp_path)
    first = load(taxi_warehouse, published(path))
    touched = published(path, modified=datetime(2022, 5, 1, tzinfo=UTC))
    staged = stage(taxi_warehouse, touched)
    assert (staged.unchanged, staged.attempt) == (True, first.id)
    assert reader.execute("select id, last_modified from ops.file_ledger").fetchall() == [
        (first.id, touched.last_modified)
    ]
    current = taxi_warehouse.ledger.current("green", MONTH)
    assert current is not None
    assert touched.same_file(
        url=current.url, etag=current.etag, last_modified=current.last_modified, bytes=current.bytes
    )


def test_force_loads_an_unchanged_file_again(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    file = published(green(tmp_path))
    first = load(taxi_warehouse, file)
    before = content(reader)
    second = load(taxi_warehouse, file, force=True)
    assert second.id != first.id
    assert content(reader) == before


def test_failed_download_leaves_its_reason_and_nothing_else(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def broken(publication: Publication, folder: Path) -> File:
        (folder / "half").write_bytes(b"half a file")
        raise DownloadInterrupted("The transfer ended after 11 bytes.")

    with pytest.raises(DownloadInterrupted):
        stage_month(taxi_warehouse, published(green(tmp_path / "source")), fetch=broken, run_id="r")
    assert reader.execute("select outcome, reason, run_id from ops.file_ledger").fetchall() == [
        ("failed", "The transfer ended after 11 bytes.", "r")
    ]
    assert list(tmp_path.glob("nyc-taxi-*")) == []
    assert leftovers(reader) == []


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
    with pytest.raises(ContractError, match=r"took it for dead.*Run the stage step of the month again"):
        stage(taxi_warehouse, published(green(tmp_path)), fetch=cut_off)
    assert reader.execute("select outcome from ops.file_ledger").fetchall() == [("abandoned",)]
    assert leftovers(reader) == []


def test_attempt_of_a_killed_process_is_abandoned_by_the_next_run_and_a_live_one_is_not(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    file = published(green(tmp_path))

    def in_the_middle(publication: Publication, folder: Path) -> File:
        # This attempt is alive while another one comes and goes.
        load(taxi_warehouse, published(green(tmp_path / "other", 50)))
        assert outcomes() == ["abandoned", "staging", "published"]
        return fetch(publication, folder)

    def outcomes() -> list[str]:
        return [name for (name,) in reader.execute("select outcome from ops.file_ledger order by id")]

    with taxi_warehouse.sessions() as dying:
        attempts.begin(dying, file, "killed")
    assert outcomes() == ["staging"]
    staged = stage(taxi_warehouse, file, fetch=in_the_middle)
    assert outcomes() == ["abandoned", "staged", "published"]
    assert not staged.unchanged


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
    """The peak of a child that stages many rows is hardly above that of one that stages few."""
    small = _peak_of_staging(warehouse_uri, green(tmp_path / "small", 1_000))
    large = _peak_of_staging(warehouse_uri, green(tmp_path / "large", 300_000))
    assert large - small < 16 * 1024


def _peak_of_staging(uri: str, path: Path) -> int:
    """Return the peak resident memory, in KiB, of a process that stages a file."""
    script = r"""
import re, sys
from pathlib import Path
import psycopg
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.postgres.trips import published, stage
stage(PostgresWarehouse(lambda: psycopg.connect(sys.argv[1]), "w"), published(Path(sys.argv[2])))
print(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
"""
    child = subprocess.run(
        [sys.executable, "-c", script, uri, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    return int(child.stdout)


def test_progress_is_told_in_bytes_of_content(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    told: list[tuple[str, int, int | None]] = []
    path = write(tmp_path, text(lines(5000)))
    stage_month(
        taxi_warehouse,
        published(path),
        fetch=fetch,
        run_id="r",
        progress=lambda step, done, total: told.append((step, done, total)),
    )
    assert told[-1] == ("copy", path.stat().st_size, path.stat().st_size)


def test_too_many_refused_rows_fail_the_attempt_and_stay_visible(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    load(taxi_warehouse, published(green(tmp_path, 300)))
    before = counts(reader)
    rows = [GREEN, *(row(number) if number % 2 else "cut" for number in range(300))]
    with pytest.raises(TooManyRejects) as caught:
        stage(taxi_warehouse, published(write(tmp_path / "bad", text(rows))))
    assert "150 of 300 rows" in str(caught.value)
    assert "line 2: 1 fields where 20 belong; line 4:" in str(caught.value)
    assert counts(reader) == before
    assert leftovers(reader) == []
    newest = taxi_warehouse.ledger.history("green", MONTH)[-1]
    assert len(refused(taxi_warehouse)) == 150
    assert newest.outcome is Outcome.FAILED
    assert newest.rows_rejected == 150
    assert newest.rows_in_file == 300


def test_result_survives_being_sent_as_json(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    staged = stage(taxi_warehouse, published(green(tmp_path)))
    assert Staged.from_json(json.loads(json.dumps(staged.to_json()))) == staged
