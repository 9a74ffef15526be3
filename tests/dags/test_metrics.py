"""The metrics of loads, as a statsd server receives them."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Any

import pytest

from nyc_taxi import metrics
from nyc_taxi.errors import TaxiError
from nyc_taxi.operators.audit import AuditMonthOperator
from tests.dags.conftest import CHECKOUT, ROWS
from tests.dags.test_operators import answer, context, load, publish_staged, stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow.models.dagrun import DagRun

    Publish = Callable[..., None]

pytestmark = pytest.mark.usefixtures("connections")
GREEN = "dataset=green,warehouse=postgres"


class Receiver:
    """A statsd server."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self.port = self._socket.getsockname()[1]

    def received(self) -> list[str]:
        """Return this package's metrics that have come since the last call, in order."""
        found: list[str] = []
        while True:
            try:
                text = self._socket.recv(65_536).decode()
            except TimeoutError:
                return [line for line in found if line.startswith("airflow.nyc_taxi.")]
            found += text.splitlines()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def statsd(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A statsd server that Airflow sends its metrics to, as in the compose file."""
    from airflow.sdk.observability import stats
    from airflow.sdk.observability.metrics.stats_utils import get_stats_factory
    from airflow.sdk.observability.metrics.statsd_logger import get_statsd_logger

    clients = []

    def client() -> Any:
        logger = get_statsd_logger()
        clients.append(logger.statsd)
        return logger

    receiver = Receiver()
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_HOST", "127.0.0.1")
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_PORT", str(receiver.port))
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED", "True")
    stats.initialize(factory=client, export_legacy_names=False)
    yield receiver
    stats.initialize(factory=get_stats_factory(), export_legacy_names=True)
    for used in clients:
        used.close()
    receiver.close()


def without_time(lines: list[str]) -> list[str]:
    """Return metrics with an ellipsis for the milliseconds of a timer."""
    return [re.sub(r":\d+\.\d+\|ms$", ":…|ms", line) for line in lines]


def step(name: str, outcome: str) -> str:
    return f"airflow.nyc_taxi.step_duration,{GREEN},step={name},outcome={outcome}:…|ms"


def test_a_load_is_timed_step_by_step_and_its_rows_are_counted(publish: Publish, statsd: Receiver) -> None:
    publish("green", "2021-01")
    size = answer()["bytes"]
    load()

    assert without_time(statsd.received()) == [
        step("stage", "succeeded"),
        step("audit", "succeeded"),
        step("publish", "succeeded"),
        f"airflow.nyc_taxi.loads,{GREEN},outcome=published:1|c",
        f"airflow.nyc_taxi.rows_loaded,{GREEN}:{ROWS}|c",
        f"airflow.nyc_taxi.rows_rejected,{GREEN}:0|c",
        f"airflow.nyc_taxi.bytes,{GREEN}:{size}|c",
    ]


def test_an_unchanged_month_counts_no_rows_again(publish: Publish, statsd: Receiver) -> None:
    publish("green", "2021-01")
    load()
    statsd.received()

    load()

    assert without_time(statsd.received()) == [
        step("stage", "succeeded"),
        step("publish", "succeeded"),
        f"airflow.nyc_taxi.loads,{GREEN},outcome=unchanged:1|c",
    ]


def test_a_step_that_fails_is_timed_as_failed(publish: Publish, files: Any, statsd: Receiver) -> None:
    publish("green", "2021-01")
    there = answer()
    files.put("green/green_tripdata_2021-01.csv.gz", b"no trips")

    with pytest.raises(TaxiError):
        stage(there)

    assert without_time(statsd.received()) == [step("stage", "failed")]


def test_the_milliseconds_are_the_time_that_a_step_took(statsd: Receiver) -> None:
    with metrics.timed("stage", "green", "postgres"):
        statsd.received()  # waits for a fifth of a second

    (line,) = statsd.received()
    assert 200 <= float(line.partition(":")[2].removesuffix("|ms")) < 2_000


def test_a_task_of_a_run_sends_them_too(
    run_dag: Callable[..., DagRun], publish: Publish, statsd: Receiver
) -> None:
    publish("green", "2021-01")

    assert run_dag("green_postgres", month="2021-01").state == "success"

    assert f"airflow.nyc_taxi.rows_loaded,{GREEN}:{ROWS}|c" in statsd.received()


@pytest.mark.parametrize("host", ["nowhere.invalid", "127.0.0.1"])
def test_a_receiver_that_is_not_there_fails_no_task(
    host: str, publish: Publish, statsd: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_HOST", host)
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_PORT", "1")
    publish("green", "2021-01")

    staged = stage(answer())
    AuditMonthOperator(target="postgres", dataset="green", task_id="audit", staged=staged).execute(context())
    done, _ = publish_staged(staged)

    assert done["outcome"] == "published"


def test_an_error_of_the_library_fails_no_task(monkeypatch: pytest.MonkeyPatch, publish: Publish) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("No such device")

    for name in ("incr", "timing"):
        monkeypatch.setattr(f"airflow.sdk.observability.stats.{name}", broken)
    publish("green", "2021-01")

    load()


def test_the_page_about_metrics_names_all_of_them_and_no_others() -> None:
    page = (CHECKOUT / "docs/metrics.md").read_text("utf-8")
    code = (CHECKOUT / "plugins/nyc_taxi/metrics.py").read_text("utf-8")

    sent = {f"{metrics.PREFIX}.{name}" for name in re.findall(r'_send\("\w+", "(\w+)"', code)}
    assert set(re.findall(r"^\| `(nyc_taxi\.\w+)` ", page, re.MULTILINE)) == sent
