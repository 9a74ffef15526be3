"""Messages about failed tasks and overdue months, and the notifier that sends them."""

from __future__ import annotations

from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

from nyc_taxi import options
from nyc_taxi.core.month import resolve_month
from nyc_taxi.errors import ContractError, TaxiError
from nyc_taxi.retries import TaskFailed

if TYPE_CHECKING:
    from collections.abc import Mapping


class LogNotifier(BaseNotifier):
    """Writes what happened to the log of the process that it runs in."""

    def notify(self, context: Mapping[str, Any]) -> None:
        """Write about a failed task to its log."""
        self.log.warning("%s", message(context))

    async def async_notify(self, context: Mapping[str, Any]) -> None:
        """Write about an overdue month to the triggerer's log."""
        self.notify(context)


def message(context: Mapping[str, Any]) -> str:
    """Return one or two sentences about a task that failed, or a month that is overdue.

    :param context: what Airflow passes to a notifier
    """
    if "deadline" in context:
        return _overdue(context["dag_run"])
    ti = context["ti"]
    where = f"{ti.dag_id}, {ti.task_id} of run {ti.run_id}"
    error = context.get("exception")
    if isinstance(error, TaskFailed):
        error = error.__cause__
    reason = " ".join(str(error or "").split())
    if reason and not isinstance(error, TaxiError | str):
        reason = f"{type(error).__name__}: {reason}"
    return f"{where} failed: {reason}" if reason else f"{where} failed. Its log says why."


def notifier() -> type[BaseNotifier]:
    """Return the notifier of the option ``notifier``; :class:`LogNotifier` when it is empty.

    :raises ContractError: when it cannot be imported
    """
    path = options.text("notifier")
    if not path:
        return LogNotifier
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ContractError(
            f"[{options.SECTION}] notifier is {path}, which cannot be imported: {error}. Put its module into "
            "the folder plugins of every component, or correct the option."
        ) from None
    if not (isinstance(found, type) and issubclass(found, BaseNotifier)):
        raise ContractError(
            f"[{options.SECTION}] notifier is {path}, which is not a class that extends "
            "airflow.sdk.BaseNotifier. Correct the option."
        )
    return found


def _overdue(run: Mapping[str, Any]) -> str:
    """Return what is said of a run that should have loaded its month by now."""
    dag_id, run_id = run["dag_id"], run["dag_run_id"]
    begin = run.get("logical_date") or run.get("data_interval_start")
    try:
        month = resolve_month(
            run_type=str(run["run_type"]),
            param=(run.get("conf") or {}).get("month"),
            partition_key=run.get("partition_key"),
            interval_start=datetime.fromisoformat(begin) if begin else None,
        )
    except TaxiError:
        what = f"A month of {dag_id}"
    else:
        what = f"{month} of {dag_id}"
    if run.get("state") == "failed":
        return (
            f"{what} is overdue: the run {run_id} has failed. Its note says why. Correct that, and clear it."
        )
    return (
        f"{what} is overdue: the run {run_id} has not ended. If its file is published elsewhere, add that "
        "source to the connection of the sources, and clear the run."
    )
