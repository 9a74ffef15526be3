from __future__ import annotations

import socket
import traceback
from datetime import UTC, datetime

import pytest

from nyc_taxi.errors import SourceRefused, SourceUnreachable, TaxiError
from nyc_taxi.files import http
from nyc_taxi.files.publication import State
from nyc_taxi.files.source_list import SourceList
from tests.file_server import FileServer, Reply
from tests.files.sources import CHANGED, JANUARY, PATH, at, only


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


FAILURES = {
    **dict.fromkeys((204, 206, 304, 400, 401, 405, 410, 501), SourceRefused),
    **dict.fromkeys((408, 429, 500, 502, 503), SourceUnreachable),
}
MEANINGS: dict[str, dict[int, State | type[TaxiError]]] = {
    "mirror": {200: State.PUBLISHED, 403: SourceRefused, 404: State.NEVER},
    "tlc": {200: State.PUBLISHED, 403: State.NOT_YET, 404: State.NOT_YET},
    "http": {200: State.PUBLISHED, 403: SourceRefused, 404: State.NOT_YET, **FAILURES},
}


@pytest.mark.parametrize(
    ("kind", "status", "outcome"),
    [(kind, status, outcome) for kind, row in MEANINGS.items() for status, outcome in row.items()],
)
def test_a_status_means_what_the_kind_of_source_states(
    file_server: FileServer, kind: str, status: int, outcome: State | type[TaxiError]
) -> None:
    source = only(file_server.url) if kind == "http" else at(kind, file_server)
    path = "/trip-data/green_tripdata_2021-01.parquet" if kind == "tlc" else PATH
    file_server.answer(path, Reply(status=status))
    requests = [("HEAD", path)]
    if status in {400, 401, 403, 405, 501} and isinstance(outcome, type):
        requests.append(("GET", path))
    if isinstance(outcome, State):
        answer = source.ask("green", JANUARY)
        assert (answer.state, answer.url) == (outcome, file_server.url + path)
        assert bool(answer.detail) is (outcome is not State.PUBLISHED)
    else:
        method, _ = requests[-1]
        with pytest.raises(outcome, match=f"{file_server.url}{path} answered {method} with {status}.*\\. "):
            source.ask("green", JANUARY)
    assert file_server.requests == requests


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("tlc", "two months after it ends. Until then"),
        ("mirror", "Put tlc before mirror in the connection's sources"),
    ],
)
def test_a_missing_file_is_explained(file_server: FileServer, kind: str, says: str) -> None:
    assert says in at(kind, file_server).ask("green", JANUARY).detail


def test_a_missing_file_of_a_web_address_is_said_with_what_to_do(file_server: FileServer) -> None:
    assert only(file_server.url).ask("green", JANUARY).detail == (
        f"{file_server.url}{PATH} answered HEAD with 404: the file is not there. "
        "Put it there, choose another month, or write the source as a pattern of your own names, such as "
        "http://host/{dataset}/{year}/{month}.parquet"
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
    with pytest.raises(SourceRefused, match=r"is a page, not a file\. Check the source's address\. .* '<"):
        only(file_server.url).ask("green", JANUARY)
    assert file_server.requests == [("HEAD", PATH), ("GET", PATH)]


def test_a_source_that_hangs_is_given_up(file_server: FileServer) -> None:
    file_server.put(PATH, b"", fault="slow to answer")
    with pytest.raises(SourceUnreachable, match="does not respond: timed out"):  # noqa: SIM117
        with http.request("HEAD", file_server.url + PATH, timeout=(1.0, 0.2)):
            pass


def test_a_source_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(SourceUnreachable, match="does not respond: Connection refused"):
        only(f"http://127.0.0.1:{free_port()}").ask("green", JANUARY)


def test_a_source_without_proper_tls_is_unreachable(file_server: FileServer) -> None:
    with pytest.raises(SourceUnreachable, match=r"does not respond: .*SSL"):
        only(file_server.url.replace("http", "https")).ask("green", JANUARY)


def test_two_sources_do_not_mix_their_answers(file_server: FileServer) -> None:
    with FileServer() as other:
        other.put(PATH, b"here")
        sources = SourceList.parse(f"{file_server.url}, {other.url}")
        assert sources.ask("green", JANUARY).state is State.NOT_YET
        assert other.requests == []


def test_a_redirect_is_followed(file_server: FileServer) -> None:
    file_server.answer(PATH, Reply(status=302, headers={"Location": "/elsewhere?signature=secret"}))
    file_server.put("/elsewhere", b"x" * 99, etag='"there"')
    answer = only(file_server.url).ask("green", JANUARY)
    assert (answer.url, answer.etag, answer.bytes) == (file_server.url + PATH, '"there"', 99)
    assert file_server.requests == [("HEAD", PATH), ("HEAD", "/elsewhere?signature=secret")]


def test_nothing_of_a_signed_address_reaches_a_message_or_a_traceback(file_server: FileServer) -> None:
    unreachable = f"http://127.0.0.1:{free_port()}/store?signature=secret"
    file_server.answer(PATH, Reply(status=302, headers={"Location": unreachable}))
    with pytest.raises(SourceUnreachable, match=r"http://127\.0\.0\.1:\d+/store does not respond") as caught:
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
    with pytest.raises(SourceRefused, match=r"redirects to|cannot be requested"):
        only(file_server.url).ask("green", JANUARY)
