"""HTTP requests to a source, and what the headers of its responses say; every failure is one clear error.

This module loads requests, so nothing that a DAG file imports may import it at module level.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import requests
import urllib3

from nyc_taxi.core.excerpt import printable, shown
from nyc_taxi.errors import DownloadInterrupted, SourceRefused, SourceUnreachable
from nyc_taxi.files.session import MAX_REDIRECTS, PrivateAddress, Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nyc_taxi.errors import TaxiError
    from nyc_taxi.files.credentials import Credentials

_BLOCK: Final = 1 << 20
"""Bytes read at once, at most."""
_LONGEST_TAG: Final = 1000
_PAGE: Final = re.compile(r"[/+]x?html\b|[/+]xml\b|[/+]json\b")
_PEEK: Final = 4096
"""Bytes of a response that are read to find out whether it is a page."""
_TEMPORARY: Final = frozenset({408, 425, 429})
_DENIED: Final = frozenset({401, 403, 407})
_UNSUPPORTED: Final = frozenset({405, 501})


@contextmanager
def request(
    method: str,
    url: str,
    *,
    timeout: tuple[float, float] = (10.0, 30.0),
    headers: Mapping[str, str] = MappingProxyType({}),
    credentials: Credentials | None = None,
) -> Iterator[requests.Response]:
    """Send one request and give its response, whatever the status, before its body is read.

    Redirects are followed as :class:`~nyc_taxi.files.session.Session` allows. The body is requested as it is
    stored (``Accept-Encoding: identity``).

    :param timeout: seconds to connect, and to wait for each piece of the response
    :param headers: further headers of the request
    :param credentials: what the server wants to see; a redirect to another server does not receive it
    :raises SourceUnreachable: when there is no response: name, connection, TLS or time
    :raises SourceRefused: when the response redirects too often, or to a forbidden address
    """
    own = credentials.for_url(url) if credentials else {}
    with (
        Session(url, own) as session,
        _send(session, method, url, {**own, **headers}, timeout) as response,
    ):
        yield response


def _send(
    session: Session, method: str, url: str, headers: Mapping[str, str], timeout: tuple[float, float]
) -> requests.Response:
    identity = {**headers, "Accept-Encoding": "identity"}
    try:
        return session.request(
            method, url, headers=identity, timeout=timeout, stream=True, allow_redirects=True
        )
    except PrivateAddress as error:
        raise SourceRefused(
            f"{shown(url)} redirects to {shown(str(error))} which is an address inside this network. If that "
            "is intended, configure that address as the source."
        ) from None
    except requests.TooManyRedirects:
        raise SourceRefused(
            f"{shown(url)} redirects more than {MAX_REDIRECTS} times. Check the source's address."
        ) from None
    except (requests.ConnectionError, requests.Timeout) as error:
        at = (error.request.url if error.request is not None else None) or url
        raise SourceUnreachable(
            f"{shown(at)} does not respond: {_reason(error)}. Try again later, or check the address and the "
            "network."
        ) from None
    except (requests.RequestException, ValueError) as error:
        raise SourceRefused(f"{shown(url)} cannot be requested: {_reason(error)}.") from None


def body(response: requests.Response, url: str, *, deadline: float, at_most: int = _BLOCK) -> Iterator[bytes]:
    """Yield the body in blocks, as the bytes that were sent: nothing is decoded.

    :param deadline: the latest ``time.monotonic()`` at which a block may arrive
    :param at_most: bytes in one block
    :raises DownloadInterrupted: when the body ends early, stalls, or takes longer than the deadline
    """
    total, received = length(response), 0
    while total is None or received < total:
        try:
            # read1 returns what has arrived; read would wait, past any deadline, for the block to be full
            block = response.raw.read1(at_most, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _interrupted(url, received, total, _reason(error)) from None
        if not block:
            break
        received += len(block)
        if time.monotonic() > deadline:
            raise _interrupted(url, received, total, "the time limit for a whole file was exceeded")
        yield block
    if total is not None and received != total:
        raise _interrupted(url, received, total, "the connection was closed")


def _interrupted(url: str, received: int, total: int | None, reason: str) -> DownloadInterrupted:
    of = f"{received:,} of {total:,}" if total is not None else f"{received:,}"
    return DownloadInterrupted(f"The download of {shown(url)} ended after {of} bytes: {reason}. Try again.")


def failure(response: requests.Response, url: str) -> TaxiError:
    """Return the error for a response that is neither a file nor a known way to say that there is none."""
    url, method = shown(url), response.request.method
    status = printable(f"{response.status_code} {response.reason or ''}".strip()[:100])
    if response.status_code in _UNSUPPORTED:
        return SourceRefused(f"{url} answered {method} with {status}. Use a server that supports GET.")
    if response.status_code in _TEMPORARY or response.status_code >= 500:
        after = response.headers.get("Retry-After", "")
        wait = f" The server asks to wait: Retry-After {after[:40]!r}." if after else ""
        return SourceUnreachable(
            f"{url} answered {method} with {status}. Try again later.{wait}", retry_after=_seconds(after)
        )
    if response.status_code in _DENIED:
        return SourceRefused(
            f"{url} answered {method} with {status}: access was denied. Check the source's address, and the "
            "user, token or headers of the connection."
        )
    return SourceRefused(
        f"{url} answered {method} with {status}: this is not a file. Check the source's address."
    )


def _seconds(retry_after: str) -> float | None:
    """Return how long a server asks to wait, given as seconds or as a point in time."""
    if (seconds := _number(retry_after)) is not None:
        return float(seconds)
    moment = _moment(retry_after)
    return None if moment is None else max(0.0, (moment - datetime.now(UTC)).total_seconds())


def may_be_page(response: requests.Response) -> bool:
    """Whether a response declares itself to be a page or a message; some servers say so of any file."""
    return _PAGE.search(response.headers.get("Content-Type", "").lower()) is not None


def beginning(response: requests.Response, url: str) -> bytes:
    """Return the first bytes of a body, and leave the rest where it is.

    :raises DownloadInterrupted: when nothing arrives
    """
    deadline = time.monotonic() + 60
    blocks = body(response, url, deadline=deadline, at_most=_PEEK)
    return next(blocks, b"")


def etag(response: requests.Response) -> str | None:
    """Return the entity tag; None for one that could not be stored and sent back."""
    tag = response.headers.get("ETag", "")
    return tag if tag and tag.isprintable() and len(tag) <= _LONGEST_TAG else None


def last_modified(response: requests.Response) -> datetime | None:
    """Return when the file was changed, in UTC; None unless the source states it in HTTP's format."""
    return _moment(response.headers.get("Last-Modified", ""))


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def length(response: requests.Response) -> int | None:
    """Return the size of the body as stored, in bytes; None if the source does not state it."""
    if "Transfer-Encoding" in response.headers:
        return None
    return _number(response.headers.get("Content-Length", ""))


def _number(text: str) -> int | None:
    """Return a whole number that a database can hold."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


def _reason(error: BaseException) -> str:
    """Return the root cause of an error, in a few words and without an address's query."""
    while (earlier := error.__cause__ or error.__context__) is not None:
        error = earlier
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return printable(re.sub(r"\?\S*", "", text)[:200]) or type(error).__name__
