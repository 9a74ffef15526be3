"""``airflow taxi …`` against a real warehouse."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.cli.taxi import listed, run

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("taxi_connection")


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
