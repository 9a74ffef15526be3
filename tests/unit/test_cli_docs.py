"""``docs/cli.md`` describes the options that the parser has, no others, in the parser's words."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import pytest
from airflow.cli import cli_parser

from nyc_taxi.cli.retired import RETIRED

DOC = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
COMMANDS: dict[str, Any] = {
    command.name: command
    for command in cli_parser.ALL_COMMANDS_DICT["taxi"].subcommands  # type: ignore[union-attr]
}
NOT_OURS = {"--help", "--verbose", "--output"}


def section(title: str) -> str:
    """Return the text under a second-level heading."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", DOC, re.DOTALL | re.MULTILINE)
    if found is None:
        raise AssertionError(f"docs/cli.md has no section {title!r}")
    return found[1]


def rows(text: str) -> set[str]:
    """Return the lines of the tables of a text that begin with an option or an argument."""
    return {line for line in text.splitlines() if line.startswith("| `")}


def expected(command: Any) -> set[str]:
    """Return how the options of a command are to be described."""
    parser = argparse.ArgumentParser(add_help=False)
    for argument in command.args:
        argument.add_to_parser(parser)
    lines = set()
    for action in parser._actions:
        if action.help == argparse.SUPPRESS or NOT_OURS & set(action.option_strings):
            continue
        name = ", ".join(f"`{flag}`" for flag in action.option_strings) or f"`{action.dest}`"
        lines.add(f"| {name} | {(action.help or '') % vars(action)} |")
    return lines


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_of_each_command_are_described_as_the_parser_has_them(name: str) -> None:
    title = "airflow dags backfill" if name == "backfill" else f"airflow taxi {name}"
    assert rows(section(title).partition("### ")[0]) == expected(COMMANDS[name])


def test_the_options_that_are_refused_are_listed_with_what_to_use_instead() -> None:
    _, _, refused = section("airflow dags backfill").partition("### Options of Airflow 2 that are refused")
    assert rows(refused) == {
        f"| {', '.join(f'`{flag}`' for flag in option.flags)} | {option.instead} |" for option in RETIRED
    }


def test_every_example_is_a_command_line_that_the_parser_takes() -> None:
    lines = re.findall(r"^airflow ((?:taxi|dags backfill) .+)$", DOC, re.MULTILINE)
    assert len(lines) >= 10
    for line in lines:
        words = [word.strip("'\"") for word in re.findall(r"'[^']*'|\S+", line.partition(" | ")[0])]
        cli_parser.get_parser().parse_args(words)
