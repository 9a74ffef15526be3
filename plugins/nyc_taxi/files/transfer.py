"""Receiving one file over HTTP, going on where a broken transfer stopped."""

from __future__ import annotations

import logging
import random
import re
import time
from itertools import count
from typing import TYPE_CHECKING, Final

from nyc_taxi.core.excerpt import excerpt
from nyc_taxi.errors import DownloadInterrupted, NotTheFile, SourceUnreachable
from nyc_taxi.files import web
from nyc_taxi.files.kept import Kept, is_strong

if TYPE_CHECKING:
    from pathlib import Path

    import requests

    from nyc_taxi.files.arrived import Arrived
    from nyc_taxi.files.download import Limits
    from nyc_taxi.files.publication import Publication

_log = logging.getLogger(__name__)

_GONE: Final = frozenset({403, 404, 410})
_SOME_MINUTES: Final = 300.0
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-[0-9]+/([0-9]{1,18}|\*)")


def receive(
    url: str,
    arrived: Arrived,
    *,
    session: requests.Session | None,
    limits: Limits,
    deadline: float,
) -> None:
    """Receive a whole file, going on after interruptions as often as the limits allow.

    The bytes are those of one version: an answer that is not the rest of what has arrived begins anew.

    :param deadline: the latest ``time.monotonic()`` at which a byte may arrive
    :raises SourceUnreachable: when the source does not answer, fails, or has taken the file back
    :raises SourceRefused: when it answers something that asking again will not change
    :raises DownloadInterrupted: when not all bytes arrive in time
    :raises NotTheFile: when it is a page
    """
    for number in count(1):
        try:
            _transfer(url, arrived, session, limits, deadline)
            return
        except (DownloadInterrupted, SourceUnreachable) as error:
            pause = _pause(error, number, limits)
            if number >= limits.tries or pause is None or time.monotonic() + pause >= deadline:
                raise
            _log.warning("%s Trying again in %.1f s, from byte %s on.", error, pause, f"{arrived.bytes:,}")
        time.sleep(pause)


def take_up(arrived: Arrived, folder: Path, publication: Publication) -> bool:
    """Take up what the folder keeps of an earlier download, as far as it is of the source's version.

    :param publication: what the source says about the file now
    :returns: whether nothing is missing
    """
    earlier = Kept.read(folder)
    if earlier is None:
        return False
    if not earlier.fits(publication):
        _log.info("The earlier download of %s is of another version: it starts over.", arrived.url)
        return False
    if not arrived.go_on(earlier):
        _log.warning("The earlier download of %s was changed on this disk: it starts over.", arrived.url)
        return False
    if earlier.whole:
        _log.info(
            "Uses the file that was downloaded earlier from %s: its %s bytes have the same SHA-256 as then.",
            arrived.url,
            f"{earlier.bytes:,}",
        )
        return True
    _log.info("Goes on with an earlier download of %s from byte %s on.", arrived.url, f"{earlier.bytes:,}")
    return False


def _pause(error: Exception, number: int, limits: Limits) -> float | None:
    """Return the seconds to wait before the next try; None when it is too long to wait here."""
    asked = error.retry_after if isinstance(error, SourceUnreachable) else None
    if asked is not None and asked > limits.patience:
        return None
    own = random.uniform(0.5, 1.0) * limits.pause * 2.0 ** (number - 1)  # noqa: S311
    return max(own, asked or 0.0)


def _transfer(
    url: str,
    arrived: Arrived,
    session: requests.Session | None,
    limits: Limits,
    deadline: float,
) -> None:
    left = max(0.01, deadline - time.monotonic())
    timeout = (min(limits.connect, left), min(limits.read, left))
    with web.request(
        "GET", url, timeout=timeout, deadline=deadline, headers=_rest(arrived), session=session
    ) as response:
        _begin_or_go_on(url, arrived, response)
        body = web.body(response, url, deadline=deadline)
        if web.is_page(response):
            page = excerpt(next(body, b""))
            raise NotTheFile(f"{url} is a page ({web.kind(response)}), not a file: {page}")
        for block in body:
            arrived.take(block)


def _rest(arrived: Arrived) -> dict[str, str]:
    """Return the headers that ask for the rest of this version, or for the whole file if it has changed.

    Without a strong entity tag one version cannot be told from another, so there is nothing to go on with.
    """
    if not arrived.bytes or not is_strong(arrived.etag):
        return {}
    return {"Range": f"bytes={arrived.bytes}-", "If-Range": arrived.etag}


def _is_rest(response: requests.Response, arrived: Arrived) -> bool:
    """Whether a partial answer begins where the bytes so far end, and is of the same version."""
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    return (
        found is not None
        and int(found[1]) == arrived.bytes
        and (arrived.total is None or found[2] in {"*", str(arrived.total)})
        and web.etag(response) in {None, arrived.etag}
    )


def _begin_or_go_on(url: str, arrived: Arrived, response: requests.Response) -> None:
    status = response.status_code
    if status in _GONE:
        raise SourceUnreachable(
            f"{url} was there when asked, and now answers {status}: the file is being "
            "replaced, or the source has had too many requests. Try again in some minutes.",
            retry_after=_SOME_MINUTES,
        )
    if status == 200:
        arrived.begin(web.length(response), web.etag(response), web.last_modified(response))
    elif arrived.bytes and (status == 416 or (status == 206 and not _is_rest(response, arrived))):
        at = arrived.bytes
        arrived.begin(None, None, None)
        raise DownloadInterrupted(
            f"{url} does not have the bytes that were missing, from {at:,} on: it was replaced. Try again."
        )
    elif status != 206 or not arrived.bytes:
        raise web.failure(response, url)
