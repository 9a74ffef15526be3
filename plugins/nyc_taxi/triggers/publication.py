"""Waiting for a month's file without a worker."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from nyc_taxi import settings
from nyc_taxi.core.month import Month
from nyc_taxi.errors import ContractError, TransientError
from nyc_taxi.files.publication import State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nyc_taxi.files.publication import Publication


class PublicationTrigger(BaseTrigger):
    """Asks a source about a month until the waiting task has something to do.

    The task is resumed by an answer other than *not yet*, by an error that a retry cannot fix, and by the
    deadline. It then asks again itself, and raises such an error where Airflow's retry policy sees its type.
    An answer is logged when it is another one than before. The connection is read before every request, so
    an edit takes effect.

    :param dataset: name of the dataset
    :param month: the month, as ``YYYY-MM``
    :param tlc_conn_id: connection that lists the sources
    :param interval: seconds between two requests, varied by a tenth either way
    :param asked: when the source was last asked, as ISO text with time zone; a restart of the triggerer
        does not delay the next request
    :param deadline: when to give up, as ISO text with time zone
    """

    def __init__(
        self, *, dataset: str, month: str, tlc_conn_id: str, interval: float, asked: str, deadline: str
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dataset = dataset
        self.month = month
        self.tlc_conn_id = tlc_conn_id
        self.interval = interval
        self.asked = asked
        self.deadline = deadline
        self._last = ""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to recreate this trigger."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "dataset": self.dataset,
                "month": self.month,
                "tlc_conn_id": self.tlc_conn_id,
                "interval": self.interval,
                "asked": self.asked,
                "deadline": self.deadline,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait and ask, until there is one event: whether the deadline came first."""
        asked, deadline = datetime.fromisoformat(self.asked), datetime.fromisoformat(self.deadline)
        while True:
            waited = (datetime.now(UTC) - asked).total_seconds()
            left = (deadline - datetime.now(UTC)).total_seconds()
            await asyncio.sleep(max(0.0, min(self._next_interval() - waited, left)))
            asked = datetime.now(UTC)
            if not await self._waits():
                yield _event(gave_up=False)
                return
            if datetime.now(UTC) >= deadline:
                yield _event(gave_up=True)
                return

    async def _waits(self) -> bool:
        """Ask the source, and return whether there is nothing to do but to ask again later."""
        try:
            answer = await self._ask()
        except ContractError as error:
            self.log.warning("%s", error)
            return False
        except TransientError as error:
            if str(error) != self._last:
                self.log.warning("%s", error)
            self._last = str(error)
            return True
        if self._last not in {"", answer.url} and answer.state is State.NOT_YET:
            self.log.info("Not published yet: %s %s at %s", self.dataset, self.month, answer.url)
        self._last = answer.url
        return answer.state is State.NOT_YET

    def _next_interval(self) -> float:
        return self.interval * random.uniform(1 - settings.ASK_JITTER, 1 + settings.ASK_JITTER)  # noqa: S311

    async def _ask(self) -> Publication:
        from nyc_taxi.hooks.tlc import NycTlcHook

        sources = await NycTlcHook(self.tlc_conn_id).asources()
        return await asyncio.to_thread(sources.ask, self.dataset, Month(self.month))


def _event(*, gave_up: bool) -> TriggerEvent:
    return TriggerEvent({"gave_up": gave_up})  # type: ignore[no-untyped-call]
