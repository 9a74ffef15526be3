"""A source on the internet cannot send this machine into its own network, nor take secrets elsewhere.

To add an address, add a line to INSIDE, or a name to the ones in ``internet.py``.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from nyc_taxi.core.month import Month
from nyc_taxi.errors import SourceRefused, SourceUnreachable
from nyc_taxi.files.publication import State
from nyc_taxi.files.session import Session, is_private
from nyc_taxi.files.source_list import SourceList
from tests.faults.internet import SOURCE, Internet
from tests.file_server import FileServer, Reply

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.files.publication import Publication

PATH = "/green/green_tripdata_2021-01.csv.gz"
MONTH = Month("2021-01")
HERE = Reply(b"the file", headers={"ETag": '"there"'})
OFF_TLS = (
    ("https://93.184.215.14/a", "http://93.184.215.14/b"),
    ("https://93.184.215.14/a", "http://8.8.8.8/b"),
    ("https://127.0.0.1/a", "http://127.0.0.1/b"),
)

INSIDE = (
    # literal
    "http://127.0.0.1/",
    "http://127.0.0.1:22/",
    "http://[::1]/",
    "http://0.0.0.0/",
    "http://10.0.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[fe80::1]/",
    "http://224.0.0.1/",
    # IPv4 in IPv6
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::169.254.169.254]/",
    "http://[2002:a9fe:a9fe::]/",
    # other spellings
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "HTTP://127.0.0.1/",
    "//127.0.0.1/",
    "http://LOCALHOST/",
    "http://127.0.0.1#@files.example.org/",
    "http://127.0.0.1?@files.example.org/",
    # names
    "http://private.example.org/",
    "http://both.example.org/",
    "http://metadata.example.org/",
    "http://mapped.example.org/",
    "http://translated.example.org/",
    # names that change their mind between the check and the connection
    "http://rebinding.example.org/",
    "http://flickering.example.org/",
)

TWO_HOSTS = (
    r"http://127.0.0.1\@files.example.org/",
    r"http://169.254.169.254\.files.example.org/",
    "http://files.example.org@127.0.0.1/",
    "http://files.example.org:80@127.0.0.1/",
    "http://files.example.org%2f@127.0.0.1/",
    "http://files.example.org\t@127.0.0.1/",
    "http://you:hunter2@cdn.example.org/",
)
"""Addresses in which two programs could see two different hosts."""


@pytest.fixture
def internet(file_server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Internet:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return Internet(file_server, monkeypatch)


def redirected(server: FileServer, *locations: str) -> None:
    """Redirect the month's file by way of some addresses, the last of which has it."""
    here = PATH
    for location in locations:
        server.answer(here, Reply(status=302, headers={"Location": location}))
        here = urlsplit(location).path
    server.answer(here, HERE)


def ask(source: str = SOURCE) -> Publication:
    return SourceList.parse(source).ask("green", MONTH)


@pytest.mark.parametrize("location", INSIDE)
def test_a_public_source_does_not_lead_inside(
    internet: Internet, file_server: FileServer, location: str
) -> None:
    redirected(file_server, location)
    with pytest.raises(SourceRefused, match="an address inside this network"):
        ask()
    assert file_server.requests == [("HEAD", PATH)], "the private address was sent a request"


@pytest.mark.parametrize("location", TWO_HOSTS)
def test_an_address_with_two_readings_is_not_requested(
    internet: Internet, file_server: FileServer, location: str
) -> None:
    redirected(file_server, location)
    with pytest.raises((SourceRefused, SourceUnreachable)) as caught:
        ask()
    assert "hunter2" not in str(caught.value)
    assert file_server.requests == [("HEAD", PATH)]


@pytest.mark.parametrize("location", ["http://10.0.0.1/", "http://rebinding.example.org/"])
def test_nor_by_way_of_another_public_one(internet: Internet, file_server: FileServer, location: str) -> None:
    redirected(file_server, "http://cdn.example.org/one", "http://files.example.org/two", location)
    with pytest.raises(SourceRefused, match="an address inside this network"):
        ask()
    assert [path for _, path in file_server.requests] == [PATH, "/one", "/two"]


def test_a_public_source_may_lead_to_another_public_one(internet: Internet, file_server: FileServer) -> None:
    redirected(file_server, "http://cdn.example.org/one", "/two", f"{SOURCE}/three")
    assert ask().state is State.PUBLISHED
    assert internet.connected == ["93.184.215.14", "140.82.121.3", "140.82.121.3", "93.184.215.14"]


def test_a_private_source_may_lead_anywhere(internet: Internet, file_server: FileServer) -> None:
    redirected(file_server, "http://127.0.0.1:9/one", "http://cdn.example.org/two")
    assert ask(file_server.url).state is State.PUBLISHED


@pytest.mark.parametrize(("configured", "location"), OFF_TLS)
def test_nothing_that_was_to_come_over_tls_comes_without_it(configured: str, location: str) -> None:
    response = requests.Response()
    response.url, response.status_code = configured, 302
    response.headers["Location"] = location
    response.raw = io.BytesIO()
    with pytest.raises(SourceRefused, match="which is not encrypted"):
        Session(configured).get_redirect_target(response)


def test_no_credential_of_the_user_or_of_another_host_is_sent(
    internet: Internet, file_server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    hosts = ("files.example.org", "cdn.example.org")
    netrc.write_text("".join(f"machine {host} login me password hunter2\n" for host in hosts))
    monkeypatch.setenv("NETRC", str(netrc))
    location = "http://cdn.example.org/one?sig=hunter4"
    headers = {"Location": location, "Set-Cookie": "session=hunter5; Path=/"}
    file_server.answer(PATH, Reply(status=302, headers=headers))
    file_server.answer("/one", HERE)
    assert ask().state is State.PUBLISHED
    assert [sent["Host"] for sent in file_server.headers] == list(hosts)
    for sent in file_server.headers:
        assert not {"Authorization", "Cookie", "Referer"} & set(sent)


def test_a_proxy_is_used_and_a_redirect_inside_is_still_refused(
    internet: Internet, file_server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", file_server.url.replace("//", "//me:hunter2@"))
    redirected(file_server, "http://cdn.example.org/one", "http://169.254.169.254/two")
    with pytest.raises(SourceRefused, match="an address inside this network") as caught:
        ask()
    assert "hunter2" not in str(caught.value)
    assert [path for _, path in file_server.requests] == [SOURCE + PATH, "http://cdn.example.org/one"]


def test_a_proxy_that_does_not_answer_is_not_quoted_with_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://me:hunter2@127.0.0.1:1")
    with pytest.raises(SourceUnreachable, match="does not respond") as caught:
        ask()
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("address", ["8.8.8.8", "140.82.121.3", "2606:50c0:8000::153"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert not is_private(address)
