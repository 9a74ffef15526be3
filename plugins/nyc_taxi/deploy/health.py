"""The health check of Airflow's components that have no web server."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta
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
    select latest_heartbeat from job
    where job_type = %(job)s and hostname = any(%(hosts)s) and state = 'running' and start_date >= %(since)s
    order by latest_heartbeat desc
    limit 1
"""


def check_health(component: str, environment: Mapping[str, str]) -> None:
    """Return if a component that started with this host has written a heartbeat lately.

    A heartbeat of an earlier start does not count: it would hide that the component was killed.

    :param component: one of :data:`JOBS`
    :raises BootstrapFailed: if it has not
    :raises MetadataUnavailable: if Airflow's database does not answer
    """
    import psutil

    job = JOBS[component]
    address = dsn(environment)
    if address is None:
        os.execvp("airflow", ("airflow", "jobs", "check", "--job-type", job, "--local"))  # noqa: S606, S607
    started = datetime.fromtimestamp(psutil.Process(1).create_time(), UTC)
    hosts = [socket.getfqdn(), socket.gethostname()]
    row = query(address, _HEARTBEAT, {"job": job, "hosts": hosts, "since": started})
    if row is None:
        raise BootstrapFailed(f"The {component} has not written a heartbeat since this host started.")
    if (age := datetime.now(UTC) - row[0]) > _FRESH:
        raise BootstrapFailed(f"The last heartbeat of the {component} is {age.total_seconds():.0f} s old.")
