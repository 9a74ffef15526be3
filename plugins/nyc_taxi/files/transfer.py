"""Receiving one file over HTTP; an interrupted transfer is resumed."""

from __future__ import annotations

import logging
import random
import re
import time
from itertools import count
from typing import TYPE_CHECKING, Final

from nyc_taxi.errors import DownloadInterrupted, SourceUnreachable
from nyc_taxi.files import http

if TYPE_CHECKING:
    import requests

    from nyc_taxi.files.credentials import Credentials
    from nyc_taxi.files.download import Limits
    from nyc_taxi.files.partial_file import PartialFile

_log = logging.getLogger(__name__)

_GONE: Final = frozenset({403, 404, 410})
_SOME_MINUTES: Final = 300.0
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-[0-9]+/([0-9]{1,18}|\*)")


def receive(
    part: PartialFile, limits: Limits, *, deadline: float, credentials: Credentials | None = None
) -> None:
    """Receive a whole file, and resume after interruptions as often as the limits allow.

    The bytes are those of one version: after a response that is not the rest of it, the file begins anew.

    :param deadline: the latest ``time.monotonic()`` at which a byte may arrive
    :param credentials: what the source's server wants to see
    :raises SourceUnreachable: when the source does not respond, fails, or has removed the file
    :raises SourceRefused: when it answers in a way that another try will not change
    :raises DownloadInterrupted: when not all bytes arrive in time
    """
    for number in count(1):
        try:
            _transfer(part, limits, deadline, credentials)
            return
        except (DownloadInterrupted, SourceUnreachable) as error:
            pause = _pause(error, number, limits)
            if number >= limits.tries or pause is None or time.monotonic() + pause >= deadline:
                raise
            _log.warning("%s Trying again in %.1f s, from byte %s.", error, pause, f"{part.bytes:,}")
        time.sleep(pause)


def _pause(error: Exception, number: int, limits: Limits) -> float | None:
    """Return the seconds to wait before the next try; None when it is too long to wait here."""
    requested = error.retry_after if isinstance(error, SourceUnreachable) else None
    if requested is not None and requested > limits.patience:
        return None
    backoff = random.uniform(0.5, 1.0) * limits.pause * 2.0 ** (number - 1)  # noqa: S311
    return max(backoff, requested or 0.0)


def _transfer(part: PartialFile, limits: Limits, deadline: float, credentials: Credentials | None) -> None:
    left = max(0.01, deadline - time.monotonic())
    timeout = (min(limits.connect, left), min(limits.read, left))
    headers = _range(part)
    with http.request("GET", part.url, timeout=timeout, headers=headers, credentials=credentials) as response:
        _begin_or_resume(part, response)
        for block in http.body(response, part.url, deadline=deadline):
            part.write(block)


def _range(part: PartialFile) -> dict[str, str]:
    """Return the headers that request the rest of this version, or the whole file if it has changed.

    Only a strong entity tag stands for one sequence of bytes; without it nothing can be resumed.
    """
    if not part.bytes or part.etag is None or part.etag.startswith("W/"):
        return {}
    return {"Range": f"bytes={part.bytes}-", "If-Range": part.etag}


def _begin_or_resume(part: PartialFile, response: requests.Response) -> None:
    status = response.status_code
    if status in _GONE:
        raise SourceUnreachable(
            f"{part.url} was published, and now answers {status}: the file is being replaced, or the source "
            "received too many requests. Try again in some minutes.",
            retry_after=_SOME_MINUTES,
        )
    if status == 200:
        part.begin(http.length(response), http.etag(response), http.last_modified(response))
        part.encoding = response.headers.get("Content-Encoding", "")
    elif part.bytes and (status == 416 or (status == 206 and not _is_rest(response, part))):
        at = part.bytes
        part.begin(None, None, None)
        raise DownloadInterrupted(f"{part.url} was replaced: its bytes from {at:,} are missing. Try again.")
    elif status != 206 or not part.bytes:
        raise http.failure(response, part.url)


def _is_rest(response: requests.Response, part: PartialFile) -> bool:
    """Whether a partial response begins where the bytes so far end, and is of the same version."""
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    return (
        found is not None
        and int(found[1]) == part.bytes
        and (part.total is None or found[2] in {"*", str(part.total)})
        and http.etag(response) in {None, part.etag}
    )
