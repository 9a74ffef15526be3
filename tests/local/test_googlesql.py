"""What ``make lint-bigquery`` gives to Google's parser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local import googlesql

if TYPE_CHECKING:
    from pathlib import Path


def test_every_statement_of_the_load_is_written_whole(tmp_path: Path) -> None:
    googlesql.write_statements(tmp_path / "load")
    written = {path.name: path.read_text() for path in (tmp_path / "load").glob("*.sql")}
    assert written.keys() == {path.name for path in googlesql.STATEMENTS.glob("*.sql")}
    assert not [name for name, text in written.items() if "{" in text]


def test_a_part_that_nobody_fills_in_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "new.sql").write_text("select {colour}")
    with pytest.raises(KeyError, match="colour"):
        googlesql.write_statements(tmp_path / "load", tmp_path)
