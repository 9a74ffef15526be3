"""``airflow taxi …`` against a real warehouse."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from io import StringIO
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.cli.taxi import listed, run

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("taxi_connection")


def test_load_says_what_happened_to_each_month(samples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"load green 2021-01..2021-02 --source {samples}") == 0
    said = capsys.readouterr()
    for line, month in zip(said.out.splitlines(), ("2021-01", "2021-02"), strict=True):
        assert re.fullmatch(
            rf"green {month}: published, 500 rows in the file, 500 loaded, 0 rejected, \d+\.\d s", line
        )
    assert "green 2021-01 download: " in said.err


def test_load_repeats_what_the_audit_warned_of_and_only_of_a_month_that_it_loaded(
    dirty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warning = "green 2021-01: 2 of 502 rows were rejected; "
    run(f"load green 2021-01 --source {dirty}")
    said = capsys.readouterr().err
    assert warning in said
    assert "500 rows were loaded." not in said
    run(f"load green 2021-01 --source {dirty}")
    assert warning not in capsys.readouterr().err


def test_an_unchanged_month_is_not_loaded_again_unless_forced(
    samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(f"load green 2021-01 --source {samples}")
    (first,) = listed(capsys, "months")
    assert run(f"load green 2021-01 --source {samples}") == 0
    assert "green 2021-01: unchanged, 500 rows loaded on 20" in capsys.readouterr().out
    assert listed(capsys, "months") == [first]
    assert run(f"load green 2021-01 --source {samples} --force") == 0
    assert "green 2021-01: published, 500 rows" in capsys.readouterr().out
    (second,) = listed(capsys, "months")
    assert second["loaded_at"] > first["loaded_at"]
    assert second["sha256"] == first["sha256"]


def test_a_folder_is_written_as_the_shell_knows_it(samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(samples.parent)
    assert run(f"load green 2021-01 --source {samples.name}") == 0


def test_the_first_month_that_fails_ends_a_load_with_a_summary(
    samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"load green 2021-02..2021-05 --source {samples}") == 1
    said = capsys.readouterr().err.splitlines()[-4:]
    assert said[:3] == [
        "green 2021-02: loaded.",
        "green 2021-03: not loaded; its rows in the warehouse are unchanged.",
        "green 2021-04..2021-05: not tried.",
    ]
    assert "green_tripdata_2021-03.csv.gz" in said[3]
    assert [row["month"] for row in listed(capsys, "months")] == ["2021-02"]


def test_ctrl_c_ends_a_load_with_a_summary(
    samples: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nyc_taxi.cli.load.load_month", interrupt)
    assert run(f"load green 2021-01..2021-02 --source {samples}") == 130
    assert "green 2021-02: not tried." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("load gren 2021-01", "There is no dataset 'gren'."),
        ("load green 2021-01 --source ftp://host", "is not a source"),
        ("load fhv 2014-12 --source tlc", "No source has fhv 2014-12"),
        ("months --conn-id nowhere", "nowhere"),
        ("months --target nowhere", "There is no warehouse 'nowhere'."),
        ("sample --months 2018-12 --to x", "2019-01"),
        ("sample --months 2021-01 --to x --datasets blue", "There is no sample of 'blue'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_status_1(
    line: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(line) == 1
    said = capsys.readouterr()
    assert sentence in said.err.splitlines()[-1]
    assert "Traceback" not in said.err
    assert said.out == ""


def test_a_wrong_password_is_one_sentence(
    warehouse_uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", re.sub(":[^:@]+@", ":wrong@", warehouse_uri))
    assert run("months") == 1
    assert "refused the password of user" in capsys.readouterr().err


def test_the_warehouse_is_found_in_the_metadata_database(
    warehouse_uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    monkeypatch.delenv("AIRFLOW_CONN_POSTGRES_TAXI")
    with create_session() as session:
        session.add(Connection(conn_id="postgres_taxi", uri=warehouse_uri))
    try:
        assert listed(capsys, "months") == []
    finally:
        with create_session() as session:
            session.execute(delete(Connection))


def test_months_lists_every_month_once_and_its_counts_add_up(
    samples: Path, dirty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(f"load green 2021-01..2021-02 --source {samples}")
    run(f"load green 2021-01 --source {dirty}")
    first, second = listed(capsys, "months --dataset green")
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
    ]
    counts = ("rows_in_file", "rows_loaded", "rows_rejected")
    assert [first[name] for name in counts] == [502, 500, 2]
    assert [second[name] for name in counts] == [500, 500, 0]
    assert {row["state"] for row in (first, second)} == {"published"}
    assert first["bytes"] == (dirty / "green_tripdata_2021-01.csv").stat().st_size
    assert len(first["sha256"]) == 64


def test_months_shows_a_month_that_was_never_published_by_its_state(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "green_tripdata_2021-01.csv").write_text("VendorID\n")
    assert run(f"load green 2021-01 --source {tmp_path}") == 1
    (row,) = listed(capsys, "months")
    assert (row["state"], row["rows_loaded"], row["loaded_at"]) == ("failed", None, None)
    assert run("months") == 0
    assert "failed" in capsys.readouterr().out


def test_sample_makes_months_that_load_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"sample --months 2021-01..2021-02 --rows 200 --to {tmp_path}/made --datasets green,fhv") == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"Wrote 5 files with 800 trips to {tmp_path}/made, at ")
    assert "sample months: 4 of 4, " in said.err
    assert run(f"load fhv 2021-02 --source {tmp_path}/made") == 0
    assert listed(capsys, "months")[0]["rows_in_file"] == 200


def test_a_folder_that_samples_cannot_be_written_to_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("mine")
    assert run(f"sample --months 2021-01 --rows 10 --to {tmp_path}/taken") == 2
    assert capsys.readouterr().err == (
        f"{tmp_path}/taken cannot be written: Not a directory. Name another folder.\n"
    )


def test_another_edition_is_a_file_published_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sums = set()
    for edition in (1, 2):
        run(f"sample --months 2021-01 --rows 200 --to {tmp_path} --datasets green --edition {edition}")
        run(f"load green 2021-01 --source {tmp_path}")
        (row,) = listed(capsys, "months")
        sums.add(row["sha256"])
    assert len(sums) == 2


def test_a_real_month_loads_whole(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"load green 2020-04 --source {real_data / 'real'}") == 0
    assert "35,612 rows in the file, 35,612 loaded, 0 rejected" in capsys.readouterr().out


def test_the_program_prints_json_alone_and_needs_no_metadata_database(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "taxi", "months", "-o", "json"],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, [], "")


def test_an_invalid_setting_ends_a_command_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg").write_text("[nyc_taxi]\nmax_active_runs = 0\n")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "airflow", "taxi", "load", "green", "2021-01"],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("[nyc_taxi] max_active_runs ")
    assert str(tmp_path / "airflow.cfg") in done.stderr
    assert done.stderr.count("\n") == 1


def test_unload_asks_and_says_what_it_took_out(
    samples: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(f"load green 2021-01 --source {samples}")
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", StringIO("n\n"))
    assert run("unload green 2021-01..2021-02") == 1
    said = capsys.readouterr()
    assert "Remove 500 rows of green 2021-01..2021-02" in said.err
    assert [row["state"] for row in listed(capsys, "months")] == ["published"]
    assert run("unload green 2021-01..2021-02 --yes") == 0
    assert capsys.readouterr().out.splitlines() == [
        "green 2021-01: 500 rows removed",
        "green 2021-02: 0 rows removed",
    ]
    assert [row["state"] for row in listed(capsys, "months")] == ["unloaded"]


def test_grant_names_the_role_and_says_whether_it_is_new(
    warehouse_uri: str, ordinary_user: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"grant {ordinary_user}") == 0
    assert capsys.readouterr().out.startswith(f"The role {ordinary_user} may read the warehouse")
    new = f"{ordinary_user}_readers"
    try:
        assert run(f"grant {new}") == 0
        assert capsys.readouterr().out.startswith(f"The new role {new} may read the warehouse")
    finally:
        with psycopg.connect(warehouse_uri, autocommit=True) as connection:
            connection.execute(f"drop owned by {new}")
            connection.execute(f"drop role {new}")


@pytest.fixture
def left(samples: Path, warehouse: psycopg.Connection) -> str:
    """An attempt whose process is gone, next to a loaded month."""
    run(f"load green 2021-01 --source {samples}")
    row = warehouse.execute(
        "insert into ops.file_ledger (dataset, month, outcome, source, url, run_id) "
        "values ('green', '2021-02-01', 'staging', 'test', 'file:///gone', 'killed') returning id"
    ).fetchone()
    warehouse.commit()
    assert row is not None
    return f"green 2021-02 (attempt {row[0]})"


def test_doctor_lists_what_is_left_with_status_1_and_removes_what_is_dead(
    left: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run("doctor -o json") == 1
    said = capsys.readouterr()
    (row,) = json.loads(said.out)
    assert (row["what"], row["where"], row["done"]) == ("dead attempt", left, "")
    assert "--clean" in row["to_do"]
    assert said.err == "1 of 1 finding left to do; the column to_do says what.\n"
    (row,) = listed(capsys, "doctor --clean")
    assert (row["done"], row["to_do"]) == ("removed", "")
    assert listed(capsys, "doctor") == []
    assert run("doctor") == 0
    said = capsys.readouterr()
    assert said.out == "No leftovers, and every month has the rows that the ledger says.\n"


def test_doctor_leaves_to_a_person_what_only_a_person_can_decide(
    left: str, warehouse: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse.execute("truncate raw.green_tripdata")
    warehouse.commit()
    capsys.readouterr()
    assert run("doctor --clean -o plain") == 1
    said = capsys.readouterr()
    assert "The month has 0 rows, and the ledger says 500." in said.out
    assert said.err == "1 of 2 findings left to do; the column to_do says what.\n"


def test_commands_say_so_when_the_warehouse_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys, "months") == []
    assert listed(capsys, "rejects green 2021-01") == []
    assert run("months --dataset green") == 0
    assert capsys.readouterr().out == "The ledger has no months of green.\n"
    assert run("rejects green 2021-01") == 0
    assert capsys.readouterr().out == "green 2021-01 has no rejected rows.\n"
    assert run("unload green 2021-01") == 0
