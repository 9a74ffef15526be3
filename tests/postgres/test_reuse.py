"""What a staging that died or failed had downloaded is used by the next one on the same machine."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.errors import SourceUnreachable, WarehouseUnreachable
from nyc_taxi.files.download import Limits, download
from nyc_taxi.files.kept import Kept
from nyc_taxi.files.source import SourceList
from nyc_taxi.load.load import load_month
from nyc_taxi.postgres import ledger
from nyc_taxi.postgres.doctor import examine
from nyc_taxi.postgres.stage import Staged, stage_month
from tests.file_server import Reply
from tests.postgres.trips import MONTH, green, leftovers, lines, text, write
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psycopg

    from nyc_taxi.postgres.warehouse import Warehouse
    from tests.file_server import FileServer

PATH = "green/green_tripdata_2021-01.csv.gz"
ROWS = 20_000
ONCE = Limits(tries=1, pause=0.01, total=60)


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A month whose fares hardly compress, so that its file is not all too small."""
    draw = random.Random(1)
    rows = [lines(0)[0], *(line.replace("10.5", f"{draw.random() * 1e9:.9f}") for line in lines(ROWS)[1:])]
    return write(tmp_path_factory.mktemp("month"), text(rows), "green_tripdata_2021-01.csv.gz").read_bytes()


