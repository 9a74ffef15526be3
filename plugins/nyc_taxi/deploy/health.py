"""The health check of Airflow's components that have no web server."""

from __future__ import annotations

import os
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nyc_taxi.deploy.metadata import dsn, query
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

JOBS: Final = {"dag-processor": "DagProcessorJob", "scheduler": "SchedulerJob", "triggerer": "TriggererJob"}
"""The components that write a heartbeat, and Airflow's name of their job."""

_FRESH: Final = timedelta(seconds=30)
"""A healthy component writes every five seconds. Airflow's own limit is 30 seconds, too."""

_HEARTBEAT = """
    select max(latest_heartbeat) from job
    where job_type = %(job)s and hostname = any(%(hosts)s) and state = 'running'
"""


def check_health(component: str, environment: Mapping[str, str]) -> None:
    """Return if a component that started with this host has written a heartbeat lately.

    A heartbeat of an earlier start does not count: it would hide that the component was killed. A step of the
    clock changes the answer for a few seconds at most.

    :param component: one of :data:`JOBS`
    :raises BootstrapFailed: if it has not
    :raises MetadataUnavailable: if Airflow's database does not answer
    """
    job = JOBS[component]
    address = dsn(environment)
    if address is None:
        os.execvp("airflow", ("airflow", "jobs", "check", "--job-type", job, "--local"))  # noqa: S606, S607
    hosts = [socket.getfqdn(), socket.gethostname()]
    (latest,) = query(address, _HEARTBEAT, {"job": job, "hosts": hosts}) or (None,)
    age = latest and datetime.now(UTC) - latest
    if age is None or age > time_since_start():
        raise BootstrapFailed(f"The {component} has not written a heartbeat since this host started.")
    if age > _FRESH:
        raise BootstrapFailed(f"The last heartbeat of the {component} is {age.total_seconds():.0f} s old.")


def time_since_start() -> timedelta:
    """Return how long ago this host's first process started, by a clock that nobody sets."""
    try:
        started = Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:  # there is none on macOS, where no container runs
        return timedelta.max
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    return timedelta(seconds=now - int(started) / os.sysconf("SC_CLK_TCK"))
