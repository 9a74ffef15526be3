"""Whether the part of Airflow that this container was started for is at work, for health checks."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from nyc_taxi.deploy.completion import libpq_parameters
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

JOBS: Final = {"dag-processor": "DagProcessorJob", "scheduler": "SchedulerJob", "triggerer": "TriggererJob"}
"""The parts that report by a heartbeat, and what Airflow calls their work."""

FRESH: Final = timedelta(seconds=30)
"""A part that is well reports every five seconds; Airflow's own limit is this one, too."""

_HEARTBEAT = """
    select latest_heartbeat from job
    where job_type = %(job)s and hostname = any(%(hosts)s) and state = 'running' and start_date >= %(since)s
    order by latest_heartbeat desc
    limit 1
"""


def check_alive(part: str, environment: Mapping[str, str]) -> None:
    """Return if a part of Airflow on this host has reported lately, and has begun since the host started.

    So the last heartbeat of a part that was killed says nothing about the one that came after it. A check
    that imported Airflow would take two seconds of a core each time, so its database is asked directly.

    :param part: one of :data:`JOBS`
    :raises BootstrapFailed: when it has not, or the database does not answer
    """
    parameters = libpq_parameters(environment)
    if parameters is None:
        os.execvp("airflow", ("airflow", "jobs", "check", "--job-type", JOBS[part], "--local"))  # noqa: S606, S607
    last = _last_heartbeat(parameters, JOBS[part])
    if last is None:
        raise BootstrapFailed(f"The {part} has not reported since this host started.")
    age = datetime.now(UTC) - last
    if age > FRESH:
        raise BootstrapFailed(f"The {part} reported last {age.total_seconds():.0f} s ago.")


def _last_heartbeat(parameters: Mapping[str, str], job: str) -> datetime | None:
    import psutil
    import psycopg

    started = datetime.fromtimestamp(psutil.Process(1).create_time(), UTC)
    names = [socket.getfqdn(), socket.gethostname()]
    asked = {"job": job, "hosts": names, "since": started}
    try:
        with psycopg.connect(psycopg.conninfo.make_conninfo(**parameters)) as connection:
            row = connection.execute(_HEARTBEAT, asked).fetchone()
    except psycopg.Error as error:
        raise BootstrapFailed(f"Airflow's database does not answer: {type(error).__name__}.") from error
    return row[0] if row else None
