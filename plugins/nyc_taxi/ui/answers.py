"""What warehouses answered, for pages that wait for none of them.

A warehouse is asked in a separate thread, by one request at a time. A request for a page waits a moment,
and then takes the answer before. The work that pages make is bounded: a warehouse is asked again only after
:data:`REST` times as long as its answer took, since each question to BigQuery is billed.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Condition, Thread
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from nyc_taxi.errors import TaxiError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_log = logging.getLogger(__name__)

REST: Final = 20
"""How many times as long as an answer took its warehouse is left alone."""

LATE: Final = 5.0
"""Seconds after which a warehouse that has not answered is said not to answer."""

KEPT: Final = 500
"""How many answers are kept; the oldest questions are forgotten first."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What is known of a warehouse now.

    :param value: what it answered last; None before the first answer
    :param at: when it did
    :param why: why it did not answer the newest question, as one sentence; empty when it did, or may still
    :param asking: whether an answer is on its way
    """

    value: T | None
    at: datetime | None
    why: str
    asking: bool


@dataclass(slots=True)
class _Question:
    value: object = None
    at: datetime | None = None
    why: str = ""
    since: float | None = None
    again: float = 0.0


@dataclass(slots=True)
class Answers:
    """The newest answer to each question, shared by all requests of this process."""

    _known: dict[Hashable, _Question] = field(default_factory=dict)
    _changed: Condition = field(default_factory=Condition)

    def ask(self, key: Hashable, question: Callable[[], T]) -> None:
        """Ask a question, unless an answer is on its way or recent.

        :param key: what distinguishes the question from others
        :param question: returns the answer
        """
        with self._changed:
            one = self._known.setdefault(key, _Question())
            if one.since is not None or time.monotonic() < one.again:
                return
            one.since = time.monotonic()
            for oldest in list(self._known)[: max(0, len(self._known) - KEPT)]:
                del self._known[oldest]
        # A daemon, because a connection that nobody answers would keep the web server from stopping.
        Thread(target=self._run, args=(one, question), name=f"nyc_taxi {key}", daemon=True).start()

    def get(self, key: Hashable, wait: float) -> Answer[T]:
        """Return the answer to a question that was asked.

        :param wait: how many seconds to wait for one that is on its way
        """
        with self._changed:
            one = self._known.get(key, _Question())
            self._changed.wait_for(lambda: one.since is None, max(0.0, wait))
            why = one.why
            if one.since is not None and time.monotonic() - one.since > LATE:
                why = f"No answer for {time.monotonic() - one.since:.0f} seconds."
            return Answer(one.value, one.at, why, one.since is not None)  # type: ignore[arg-type]

    def _run(self, one: _Question, question: Callable[[], object]) -> None:
        began, value, why = time.monotonic(), None, ""
        try:
            value = question()
        except TaxiError as error:
            why = str(error)
        except Exception as error:
            _log.exception("A question of a page failed.")
            why = f"The question failed with {type(error).__name__}. The web server's log has the details."
        with self._changed:
            if not why:
                one.value, one.at = value, datetime.now(UTC)
            one.why, one.since = why, None
            one.again = time.monotonic() + REST * (time.monotonic() - began)
            self._changed.notify_all()
