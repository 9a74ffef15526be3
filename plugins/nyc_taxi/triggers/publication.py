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
    """Asks a source about a month until there is something to tell the waiting task.

    That is: an answer other than *not yet*, an error that asking again cannot mend, or the deadline.
    Failures that may pass are logged, and the source is asked again. The connection is read before every
    question, so that an edited one is noticed.

    Errors are told as events: a trigger that raises arrives in the task as an error of Airflow's, in
    which no retry policy can recognise the cause.

    :param dataset: name of the dataset
    :param month: the month, as ``YYYY-MM``
    :param tlc_conn_id: connection that names the sources
    :param interval: seconds between two questions, varied by a tenth either way
    :param asked: when the source was last asked, as ISO text with time zone; after a restart of the
        triggerer the next question is due as if there had been none
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

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to build this trigger again."""
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
        """Wait, ask, and tell the task once."""
        asked, deadline = datetime.fromisoformat(self.asked), datetime.fromisoformat(self.deadline)
        while True:
            waited = (datetime.now(UTC) - asked).total_seconds()
            left = (deadline - datetime.now(UTC)).total_seconds()
            await asyncio.sleep(max(0.0, min(self._next_interval() - waited, left)))
            asked = datetime.now(UTC)
            try:
                answer = await self._ask()
            except ContractError as error:
                yield _event(error=type(error).__name__, message=str(error))
                return
            except TransientError as error:
                self.log.warning("%s Asking again later.", error)
            else:
                if answer.state is not State.NOT_YET:
                    yield _event(state=answer.state.value)
                    return
                self.log.info("%s %s is still not published at %s.", self.dataset, self.month, answer.url)
            if datetime.now(UTC) >= deadline:
                yield _event(gave_up=True)
                return

    def _next_interval(self) -> float:
        return self.interval * random.uniform(1 - settings.ASK_JITTER, 1 + settings.ASK_JITTER)  # noqa: S311

    async def _ask(self) -> Publication:
        from nyc_taxi.hooks.tlc import NycTlcHook

        sources = await NycTlcHook(self.tlc_conn_id).asources()
        return await asyncio.to_thread(sources.ask, self.dataset, Month(self.month))


def _event(**payload: str | bool) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]
