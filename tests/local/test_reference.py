"""The generated parts of the reference pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local import reference
from local.environment import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_page_that_differs_from_the_code_is_named_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.md").write_text("before\n<!-- generated: pools -->\nold\n<!-- end -->\nafter\n")
    monkeypatch.setattr(reference, "CHECKOUT", tmp_path)
    monkeypatch.setattr(reference, "PAGES", ("page.md",))
    assert reference.check() == 1
    assert "page.md is out of date: run make docs-reference." in capsys.readouterr().err
    reference.write()
    assert reference.check() == 0
    text = (tmp_path / "page.md").read_text()
    assert text.startswith("before\n<!-- generated: pools -->\n| pool | slots | meaning |\n")
    assert text.endswith("<!-- end -->\nafter\n")


def test_every_command_is_described_with_its_arguments() -> None:
    page = reference.rendered("docs/cli.md")
    assert page.count("\n## airflow taxi ") == 8
    assert "\n## airflow dags backfill\n" in page
    assert "| `-s, --start-date MONTH` | First month: 2021-01, or any date in it" in page
    assert "| `--rows N` | Rows per file (default: 50000) |" in page


def test_every_environment_variable_that_is_read_is_described() -> None:
    page = (CHECKOUT / "docs/settings.md").read_text("utf-8")
    described = set(re.findall(r"^\| `([A-Z_]+)` ", page, re.MULTILINE))
    read = set()
    for file in [*(CHECKOUT / "plugins").rglob("*.py"), CHECKOUT / "entrypoint.sh"]:
        text = file.read_text("utf-8")
        read |= set(re.findall(r'environ(?:\.get\(|\[)"([A-Z_]+)"', text))
        read |= set(re.findall(r"\b(?:BOOTSTRAP|NYC_TAXI)_[A-Z]+(?:_[A-Z]+)*\b(?!__)", text))
    assert "DBT_DEV_SCHEMA" in read
    assert read - {"_AIRFLOW_PROCESS_CONTEXT"} <= described
