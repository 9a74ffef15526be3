"""Airflow ignores an environment variable of an option that it does not have, without a word."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from local.environment import CHECKOUT
from local.stack import Stack
from local.state import Settings
from tests.airflow_options import is_option

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = re.compile(r"\bAIRFLOW__[A-Z0-9_]+?__[A-Z0-9_]*[A-Z0-9]\b")
NOT_OURS = {"AIRFLOW__SECTION__OPTION", "AIRFLOW__OPENLINEAGE__TRANSPORT"}
"""An example, and an option of a provider that is not installed here."""


def test_every_option_in_a_file_is_one_of_this_version() -> None:
    listed = subprocess.run(
        ("git", "ls-files", "-z"), cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    named = {
        (variable, name)
        for name in listed.stdout.split("\0")
        if name and not name.startswith("tests/") and (CHECKOUT / name).suffix != ".png"
        for variable in VARIABLE.findall((CHECKOUT / name).read_text("utf-8"))
        if variable not in NOT_OURS
    }
    assert len(named) > 40
    assert [one for one in sorted(named) if not is_option(one[0])] == []


def test_every_option_of_the_demo_is_one_of_this_version(tmp_path: Path) -> None:
    environment = Stack(tmp_path, Settings()).environment()
    named = [name for name in environment if name.startswith("AIRFLOW__")]
    assert len(named) > 20
    assert [name for name in named if not is_option(name)] == []
