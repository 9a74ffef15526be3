"""What a connection says is sent to the server it is for, and nothing else to anybody."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from nyc_taxi.core.month import Month
from nyc_taxi.errors import InvalidSource, SourceRefused
from nyc_taxi.files.download import download, fetch
from nyc_taxi.files.publication import State
from nyc_taxi.files.session import Session
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.hooks.tlc import NycTlcHook
from tests.file_server import FileServer, Reply
from tests.files.downloads import JANUARY, PATH, TRIPS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEY = {"X-Api-Key": "hunter2"}
WAYS: dict[str, tuple[dict[str, Any], Mapping[str, str]]] = {
    "basic": ({"login": "me", "password": "hunter2"}, {"Authorization": "Basic bWU6aHVudGVyMg=="}),
    "bearer": ({"extra": {"token": "hunter2"}}, {"Authorization": "Bearer hunter2"}),
    "headers": ({"extra": {"secret_headers": KEY}}, KEY),
    "all": (
        {"extra": {"token": "hunter2", "secret_headers": KEY}},
        {"Authorization": "Bearer hunter2", **KEY},
    ),
    "none": ({}, {}),
    "as the form leaves them": (
        {"host": "", "port": 0, "schema": "", "login": "", "password": "", "extra": {"token": None}},
        {},
    ),
}
"""Fields of a connection, and the headers that they stand for."""


def connect(monkeypatch: pytest.MonkeyPatch, sources: str, extra: Any = (), **values: Any) -> None:
    connection = {"conn_type": "nyc_tlc", "extra": {"sources": sources, **dict(extra)}, **values}
    monkeypatch.setenv("AIRFLOW_CONN_NYC_TLC_DEFAULT", json.dumps(connection))


@pytest.mark.parametrize(("values", "expected"), WAYS.values(), ids=WAYS)
def test_nothing_is_sent_that_the_connection_does_not_say(
    file_server: FileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    values: dict[str, Any],
    expected: Mapping[str, str],
) -> None:
    connect(monkeypatch, file_server.url, **values)
    file_server.put(PATH, TRIPS)
    for sources in (NycTlcHook().sources(), asyncio.run(NycTlcHook().asources())):
        answer = sources.ask("green", JANUARY)
        download(answer, tmp_path, credentials=sources.credentials)
        assert "hunter2" not in json.dumps(answer.to_json()) + repr(sources)
    assert file_server.count("HEAD") == file_server.count("GET") == 2
    for sent in file_server.headers:
        usual = {"Host", "User-Agent", "Accept-Encoding", "Accept", "Connection"}
        assert set(sent) == usual | set(expected)
        assert {name: sent[name] for name in expected} == expected


def test_credentials_are_masked_in_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk._shared.secrets_masker import redact

    connect(
        monkeypatch,
        "http://host",
        {"secret_headers": {"X-Portal": "portal-key-9"}},
        login="me",
        password="pw-1234",
    )
    NycTlcHook().sources()
    said = str(redact("portal-key-9 and Basic bWU6cHctMTIzNA=="))
    assert said == "*** and ***"


@pytest.mark.parametrize("location", ["http://localhost:{port}/other", "http://127.0.0.1:{other}/other"])
def test_credentials_are_not_sent_to_another_server_after_a_redirect(
    file_server: FileServer, location: str
) -> None:
    with FileServer() as other:
        port, others = (server.url.rpartition(":")[2] for server in (file_server, other))
        there = location.format(port=port, other=others)
        file_server.answer(PATH, Reply(status=302, headers={"Location": there}))
        for server in (file_server, other):
            server.put("/other", TRIPS)
        sources = SourceList.parse(file_server.url, {"Authorization": "Bearer hunter2", **KEY})
        assert sources.ask("green", JANUARY).state is State.PUBLISHED
        first, *rest = file_server.headers
        assert {first["Authorization"], first["X-Api-Key"]} == {"Bearer hunter2", "hunter2"}
        (last,) = rest + other.headers
        assert not {"Authorization", "X-Api-Key"} & set(last)


def test_credentials_are_sent_again_after_a_redirect_on_the_same_server(file_server: FileServer) -> None:
    file_server.answer(PATH, Reply(status=302, headers={"Location": "/other"}))
    file_server.put("/other", TRIPS)
    SourceList.parse(file_server.url, KEY).ask("green", JANUARY)
    assert [sent["X-Api-Key"] for sent in file_server.headers] == ["hunter2", "hunter2"]


@pytest.mark.parametrize(
    ("source", "target", "kept"),
    [
        ("http://host/a", "https://host/a", True),
        ("http://host:80/a", "https://host:443/a", True),
        ("https://host/a", "https://host:8443/a", False),
        ("http://host:8080/a", "https://host:8443/a", False),
        ("https://host/a", "https://host.evil.org/a", False),
        ("https://host/a", "https://HOST/a", True),
    ],
)
def test_a_redirect_to_tls_on_the_same_host_keeps_the_credentials(
    source: str, target: str, kept: bool
) -> None:
    request = requests.Request("GET", target, headers={"X-API-KEY": "hunter2"}).prepare()
    Session(source, KEY).rebuild_auth(request, requests.Response())
    assert ("X-Api-Key" in request.headers) is kept


def test_credentials_that_went_to_another_server_and_back_stay_away(file_server: FileServer) -> None:
    with FileServer() as other:
        file_server.answer(PATH, Reply(status=302, headers={"Location": f"{other.url}/on"}))
        other.answer("/on", Reply(status=302, headers={"Location": f"{file_server.url}/back"}))
        file_server.put("/back", TRIPS)
        SourceList.parse(file_server.url, KEY).ask("green", JANUARY)
        assert [sent["X-Api-Key"] for sent in (*file_server.headers, *other.headers)] == [
            "hunter2",
            None,
            None,
        ]


def test_another_source_of_the_list_gets_no_credentials(file_server: FileServer, tmp_path: Path) -> None:
    sources = SourceList.parse(f"mirror, {tmp_path}, tlc, {file_server.url}", KEY)
    assert [bool(source.credentials) for source in sources.sources] == [False, False, False, True]
    with FileServer() as other:
        other.put(PATH, TRIPS)
        fetch(other.url + PATH, tmp_path / "file", credentials=sources.credentials)
        assert "X-Api-Key" not in other.headers[0]


def test_two_layouts_of_one_server_share_the_credentials() -> None:
    sources = SourceList.parse("https://host/a, tlc+https://HOST:443/b", KEY)
    assert all(source.credentials for source in sources.sources)


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        ("mirror, tlc", "none of its sources is the address of a server"),
        ("", "none of its sources is the address of a server"),
        ("/data", "none of its sources is the address of a server"),
        ("http://one, http://two", "its sources are on 2 servers"),
        ("http://one, https://one", "its sources are on 2 servers"),
    ],
)
def test_credentials_without_one_server_are_refused(sources: str, says: str) -> None:
    with pytest.raises(InvalidSource, match=says) as caught:
        SourceList.parse(sources, KEY)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"host": "http://me:hunter2@host"}, "has a host, which is not used"),
        ({"port": 8099}, "has a port, which is not used"),
        ({"schema": "https"}, "has a schema, which is not used"),
        ({"extra": {"source": "tlc"}}, "has 'source', which is not used"),
        ({"extra": {"headers": KEY}}, "has 'headers', which is not used"),
        ({"extra": {"token": 1}}, "is not a JSON object"),
        ({"extra": {"secret_headers": "X-Api-Key: hunter2"}}, "secret_headers .* not a JSON object"),
        ({"extra": {"secret_headers": {"X-Api-Key": 1}}}, "secret_headers .* not a JSON object"),
        ({"extra": {"secret_headers": {"X Api": "hunter2"}}}, "the name 'X Api', which cannot be set"),
        ({"extra": {"secret_headers": {"Range": "hunter2"}}}, "the name 'Range', which cannot be set"),
        ({"extra": {"secret_headers": {"X-Key": "hunter2\r\nHost: a"}}}, "the header X-Key is empty, or"),
        ({"extra": {"token": "hunter2\n"}}, "the header Authorization is empty, or"),
        ({"login": "me", "extra": {"token": "hunter2"}}, "more than one authorization: .*, token"),
        (
            {"password": "hunter2", "extra": {"secret_headers": {"authorization": "x"}}},
            "more than one author",
        ),
    ],
)
def test_a_field_that_cannot_be_used_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], says: str
) -> None:
    connect(monkeypatch, "http://host", **values)
    with pytest.raises(InvalidSource, match=says) as caught:
        NycTlcHook().sources()
    assert "hunter2" not in str(caught.value)
    assert NycTlcHook().test_connection() == (
        False,
        str(caught.value).replace("connection nyc_tlc_default", "connection"),
    )


def test_a_wrong_password_says_where_to_correct_it(file_server: FileServer) -> None:
    file_server.answer(PATH, Reply(status=401))
    with pytest.raises(
        SourceRefused, match=r"access was denied\. Check .* the user, token or headers"
    ) as caught:
        SourceList.parse(file_server.url, KEY).ask("green", Month("2021-01"))
    assert "hunter2" not in str(caught.value)
