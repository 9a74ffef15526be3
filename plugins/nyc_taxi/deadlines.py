"""The moment from which the deadline of a run counts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk.definitions.deadline import BaseDeadlineReference


class RunCreated(BaseDeadlineReference):
    """The moment at which a run is created; clearing it changes nothing.

    Airflow's own ``DAGRUN_QUEUED_AT`` would be the same, but with it Airflow 3.3 cannot clear a run:
    https://github.com/apache/airflow/issues/70368. The end of a run's month would be as good for scheduled
    runs, and make every backfilled month overdue at once.
    """

    def _evaluate_with(self, **_: Any) -> datetime:
        """Return the current time: Airflow calls this when it creates a run."""
        return datetime.now(UTC)
