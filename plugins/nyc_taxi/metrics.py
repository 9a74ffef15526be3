"""Counts and times of loads, sent through Airflow's own metrics.

Nothing is sent unless the deployment has enabled metrics (``[metrics]``), and no failure here fails a task.
Counters cover what tasks did since the receiver started; the ledger says what the warehouse holds.
``docs/metrics.md`` lists the names.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import TaskDeferred

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nyc_taxi.load.attempt import Attempt

PREFIX = "nyc_taxi"

_log = logging.getLogger(__name__)


@contextmanager
def timed(step: str, dataset: str, target: str, *, since: datetime | None = None) -> Iterator[None]:
    """Time a step of a load, and record whether it succeeded; a step stopped from outside did not.

    Nothing is recorded of a step that is deferred: it goes on.

    :param step: ``upload``, ``stage``, ``audit`` or ``publish``
    :param dataset: name of the dataset
    :param target: name of the warehouse
    :param since: when the step began, if that was in another process
    """
    earlier = datetime.now(UTC) - since if since else timedelta()
    started, outcome = time.monotonic(), "failed"
    try:
        yield
        outcome = "succeeded"
    except TaskDeferred:
        outcome = ""
        raise
    finally:
        if outcome:
            took = earlier + timedelta(seconds=time.monotonic() - started)
            _send("timing", "step_duration", took, dataset, target, step=step, outcome=outcome)


def count(attempt: Attempt, outcome: str, target: str) -> None:
    """Count how a month's load ended and, if it was published now, its rows and bytes.

    :param attempt: the attempt, as in the ledger
    :param outcome: ``published``, ``unchanged`` or ``superseded``
    :param target: name of the warehouse
    """
    _send("incr", "loads", 1, attempt.dataset, target, outcome=outcome)
    if outcome == "published":
        _send("incr", "rows_loaded", attempt.rows_loaded or 0, attempt.dataset, target)
        _send("incr", "rows_rejected", attempt.rows_rejected or 0, attempt.dataset, target)
        _send("incr", "bytes", attempt.bytes or 0, attempt.dataset, target)


def _send(kind: str, name: str, value: int | timedelta, dataset: str, target: str, **tags: str) -> None:
    try:
        from airflow.sdk.observability import stats

        send: Callable[..., Any] = getattr(stats, kind)
        send(f"{PREFIX}.{name}", value, tags={"dataset": dataset, "warehouse": target, **tags})
    except Exception:  # whatever a receiver's library raises
        _log.debug("The metric %s was not sent.", name, exc_info=True)
