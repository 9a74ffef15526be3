"""HTTP requests to a source, which end in time, go only where they may, and fail in one clear error.

This module loads requests, so nothing that a DAG file imports may import it at module level.
"""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import Future, wait
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import requests
import urllib3

from nyc_taxi.core.excerpt import printable, shown
from nyc_taxi.errors import DownloadInterrupted, SourceRefused, SourceUnreachable
from nyc_taxi.files.redirect import (
    InsideAddress,
    Session,
    check_redirect,
    inside,
    is_trusted,
    location,
    public_session,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from nyc_taxi.errors import TaxiError

MAX_REDIRECTS = 10
BLOCK = 1 << 20
"""Bytes read at once, at most."""
_ANSWER = 60.0
"""Seconds within which an answer begins, unless the caller has a limit of its own."""
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_LONGEST_TAG = 1000
_PAGE = re.compile(r"[/+]x?html\b|[/+]xml\b|[/+]json\b")
_PASSING = frozenset({408, 425, 429})
_DENIED = frozenset({401, 403, 407})
_NO_HEAD = frozenset({405, 501})


@contextmanager
def request(
    method: str,
    url: str,
    *,
    timeout: tuple[float, float],
    deadline: float | None = None,
    headers: Mapping[str, str] = _NO_HEADERS,
    session: requests.Session | None = None,
) -> Iterator[requests.Response]:
    """Send one request and give its answer, whatever the status, with a body that is not read yet.

    Redirects are followed where :func:`~nyc_taxi.files.redirect.check_redirect` allows it. The body is
    asked for as it is stored (``Accept-Encoding: identity``).

    :param timeout: seconds to connect, and to wait for each part of the answer
    :param deadline: the latest ``time.monotonic()`` at which the answer may begin, redirects included; by
        default a minute from now
    :param headers: further headers of the request
    :param session: the session to use; it stays open
    :raises SourceUnreachable: when there is no answer: name, connection, TLS or time
    :raises SourceRefused: when the answer redirects too often, or to where it must not
    """
    latest = time.monotonic() + _ANSWER if deadline is None else deadline

    def ask(session: requests.Session, target: str) -> requests.Response:
        send = partial(
            session.request,
            method,
            target,
            headers={**headers, "Accept-Encoding": "identity"},
            timeout=timeout,
            stream=True,
            allow_redirects=False,
        )
        return _in_time(send, latest)

    with (
        nullcontext(session) if session else Session() as trusting,
        public_session() as wary,
        _follow(ask, url, trusting, wary) as response,
    ):
        yield response


def _follow(
    ask: Callable[[requests.Session, str], requests.Response],
    url: str,
    trusting: requests.Session,
    wary: requests.Session,
) -> requests.Response:
    """Return the first answer that is no redirect.

    :param trusting: the session for addresses that may be private
    :param wary: the session for all others
    """
    session, target = trusting, url
    for _ in range(MAX_REDIRECTS + 1):
        try:
            response = ask(session, target)
        except InsideAddress:
            raise inside(url, target) from None
        except (requests.ConnectionError, requests.Timeout) as error:
            raise SourceUnreachable(
                f"{shown(target)} does not answer: {reason(error)}. Try again later, or check the address "
                "and the network."
            ) from None
        except (requests.RequestException, ValueError) as error:
            raise SourceRefused(f"{shown(target)} cannot be asked: {reason(error)}.") from None
        led_to = location(response)
        if led_to is None:
            return response
        response.close()
        target = check_redirect(url, target, led_to)
        session = trusting if is_trusted(url, target) else wary
    raise SourceRefused(
        f"{shown(url)} redirects more than {MAX_REDIRECTS} times. Check the source's address."
    )


def _in_time(ask: Callable[[], requests.Response], deadline: float) -> requests.Response:
    """Return the answer, or raise when it has not begun by the deadline.

    The time limits of requests are for each piece that arrives, so that a source which sends its headers
    byte by byte, or a name server which does not answer, could hold this process for ever. The thread
    that is left behind then ends with the connection.

    :raises requests.Timeout: at the deadline
    """
    answered: Future[requests.Response] = Future()

    def run() -> None:
        try:
            response = ask()
        except BaseException as error:
            answered.set_exception(error)
        else:
            answered.set_result(response)

    threading.Thread(target=run, daemon=True).start()
    wait([answered], max(0.0, deadline - time.monotonic()))
    if not answered.done():
        answered.add_done_callback(_close)
        raise requests.Timeout("it took longer than the limit")
    return answered.result()


def _close(answered: Future[requests.Response]) -> None:
    if answered.exception() is None:
        answered.result().close()


def body(response: requests.Response, url: str, *, deadline: float) -> Iterator[bytes]:
    """Give the body in blocks, as the bytes that were sent: nothing is decoded.

    :param deadline: the latest ``time.monotonic()`` at which a block may arrive
    :raises DownloadInterrupted: when the body ends early, stalls, or takes longer than the deadline
    """
    total, received = length(response), 0
    while total is None or received < total:
        try:
            # read1 returns what has arrived; read would wait, past any deadline, for the block to be full
            block = response.raw.read1(BLOCK, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _interrupted(url, received, total, reason(error)) from None
        if not block:
            break
        received += len(block)
        if time.monotonic() > deadline:
            raise _interrupted(url, received, total, "it took longer than the limit for a whole file")
        yield block
    if total is not None and received != total:
        raise _interrupted(url, received, total, "the connection was closed")


def _interrupted(url: str, received: int, total: int | None, why: str) -> DownloadInterrupted:
    of = f"{received:,} of {total:,}" if total is not None else f"{received:,}"
    return DownloadInterrupted(f"The download of {shown(url)} ended after {of} bytes: {why}. Try again.")


def failure(response: requests.Response, url: str) -> TaxiError:
    """Return the error for an answer that is neither a file nor a known way to say that there is none."""
    url = shown(url)
    status = printable(f"{response.status_code} {response.reason or ''}".strip()[:100])
    if response.status_code in _NO_HEAD:
        return SourceRefused(
            f"{url} answered {status} to {response.request.method}. A source has to answer HEAD and GET: use "
            "another server, or a local folder."
        )
    if response.status_code in _PASSING or response.status_code >= 500:
        after = response.headers.get("Retry-After")
        wait = f" It asks to wait: Retry-After {after[:40]!r}." if after else ""
        return SourceUnreachable(
            f"{url} answered {status}. Try again later.{wait}", retry_after=_seconds(after or "")
        )
    if response.status_code in _DENIED:
        return SourceRefused(f"{url} answered {status}: access is denied. Check the source's address.")
    return SourceRefused(f"{url} answered {status}, which is not a file. Check the source's address.")


def _seconds(retry_after: str) -> float | None:
    """Return how long a source wants to be left alone for, given as seconds or as a point in time."""
    if (seconds := _number(retry_after)) is not None:
        return float(seconds)
    moment = _moment(retry_after)
    return None if moment is None else max(0.0, (moment - datetime.now(UTC)).total_seconds())


def is_page(response: requests.Response) -> bool:
    """Whether the answer says that it is a page or a message, which no trip file is."""
    return _PAGE.search(response.headers.get("Content-Type", "").lower()) is not None


def kind(response: requests.Response) -> str:
    """Return what the answer says that it is, for a message."""
    return printable(response.headers.get("Content-Type", "")[:60])


def etag(response: requests.Response) -> str | None:
    """Return the entity tag as the source gives it; None for one that could not be kept and sent back."""
    tag = response.headers.get("ETag", "")
    return tag if tag and tag.isprintable() and len(tag) <= _LONGEST_TAG else None


def last_modified(response: requests.Response) -> datetime | None:
    """Return when the file was changed, in UTC; None if the source does not say it in HTTP's format."""
    return _moment(response.headers.get("Last-Modified", ""))


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def length(response: requests.Response) -> int | None:
    """Return the size of the body as stored, in bytes; None if the source does not say it."""
    if "Transfer-Encoding" in response.headers:
        return None
    return _number(response.headers.get("Content-Length", ""))


def _number(text: str) -> int | None:
    """Return a whole number that a database can hold."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


def reason(error: BaseException) -> str:
    """Return what went wrong in the end, in a few words and without an address's query."""
    while (earlier := error.__cause__ or error.__context__) is not None:
        error = earlier
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return printable(re.sub(r"\?\S*", "", text)[:200]) or type(error).__name__
