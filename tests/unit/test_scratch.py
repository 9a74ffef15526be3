"""Folders that outlive their process are found, used and removed by the next one, and live ones are not."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.errors import ContractError, DiskFull, DownloadInterrupted, NotTheFile, UnsafeFolder
from nyc_taxi.files.kept import Kept
from nyc_taxi.files.scratch import dead_folders, discard, scratch_folder
from tests.extent import extent

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "https://example.org/green/green_tripdata_2021-01.csv.gz"
PART = Kept(URL, '"tag"', None, 10, 4, "0" * 64)


def folders(under: Path) -> list[Path]:
    return sorted(under.glob("nyc-taxi-*/*"))


def fail(
    under: Path, error: BaseException, *, part: Kept | None = PART, url: str = URL, size: int = 4
) -> Path:
    """Leave a folder by an error, and return which one it was."""
    with suppress(type(error)), scratch_folder("green-2021-01", url, under) as folder:
        (folder / "file.part").write_bytes(bytes(size))
        if part is not None:
            part.write(folder)
        raise error
    return folder


def aged(folder: Path, hours: float) -> None:
    then = time.time() - hours * 3600
    os.utime(folder, (then, then))


def test_only_the_user_can_look_into_a_folder_and_it_is_gone_after_use(tmp_path: Path) -> None:
    with scratch_folder("green-2021-01", URL, tmp_path) as folder:
        assert folder.name.startswith("green-2021-01-")
        for path in (folder, folder.parent):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
        (folder / "file").write_bytes(b"whole")
    assert folders(tmp_path) == []


@pytest.mark.parametrize(
    ("error", "stays"),
    [
        (DownloadInterrupted("cut"), True),
        (KeyboardInterrupt(), True),
        (ValueError("a fault"), True),
        (NotTheFile("a page"), False),
        (ContractError("no right"), False),
        (DiskFull("no room"), False),
    ],
)
def test_only_after_a_failure_that_may_pass_a_download_stays(
    tmp_path: Path, error: BaseException, stays: bool
) -> None:
    left = fail(tmp_path, error)
    assert folders(tmp_path) == ([left] if stays else [])
    with scratch_folder("green-2021-01", URL, tmp_path) as folder:
        assert (folder == left, (folder / "file.part").exists()) == (True, stays)
    assert folders(tmp_path) == []


def test_what_nobody_can_go_on_with_is_removed(tmp_path: Path) -> None:
    fail(tmp_path, DownloadInterrupted("cut"), part=None)
    assert folders(tmp_path) == []


def test_each_address_has_a_folder_of_its_own(tmp_path: Path) -> None:
    left = {fail(tmp_path, DownloadInterrupted("cut"), url=f"{URL}?{number}") for number in range(3)}
    assert len(left) == 3
    assert set(folders(tmp_path)) == left


@pytest.mark.parametrize("error", [None, DownloadInterrupted("cut")])
def test_of_two_at_once_the_second_works_elsewhere_and_leaves_nothing(
    tmp_path: Path, error: Exception | None
) -> None:
    with scratch_folder("green-2021-01", URL, tmp_path) as first:
        (first / "file").write_bytes(b"first")
        if error is None:
            with scratch_folder("green-2021-01", URL, tmp_path) as second:
                assert second != first
                assert folders(tmp_path) == [first, second]
        else:
            fail(tmp_path, error)
        assert folders(tmp_path) == [first]
        assert (first / "file").read_bytes() == b"first"
        assert dead_folders(tmp_path) == []
        assert not discard(first)


CHILD = """
import sys, time
from pathlib import Path
from nyc_taxi.files.scratch import scratch_folder
from tests.unit.test_scratch import PART, URL
with scratch_folder("green-2021-01", URL, Path(sys.argv[1])) as folder:
    (folder / "file.part").write_bytes(b"half")
    PART.write(folder)
    print(folder, flush=True)
    time.sleep(600)
