"""Calling a command of ``airflow taxi``, for the tests of this folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow.cli.cli_parser import get_parser

if TYPE_CHECKING:
    import pytest


def run(line: str) -> int:
    """Call a command of the group with a command line, and return its exit status."""
    try:
        arguments = get_parser().parse_args(["taxi", *line.split()])
        arguments.func(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def listed(capsys: pytest.CaptureFixture[str], line: str) -> Any:
    capsys.readouterr()
    assert run(f"{line} -o json") == 0
    return json.loads(capsys.readouterr().out)
