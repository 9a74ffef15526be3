"""A session for HTTP requests to one source, which redirects cannot lead into this machine's network.

This module loads requests, so nothing that a DAG file imports may import it at module level.
"""

from __future__ import annotations

import ipaddress
import socket
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import requote_uri
from urllib3.connection import HTTPConnection, HTTPSConnection

from nyc_taxi.core.excerpt import shown
from nyc_taxi.errors import SourceRefused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from urllib3.connectionpool import ConnectionPool

MAX_REDIRECTS: Final = 10
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses that a gateway makes of the IPv4 address in their last four bytes."""
_OBSOLETE: Final = tuple(map(ipaddress.ip_network, ("::/96", "2001::/32", "2002::/16", "fec0::/10")))
"""IPv6 addresses that hide an IPv4 address, or were private once; no public source has one any more."""


class PrivateAddress(Exception):
    """A redirect led to an address that only this machine's network reaches; nothing was sent to it."""


class Session(requests.Session):
    """Sends requests to one source, and follows its redirects to public addresses only.

    The source's own host is trusted, and when that is private, so is every host. A source that is reached
    over TLS does not redirect to an address without it. Credentials of a ``.netrc`` file are not sent, and
    secret headers only to the source's own server.

    Its requests raise :class:`~nyc_taxi.errors.SourceRefused` or :class:`PrivateAddress` instead of following
    any other redirect.

    :param url: address of the source
    :param secret: names of the headers that no other server may receive
    """

    def __init__(self, url: str, secret: Iterable[str] = ()) -> None:
        super().__init__()
        self.max_redirects = MAX_REDIRECTS
        self.auth = _send_no_credentials
        self._url = url
        self._secret = tuple(secret)
        self._public_only = _PublicOnly()

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where a response redirects to, as the address that will be requested."""
        location = super().get_redirect_target(resp)
        if location is None:
            return None
        resp.close()  # requests would read the redirect's body, however long
        target = requote_uri(urljoin(resp.url, location))
        self._check(target)
        return target

    def rebuild_auth(
        self,
        prepared_request: requests.PreparedRequest,
        response: requests.Response,  # noqa: ARG002
    ) -> None:
        """Remove the secret headers from a request that is redirected to another server."""
        elsewhere: bool = self.should_strip_auth(self._url, prepared_request.url)  # type: ignore[no-untyped-call]
        if elsewhere:
            for name in self._secret:
                prepared_request.headers.pop(name, None)

    def get_adapter(self, url: str | bytes) -> Any:
        """Return what sends a request, to public addresses only unless its host is trusted."""
        trusted = self._trusts(urlsplit(str(url)).hostname or "")
        return super().get_adapter(str(url)) if trusted else self._public_only

    def _check(self, target: str) -> None:
        parts = urlsplit(target)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            reason = "which is not a web address"
        elif "@" in parts.netloc:
            reason = "which contains a user name"
        elif parts.scheme == "http" and urlsplit(self._url).scheme == "https":
            reason = "which is not encrypted"
        elif not self._trusts(parts.hostname) and _resolves_privately(parts.hostname):
            raise PrivateAddress(target)
        else:
            return
        raise SourceRefused(f"{shown(self._url)} redirects to {shown(target)} {reason}. Check the source.")

    def _trusts(self, host: str) -> bool:
        return host == urlsplit(self._url).hostname or self._is_private

    @cached_property
    def _is_private(self) -> bool:
        return _resolves_privately(urlsplit(self._url).hostname or "")


def _send_no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _resolves_privately(host: str) -> bool:
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


class _PublicOnly(HTTPAdapter):
    """Sends nothing to a private address, whatever its name resolved to a moment earlier.

    A proxy may be private: it decides itself where it connects to.
    """

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> ConnectionPool:
        pool: Any = super().get_connection_with_tls_context(*arguments, **options)
        if pool.proxy is None:
            pool.ConnectionCls = _PublicTLSConnection if pool.scheme == "https" else _PublicConnection
        return cast("ConnectionPool", pool)


class _PublicConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _public(super()._new_conn())


class _PublicTLSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _public(super()._new_conn())


def _public(connected: socket.socket) -> socket.socket:
    address = str(connected.getpeername()[0])
    if is_private(address):
        connected.close()
        raise PrivateAddress(address)
    return connected
