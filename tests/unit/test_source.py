from __future__ import annotations

import os
import socket
import subprocess
import sys
import traceback
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.core import source as source_module
from nyc_taxi.core.dataset import dataset_names
from nyc_taxi.core.month import Month
from nyc_taxi.core.publication import State
from nyc_taxi.core.source import Source, SourceList
from nyc_taxi.errors import InvalidSource, SourceRefused, SourceUnreachable, TaxiError, UnknownDataset
from tests.file_server import FileServer, Reply

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.core.publication import Publication

MIRROR = "https://github.com/DataTalksClub/nyc-tlc-data/releases/download"
TLC = "https://d37ci6vzurychx.cloudfront.net"
JANUARY = Month("2021-01")
PATH = "/green/green_tripdata_2021-01.csv.gz"
CHANGED = datetime(2022, 10, 5, 10, 30, tzinfo=UTC)


def only(text: str) -> Source:
    (source,) = SourceList.parse(text).sources
    return source


def at(source: str, file_server: FileServer) -> Source:
    """A known source, moved to a server of the test."""
    return replace(only(source), base=file_server.url)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


# What a list may say


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
        "/data/my files",
        "/data/{{ ds }}",
        "/data/$HOME",
        "/data/`id`",
        "/data/a;b",
        "/data/a%2e",
        "/data/a'b",
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
        "http://host/a b",
        "http://host/{{ var.value.x }}",
        "http://host/%7Bdataset%7D",
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
        InvalidSource, match=r"(?s)is not a source\. Write one of mirror, tlc; .*folder"
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


# Which months a source has


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
        with pytest.raises(UnknownDataset):
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
            "No source has yellow 2008-12: / has the months whose file it holds. Choose a month that one of "
            "them has.",
        ),
    ],
)
def test_a_month_of_no_source_is_never_with_the_way_out(
    text: str, dataset: str, month: str, detail: str
) -> None:
    answer = SourceList.parse(text).ask(dataset, Month(month))
    assert (answer.state, answer.detail, answer.source, answer.url) == (State.NEVER, detail, text, "")


# What a web source says

STATUSES: list[tuple[int, dict[str, State | type[TaxiError]]]] = [
    (200, {"mirror": State.PUBLISHED, "tlc": State.PUBLISHED, "http": State.PUBLISHED}),
    (204, {"mirror": SourceRefused, "tlc": SourceRefused, "http": SourceRefused}),
    (206, {"mirror": SourceRefused, "tlc": SourceRefused, "http": SourceRefused}),
    (304, {"mirror": SourceRefused, "tlc": SourceRefused, "http": SourceRefused}),
    (400, {"mirror": SourceRefused, "tlc": SourceRefused, "http": SourceRefused}),
    (401, {"mirror": SourceRefused, "tlc": SourceRefused, "http": SourceRefused}),
    (403, {"mirror": SourceRefused, "tlc": State.NOT_YET, "http": SourceRefused}),
    (404, {"mirror": State.NEVER, "tlc": State.NOT_YET, "http": State.NOT_YET}),
    (405, {"mirror": SourceRefused, "tlc": SourceRefused, "http": SourceRefused}),
    (408, {"mirror": SourceUnreachable, "tlc": SourceUnreachable, "http": SourceUnreachable}),
    (410, {"mirror": SourceRefused, "tlc": SourceRefused, "http": SourceRefused}),
    (429, {"mirror": SourceUnreachable, "tlc": SourceUnreachable, "http": SourceUnreachable}),
    (500, {"mirror": SourceUnreachable, "tlc": SourceUnreachable, "http": SourceUnreachable}),
    (501, {"mirror": SourceRefused, "tlc": SourceRefused, "http": SourceRefused}),
    (502, {"mirror": SourceUnreachable, "tlc": SourceUnreachable, "http": SourceUnreachable}),
    (503, {"mirror": SourceUnreachable, "tlc": SourceUnreachable, "http": SourceUnreachable}),
]


@pytest.mark.parametrize(
    ("kind", "status", "outcome"),
    [(kind, status, outcome) for status, row in STATUSES for kind, outcome in row.items()],
)
def test_a_status_means_what_the_kind_of_source_says(
    file_server: FileServer, kind: str, status: int, outcome: State | type[TaxiError]
) -> None:
    source = only(file_server.url) if kind == "http" else at(kind, file_server)
    path = "/trip-data/green_tripdata_2021-01.parquet" if kind == "tlc" else PATH
    file_server.answer(path, Reply(status=status))
    if isinstance(outcome, State):
        answer = source.ask("green", JANUARY)
        assert (answer.state, answer.url) == (outcome, file_server.url + path)
        assert bool(answer.detail) is (outcome is not State.PUBLISHED)
    else:
        with pytest.raises(outcome, match=f"{file_server.url}{path} answered {status}.*\\. "):
            source.ask("green", JANUARY)
    assert file_server.requests == [("HEAD", path)]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("tlc", "two months after its end, and answers 403 until then"),
        ("mirror", "Name tlc before mirror in the connection's sources"),
    ],
)
def test_a_missing_file_is_explained(file_server: FileServer, kind: str, says: str) -> None:
    assert says in at(kind, file_server).ask("green", JANUARY).detail


