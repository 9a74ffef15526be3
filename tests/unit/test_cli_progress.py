from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from nyc_taxi.cli import progress

if TYPE_CHECKING:
    import pytest


class _Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    screen = _Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    return screen


def test_without_a_terminal_a_step_is_a_line_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.steps("green 2021-01") as show:
        for done in range(0, 1_000_001, 100_000):
            show("download", done, 1_000_000)
        show("download", 1_000_000, 1_000_000)
        show("copy", 5_000_000, 5_000_000)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("green 2021-01 download: 1.0 of 1.0 MB (100%)")
    assert second.startswith("green 2021-01 copy: 5.0 of 5.0 MB (100%)")


def test_without_a_terminal_a_long_step_is_a_line_every_so_often(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(0, 1000, 4))
    monkeypatch.setattr("nyc_taxi.progress.time.monotonic", lambda: float(next(now)))
    with progress.steps("green 2021-01") as show:
        for done in range(10):
            show("download", done * 1_000_000, None)
    assert [line.split()[3] for line in capsys.readouterr().err.splitlines()] == ["3.0", "6.0", "9.0"]


def test_without_a_terminal_a_tally_is_a_line_when_it_changes(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.tally("green") as show:
        show(0, 3, "3 queued")
        show(0, 3, "3 queued")
        show(1, 3, "2 queued, 1 succeeded")
    assert capsys.readouterr().err.splitlines() == [
        "green: 0 of 3, 3 queued",
        "green: 1 of 3, 2 queued, 1 succeeded",
    ]


def test_a_terminal_gets_a_bar_for_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with progress.steps("green 2021-01") as show:
        show("download", 1_000_000, 2_000_000)
        show("download", 2_000_000, 2_000_000)
        show("copy", 1_000_000, None)
    shown = screen.getvalue()
    assert "green 2021-01 download" in shown
    assert "2.0/2.0 MB" in shown
    assert "green 2021-01 copy" in shown


def test_a_terminal_gets_a_bar_for_a_tally(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with progress.tally("green") as show:
        show(1, 3, "1 waiting for the file, 1 queued, 1 succeeded")
    assert "1/3" in screen.getvalue()
    assert "1 waiting for the file" in screen.getvalue()
