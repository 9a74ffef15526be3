"""The commands of the Makefile, and what they say when something is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.faults.hostile import HOSTILE, MARK

CHECKOUT = Path(__file__).parents[2]
SETTINGS = ("ARGS", "CMD", "CONTEXT", "IMAGE", "MONTHS", "PORT", "PYTHON", "ROWS", "SOURCE", "UPGRADE")
"""What a user may set for make."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the commands are made of, without an environment and without a demo."""
    copy = tmp_path / "check out"
    for folder in ("local", "requirements"):
        shutil.copytree(CHECKOUT / folder, copy / folder)
    for file in ("Makefile", "pyproject.toml"):
        shutil.copy(CHECKOUT / file, copy)
    return copy


def make(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # What the tests themselves were called with is not for these calls.
    given = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return subprocess.run(
        ("make", *arguments),
        cwd=checkout,
        env={**given, "NYC_TAXI_DEMO": "", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def fake_python(folder: Path, says: str) -> Path:
    """A program that stands for a Python which cannot be used."""
    folder.mkdir(exist_ok=True)
    program = folder / "python3"
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit 1\n")
    program.chmod(0o755)
    return program


def only(tmp_path: Path, *programs: str) -> str:
    """A PATH with these programs and no Python but the fake one."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    for program in ("make", "sh", "dirname", "awk", *programs):
        found = shutil.which(program)
        assert found
        (folder / program).symlink_to(found)
    return str(folder)


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if not line.startswith("make: ")]


def test_help_is_the_default_and_lists_every_target(checkout: Path) -> None:
    done = make(checkout)
    listed = re.findall(r"^make (\S+) +\S", done.stdout, re.MULTILINE)
    phony = re.search(r"^\.PHONY: (.*)$", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    targets = re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert sorted(listed) == sorted(targets) == sorted(phony[1].split())
    assert make(checkout, "help").stdout == done.stdout


@pytest.mark.parametrize("command", ["shell", "psql", "dbt-diff", "up", "exec CMD=true", "dbt CMD=build"])
def test_without_a_demo_the_error_says_how_to_start_one(checkout: Path, command: str) -> None:
    done = make(checkout, *command.split())
    assert errors(done) == ["There is no demo here yet. Start one with make demo."]
    assert (done.stdout, done.returncode != 0) == ("", True)


@pytest.mark.parametrize("target", ["exec", "dbt"])
def test_without_a_command_the_error_shows_one(checkout: Path, target: str) -> None:
    assert f"for example: make {target} CMD='" in errors(make(checkout, target))[0]


@pytest.mark.parametrize("text", [HOSTILE["make"], HOSTILE["shell"]])
@pytest.mark.parametrize("as_argument", [True, False])
def test_settings_are_passed_on_and_not_executed(checkout: Path, text: str, as_argument: bool) -> None:
    given = dict.fromkeys(SETTINGS, text)
    (checkout / "local" / "python.sh").write_text(f"for name in {' '.join(given)}; do printenv $name; done")
    command = ["make", "demo", *(f"{name}={text}" for name, text in given.items() if as_argument)]
    environment = {**os.environ, **(given if not as_argument else {})}
    done = subprocess.run(command, cwd=checkout, env=environment, stdout=subprocess.PIPE, check=True)
    assert done.stdout == os.fsencode("".join(f"{text}\n" for text in given.values()))
    assert not list(checkout.rglob(MARK))


@pytest.mark.parametrize("target", ["down", "clean"])
def test_stopping_where_nothing_runs_is_no_error(checkout: Path, target: str) -> None:
    assert make(checkout, target).returncode == 0


def test_a_python_that_is_too_old_is_one_sentence(checkout: Path, tmp_path: Path) -> None:
    path = only(tmp_path)
    fake_python(Path(path), "is Python 3.9.2")
    done = make(checkout, "demo", PATH=path, HOME=str(tmp_path))
    assert errors(done) == [
        "No Python 3.11, 3.12 or 3.13 with its venv module was found; python3 is Python 3.9.2. "
        "Install one, or name it: PYTHON=/path/to/python3.12"
    ]
    assert done.returncode != 0


def test_a_python_without_venv_is_one_sentence(checkout: Path, tmp_path: Path) -> None:
    path = only(tmp_path)
    fake_python(Path(path), "has no venv module (Debian and Ubuntu: apt install python3.11-venv)")
    (line,) = errors(make(checkout, "demo", PATH=path, HOME=str(tmp_path)))
    assert "apt install python3.11-venv" in line


def test_no_python_at_all_is_one_sentence(checkout: Path, tmp_path: Path) -> None:
    (line,) = errors(make(checkout, "demo", PATH=only(tmp_path), HOME=str(tmp_path)))
    assert line.startswith("No Python 3.11, 3.12 or 3.13 with its venv module was found. Install one")


def test_a_python_that_is_named_is_the_one_that_is_used(checkout: Path, tmp_path: Path) -> None:
    named = fake_python(tmp_path / "old", "is Python 3.8.1")
    (line,) = errors(make(checkout, "demo", f"PYTHON={named}"))
    assert line.startswith(f"PYTHON={named} is Python 3.8.1. ")


def test_a_python_that_is_named_and_does_not_run_is_one_sentence(checkout: Path, tmp_path: Path) -> None:
    named = fake_python(tmp_path / "shims", "pyenv: python3.13: command not found\n\nSee pyenv help.")
    (line,) = errors(make(checkout, "demo", f"PYTHON={named}"))
    assert line.startswith(f"PYTHON={named} cannot be run. ")


def test_ci_runs_make_test_and_nothing_else() -> None:
    lines = (CHECKOUT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if "make" in line] == ["exec make test"]
    assert os.access(CHECKOUT / ".ci" / "run", os.X_OK)
