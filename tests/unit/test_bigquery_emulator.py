"""What compose/gcp/bigquery.py adds to the emulator of BigQuery, which stands here as what it is called with.

tests/compose asks the real one.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

LAUNCHER = Path(__file__).parents[2] / "compose" / "gcp" / "bigquery.py"


@dataclass(frozen=True)
class Config:
    """A query's configuration."""

    query: str | None

    def replace(self, **changed: Any) -> Config:
        return replace(self, **changed)


class Emulator:
    """Notes the query that it is given, and answers as it is told to."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []
        self.dropped: list[str] = []
        self.rules: list[Any] = []
        self.statistics = SimpleNamespace(statementType="SELECT", ddlTargetTable=None)
        self.destination: str | None = None

    def execute(self, cursor: str, project: str, job: str, config: Config, **more: Any) -> Any:
        self.asked.append(config.query)
        return self.statistics, (cursor, project, job, more), self.destination


@pytest.fixture
def emulator() -> Emulator:
    return Emulator()


@pytest.fixture
def launcher(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The launcher, loaded but not run."""
    modules = {
        name: ModuleType(name)
        for name in (
            "local_bigquery",
            "local_bigquery.catalog",
            "local_bigquery.cli",
            "local_bigquery.engine",
            "local_bigquery.jobs",
            "local_bigquery.sql",
            "local_bigquery.sql.rules",
            "local_bigquery.sql.rules.typing",
            "sqlglot",
        )
    }
    vars(modules["local_bigquery.sql.rules"])["NODE_RULES"] = emulator.rules
    vars(modules["local_bigquery.sql.rules.typing"]).update(DECIMALS=set(), TEXT=set(), kind=None)
    vars(modules["sqlglot"])["exp"] = None
    vars(modules["local_bigquery.catalog"])["tables"] = SimpleNamespace(
        RESULTS="_results", name=lambda *parts: ".".join(parts)
    )
    vars(modules["local_bigquery.engine"])["database"] = SimpleNamespace(execute=emulator.dropped.append)
    vars(modules["local_bigquery.cli"])["main"] = lambda _: None
    vars(modules["local_bigquery.jobs"])["query"] = emulator
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    found = importlib.util.spec_from_file_location("bigquery_launcher", LAUNCHER)
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("query", "understood"),
    [('select format("%\'d", 1000)', 'select format("%,d", 1000)'), ("select 1", "select 1"), (None, "")],
)
def test_thousands_are_separated_by_commas(
    launcher: ModuleType, emulator: Emulator, query: str | None, understood: str
) -> None:
    launcher.execute("cursor", "project", "job", Config(query))
    assert emulator.asked == [understood]


@pytest.mark.parametrize(
    ("kind", "said", "destination"),
    [
        ("CREATE_TABLE_AS_SELECT", None, "the table"),
        ("CREATE_TABLE_AS_SELECT", "another", "another"),
        ("SELECT", "the result", "the result"),
        ("CREATE_TABLE", None, None),
    ],
)
def test_a_job_that_fills_a_new_table_says_which(
    launcher: ModuleType, emulator: Emulator, kind: str, said: str | None, destination: str | None
) -> None:
    emulator.statistics = SimpleNamespace(statementType=kind, ddlTargetTable="the table")
    emulator.destination = said
    assert launcher.execute("cursor", "project", "job", Config("select 1"))[2] == destination


def test_everything_else_is_handed_on_as_it_was(launcher: ModuleType, emulator: Emulator) -> None:
    statistics, handed_on, _ = launcher.execute("cursor", "project", None, Config("select 1"), dry_run=True)
    assert statistics is emulator.statistics
    assert handed_on == ("cursor", "project", None, {"dry_run": True})


def test_only_the_newest_results_are_kept(launcher: ModuleType, emulator: Emulator) -> None:
    for number in range(34):
        launcher.execute("cursor", "project", f"job {number}", Config("select 1"))
    launcher.execute("cursor", "project", None, Config("select 1"))
    assert emulator.dropped == [f"DROP TABLE IF EXISTS project._results.job {number}" for number in (0, 1)]


def test_loading_the_launcher_changes_and_starts_nothing(launcher: ModuleType, emulator: Emulator) -> None:
    assert emulator.execute.__func__ is Emulator.execute  # type: ignore[attr-defined]
    assert (emulator.asked, emulator.rules) == ([], [])
