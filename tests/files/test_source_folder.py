"""A local folder as a source."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.core.month import Month
from nyc_taxi.errors import InvalidSource
from nyc_taxi.files.publication import State
from nyc_taxi.files.source_list import SourceList
from tests.files.sources import CHANGED, JANUARY

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "green").mkdir()
    (tmp_path / "green" / "green_tripdata_2021-01.csv.gz").write_bytes(b"mirror layout")
    (tmp_path / "green_tripdata_2021-01.csv.gz").write_bytes(b"flat")
    (tmp_path / "green_tripdata_2021-02.csv.gz").write_bytes(b"flat")
    (tmp_path / "green_tripdata_2021-03.csv").write_bytes(b"plain")
    (tmp_path / "green_tripdata_2021-03.parquet").write_bytes(b"too late")
    (tmp_path / "green_tripdata_2021-04.parquet").write_bytes(b"parquet")
    return tmp_path


@pytest.mark.parametrize(
    ("month", "found"),
    [
        ("2021-01", "green/green_tripdata_2021-01.csv.gz"),
        ("2021-02", "green_tripdata_2021-02.csv.gz"),
        ("2021-03", "green_tripdata_2021-03.csv"),
        ("2021-04", "green_tripdata_2021-04.parquet"),
    ],
)
def test_a_folder_serves_the_first_file_it_holds(folder: Path, month: str, found: str) -> None:
    path = folder / found
    os.utime(path, (CHANGED.timestamp(), CHANGED.timestamp()))
    for text in (str(folder), f"file://{folder}"):
        answer = SourceList.parse(text).ask("green", Month(month))
        assert (answer.state, answer.source, answer.url) == (State.PUBLISHED, str(folder), f"file://{path}")
        assert (answer.etag, answer.last_modified, answer.bytes) == (None, CHANGED, path.stat().st_size)


@pytest.mark.parametrize("month", ["2021-06", "2099-12"])
def test_a_folder_without_the_file_waits_for_it(folder: Path, month: str) -> None:
    answer = SourceList.parse(f"mirror,{folder}" if month > "2021-07" else str(folder)).ask(
        "green", Month(month)
    )
    assert (answer.state, answer.source) == (State.NOT_YET, str(folder))
    assert answer.url == f"file://{folder}/green/green_tripdata_{month}.csv.gz"
    assert answer.detail == (
        f"{folder} has no file of green {month}: green/green_tripdata_{month}.csv.gz and 6 other names were "
        "looked for. Put the file there, or write the source as a pattern of your own names, such as "
        "/folder/{dataset}/{year}/{month}.parquet"
    )


def test_the_last_folder_waits_for_a_month_that_no_source_covers(tmp_path: Path) -> None:
    first, last = tmp_path / "first", tmp_path / "last"
    first.mkdir()
    last.mkdir()
    answer = SourceList.parse(f"{first}, {last}, mirror").ask("green", Month("2021-08"))
    assert (answer.state, answer.source) == (State.NOT_YET, str(last))


def test_a_folder_that_does_not_exist_is_an_error_and_not_a_reason_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(InvalidSource, match=r"does not exist\. Create it, or correct the path"):
        SourceList.parse(f"{tmp_path}/missing, mirror").ask("green", JANUARY)


def test_the_real_files_are_found_in_their_flat_folder(real_data: Path) -> None:
    source = SourceList.parse(str(real_data / "real"))
    april = source.ask("green", Month("2020-04"))
    assert (april.state, april.bytes) == (State.PUBLISHED, 670_357)
    assert source.ask("green", JANUARY).url.endswith("/green_tripdata_2021-01.parquet")
    assert source.ask("yellow", JANUARY).state is State.NOT_YET
