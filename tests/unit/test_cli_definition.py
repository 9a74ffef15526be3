from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.cli import cli_parser
from airflow.cli.cli_config import ActionCommand, GroupCommand

from nyc_taxi.cli.definition import get_taxi_cli_commands


def parse(*line: str) -> Any:
    return cli_parser.get_parser().parse_args(line)


def commands(group: str) -> dict[str, ActionCommand]:
    found: Any = cli_parser.ALL_COMMANDS_DICT[group]
    return {command.name: command for command in found.subcommands}


def test_airflow_itself_finds_the_commands() -> None:
    known = {"months", "show", "load", "rejects", "grant", "doctor", "sample", "unload", "backfill"}
    assert commands("taxi").keys() == known
    assert commands("dags")["backfill"] == commands("taxi")["backfill"]


@pytest.mark.parametrize(
    "line",
    [
        ("dags", "backfill"),
        ("dags", "backfill", "x", "-s", "2021-13"),
        ("dags", "backfill", "x", "-s", "2021-01", "-c", "[1]"),
        ("dags", "backfill", "x", "-s", "2021-01", "--max-active-runs", "0"),
        ("dags", "backfill", "x", "-s", "2021-01", "--mark-success"),
        ("taxi", "load", "green"),
        ("taxi", "load", "green", "2021-01.."),
        ("taxi", "sample", "--to", "x"),
        ("taxi", "rejects", "green", "2021-01", "--limit", "0"),
        ("taxi", "months", "-o", "xml"),
        ("taxi", "show", "green", "2021-13"),
    ],
)
def test_wrong_usage_ends_with_status_2(line: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(*line)
    assert end.value.code == 2


def test_defaults_are_read_like_given_values() -> None:
    assert parse("dags", "backfill", "x", "-s", "2021-01").max_active_runs == 10
    assert parse("taxi", "rejects", "green", "2021-01").limit == 100
    made = parse("taxi", "sample", "--months", "2021-01", "--to", "x")
    assert (made.rows, made.edition) == (50_000, 1)


class _Strange:
    """Commands in a form that this version of Airflow does not have."""

    airflow_commands = (GroupCommand(name="dags", help="", subcommands=()),)


@pytest.mark.parametrize(
    "parser",
    [
        None,
        SimpleNamespace(),
        SimpleNamespace(airflow_commands=[object()]),
        SimpleNamespace(airflow_commands=7),
        SimpleNamespace(airflow_commands=[GroupCommand(name="dags", help="", subcommands=(object(),))]),
        _Strange,
    ],
)
def test_a_changed_airflow_keeps_the_taxi_group(
    parser: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "airflow.cli.cli_parser", parser)
    (taxi,) = get_taxi_cli_commands()
    assert isinstance(taxi, GroupCommand)
    assert "backfill" in {command.name for command in taxi.subcommands}


def test_a_backfill_that_airflow_brings_itself_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    own = ActionCommand(name="backfill", help="", func=print, args=())
    known = [GroupCommand(name="dags", help="", subcommands=(own,))]
    monkeypatch.setitem(sys.modules, "airflow.cli.cli_parser", SimpleNamespace(airflow_commands=known))
    get_taxi_cli_commands()
    assert known == [GroupCommand(name="dags", help="", subcommands=(own,))]


def test_the_definition_imports_nothing_heavy() -> None:
    code = (
        "import sys, airflow.cli.cli_config; before = set(sys.modules)\n"
        "import nyc_taxi.cli.definition\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"nyc_taxi"} | set(sys.stdlib_module_names)
