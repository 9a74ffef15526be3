"""The figures can be measured, printed and compared; their values are not checked here."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from benchmarks import history, runner
from benchmarks.figure import Figure
from benchmarks.machine import Circumstances
from benchmarks.place import BenchmarkFailed
from tests.extent import LONG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.sizes import Sizes

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bench" / "history.jsonl"


def bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "benchmarks", *map(str, arguments))
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_groups_are_measured_and_leave_nothing_but_a_line(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = list(runner.GROUPS) if LONG else ["load"]
    done = bench(*wanted, "--tiny", "--history", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(file.parent.iterdir()) == [file]
    (line,) = file.read_text().splitlines()
    groups = json.loads(line)["groups"]
    assert [group["group"] for group in groups] == wanted
    figures = [figure for group in groups for figure in group["figures"]]
    names = [figure["name"] for figure in figures]
    assert len(set(names)) == len(names) > 10
    for figure in figures:
        assert (figure["met"] is None) == (figure["target"] is None)
        assert figure["name"] in done.stdout
    capsys.readouterr()
    assert runner.main(["--show", "--history", str(file)]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in names)


def pretend(patch: pytest.MonkeyPatch, *figures: Figure, failure: str = "") -> None:
    """Let the runner have one group, which finds these figures and then may fail."""

    def measure(sizes: Sizes, folder: Path) -> Iterator[Figure]:
        (folder / "something").mkdir()
        yield from figures
        if failure:
            raise BenchmarkFailed(failure)

    patch.setattr(runner, "GROUPS", {"pretended": runner.Group(measure, 1)})
    patch.setattr("benchmarks.machine.busy", lambda seconds: 0.0)


MET, MISSED = Figure("met", 1.0, "s", 2.0), Figure("missed", 3.0, "s", 2.0)


@pytest.mark.parametrize(
    ("figures", "strict", "code"),
    [((MET,), True, 0), ((MET, MISSED), False, 0), ((MET, MISSED), True, 1)],
)
def test_a_missed_target_fails_the_strict_run_only(
    monkeypatch: pytest.MonkeyPatch, file: Path, figures: tuple[Figure, ...], strict: bool, code: int
) -> None:
    pretend(monkeypatch, *figures)
    assert runner.main(["--tiny", "--history", str(file), *(["--strict"] if strict else [])]) == code


def test_what_was_measured_before_a_failure_is_kept(
    monkeypatch: pytest.MonkeyPatch, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend(monkeypatch, MET, failure="The disk is full.")
    assert runner.main(["--tiny", "--history", str(file)]) == 1
    assert "The disk is full." in capsys.readouterr().out
    (run,) = history.read(file)
    assert run.groups[0].figures == (MET,)
    assert list(file.parent.iterdir()) == [file]


def test_a_group_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        runner.main(["laod"])
    assert "no group laod; choose from load" in capsys.readouterr().err


HERE = Circumstances("2026-01-02T03:04:05+00:00", "abc1234", "2 cores", "3.11.7", "18.4")


def test_runs_are_compared_with_those_of_the_same_machine(file: Path) -> None:
    def add(value: float, quiet: bool, **about: str) -> None:
        figures = (Figure.of("a load", [value, value + 1, value - 1], "s", 2.0),)
        group = history.Measured("pretended", 0.0, quiet, 1.0, figures)
        history.append(history.Run("usual", replace(HERE, **about), 0.1, (group,)), file)

    add(1.5, True)
    add(7.25, True, machine="64 cores")
    add(2.5, False, commit="def5678")
    console = Console(width=200, file=io.StringIO(), record=True)
    history.show(file, console)
    first, second = console.export_text().split("64 cores")
    assert [word for word in first.split() if "5" in word and word[0] in "~12!"] == ["1.5", "~!2.5"]
    assert "def5678" in first
    assert "!7.25" in second


def test_a_figure_is_the_median_of_what_was_found() -> None:
    assert Figure.of("a load", [3.0, 1.0, 9.0], "s") == Figure("a load", 3.0, "s", None, (1.0, 9.0))
    assert (MET.met, MISSED.met, Figure("for information", 1.0, "s").met) == (True, False, None)
