"""Hostile texts as arguments of the commands, and from the warehouse to the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from airflow.cli.cli_parser import get_parser

from nyc_taxi.cli.command import remark, say
from nyc_taxi.cli.output import print_rows
from tests.faults.hostile import HOSTILE

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = (
    "taxi load TEXT 2021-01",
    "taxi load green 2021-01..TEXT",
    "taxi load green 2021-01 --source TEXT",
    "taxi load green 2021-01 --source http://127.0.0.1:1/TEXT",
    "taxi rejects green 2021-01 --limit TEXT",
    "dags backfill TEXT -s 2021-01",
    "dags backfill green -s 2021-01 -c TEXT",
)
"""One command line for each kind of argument; every text is put in, and nothing of it may be done."""


def call(words: list[str]) -> None:
    arguments = get_parser().parse_args(words)
    arguments.func(arguments)


def assert_plain(text: str) -> None:
    assert all(line.isprintable() for line in text.split("\n"))
    assert "Traceback" not in text
    assert "\x1b" not in text


@pytest.mark.usefixtures("dags")
@pytest.mark.parametrize("command", COMMANDS)
def test_hostile_argument_is_refused_in_plain_words(
    command: str,
    warehouse_uri: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", warehouse_uri)
    monkeypatch.chdir(tmp_path)
    for name, text in HOSTILE.items():
        with pytest.raises(SystemExit) as end:
            call([word.replace("TEXT", text) for word in command.split()])
        said = capsys.readouterr()
        assert end.value.code in {1, 2} or (end.value.code, text) == (0, "--help"), name
        assert_plain(said.out)  # the usage, which Airflow prints there
        assert_plain(said.err)
        assert len(said.err) < 3_000, name
    assert list(tmp_path.iterdir()) == []
    with psycopg.connect(warehouse_uri) as reader:
        assert reader.execute("select count(*) from ops.file_ledger").fetchone() == (0,)


@pytest.mark.parametrize("output", ["table", "plain", "json", "yaml"])
def test_hostile_text_reaches_the_terminal_as_plain_text(
    output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in HOSTILE.values():
        say(text)
        remark(text)
        print_rows([{"name": text[:200].replace("\udcff", "?"), "number": 1}], output)  # as Postgres keeps it
    said = capsys.readouterr()
    assert_plain(said.out)
    assert_plain(said.err)
