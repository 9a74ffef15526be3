"""The health check of Airflow's components, and a clock that is set while they run."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from nyc_taxi.deploy import health
from nyc_taxi.deploy.health import check_health, time_since_start
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from tests.deploy.conftest import Place

JOB = """
    insert into job (job_type, state, hostname, start_date, latest_heartbeat)
    values ('SchedulerJob', 'running', %s, now() - %s, now() - %s)
"""


@pytest.fixture
def check(fresh: Place, monkeypatch: pytest.MonkeyPatch) -> Check:
    return Check(fresh, monkeypatch)


class Check:
    """The check of a scheduler on this host."""

    def __init__(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = place
        self.monkeypatch = monkeypatch

    def after(self, host: timedelta, *, started: timedelta, heartbeat: timedelta) -> None:
        """Check a component that has written a heartbeat, on a host that runs for some time."""
        self.monkeypatch.setattr(health, "time_since_start", lambda: host)
        with psycopg.connect(self.place.uri) as connection:
            connection.execute(JOB, (socket.gethostname(), started, heartbeat))
        check_health("scheduler", self.place.environment())


MINUTE = timedelta(minutes=1)


def test_a_clock_that_steps_forward_turns_no_check_red(check: Check) -> None:
    """By the clock, the component began an hour before its host; its heartbeats follow the clock."""
    check.after(MINUTE, started=60 * MINUTE, heartbeat=timedelta(seconds=2))


def test_a_clock_that_steps_back_turns_no_check_red(check: Check) -> None:
    check.after(MINUTE, started=-60 * MINUTE, heartbeat=timedelta(seconds=2))


def test_a_heartbeat_of_an_earlier_start_does_not_count(check: Check) -> None:
    with pytest.raises(BootstrapFailed, match="has not written a heartbeat since this host started"):
        check.after(timedelta(seconds=5), started=MINUTE, heartbeat=timedelta(seconds=8))


def test_an_old_heartbeat_is_named_with_its_age(check: Check) -> None:
    with pytest.raises(BootstrapFailed, match=r"The last heartbeat of the scheduler is 4\d s old\."):
        check.after(60 * MINUTE, started=50 * MINUTE, heartbeat=timedelta(seconds=40))


def test_a_component_that_never_ran_is_not_healthy(fresh: Place) -> None:
    with pytest.raises(BootstrapFailed, match="The triggerer has not written a heartbeat"):
        check_health("triggerer", fresh.environment())


def test_the_time_since_the_start_is_that_of_the_first_process() -> None:
    assert timedelta() < time_since_start() <= time_since_start()
