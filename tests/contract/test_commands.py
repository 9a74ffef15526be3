"""``airflow taxi …`` over every warehouse."""

from __future__ import annotations

import json
import re
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

from tests.trips import MONTH, NEXT, green, published

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.conftest import Listed, Run, Subject


def test_load_says_what_happened_to_each_month(
    run: Run, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"load green 2021-01..2021-02 --source {samples}") == 0
    said = capsys.readouterr()
    for line, month in zip(said.out.splitlines(), ("2021-01", "2021-02"), strict=True):
        assert re.fullmatch(
            rf"green {month}: published, 500 rows in the file, 500 loaded, 0 rejected, \d+\.\d s", line
        )
    assert "green 2021-01 download: " in said.err


def test_load_repeats_what_the_audit_warned_of_and_only_of_a_month_that_it_loaded(
    run: Run, dirty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warning = "green 2021-01: 2 of 502 rows rejected. "
    run(f"load green 2021-01 --source {dirty}")
    said = capsys.readouterr().err
    assert warning in said
    assert "500 rows loaded." not in said
    run(f"load green 2021-01 --source {dirty}")
    assert warning not in capsys.readouterr().err


def test_an_unchanged_month_is_not_loaded_again_unless_forced(
    run: Run, listed: Listed, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(f"load green 2021-01 --source {samples}")
    (first,) = listed("months")
    assert run(f"load green 2021-01 --source {samples}") == 0
    assert "green 2021-01: unchanged, 500 rows loaded on 20" in capsys.readouterr().out
    assert listed("months") == [first]
    assert run(f"load green 2021-01 --source {samples} --force") == 0
    assert "green 2021-01: published, 500 rows" in capsys.readouterr().out
    (second,) = listed("months")
    assert second["loaded_at"] > first["loaded_at"]
    assert second["sha256"] == first["sha256"]


def test_a_folder_is_written_as_the_shell_knows_it(
    run: Run, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(samples.parent)
    assert run(f"load green 2021-01 --source {samples.name}") == 0


def test_the_first_month_that_fails_ends_a_load_with_a_summary(
    run: Run, listed: Listed, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"load green 2021-02..2021-05 --source {samples}") == 1
    said = capsys.readouterr().err.splitlines()[-4:]
    assert said[:3] == [
        "green 2021-02: loaded.",
        "green 2021-03: not loaded; its rows in the warehouse are unchanged.",
        "green 2021-04..2021-05: not tried.",
    ]
    assert "green_tripdata_2021-03.csv.gz" in said[3]
    assert [row["month"] for row in listed("months")] == ["2021-02"]


def test_ctrl_c_ends_a_load_with_a_summary(
    run: Run, samples: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nyc_taxi.cli.load.load_month", interrupt)
    assert run(f"load green 2021-01..2021-02 --source {samples}") == 130
    assert "green 2021-02: not tried." in capsys.readouterr().err


def test_months_lists_every_month_once_and_its_counts_add_up(
    run: Run, listed: Listed, samples: Path, dirty: Path
) -> None:
    run(f"load green 2021-01..2021-02 --source {samples}")
    run(f"load green 2021-01 --source {dirty}")
    first, second = listed("months --dataset green")
    assert list(first) == [
        "dataset",
        "month",
        "state",
        "rows_in_file",
        "rows_loaded",
        "rows_rejected",
        "bytes",
        "sha256",
        "loaded_at",
        "seconds",
        "marts",
    ]
    counts = ("rows_in_file", "rows_loaded", "rows_rejected")
    assert [first[name] for name in counts] == [502, 500, 2]
    assert [second[name] for name in counts] == [500, 500, 0]
    assert {(row["state"], row["marts"]) for row in (first, second)} == {("published", "not built")}
    assert first["bytes"] == (dirty / "green_tripdata_2021-01.csv").stat().st_size
    assert len(first["sha256"]) == 64


def test_months_shows_a_month_that_was_never_published_by_its_state(
    run: Run, listed: Listed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "green_tripdata_2021-01.csv").write_text("VendorID\n")
    assert run(f"load green 2021-01 --source {tmp_path}") == 1
    (row,) = listed("months")
    assert (row["state"], row["rows_loaded"], row["loaded_at"]) == ("failed", None, None)
    assert row["marts"] is None
    assert run("months") == 0
    assert "failed" in capsys.readouterr().out


def test_a_real_month_loads_whole(run: Run, real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"load green 2020-04 --source {real_data / 'real'}") == 0
    assert "35,612 rows in the file, 35,612 loaded, 0 rejected" in capsys.readouterr().out


def test_unload_asks_and_says_what_it_took_out(
    run: Run,
    listed: Listed,
    samples: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run(f"load green 2021-01 --source {samples}")
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", StringIO("n\n"))
    assert run("unload green 2021-01..2021-02") == 1
    said = capsys.readouterr()
    assert "Remove 500 rows of green 2021-01..2021-02" in said.err
    assert [row["state"] for row in listed("months")] == ["published"]
    assert run("unload green 2021-01..2021-02 --yes") == 0
    assert capsys.readouterr().out.splitlines() == [
        "green 2021-01: 500 rows removed",
        "green 2021-02: 0 rows removed",
    ]
    assert [row["state"] for row in listed("months")] == ["unloaded"]


@pytest.fixture
def left(run: Run, subject: Subject, samples: Path, tmp_path: Path) -> str:
    """An attempt whose process is gone, next to a loaded month."""
    run(f"load green 2021-01 --source {samples}")
    with subject.warehouse.begin(published(green(tmp_path, month=NEXT), month=NEXT), "killed") as attempt:
        return str(attempt)


def test_doctor_lists_what_is_left_with_status_1_and_removes_what_is_dead(
    run: Run, listed: Listed, left: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run("doctor -o json") == 1
    said = capsys.readouterr()
    (row,) = json.loads(said.out)
    assert (row["what"], row["where"], row["done"]) == ("dead attempt", left, "")
    assert "--clean" in row["to_do"]
    assert said.err == "1 of 1 finding left to do; the column to_do says what.\n"
    (row,) = listed("doctor --clean")
    assert (row["done"], row["to_do"]) == ("removed", "")
    assert listed("doctor") == []
    assert run("doctor") == 0
    said = capsys.readouterr()
    assert said.out.startswith("No findings: sources and warehouse answer, and every month has the rows ")


def test_doctor_leaves_to_a_person_what_only_a_person_can_decide(
    run: Run, left: str, subject: Subject, capsys: pytest.CaptureFixture[str]
) -> None:
    subject.lose("green", MONTH)
    capsys.readouterr()
    assert run("doctor --clean -o plain") == 1
    said = capsys.readouterr()
    assert "The month has 0 rows, and the ledger says 500." in said.out
    assert said.err == "1 of 2 findings left to do; the column to_do says what.\n"


def test_commands_say_so_when_the_warehouse_is_empty(
    run: Run, listed: Listed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listed("months") == []
    assert listed("rejects green 2021-01") == []
    assert run("months --dataset green") == 0
    assert capsys.readouterr().out == "The ledger has no months of green.\n"
    assert run("rejects green 2021-01") == 0
    assert capsys.readouterr().out == "green 2021-01 has no rejected rows.\n"
    assert run("unload green 2021-01") == 0
