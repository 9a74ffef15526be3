from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from nyc_taxi.cli.output import print_document, print_rows
from nyc_taxi.cli.rejects import escaped

ROW: dict[str, Any] = {
    "dataset": "green",
    "rows": 35612,
    "seconds": 1.25,
    "sha256": "0123456789012345678901234567890123456789012345678901234567890123",
    "loaded_at": datetime(2026, 11, 20, 13, 6, 5, tzinfo=UTC),
    "reason": None,
    "line": '[bold]2,"a\tb"\\x00,é[/bold]' + 400 * "x",
}


def printed(output: str, capsys: pytest.CaptureFixture[str]) -> str:
    print_rows([ROW], output)
    return capsys.readouterr().out


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize(("output", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_json_and_yaml_hold_every_value_whole(
    output: str,
    read: Any,
    terminal: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    colours = re.compile(r"\x1b\[[\d;]*m")
    (row,) = read(colours.sub("", printed(output, capsys)))
    assert row == {**ROW, "loaded_at": "2026-11-20T13:06:05+00:00"}


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize(("output", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_a_document_holds_rows_within(
    output: str,
    read: Any,
    terminal: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    print_document({"state": "published", "at": ROW["loaded_at"], "rows": [ROW, ROW]}, output)
    shown = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    row = {**ROW, "loaded_at": "2026-11-20T13:06:05+00:00"}
    assert read(shown) == {"state": "published", "at": row["loaded_at"], "rows": [row, row]}


def test_json_of_no_rows_is_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([], "json")
    assert json.loads(capsys.readouterr().out) == []


def test_the_table_shows_markup_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert "[bold]2," in printed("table", capsys)


def test_a_table_wider_than_its_terminal_leaves_columns_out_and_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"month": "2021-01", "rows": 500, "bytes": "9" * 40, "sha256": "0" * 64}
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    print_rows([row], optional=("sha256", "bytes"))
    shown = capsys.readouterr()
    assert "2021-01 | 500" in shown.out
    assert "9" * 40 in shown.out
    assert "sha256" not in shown.out
    assert shown.err == "The terminal is too narrow for sha256. Use -o json to see everything.\n"


def test_plain_columns_keep_checksums_of_digits(capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed("plain", capsys)
    assert str(ROW["sha256"]) in shown
    assert "35612" in shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"2,a b", "2,a b"),
        ("2,é€".encode(), "2,é€"),
        (b"2,\xff", r"2,\xff"),
        (b"2,\\xff", r"2,\\xff"),
        (b"2,\x00\r\n\t", r"2,\x00\r\n\t"),
        ("2,\u202e".encode(), r"2,\u202e"),
    ],
)
def test_a_line_is_shown_so_that_its_bytes_can_be_told(line: bytes, shown: str) -> None:
    assert escaped(line) == shown
