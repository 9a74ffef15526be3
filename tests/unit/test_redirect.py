"""Where a source may send us."""

from __future__ import annotations

import socket
import traceback
from typing import TYPE_CHECKING, Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from nyc_taxi.errors import (
    SourceRefused,
)
from nyc_taxi.files import redirect
from nyc_taxi.files.download import download
from nyc_taxi.files.source import SourceList
from tests.file_server import FileServer, Reply
from tests.unit.downloads import JANUARY, PATH, TRIPS, publication

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _ElsewhereAdapter(HTTPAdapter):
    """Reaches a name that no resolver knows at the test's server."""

    def __init__(self, name: str, file_server: FileServer) -> None:
        super().__init__()
        self._name, self._url = name, file_server.url

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        request.url = (request.url or "").replace(self._name, self._url, 1)
        return super().send(request, *args, **options)


@pytest.fixture
def public(file_server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[requests.Session]:
    """A session to which http://files.example.org is a public host, served by the test's server."""
    resolve = socket.getaddrinfo

    def resolved(host: Any, *args: Any, **options: Any) -> Any:
        return resolve("93.184.215.14" if host == "files.example.org" else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    with requests.Session() as session:
        session.mount("http://files.example.org", _ElsewhereAdapter("http://files.example.org", file_server))
        yield session


def test_a_public_source_cannot_send_us_into_our_own_network(
    file_server: FileServer, public: requests.Session, tmp_path: Path
) -> None:
    inside = f"{file_server.url.replace('127.0.0.1', 'localhost')}/inside?token=secret"
    file_server.answer(PATH, Reply(status=302, headers={"Location": inside}))
    file_server.put("/inside", TRIPS)
    answer = publication(f"http://files.example.org{PATH}")
    with pytest.raises(
        SourceRefused, match=r"redirects to .*/inside, an address inside this network"
    ) as caught:
        download(answer, tmp_path, session=public)
    assert "secret" not in "".join(traceback.format_exception(caught.value))
    assert file_server.requests == [("GET", PATH)]
    with pytest.raises(SourceRefused, match="an address inside this network"):
        SourceList.parse("http://files.example.org").ask("green", JANUARY, session=public)
    assert file_server.requests == [("GET", PATH), ("HEAD", PATH)]


def test_a_public_source_may_redirect_within_itself(
    file_server: FileServer, public: requests.Session, tmp_path: Path
) -> None:
    file_server.answer(PATH, Reply(status=301, headers={"Location": "//files.example.org/moved"}))
    file_server.answer("/moved", Reply(status=307, headers={"Location": "again"}))
    file_server.put("/again", TRIPS)
    assert download(publication(f"http://files.example.org{PATH}"), tmp_path, session=public).bytes == len(
        TRIPS
    )


@pytest.mark.parametrize(
    ("configured", "location", "allowed"),
    [
        ("http://93.184.215.14/a", "http://8.8.8.8/b", True),
        ("http://93.184.215.14/a", "/b", True),
        ("http://93.184.215.14/a", "http://127.0.0.1/b", False),
        ("http://93.184.215.14/a", "http://127.1/b", False),
        ("http://93.184.215.14/a", "http://2130706433/b", False),
        ("http://93.184.215.14/a", "http://0x7f.1/b", False),
        ("http://93.184.215.14/a", "http://localhost/b", False),
        ("http://93.184.215.14/a", "http://user@10.0.0.1/b", False),
        ("http://93.184.215.14/a", "https://169.254.169.254/latest/meta-data", False),
        ("http://93.184.215.14/a", "http://[::1]/b", False),
        ("http://93.184.215.14/a", "http://[::ffff:10.0.0.1]/b", False),
        ("http://10.0.0.1/a", "http://10.0.0.2/b", True),
        ("http://127.0.0.1:1/a", "http://127.0.0.1:2/b", True),
        ("http://127.0.0.1/a", "http://8.8.8.8/b", True),
        ("http://127.0.0.1/a", "gopher://127.0.0.1/b", False),
        ("http://127.0.0.1/a", "file:///etc/passwd", False),
    ],
)
def test_where_a_redirect_may_lead(configured: str, location: str, allowed: bool) -> None:
    if allowed:
        assert redirect.check_redirect(configured, configured, location).endswith("/b")
    else:
        with pytest.raises(SourceRefused, match="redirects to"):
            redirect.check_redirect(configured, configured, location)


def test_a_public_hop_does_not_make_a_private_one_allowed() -> None:
    with pytest.raises(SourceRefused, match="inside this network"):
        redirect.check_redirect("http://8.8.8.8/a", "http://93.184.215.14/b", "http://192.168.0.1/c")


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("8.8.8.8", False),
        ("140.82.121.3", False),
        ("2606:50c0:8000::153", False),
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("172.16.0.1", True),
        ("192.168.1.1", True),
        ("169.254.169.254", True),
        ("100.64.0.1", True),
        ("0.0.0.0", True),
        ("224.0.0.1", True),
        ("255.255.255.255", True),
        ("::1", True),
        ("::", True),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("::ffff:127.0.0.1", True),
    ],
)
def test_an_address_is_private_unless_it_is_of_the_internet(address: str, private: bool) -> None:
    assert redirect.is_private(address) is private
