from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.cli import cli_parser
from airflow.cli.cli_config import ActionCommand, GroupCommand

from nyc_taxi.cli.definition import get_taxi_cli_commands
from nyc_taxi.cli.retired import RETIRED

AIRFLOW_2_OPTIONS = {
    "-B", "-I", "-S", "-c", "-e", "-i", "-l", "-m", "-n", "-s", "-t", "-v", "-x", "-y",
    "--conf", "--continue-on-failures", "--delay-on-limit", "--disable-retry", "--donot-pickle", "--dry-run",
    "--end-date", "--ignore-dependencies", "--ignore-first-depends-on-past", "--local", "--mark-success",
    "--pool", "--rerun-failed-tasks", "--reset-dagruns", "--run-backwards", "--start-date", "--subdir",
    "--task-regex", "--treat-dag-as-regex", "--treat-dag-id-as-regex", "--verbose", "--yes",
}  # fmt: skip
"""The options of ``airflow dags backfill`` in Airflow 2.10, from its help."""


def parse(*line: str) -> Any:
    return cli_parser.get_parser().parse_args(line)


def commands(group: str) -> dict[str, ActionCommand]:
    found: Any = cli_parser.ALL_COMMANDS_DICT[group]
    return {command.name: command for command in found.subcommands}


def options(group: str, command: str) -> set[str]:
    """Return every option that a command knows, shown or not."""
    return {flag for argument in commands(group)[command].args for flag in argument.flags}


def test_airflow_itself_finds_the_commands() -> None:
    known = {"months", "show", "load", "rejects", "grant", "doctor", "config", "sample", "unload", "backfill"}
    assert commands("taxi").keys() == known
    assert "backfill" in commands("dags")


def test_the_alias_and_the_command_of_the_taxi_group_are_the_same() -> None:
    assert options("dags", "backfill") == options("taxi", "backfill")


def test_every_option_of_airflow_2_is_known() -> None:
    assert options("dags", "backfill") >= AIRFLOW_2_OPTIONS


@pytest.mark.parametrize("command", ["months", "show", "rejects", "doctor", "config"])
@pytest.mark.parametrize("form", ["table", "json", "yaml", "plain"])
def test_lists_come_in_every_form_that_airflow_offers(command: str, form: str) -> None:
    line = ["taxi", command, "-o", form, *(["green", "2021-01"] if command in {"show", "rejects"} else [])]
    assert parse(*line).output == form


@pytest.mark.parametrize(
    ("flag", "option"), [pytest.param(flag, option, id=flag) for option in RETIRED for flag in option.flags]
)
def test_options_of_airflow_2_are_refused_in_one_sentence(
    flag: str, option: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for value in (["2"], []) if option.takes_value else ([],):
        with pytest.raises(SystemExit) as end:
            parse("dags", "backfill", "green_postgres", "-s", "2021-01", flag, *value)
        assert end.value.code == 2
        out, err = capsys.readouterr()
        assert (out, err) == ("", f"{option.sentence}\n")


def test_refused_options_say_what_to_do_instead() -> None:
    for option in RETIRED:
        assert option.sentence.startswith(f"{option.flags[-1]} is no longer an option of a backfill: ")
        assert option.sentence.endswith(".")
        assert "\n" not in option.sentence
    assert len({flag for option in RETIRED for flag in option.flags}) == sum(
        len(option.flags) for option in RETIRED
    )


def test_refused_options_are_not_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("dags", "backfill", "--help")
    shown = capsys.readouterr().out
    assert "--reset-dagruns" in shown
    assert not [option.flags[-1] for option in RETIRED if option.flags[-1] in shown]


@pytest.mark.parametrize(
    "line",
    [
        ("dags", "backfill"),
        ("dags", "backfill", "x", "-s", "2021-13"),
        ("dags", "backfill", "x", "-s", "2021-01", "-c", "[1]"),
        ("dags", "backfill", "x", "-s", "2021-01", "--max-active-runs", "0"),
        ("taxi", "load", "green"),
        ("taxi", "load", "green", "2021-01.."),
        ("taxi", "sample", "--to", "x"),
        ("taxi", "rejects", "green", "2021-01", "--limit", "0"),
        ("taxi", "months", "-o", "xml"),
        ("taxi", "show", "green"),
        ("taxi", "show", "green", "2021-13"),
        ("taxi", "grant", ""),
        ("taxi", "grant", "public"),
        ("taxi", "grant", "pg_reader"),
        ("taxi", "grant", 64 * "x"),
        ("taxi", "grant", "two\nlines"),
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
        SimpleNamespace(airflow_commands=[]),
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
