"""Waiting without a worker while a warehouse loads what was uploaded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from nyc_taxi.core.month import Month
from nyc_taxi.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class LoadJobTrigger(BaseTrigger):
    """Asks a warehouse about a load job until it has ended, or an error needs the task.

    The task is then resumed, and asks again itself: it raises the error where Airflow's retry policy sees its
    type.

    :param target: name of the warehouse
    :param warehouse_conn_id: its connection; None for the target's own
    :param dataset: name of the dataset
    :param month: the month, as ``YYYY-MM``
    :param attempt: number of the attempt
    :param interval: seconds between two requests
    """

    def __init__(
        self,
        *,
        target: str,
        warehouse_conn_id: str | None,
        dataset: str,
        month: str,
        attempt: int,
        interval: float = 5.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.target = target
        self.warehouse_conn_id = warehouse_conn_id
        self.dataset = dataset
        self.month = month
        self.attempt = attempt
        self.interval = interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to recreate this trigger."""
        names = ("target", "warehouse_conn_id", "dataset", "month", "attempt", "interval")
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {name: getattr(self, name) for name in names},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait and ask, until there is one event: the job has ended, or the task has to find out why not."""
        while await asyncio.to_thread(self._runs):
            await asyncio.sleep(self.interval)
        yield TriggerEvent({})  # type: ignore[no-untyped-call]

    def _runs(self) -> bool:
        """Return whether the job still runs; also when only a later request can tell."""
        from nyc_taxi.hooks.warehouse import warehouse
        from nyc_taxi.load.attempt import Key
        from nyc_taxi.load.stage import uploading

        try:
            store = uploading(warehouse(self.target, self.warehouse_conn_id))
            return store.is_loading(Key(self.dataset, Month(self.month), self.attempt))
        except TransientError as error:
            self.log.warning("%s", error)
            return True
        except Exception:
            self.log.warning("The task is resumed, because of an error.", exc_info=True)
            return False
