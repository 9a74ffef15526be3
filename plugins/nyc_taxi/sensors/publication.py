"""Waiting until a month's file is published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseSensorOperator

from nyc_taxi import settings
from nyc_taxi.core.month import Month
from nyc_taxi.errors import ContractError, NeverInSource
from nyc_taxi.files.publication import State
from nyc_taxi.hooks.tlc import NycTlcHook
from nyc_taxi.run_month import month_of_task
from nyc_taxi.triggers.publication import PublicationTrigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from nyc_taxi.files.publication import Publication


class PublicationSensor(BaseSensorOperator):
    """Returns the source's answer about a month once its file is published.

    The source is asked at once, in the worker. If the month is not published yet, the task waits in the
    triggerer, where it takes neither a worker nor a pool slot. A month that no source will ever have fails
    at once, and so does a month in the future, unless its file is there.

    :param dataset: name of the dataset (templated)
    :param month: the month as ``YYYY-MM`` (templated); None for the run's own month
    :param tlc_conn_id: connection that lists the sources
    :param poke_interval: time between two requests, varied by a tenth either way
    :param timeout: time after which the task fails, counted from its first request
    """

    template_fields: Sequence[str] = ("dataset", "month")
    ui_color = "#fdf3d0"

    def __init__(
        self,
        *,
        dataset: str,
        month: str | None = None,
        tlc_conn_id: str = settings.TLC_CONN_ID,
        poke_interval: timedelta | float = settings.ASK_INTERVAL,
        timeout: timedelta | float = settings.GIVE_UP_AFTER,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, timeout=timeout, **kwargs)
        self.dataset = dataset
        self.month = month
        self.tlc_conn_id = tlc_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the answer, or defer until there is another one.

        :raises ContractError: when the run does not say which month it is for
        :raises NeverInSource: when no source will ever have the month, or the month is in the future
        """
        return self._ask(context, datetime.now(UTC) + timedelta(seconds=self.timeout))

    def execute_complete(self, context: Context, event: dict[str, Any], deadline: str) -> dict[str, Any]:
        """Continue after the wait: ask again, for a fresh answer, or for the error that ended the wait.

        :raises ContractError: when the deadline came first
        """
        if event["gave_up"]:
            raise ContractError(
                f"{self.dataset} {month_of_task(self.month, context)} was not published within "
                f"{_words(self.timeout)}. Clear this task to wait again, or add another source to the "
                f"connection {self.tlc_conn_id}."
            )
        return self._ask(context, datetime.fromisoformat(deadline))

    def _ask(self, context: Context, deadline: datetime) -> dict[str, Any]:
        month = month_of_task(self.month, context)
        answer = NycTlcHook(self.tlc_conn_id).ask(self.dataset, month)
        if answer.state is State.NOT_YET:
            if month > Month.of(datetime.now(UTC).date()):
                raise NeverInSource(
                    f"{self.dataset} {month} is in the future. Correct the month, or first put its file at "
                    f"{answer.url}"
                )
            self._wait(answer, deadline)
        answer.require()
        self.log.info("%s %s is published at %s", self.dataset, month, answer.url)
        return answer.to_json()

    def _wait(self, answer: Publication, deadline: datetime) -> NoReturn:
        self.log.info(
            "%s %s is not published yet. Asking again about every %s until %s UTC at %s",
            answer.dataset,
            answer.month,
            _words(self.poke_interval),
            f"{deadline:%Y-%m-%d %H:%M}",
            answer.url,
        )
        self.defer(
            trigger=PublicationTrigger(
                dataset=answer.dataset,
                month=str(answer.month),
                tlc_conn_id=self.tlc_conn_id,
                interval=self.poke_interval,
                asked=answer.asked_at.isoformat(),
                deadline=deadline.isoformat(),
            ),
            method_name="execute_complete",
            kwargs={"deadline": deadline.isoformat()},
        )


def _words(seconds: float) -> str:
    for name, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:g} {name}"
    return f"{seconds:g} s"