"""


def killed(under: Path, while_it_lives: Callable[[Path], object] = lambda folder: None) -> Path:
    """Kill a process that works in a folder, and return the folder."""
    command = [sys.executable, "-c", CHILD, str(under)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        folder = Path(child.stdout.readline().strip())
        try:
            while_it_lives(folder)
        finally:
            child.send_signal(signal.SIGKILL)
    return folder


def test_the_folder_of_a_killed_process_is_taken_up_and_that_of_a_live_one_is_not(tmp_path: Path) -> None:
    def look(folder: Path) -> None:
        aged(folder, 1000)
        assert dead_folders(tmp_path) == []
        assert not discard(folder)
        with scratch_folder("green-2021-01", URL, tmp_path) as other:
            assert other != folder
        assert folders(tmp_path) == [folder]

    left = killed(tmp_path, look)
    (dead,) = dead_folders(tmp_path)
    assert dead.path == left
    assert dead.bytes > len(b"half")
    aged(left, 1)
    with scratch_folder("green-2021-01", URL, tmp_path) as folder:
        assert folder == left
        assert (folder / "file.part").read_bytes() == b"half"
    assert folders(tmp_path) == []


def test_the_spare_folder_of_a_killed_process_is_removed_by_the_next_one(tmp_path: Path) -> None:
    with scratch_folder("green-2021-01", URL, tmp_path) as first:
        spare = killed(tmp_path)
        assert folders(tmp_path) == [first, spare]
        with scratch_folder("fhv-2021-01", URL, tmp_path) as other:
            assert set(folders(tmp_path)) == {first, other}


def test_a_download_is_kept_for_a_day(tmp_path: Path) -> None:
    old = fail(tmp_path, DownloadInterrupted("cut"), url=f"{URL}?old")
    young = fail(tmp_path, DownloadInterrupted("cut"), url=f"{URL}?young")
    theirs = old.parent / "my-notes"
    theirs.mkdir()
    aged(old, 25)
    aged(young, 23)
    aged(theirs, 1000)
    with scratch_folder("fhv-2021-01", URL, tmp_path) as folder:
        assert set(folders(tmp_path)) == {young, theirs, folder}
    assert [dead.path for dead in dead_folders(tmp_path)] == [young]


def test_a_lock_counts_only_in_the_folder_that_is_there_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody removes the folder, and another one makes it anew, just before its lock is taken."""
    left = fail(tmp_path, DownloadInterrupted("cut"))
    take = fcntl.flock

    def too_late(lock: int, how: int) -> None:
        if not (tmp_path / "gone").exists():
            left.rename(tmp_path / "gone")
            left.mkdir()
        take(lock, how)

    monkeypatch.setattr(fcntl, "flock", too_late)
    with scratch_folder("green-2021-01", URL, tmp_path) as folder:
        assert folder == left
        assert not discard(folder)


def test_a_folder_is_discarded_once(tmp_path: Path) -> None:
    left = fail(tmp_path, DownloadInterrupted("cut"))
    assert discard(left)
    assert not discard(left)
    assert folders(tmp_path) == []


def _link(root: Path) -> None:
    elsewhere = root.with_name("elsewhere")
    elsewhere.mkdir(mode=0o700)
    root.symlink_to(elsewhere)


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(_link, id="symlink"),
        pytest.param(lambda root: root.mkdir(mode=0o755), id="readable by others"),
        pytest.param(lambda root: root.write_text(""), id="file"),
    ],
)
def test_a_folder_that_others_could_change_is_refused(
    tmp_path: Path, prepare: Callable[[Path], object]
) -> None:
    prepare(tmp_path / f"nyc-taxi-{os.geteuid()}")
    with (
        pytest.raises(UnsafeFolder, match="not a folder of this user alone"),
        scratch_folder("green-2021-01", URL, tmp_path),
    ):
        pytest.fail("it was used")
    with pytest.raises(UnsafeFolder):
        dead_folders(tmp_path)


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nyc-taxi-12345").mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(UnsafeFolder), scratch_folder("green-2021-01", URL, tmp_path):
        pytest.fail("it was used")


def come_and_go(under: Path, name: str, wrong: list[str]) -> None:
    """Use the folder of one address again and again, and leave every third time a download in it."""
    for number in range(extent(25, 250)):
        with suppress(DownloadInterrupted), scratch_folder("green-2021-01", URL, under) as folder:
            files = [folder / str(part) for part in range(10)]
            for path in files:
                path.write_text(name)
            time.sleep(0.0005)
            there = [path.read_text() if path.exists() else "nobody" for path in files]
            if there != [name] * 10:
                wrong.append(f"instead of {name} there are {there}")
            if number % 3 == 0:
                PART.write(folder)
                raise DownloadInterrupted("cut")


def clear_up(under: Path, stop: threading.Event) -> None:
    while not stop.is_set():
        for dead in dead_folders(under):
            discard(dead.path)


def test_any_number_may_come_and_go_while_others_clear_up(tmp_path: Path) -> None:
    """Nobody ever loses a file of a folder that is his, or finds that of another in its place."""
    wrong: list[str] = []
    stop = threading.Event()
    with ThreadPoolExecutor(6) as pool:
        clearing = [pool.submit(clear_up, tmp_path, stop) for _ in range(2)]
        working = [pool.submit(come_and_go, tmp_path, str(number), wrong) for number in range(4)]
        wait(working)
        stop.set()
    for future in (*working, *clearing):
        future.result()
    assert wrong == []
    for dead in dead_folders(tmp_path):
        discard(dead.path)
    assert folders(tmp_path) == []