def test_a_missing_file_of_a_web_address_is_said_with_what_to_do(file_server: FileServer) -> None:
    assert only(file_server.url).ask("green", JANUARY).detail == (
        f"{file_server.url}{PATH} answered 404: the file is not there. Put it there, or choose another month."
    )


def test_a_source_that_asks_to_wait_is_quoted(file_server: FileServer) -> None:
    file_server.put(PATH, b"", fault="too many requests")
    with pytest.raises(SourceUnreachable, match="Retry-After '120'"):
        only(file_server.url).ask("green", JANUARY)


def test_a_published_file_is_described_by_one_head_request(file_server: FileServer) -> None:
    file_server.put(PATH, b"x" * 1234, etag='W/"abc"', last_modified=CHANGED)
    before = datetime.now(UTC)
    answer = SourceList.parse(file_server.url).ask("green", JANUARY)
    assert file_server.requests == [("HEAD", PATH)]
    assert (answer.dataset, answer.month, answer.state) == ("green", JANUARY, State.PUBLISHED)
    assert (answer.source, answer.url) == (file_server.url, file_server.url + PATH)
    assert (answer.etag, answer.last_modified, answer.bytes) == ('W/"abc"', CHANGED, 1234)
    assert before <= answer.asked_at <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Last-Modified": "yesterday"}, None),
        ({"Last-Modified": "Wed, 05 Oct 2022 10:30:00 GMT"}, CHANGED),
        ({"Last-Modified": "Wed, 05 Oct 2022 10:30:00 -0000"}, CHANGED),
        ({"Last-Modified": "Wed, 05 Oct 2022 06:30:00 -0400"}, CHANGED),
    ],
)
def test_the_time_of_change_is_in_utc_or_unknown(
    file_server: FileServer, headers: dict[str, str], expected: datetime | None
) -> None:
    file_server.answer(PATH, Reply(b"x", headers=headers))
    assert only(file_server.url).ask("green", JANUARY).last_modified == expected


def test_a_size_that_is_not_given_is_unknown(file_server: FileServer) -> None:
    file_server.answer(PATH, Reply(b"x", chunked=True))
    assert only(file_server.url).ask("green", JANUARY).bytes is None


@pytest.mark.parametrize("fault", ["page", "xml error"])
def test_a_page_in_place_of_the_file_is_refused(file_server: FileServer, fault: str) -> None:
    file_server.put(PATH, b"", fault=fault)
    with pytest.raises(SourceRefused, match=r"is a page \((text/html|application/xml).*Check the source"):
        only(file_server.url).ask("green", JANUARY)


def test_a_source_that_hangs_is_given_up(file_server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "_TIMEOUT", (1.0, 0.2))
    file_server.put(PATH, b"", fault="slow to answer")
    with pytest.raises(SourceUnreachable, match="does not answer: timed out"):
        only(file_server.url).ask("green", JANUARY)


def test_a_source_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(SourceUnreachable, match="does not answer: Connection refused"):
        only(f"http://127.0.0.1:{free_port()}").ask("green", JANUARY)


def test_a_source_without_proper_tls_is_unreachable(file_server: FileServer) -> None:
    with pytest.raises(SourceUnreachable, match=r"does not answer: .*SSL"):
        only(file_server.url.replace("http", "https")).ask("green", JANUARY)


def test_two_sources_do_not_mix_their_answers(file_server: FileServer) -> None:
    with FileServer() as other:
        other.put(PATH, b"here")
        sources = SourceList.parse(f"{file_server.url}, {other.url}")
        assert sources.ask("green", JANUARY).state is State.NOT_YET
        assert other.requests == []


# Redirects are tested with the downloads too: both go the same way.


def test_a_redirect_is_followed(file_server: FileServer) -> None:
    file_server.answer(PATH, Reply(status=302, headers={"Location": "/elsewhere?signature=secret"}))
    file_server.put("/elsewhere", b"x" * 99, etag='"there"')
    answer = only(file_server.url).ask("green", JANUARY)
    assert (answer.url, answer.etag, answer.bytes) == (file_server.url + PATH, '"there"', 99)
    assert file_server.requests == [("HEAD", PATH), ("HEAD", "/elsewhere?signature=secret")]


def test_nothing_of_a_signed_address_reaches_a_message_or_a_traceback(file_server: FileServer) -> None:
    unreachable = f"http://127.0.0.1:{free_port()}/store?signature=secret"
    file_server.answer(PATH, Reply(status=302, headers={"Location": unreachable}))
    with pytest.raises(SourceUnreachable, match=r"http://127\.0\.0\.1:\d+/store does not answer") as caught:
        only(file_server.url).ask("green", JANUARY)
    assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_a_redirect_loop_ends(file_server: FileServer) -> None:
    file_server.put(PATH, b"", fault="redirect loop")
    with pytest.raises(SourceRefused, match="redirects more than 10 times"):
        only(file_server.url).ask("green", JANUARY)
    assert file_server.count("HEAD") == 11


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://host/x", "http://[", "https://", "mailto:a@b"]
)
def test_a_redirect_off_the_web_is_refused(file_server: FileServer, location: str) -> None:
    file_server.answer(PATH, Reply(status=302, headers={"Location": location}))
    with pytest.raises(SourceRefused, match=r"redirects to|cannot be asked"):
        only(file_server.url).ask("green", JANUARY)


# Folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "green").mkdir()
    (tmp_path / "green" / "green_tripdata_2021-01.csv.gz").write_bytes(b"mirror layout")
    (tmp_path / "green_tripdata_2021-01.csv.gz").write_bytes(b"flat")
    (tmp_path / "green_tripdata_2021-02.csv.gz").write_bytes(b"flat")
    (tmp_path / "green_tripdata_2021-03.csv").write_bytes(b"plain")
    (tmp_path / "green_tripdata_2021-03.parquet").write_bytes(b"too late")
    (tmp_path / "green_tripdata_2021-04.parquet").write_bytes(b"parquet")
    (tmp_path / "green_tripdata_2021-05.csv.gz").mkdir()
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


@pytest.mark.parametrize("month", ["2021-05", "2021-06", "2099-12"])
def test_a_folder_without_the_file_waits_for_it(folder: Path, month: str) -> None:
    answer = SourceList.parse(f"mirror,{folder}" if month > "2021-07" else str(folder)).ask(
        "green", Month(month)
    )
    assert (answer.state, answer.source) == (State.NOT_YET, str(folder))
    assert answer.url == f"file://{folder}/green/green_tripdata_{month}.csv.gz"
    assert f"{folder} holds none of green/green_tripdata_{month}.csv.gz, " in answer.detail


def test_the_last_folder_waits_for_a_month_that_no_source_covers(tmp_path: Path) -> None:
    first, last = tmp_path / "first", tmp_path / "last"
    first.mkdir()
    last.mkdir()
    answer = SourceList.parse(f"{first}, {last}, mirror").ask("green", Month("2021-08"))
    assert (answer.state, answer.source) == (State.NOT_YET, str(last))


def test_a_folder_that_does_not_exist_is_an_error_and_not_a_reason_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(InvalidSource, match=r"does not exist\. Make it, or correct the path"):
        SourceList.parse(f"{tmp_path}/missing, mirror").ask("green", JANUARY)


def test_the_real_files_are_found_in_their_flat_folder(real_data: Path) -> None:
    source = SourceList.parse(str(real_data / "real"))
    april = source.ask("green", Month("2020-04"))
    assert (april.state, april.bytes) == (State.PUBLISHED, 670_357)
    assert source.ask("green", JANUARY).url.endswith("/green_tripdata_2021-01.parquet")
    assert source.ask("yellow", JANUARY).state is State.NOT_YET


# Whether a file is the one that was loaded


def seen(answer: Publication) -> dict[str, object]:
    return {
        "url": answer.url,
        "etag": answer.etag,
        "last_modified": answer.last_modified,
        "bytes": answer.bytes,
    }


@pytest.mark.parametrize(
    ("first", "then", "same"),
    [
        ({}, {}, True),
        ({}, {"body": b"other"}, False),
        ({}, {"last_modified": CHANGED}, True),
        ({"etag": None}, {"etag": None}, False),
        ({"etag": None, "last_modified": CHANGED}, {"etag": None, "last_modified": CHANGED}, True),
        ({"etag": None, "last_modified": CHANGED}, {"etag": '"new"', "last_modified": CHANGED}, True),
        (
            {"etag": None, "last_modified": CHANGED},
            {"etag": None, "last_modified": CHANGED, "body": b"longer"},
            False,
        ),
        (
            {"etag": None, "last_modified": CHANGED},
            {"etag": None, "last_modified": CHANGED.replace(minute=31)},
            False,
        ),
        ({"etag": '"a"', "last_modified": CHANGED}, {"etag": '"b"', "last_modified": CHANGED}, False),
    ],
)
def test_a_republished_file_is_told_from_the_same_one(
    file_server: FileServer, first: dict[str, object], then: dict[str, object], same: bool
) -> None:
    answers = []
    for values in (first, then):
        file_server.put(PATH, **{"body": b"trips", **values})  # type: ignore[arg-type]
        answers.append(SourceList.parse(file_server.url).ask("green", JANUARY))
    before, now = answers
    assert now.same_file(**seen(before)) is same  # type: ignore[arg-type]


def test_the_same_file_of_another_source_is_not_the_same(file_server: FileServer) -> None:
    file_server.put(PATH, b"trips")
    file_server.put("/green_tripdata_2021-01.csv.gz", b"trips")
    mirror, flat = (only(text + file_server.url).ask("green", JANUARY) for text in ("", "flat+"))
    assert mirror.etag == flat.etag
    assert not flat.same_file(**seen(mirror))  # type: ignore[arg-type]


def test_a_dag_file_that_knows_sources_does_not_pay_for_http() -> None:
    program = "import sys, nyc_taxi.core.download, nyc_taxi.core.source; print(*sys.modules)"
    run = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=True)
    assert not {"requests", "urllib3", "http.client", "numpy", "pandas", "pyarrow"} & set(run.stdout.split())
