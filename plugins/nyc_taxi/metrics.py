"""What loads are counted and timed by, through Airflow's own metrics.

Nothing is sent unless the deployment has switched them on (``[metrics]``), and nothing that goes wrong
here fails a task. Counters say what tasks did since the receiver started; what the warehouse holds is in
the ledger. ``docs/metrics.md`` lists the names.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nyc_taxi.load.attempt import Attempt

PREFIX = "nyc_taxi"
WAREHOUSE = "postgres"
"""The warehouse that these metrics are tagged with, as the raw asset is named after it."""

_log = logging.getLogger(__name__)


@contextmanager
def timed(step: str, dataset: str) -> Iterator[None]:
    """Time a step of a load, and say whether it succeeded; one that is ended from outside did not.

    :param step: ``stage``, ``audit`` or ``publish``
    :param dataset: name of the dataset
    """
    started, outcome = time.monotonic(), "failed"
    try:
        yield
        outcome = "succeeded"
    finally:
        took = timedelta(seconds=time.monotonic() - started)
        _send("timing", "step_duration", took, dataset, step=step, outcome=outcome)


def count(attempt: Attempt, outcome: str) -> None:
    """Count how a month's load ended and, if it was published now, its rows and bytes.

    :param attempt: the attempt, as it is in the ledger
    :param outcome: ``published``, ``unchanged`` or ``superseded``
    """
    _send("incr", "loads", 1, attempt.dataset, outcome=outcome)
    if outcome == "published":
        _send("incr", "rows_loaded", attempt.rows_loaded or 0, attempt.dataset)
        _send("incr", "rows_rejected", attempt.rows_rejected or 0, attempt.dataset)
        _send("incr", "bytes", attempt.bytes or 0, attempt.dataset)


def _send(kind: str, name: str, value: int | timedelta, dataset: str, **tags: str) -> None:
    try:
        from airflow.sdk.observability import stats

        send: Callable[..., Any] = getattr(stats, kind)
        send(f"{PREFIX}.{name}", value, tags={"dataset": dataset, "warehouse": WAREHOUSE, **tags})
    except Exception:  # whatever a receiver's library raises
        _log.debug("The metric %s was not sent.", name, exc_info=True)
