"""Files lie where people have them: in folders with odd names, and under other names than the usual ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nyc_taxi.core.month import Month
from nyc_taxi.errors import InvalidSource, SourceRefused
from nyc_taxi.files.download import download
from nyc_taxi.files.publication import State
from nyc_taxi.files.source_list import SourceList
from tests.file_server import FileServer, Reply
from tests.files.downloads import TRIPS
from tests.files.sources import JANUARY, only

ODD = [
    "My Drive",
    "year=2021",
    "taxi (1)",
    "a%20b",
    "a@b",
    "[1]",
    "a'b",
    "$HOME",
    "a;b",
    "données",
    "a+b",
    "a&b",
]
"""Names of folders."""


@pytest.mark.parametrize("name", [*ODD, "a,b", "a?b", "a#b"])
def test_blanks_equals_brackets_percent_and_at_in_a_path(tmp_path: Path, name: str) -> None:
    file = tmp_path / name / "green_tripdata_2021-01.csv.gz"
    file.parent.mkdir()
    file.write_bytes(TRIPS)
    ways = {file.parent.as_uri()} if "," in name else {file.parent.as_uri(), str(file.parent)}
    for text in ways:
        answer = SourceList.parse(text).ask("green", JANUARY)
        assert (answer.state, answer.url) == (State.PUBLISHED, file.as_uri())
        assert download(answer, tmp_path / "to").path.read_bytes() == TRIPS


@pytest.mark.parametrize(
    ("written", "requested"),
    [
        ("My Drive", "My%20Drive"),
        ("My%20Drive", "My%20Drive"),
        ("year=2021", "year=2021"),
        ("taxi (1)", "taxi%20(1)"),
        ("[1]", "%5B1%5D"),
        ("a@b", "a@b"),
        ("100%", "100%25"),
        ("a%2Cb", "a%2Cb"),
        ("données", "donn%C3%A9es"),
        ("%7Ba%7D", "%7Ba%7D"),
    ],
)
def test_blanks_equals_brackets_percent_and_at_in_a_url(
    file_server: FileServer, tmp_path: Path, written: str, requested: str
) -> None:
    path = f"/{requested}/green/green_tripdata_2021-01.csv.gz"
    file_server.put(path, TRIPS)
    answer = SourceList.parse(f"{file_server.url}/{written}").ask("green", JANUARY)
    assert (answer.state, answer.url) == (State.PUBLISHED, file_server.url + path)
    download(answer, tmp_path)
    assert file_server.requests == [("HEAD", path), ("GET", path)]


@pytest.mark.parametrize(
    "path",
    [
        "green/green_tripdata_2021-01.parquet",
        "green/green_tripdata_2021-01.csv",
        "green/green_tripdata_2021-01.csv.gz",
        "green_tripdata_2021-01.parquet",
        "trip-data/green_tripdata_2021-01.parquet",
    ],
)
def test_parquet_or_csv_in_a_folder_per_dataset(tmp_path: Path, path: str) -> None:
    file = tmp_path / path
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(TRIPS)
    assert SourceList.parse(str(tmp_path)).ask("green", JANUARY).url == file.as_uri()


PATTERNS = {
    "{dataset}/{year}/{month}.parquet": "green/2021/2021-01.parquet",
    "{dataset}_tripdata_{month}.csv": "green_tripdata_2021-01.csv",
    "{dataset}_tripdata_{month}.parquet": "green_tripdata_2021-01.parquet",
    "raw/{dataset}/{year}/{mm}/{dataset}_tripdata_{year}_{mm}.csv.gz": (
        "raw/green/2021/01/green_tripdata_2021_01.csv.gz"
    ),
    "{dataset}/year={year}/month={m}/part-0.parquet": "green/year=2021/month=1/part-0.parquet",
    "My Drive/{dataset} {month}": "My Drive/green 2021-01",
}


@pytest.mark.parametrize(("pattern", "path"), PATTERNS.items())
def test_a_layout_is_data(file_server: FileServer, tmp_path: Path, pattern: str, path: str) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(TRIPS)
    requested = "/" + path.replace(" ", "%20")
    file_server.put(requested, TRIPS)
    for base, url in ((str(tmp_path), file.as_uri()), (file_server.url, file_server.url + requested)):
        sources = SourceList.parse(f"{base}/{pattern}")
        assert sources.ask("green", JANUARY).url == url
        assert str(sources).replace("%20", " ") == f"{base}/{pattern}"
        assert sources.ask("yellow", Month("2020-12")).state is State.NOT_YET
        assert sources.zone_lookup()[0].endswith("/misc/taxi_zone_lookup.csv")


def test_the_documented_patterns_are_sources() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sources.md").read_text("utf-8")
    patterns = [line for line in page.splitlines() if re.match(r"(/|https?://).*\{dataset\}", line)]
    assert [str(SourceList.parse(pattern)) for pattern in patterns] == patterns
    assert len(patterns) >= 3


@pytest.mark.parametrize("base", ["/data", "http://host"])
@pytest.mark.parametrize(
    "pattern",
    [
        "{month}.csv",
        "{dataset}.csv",
        "{dataset}/{year}.csv",
        "{dataset}/{mm}.csv",
        "{dataset}/{month}.{kind}",
        "{dataset.__class__}/{month}",
        "{dataset}/{month}}",
        "{{dataset}}/{month}",
        "{{ ds }}",
        "{dataset!r}{month:>100}",
    ],
)
def test_a_pattern_that_does_not_tell_files_apart_is_refused(base: str, pattern: str) -> None:
    with pytest.raises(
        InvalidSource, match=r"must contain \{dataset\}, and \{month\} or \{year\} with \{mm\}"
    ):
        SourceList.parse(f"{base}/{pattern}")


@pytest.mark.parametrize(
    "text", ["flat+http://host/{dataset}/{month}", "http://{dataset}/{month}", "{dataset}/{month}"]
)
def test_a_pattern_begins_with_an_address_or_a_folder(text: str) -> None:
    with pytest.raises(InvalidSource, match="is not a source"):
        SourceList.parse(text)


def test_a_missing_file_of_a_pattern_is_said_with_its_name(tmp_path: Path) -> None:
    assert SourceList.parse(f"{tmp_path}/{{dataset}}/{{month}}").ask("green", JANUARY).detail == (
        f"{tmp_path} has no file of green 2021-01: green/2021-01 was looked for. Put it there, or "
        "correct the pattern."
    )


@pytest.mark.parametrize("name", ["green_tripdata_2021-01.parquet", "green/green_tripdata_2021-01.csv"])
def test_a_folder_of_parts_under_the_months_name_is_said_to_be_a_folder(tmp_path: Path, name: str) -> None:
    parts = tmp_path / name
    parts.mkdir(parents=True)
    (parts / "part-00000.snappy.parquet").write_bytes(b"PAR1")
    for text in (str(tmp_path), f"{tmp_path}, mirror"):
        with pytest.raises(SourceRefused, match=f"{parts} is a folder, and a month has to be one file. Join"):
            SourceList.parse(text).ask("green", JANUARY)


def test_a_hive_folder_is_said_to_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "green" / "year=2021" / "month=01").mkdir(parents=True)
    with pytest.raises(
        SourceRefused, match=r"year=2021/month=01 is a folder, and a month has to be one file"
    ):
        only(f"{tmp_path}/{{dataset}}/year={{year}}/month={{mm}}").ask("green", JANUARY)


def test_a_folder_on_a_web_server_is_said_to_be_a_folder(file_server: FileServer) -> None:
    path = "/green/2021-01.parquet"
    file_server.answer(path, Reply(status=301, headers={"Location": f"{path}/"}))
    file_server.put(f"{path}/", b"<html>Index of", content_type="text/html")
    with pytest.raises(SourceRefused, match=r"2021-01\.parquet is a folder, and a month has to be one file"):
        only(f"{file_server.url}/{{dataset}}/{{month}}.parquet").ask("green", JANUARY)
