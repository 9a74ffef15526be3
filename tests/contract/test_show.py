"""``airflow taxi show`` over every warehouse."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from nyc_taxi.core.check import Check
from nyc_taxi.core.dataset import get_dataset
from tests.trips import MONTH

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.conftest import Listed, Run, Subject

BY_DBT = (
    Check("most_trips_cost", "accuracy", "error", 0.25, "at most 20%", "1."),
    Check("all_trips_have_a_pickup", "completeness", "pass", 0, "none", "0."),
)


@pytest.fixture
def wrong(samples: Path, tmp_path: Path) -> Path:
    """A folder in which the file of 2021-01 is the one of 2021-02."""
    folder = tmp_path / "wrong"
    folder.mkdir()
    february = samples / "green" / "green_tripdata_2021-02.csv.gz"
    (folder / "green_tripdata_2021-01.csv.gz").write_bytes(february.read_bytes())
    return folder


def of(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_a_month_is_shown_with_its_file_and_its_checks(
    run: Run, listed: Listed, subject: Subject, samples: Path
) -> None:
    run(f"load green 2021-01 --source {samples}")
    (attempt,) = subject.warehouse.ledger.history("green", MONTH)
    subject.measured_by_dbt(attempt.id, BY_DBT)
    shown = listed("show green 2021-01")
    (month,) = listed("months")
    assert {name: shown[name] for name in shown.keys() & month.keys()} == {
        name: month[name] for name in shown.keys() & month.keys()
    }
    assert shown.keys() >= {"state", "rows_in_file", "rows_loaded", "rows_rejected", "loaded_at"}
    assert shown["url"].endswith("green_tripdata_2021-01.csv.gz")
    assert (shown["attempt"], shown["attempts_since"]) == (attempt.id, 0)
    assert of(shown["checks"], "dimension", "check", "outcome", "measured_by") == [
        ("accuracy", "most_trips_cost", "error", "dbt"),
        *(("completeness", f"blank {name}", "pass", "load") for name in sorted(get_dataset("green").filled)),
        ("completeness", "end of the file", "pass", "load"),
        ("completeness", "not empty", "pass", "load"),
        ("completeness", "row accounting", "pass", "load"),
        ("completeness", "rows replaced", "pass", "load"),
        ("completeness", "volume", "pass", "load"),
        ("completeness", "all_trips_have_a_pickup", "pass", "dbt"),
        ("consistency", "columns", "pass", "load"),
        ("timeliness", "pickups in the month", "pass", "load"),
        ("validity", "rejected rows", "pass", "load"),
    ]
    values = {check["check"]: (check["value"], check["threshold"]) for check in shown["checks"]}
    assert values["most_trips_cost"] == (0.25, "at most 20%")
    assert values["not empty"] == (500, "at least 1")


def test_the_table_is_for_people_and_yaml_for_programs(
    run: Run, listed: Listed, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(f"load green 2021-01 --source {samples}")
    capsys.readouterr()
    assert run("show green 2021-01") == 0
    said = capsys.readouterr()
    lines = [line.split() for line in said.out.splitlines()]
    assert ["state", "published"] in lines
    assert ["rows_in_file", "500"] in lines
    assert next(line for line in lines if "rejected" in line)[0] == "validity"
    assert (
        said.err == "dbt has not measured this month yet; the transform DAG does when it builds the month.\n"
    )
    assert run("show green 2021-01 -o yaml") == 0
    in_yaml = yaml.safe_load(capsys.readouterr().out)
    assert in_yaml == listed("show green 2021-01")
    assert run("show green 2021-01 -o plain") == 0
    assert "row accounting" in capsys.readouterr().out


def test_the_failing_checks_of_a_newer_attempt_come_last(
    run: Run, listed: Listed, subject: Subject, samples: Path, wrong: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(f"load green 2021-01 --source {samples}")
    before = listed("show green 2021-01")
    assert run(f"load green 2021-01 --source {wrong} --force") == 1
    capsys.readouterr()
    assert run("show green 2021-01 -o json") == 0
    said = capsys.readouterr()
    after = json.loads(said.out)
    *kept, failing = after["checks"]
    assert kept == before["checks"]
    assert after == {**before, "attempts_since": 1, "checks": after["checks"]}
    newest = subject.warehouse.ledger.history("green", MONTH)[-1].id
    assert of([failing], "check", "outcome", "attempt") == [("pickups in the month", "error", newest)]
    said_of_it = f"The newest attempt, {newest}, is failed: Audit: pickups in the month: 499 of 500"
    assert said.err.startswith(said_of_it)


def test_a_month_that_only_failed_is_shown_with_what_was_found(run: Run, listed: Listed, wrong: Path) -> None:
    run(f"load green 2021-01 --source {wrong}")
    shown = listed("show green 2021-01")
    assert (shown["state"], shown["loaded_at"], shown["rows_in_file"]) == ("failed", None, 500)
    assert len(shown["checks"]) == 8 + len(get_dataset("green").filled)
    assert [check["check"] for check in shown["checks"] if check["outcome"] == "error"] == [
        "pickups in the month"
    ]


def test_a_month_that_was_unloaded_keeps_its_results(run: Run, listed: Listed, samples: Path) -> None:
    run(f"load green 2021-01 --source {samples}")
    before = listed("show green 2021-01")
    run("unload green 2021-01 --yes")
    assert listed("show green 2021-01") == {**before, "state": "unloaded", "loaded_at": None, "marts": None}


def test_a_month_that_the_marts_lack_is_shown_with_what_was_found(
    run: Run, listed: Listed, subject: Subject, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(f"load green 2021-01 --source {samples}")
    (attempt,) = subject.warehouse.ledger.history("green", MONTH)
    subject.measured_by_dbt(attempt.id, [replace(BY_DBT[0], message="3 of 4 trips cost nothing.")])
    capsys.readouterr()
    assert listed("show green 2021-01")["marts"] == "not built"
    run("show green 2021-01")
    assert capsys.readouterr().err == (
        "dbt keeps green 2021-01 out of the marts: 3 of 4 trips cost nothing.\n"
    )


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("show gren 2021-01", "There is no dataset 'gren'."),
        ("show green 2021-01", "green 2021-01 was never loaded. Load it: airflow taxi load green 2021-01."),
    ],
)
def test_what_is_not_there_is_one_sentence_and_status_1(
    run: Run, line: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(line) == 1
    said = capsys.readouterr()
    assert said.err.startswith(sentence)
    assert said.err.count("\n") == 1
    assert said.out == ""
