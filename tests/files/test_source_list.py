"""What a list of sources may say, and which of its sources serves a month."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.core.dataset import dataset_names
from nyc_taxi.core.month import Month
from nyc_taxi.errors import ContractError, InvalidSource
from nyc_taxi.files.publication import State
from nyc_taxi.files.source_list import SourceList
from tests.files.sources import JANUARY, MIRROR, PATH, TLC, at, only

if TYPE_CHECKING:
    from pathlib import Path

    from tests.file_server import FileServer


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["mirror", "tlc"]),
        ("  \n ", ["mirror", "tlc"]),
        (",", ["mirror", "tlc"]),
        ("tlc", ["tlc"]),
        ("tlc, mirror", ["tlc", "mirror"]),
        ("mirror\ntlc\r\n", ["mirror", "tlc"]),
        ("/data/taxi,mirror", ["/data/taxi", "mirror"]),
        ("file:///data/taxi/", ["/data/taxi"]),
        ("file://localhost/data/taxi", ["/data/taxi"]),
        ("/données/taxi", ["/données/taxi"]),
        ("http://127.0.0.1:8099", ["http://127.0.0.1:8099"]),
        ("HTTPS://Files.Example.ORG/Taxi/", ["https://files.example.org/Taxi"]),
        ("http://[::1]:8099/a", ["http://[::1]:8099/a"]),
        ("mirror+http://host", ["http://host"]),
        ("flat+http://host/a", ["flat+http://host/a"]),
        ("tlc+https://host", ["tlc+https://host"]),
    ],
)
def test_a_list_names_its_sources_in_order(text: str, names: list[str]) -> None:
    assert [source.name for source in SourceList.parse(text).sources] == names


@pytest.mark.parametrize(
    "text",
    [
        "mirrors",
        "MIRROR",
        "mirror tlc",
        "data/taxi",
        "./data",
        "~/data",
        "/data/../etc",
        "file://server/share",
        "file:data",
        "ftp://host/data",
        "s3://bucket/data",
        "gs://bucket",
        "javascript:alert(1)",
        "http://",
        "http:///data",
        "http:/host",
        "http://host:port",
        "http://host:99999",
        "http://host:0",
        "http://user@host",
        "http://user:secret@host",
        "http://host/?secret=1",
        "http://host/#secret",
        "http://host/a/../b",
        "http://host\\@other",
        "http://hóst",
        "http://-",
        "http://host..org",
        "parquet+http://host",
        "flat+file:///data",
        "flat+/data",
        "folder+http://host",
        "tlc+flat+http://host",
        "mirror, nonsense",
    ],
)
def test_anything_else_is_refused_with_what_may_be_written(text: str) -> None:
    with pytest.raises(
        InvalidSource, match=r"(?s)is not a source\. Use one of mirror, tlc; .*folder"
    ) as caught:
        SourceList.parse(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("mirror", f"{MIRROR}/green/green_tripdata_2021-01.csv.gz"),
        ("tlc", f"{TLC}/trip-data/green_tripdata_2021-01.parquet"),
        ("http://host/a", "http://host/a/green/green_tripdata_2021-01.csv.gz"),
        ("flat+http://host/a", "http://host/a/green_tripdata_2021-01.csv.gz"),
        ("tlc+http://host/a", "http://host/a/trip-data/green_tripdata_2021-01.parquet"),
    ],
)
def test_the_layout_says_where_a_month_is(text: str, url: str) -> None:
    source = only(text)
    assert f"{source.base}/{source.layout.files[0]}".format(dataset="green", month=JANUARY) == url


def test_the_zone_lookup_has_an_address_in_every_source(tmp_path: Path) -> None:
    folder = tmp_path / "flat"
    folder.mkdir()
    (folder / "taxi_zone_lookup.csv").touch()
    text = f"mirror, tlc, http://host, flat+http://host, {folder}, {tmp_path}"
    assert SourceList.parse(text).zone_lookup() == [
        f"{MIRROR}/misc/taxi_zone_lookup.csv",
        f"{TLC}/misc/taxi_zone_lookup.csv",
        "http://host/misc/taxi_zone_lookup.csv",
        "http://host/taxi_zone_lookup.csv",
        f"file://{folder}/taxi_zone_lookup.csv",
        f"file://{tmp_path}/misc/taxi_zone_lookup.csv",
    ]


@pytest.mark.parametrize(
    ("text", "dataset", "month", "covered"),
    [
        ("mirror", "green", "2018-12", False),
        ("mirror", "green", "2019-01", True),
        ("mirror", "yellow", "2021-07", True),
        ("mirror", "fhv", "2021-08", False),
        ("tlc", "yellow", "2009-01", True),
        ("tlc", "green", "2013-12", False),
        ("tlc", "green", "2014-01", True),
        ("tlc", "fhv", "2014-12", False),
        ("tlc", "fhv", "2099-12", True),
        ("mirror", "fhvhv", "2021-06", True),
        ("mirror", "fhvhv", "2021-07", False),
        ("tlc", "fhvhv", "2019-01", False),
        ("tlc", "fhvhv", "2019-02", True),
        ("http://host", "yellow", "2008-12", False),
        ("http://host", "yellow", "2009-01", True),
        ("flat+http://host", "yellow", "2099-12", True),
    ],
)
def test_a_source_knows_its_months(text: str, dataset: str, month: str, covered: bool) -> None:
    assert only(text).covers(dataset, Month(month)) is covered


@pytest.mark.parametrize("name", ["mirror", "tlc"])
def test_every_dataset_has_its_months_in_every_known_source(name: str) -> None:
    assert set(only(name).months or ()) == set(dataset_names())


@pytest.mark.parametrize("text", ["mirror", "http://127.0.0.1:9", "/"])
def test_a_dataset_that_does_not_exist_is_told_apart_from_a_missing_month(text: str) -> None:
    for ask in (SourceList.parse(text).ask, only(text).ask, only(text).covers):
        with pytest.raises(ContractError):
            ask("../etc/passwd", JANUARY)


def test_the_first_source_that_covers_a_month_serves_it(file_server: FileServer) -> None:
    sources = SourceList((at("mirror", file_server), at("tlc", file_server)))
    file_server.put(PATH, b"of the mirror")
    file_server.put("/trip-data/green_tripdata_2021-01.parquet", b"of TLC")
    file_server.put("/trip-data/green_tripdata_2021-08.parquet", b"of TLC too")
    assert sources.ask("green", JANUARY).source == "mirror"
    assert sources.ask("green", Month("2021-08")).source == "tlc"
    assert file_server.requests == [("HEAD", PATH), ("HEAD", "/trip-data/green_tripdata_2021-08.parquet")]


def test_a_source_that_covers_a_month_serves_it_also_when_it_says_not_yet(file_server: FileServer) -> None:
    sources = SourceList((at("tlc", file_server), at("mirror", file_server)))
    file_server.put(PATH, b"of the mirror")
    answer = sources.ask("green", JANUARY)
    assert (answer.source, answer.state) == ("tlc", State.NOT_YET)


@pytest.mark.parametrize(
    ("text", "dataset", "month", "detail"),
    [
        (
            "mirror",
            "green",
            "2021-08",
            "No source has green 2021-08: mirror has 2019-01 to 2021-07. Add tlc to the connection's "
            "sources, or choose a month that one of them has.",
        ),
        (
            "tlc, mirror",
            "green",
            "2012-12",
            "No source has green 2012-12: tlc has 2014-01 and later; mirror has 2019-01 to 2021-07. Choose a "
            "month that one of them has.",
        ),
        (
            "http://host",
            "yellow",
            "2008-12",
            "No source has yellow 2008-12: http://host has 2009-01 and later. Choose a month that one of "
            "them has.",
        ),
        (
            "/",
            "yellow",
            "2008-12",
            "No source has yellow 2008-12: / has the months whose files it contains. Choose a month that "
            "one of them has.",
        ),
    ],
)
def test_a_month_of_no_source_is_never_with_the_way_out(
    text: str, dataset: str, month: str, detail: str
) -> None:
    answer = SourceList.parse(text).ask(dataset, Month(month))
    assert (answer.state, answer.detail, answer.source, answer.url) == (State.NEVER, detail, text, "")


def test_a_dag_file_that_knows_sources_does_not_pay_for_http() -> None:
    program = "import sys, nyc_taxi.files.download, nyc_taxi.files.source; print(*sys.modules)"
    run = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=True)
    assert not {"requests", "urllib3", "http.client", "numpy", "pandas", "pyarrow"} & set(run.stdout.split())