def serve(server: FileServer, body: bytes, *, tag: str = '"one"', pause: float = 0.0) -> Reply:
    reply = Reply(body, headers={"ETag": tag}, piece=len(body) // 50 if pause else 1 << 20, pause=pause)
    server.answer(PATH, reply)
    return reply


def scratch(under: Path) -> list[Path]:
    return sorted(under.glob("nyc-taxi-*/*"))


def noted(under: Path) -> int:
    """Return how many bytes a download has noted so far, to be gone on with."""
    return sum(kept.bytes for folder in scratch(under) if (kept := Kept.read(folder)))


@contextmanager
def staging(uri: str, server: FileServer, under: Path, stop_at: str = "") -> Iterator[subprocess.Popen[str]]:
    """Run a child that loads the month from a server, and kill it in the end."""
    command = [sys.executable, "-m", "tests.postgres.loading", uri, server.url, stop_at]
    environment = {**os.environ, "TMPDIR": str(under)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        try:
            if stop_at and child.stdout is not None:
                assert child.stdout.readline().strip() == stop_at
            yield child
        finally:
            child.kill()


def stage(warehouse: Warehouse, server: FileServer, under: Path, *, run_id: str = "killed") -> Staged:
    """Stage what the server has now."""
    return stage_month(
        warehouse,
        SourceList.parse(server.url).ask("green", MONTH),
        fetch=partial(download, keep=True, limits=ONCE),
        run_id=run_id,
        folder=under,
    )


def test_killed_in_the_middle_of_the_download_the_next_process_asks_for_the_rest(
    taxi_warehouse: Warehouse,
    warehouse_uri: str,
    reader: psycopg.Connection,
    file_server: FileServer,
    tmp_path: Path,
    body: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "nyc_taxi")
    serve(file_server, body, pause=0.1)
    with staging(warehouse_uri, file_server, tmp_path) as child:
        eventually(lambda: noted(tmp_path) > len(body) / 5)
        child.kill()
    serve(file_server, body)
    staged = stage(taxi_warehouse, file_server, tmp_path)
    assert staged.rows_loaded == ROWS
    first, second = file_server.ranges
    assert first is None
    assert second is not None
    assert int(second.removeprefix("bytes=").removesuffix("-")) > len(body) / 5
    assert f"Goes on with an earlier download of {file_server.url}/{PATH} from byte " in caplog.text
    assert reader.execute("select outcome from ops.file_ledger order by id").fetchall() == [
        ("abandoned",),
        ("staged",),
    ]
    assert scratch(tmp_path) == []


def killed_after_the_download(uri: str, server: FileServer, under: Path, body: bytes) -> Path:
    """Leave what a process leaves that was killed after the download, and return the file."""
    serve(server, body)
    with staging(uri, server, under, "downloaded"):
        pass
    server.requests.clear()
    (folder,) = scratch(under)
    return folder / PATH.rpartition("/")[2]


def test_killed_after_the_download_the_next_process_does_not_download(
    taxi_warehouse: Warehouse,
    warehouse_uri: str,
    file_server: FileServer,
    tmp_path: Path,
    body: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "nyc_taxi")
    killed_after_the_download(warehouse_uri, file_server, tmp_path, body)
    assert stage(taxi_warehouse, file_server, tmp_path).rows_loaded == ROWS
    assert file_server.count("GET") == 0
    assert "Uses the file that was downloaded earlier" in caplog.text
    assert scratch(tmp_path) == []


@pytest.mark.parametrize("change", ["a byte on the disk", "the source"])
def test_what_may_not_be_used_any_more_is_downloaded_anew(
    taxi_warehouse: Warehouse,
    warehouse_uri: str,
    file_server: FileServer,
    tmp_path: Path,
    body: bytes,
    change: str,
) -> None:
    kept = killed_after_the_download(warehouse_uri, file_server, tmp_path, body)
    rows = ROWS
    if change == "the source":
        rows = 70
        serve(file_server, green(tmp_path / "new", rows).read_bytes(), tag='"two"')
    else:
        damaged = bytearray(kept.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        kept.write_bytes(damaged)
    assert stage(taxi_warehouse, file_server, tmp_path).rows_loaded == rows
    assert file_server.ranges == [None, None]
    assert scratch(tmp_path) == []


def test_a_retry_on_another_machine_says_that_it_starts_over(
    taxi_warehouse: Warehouse,
    file_server: FileServer,
    tmp_path: Path,
    body: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "nyc_taxi")
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    said = f"There is no earlier download of {file_server.url}/{PATH} on this machine: it starts over."
    file_server.answer(PATH, serve(file_server, body), Reply(status=503))
    for folder in (here, elsewhere):
        folder.mkdir()
    with pytest.raises(SourceUnreachable):
        stage(taxi_warehouse, file_server, here, run_id="first")
    assert said not in caplog.messages
    serve(file_server, body)
    stage(taxi_warehouse, file_server, elsewhere, run_id="another")
    assert said not in caplog.messages
    stage(taxi_warehouse, file_server, elsewhere, run_id="first")
    assert said in caplog.messages


def test_a_warehouse_that_goes_away_while_copying_does_not_cost_the_download(
    taxi_warehouse: Warehouse,
    reader: psycopg.Connection,
    file_server: FileServer,
    tmp_path: Path,
    body: bytes,
) -> None:
    serve(file_server, body)
    publication = SourceList.parse(file_server.url).ask("green", MONTH)
    stage_once = partial(
        stage_month,
        taxi_warehouse,
        publication,
        fetch=partial(download, keep=True),
        run_id="run",
        folder=tmp_path,
    )

    def cut_off(step: str, done: int, total: int | None) -> None:
        reader.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%stage%'"
        )

    with pytest.raises(WarehouseUnreachable):
        stage_once(progress=cut_off)
    assert len(scratch(tmp_path)) == 1
    assert stage_once().rows_loaded == ROWS
    assert file_server.count("GET") == 1
    assert scratch(tmp_path) == []


def test_an_unchanged_file_leaves_no_download(
    taxi_warehouse: Warehouse, file_server: FileServer, tmp_path: Path, body: bytes
) -> None:
    serve(file_server, body)
    load_month(taxi_warehouse, SourceList.parse(file_server.url), "green", MONTH, run_id="first")
    serve(file_server, body, tag='"touched"')
    assert stage(taxi_warehouse, file_server, tmp_path).unchanged
    assert file_server.count("GET") == 2
    assert scratch(tmp_path) == []


def test_two_processes_stage_a_month_at_once_while_the_doctor_cleans_up(
    taxi_warehouse: Warehouse,
    warehouse_uri: str,
    reader: psycopg.Connection,
    file_server: FileServer,
    tmp_path: Path,
    body: bytes,
) -> None:
    """Both finish; the doctor removes what a third one left that was killed before, and nothing else."""
    killed_after_the_download(warehouse_uri, file_server, tmp_path, body)
    done = threading.Event()
    removed: list[str] = []
    seen: set[Path] = set()
    faults: list[BaseException] = []

    def clean() -> None:
        try:
            while not done.is_set():
                found = examine(taxi_warehouse, clean=True, folder=tmp_path)
                removed.extend(finding.what for finding in found if finding.done == "removed")
                seen.update(part.parent for part in tmp_path.glob("nyc-taxi-*/*/*.part"))
        except BaseException as error:
            faults.append(error)

    cleaner = threading.Thread(target=clean)
    cleaner.start()
    try:
        eventually(lambda: len(removed) == 2 or faults != [])
        seen.clear()
        serve(file_server, body, pause=0.04)
        with staging(warehouse_uri, file_server, tmp_path) as one:
            eventually(lambda: file_server.count("GET") == 1)
            one.send_signal(signal.SIGSTOP)  # so that the other one begins before it is done
            with staging(warehouse_uri, file_server, tmp_path) as two:
                eventually(lambda: len(seen) == 2)
                one.send_signal(signal.SIGCONT)
                assert [child.wait(60) for child in (one, two)] == [0, 0]
    finally:
        done.set()
        cleaner.join()
    assert faults == []
    assert sorted(removed) == ["dead attempt", "download"]
    assert file_server.count("GET") == 2
    with taxi_warehouse.session() as connection:
        outcomes = [str(attempt.outcome) for attempt in ledger.history(connection, "green", MONTH)]
    # The one that is second is superseded, or finds the very same file published already.
    assert sorted({*outcomes, "superseded"}) == ["abandoned", "published", "superseded"]
    assert outcomes.count("published") == 1
    assert reader.execute("select count(*) from raw.green_tripdata").fetchone() == (ROWS,)
    assert leftovers(reader) == []
    assert scratch(tmp_path) == []
    assert examine(taxi_warehouse, folder=tmp_path) == []
