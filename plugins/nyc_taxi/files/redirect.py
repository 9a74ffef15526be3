"""Where a source's redirects may lead: not into this machine's own network, off the web, or off TLS.

This module loads requests, so nothing that a DAG file imports may import it at module level.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from nyc_taxi.core.excerpt import shown
from nyc_taxi.errors import SourceRefused

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses that a gateway makes of the IPv4 address in their last four bytes."""
_OBSOLETE = tuple(map(ipaddress.ip_network, ("::/96", "2001::/32", "2002::/16", "fec0::/10")))
"""IPv6 addresses that hide an IPv4 address, or were private once; no public source has one any more."""


class InsideAddress(Exception):
    """A connection that was to leave this network ended inside it; nothing was sent."""


class Session(requests.Session):
    """A session that leaves redirects to its user.

    Even when it is told not to follow one, requests would read the redirect's body, however long.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Find no redirect in any answer; :func:`location` does."""


def location(response: requests.Response) -> str | None:
    """Return where an answer redirects to, or None when it does not."""
    if not response.is_redirect:
        return None
    text = response.headers["Location"]
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def check_redirect(configured: str, asked: str, location: str) -> str:
    """Return the address that a redirect leads to, if it may be followed.

    A public source must not send this machine to addresses that only its own network can reach. The
    host that the source list names is trusted, and so is every host when that one is private itself.
    What was to be asked for over TLS is not asked for without it.

    :param configured: the address that the source list led to
    :param asked: the address that answered with the redirect
    :param location: where it points to, absolute or relative
    :returns: the address exactly as it will be asked; two readers of an odd one could see two hosts in it
    :raises SourceRefused: when it must not be followed
    """
    try:
        target = requests.Request("GET", urljoin(asked, location)).prepare().url or ""
        parts = urlsplit(target)
    except (ValueError, requests.RequestException):
        raise SourceRefused(f"{shown(configured)} redirects to something that is no address.") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SourceRefused(f"{shown(configured)} redirects to {shown(target)}, which is not on the web.")
    if urlsplit(configured).scheme == "https" and parts.scheme != "https":
        raise SourceRefused(
            f"{shown(configured)} redirects to {shown(target)}, which anybody on the way could change. If "
            "that is meant, name that address as the source."
        )
    if not is_trusted(configured, target) and _is_inside(parts.hostname):
        raise inside(configured, target)
    return target


def is_trusted(configured: str, target: str) -> bool:
    """Whether a redirect may lead to an address even if that is private."""
    trusted = urlsplit(configured).hostname or ""
    return urlsplit(target).hostname == trusted or _is_inside(trusted)


def inside(configured: str, target: str) -> SourceRefused:
    """Return the error for a redirect that leads into this network."""
    return SourceRefused(
        f"{shown(configured)} redirects to {shown(target)}, an address inside this network. If that is "
        "meant, name that address as the source."
    )


def _is_inside(host: str) -> bool:
    """Whether any of a host's addresses is private; a name that does not resolve here has none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return any(is_private(str(address[0])) for *_, address in found)


def is_private(address: str) -> bool:
    """Whether an IP address is not one of the public internet: loopback, private, link-local and so on."""
    ip = ipaddress.ip_address(address)
    if ip in _TRANSLATED:
        ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return not ip.is_global or ip.is_multicast or any(ip in network for network in _OBSOLETE)


def public_session() -> Session:
    """Return a session that sends nothing to a private address, whatever a name resolves to by then.

    A name's addresses may differ between two questions, so the one that was connected to decides. A
    proxy of the environment may be private: where it connects to, it decides itself.

    :raises InsideAddress: from its requests
    """
    session = Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _PublicAdapter())
    return session


class _PublicConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _check_peer(self)


class _PublicTLSConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _check_peer(self)


def _check_peer(connection: HTTPConnection) -> None:
    if is_private(str(connection.sock.getpeername()[0])):
        connection.close()
        raise InsideAddress


class _PublicPool(HTTPConnectionPool):
    ConnectionCls = _PublicConnection


class _PublicTLSPool(HTTPSConnectionPool):
    ConnectionCls = _PublicTLSConnection


class _PublicAdapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PublicPool, "https": _PublicTLSPool}
