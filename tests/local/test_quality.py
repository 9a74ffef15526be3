"""What runs the groups of tests side by side."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from local.environment import CHECKOUT
from local.quality import TESTS, run_side_by_side
from tests.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

MEET = """
import pathlib, sys, time
here, there = map(pathlib.Path, sys.argv[1:])
here.touch()
while not there.exists():
    time.sleep(0.01)
"""
SLEEP = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(600)
"""
RUN = """
import sys
from local.environment import CHECKOUT
from local.quality import TESTS, run_side_by_side
run_side_by_side({"one": tuple(sys.argv[1:])}, lanes=1)
"""


def python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *arguments)


def test_a_failed_group_is_reported_with_its_output(capsys: pytest.CaptureFixture[str]) -> None:
    groups = {"good": python("print('all is well')"), "bad": python("raise SystemExit('it is not')")}

    results = run_side_by_side({**groups, "last": python("pass")}, lanes=2)

    assert {one.name: one.code for one in results} == {"good": 0, "bad": 1, "last": 0}
    printed = capsys.readouterr().out
    assert "all is well" in printed
    assert "it is not" in printed


def test_groups_run_at_the_same_time(tmp_path: Path) -> None:
    """Each waits for the other one's file, so that neither would end alone."""
    here, there = str(tmp_path / "here"), str(tmp_path / "there")

    results = run_side_by_side({"one": python(MEET, here, there), "two": python(MEET, there, here)}, lanes=2)

    assert [one.code for one in results] == [0, 0]


def test_an_interrupted_run_ends_what_it_started(tmp_path: Path) -> None:
    started = tmp_path / "started"
    process = subprocess.Popen(python(RUN, *python(SLEEP, str(started))), stderr=subprocess.DEVNULL)
    pid = int(eventually(lambda: started.exists() and started.read_text()))

    process.send_signal(signal.SIGINT)
    process.wait(60)

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_every_folder_of_tests_is_run() -> None:
    groups = " ".join(TESTS.values()).split()
    folders = {str(path.parent.relative_to(CHECKOUT)) for path in CHECKOUT.glob("tests/**/test_*.py")}

    others = ["tests/browser", "tests/cluster", "tests/compose", "tests/tutorial"]
    assert sorted([*groups, *others]) == sorted(folders)


@pytest.mark.parametrize(("text", "refused"), [("it_goes_on_with_it", True), ("it_is_besides", False)])
def test_words_that_have_a_plainer_one_are_refused(text: str, refused: bool) -> None:
    (hook,) = (
        hook
        for repository in yaml.safe_load((CHECKOUT / ".pre-commit-config.yaml").read_text())["repos"]
        for hook in repository["hooks"]
        if hook["id"] == "words"
    )
    assert bool(re.search(hook["entry"], text.replace("_", " "), re.IGNORECASE)) is refused
