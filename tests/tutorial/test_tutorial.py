"""The tutorial as a newcomer follows it: in a new clone, from the first command to the last."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from local.environment import CHECKOUT
from local.state import Ports

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = re.compile(r"^```(sh|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
FAILS = "make: *** "
"""The output of a command that the tutorial lets fail has this."""


@pytest.fixture
def clone() -> Iterator[Path]:
    """A new clone, in a folder that the user of Postgres may read where root runs the test."""
    with TemporaryDirectory(prefix="nyc-taxi-tutorial-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "clone"


def test_the_commands_of_the_tutorial_do_what_it_says(clone: Path) -> None:
    subprocess.run(("git", "clone", "--quiet", str(CHECKOUT), str(clone)), check=True)
    blocks = BLOCK.findall((clone / "docs" / "tutorial.md").read_text("utf-8"))
    assert len(blocks) > 5
    try:
        for language, text in blocks:
            for command, said in [(text, "")] if language == "sh" else shown(text):
                output = run(clone, command, fails=FAILS in said)
                missing = [line for line in said.splitlines() if not like(line).search(output)]
                assert not missing, f"{command}\n{output}"
    finally:
        subprocess.run(("make", "clean"), cwd=clone, check=True)


def run(clone: Path, command: str, *, fails: bool) -> str:
    """Run a command as it stands in the tutorial, and return what it prints."""
    environment = {**os.environ, "PORT": str(Ports.free().ui)} if command == "make demo\n" else None
    done = subprocess.run(
        ("sh", "-ec", command), cwd=clone, env=environment, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert (done.returncode != 0) is fails, f"{command}\n{done.stdout}"
    return done.stdout


def shown(text: str) -> list[tuple[str, str]]:
    """Return the commands of a block, each with the output that follows it."""
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def like(line: str) -> re.Pattern[str]:
    """Return a pattern for a line whose numbers and blanks may differ; … stands for anything."""
    pattern = re.escape(line.strip())
    pattern = re.sub(r"(\\ )+", r"\\s+", pattern)
    pattern = re.sub(r"\d[\d,]*(\\\.\d+)?", r"[\\d.,]+", pattern)
    pattern = re.sub(r"(=|\\-){2,}", r"[=-]+", pattern)
    return re.compile(re.sub(r"(\\s\+)?…(\\s\+)?", ".*", pattern))
