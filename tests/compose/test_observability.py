"""The profile ``observability``: the metrics of a load in Prometheus, and the dashboard in Grafana."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.compose.stack import Compose

pytestmark = pytest.mark.slow

RECEIVERS = ("statsd-exporter", "prometheus")


@pytest.fixture
def prometheus(stack: Compose) -> Iterator[str]:
    """The URL of a Prometheus that receives Airflow's metrics, without Grafana."""
    services = stack.services_of("observability")
    stack.need_images({name: services[name] for name in RECEIVERS})
    stack.compose("up", "--detach", "--wait", *RECEIVERS)
    stack.compose("up", "--detach", "--no-build", "--wait", NYC_TAXI_METRICS="True")
    yield stack.url("PROMETHEUS_PORT")
    stack.up()


def test_the_metrics_of_a_load_and_all_heartbeats_reach_prometheus(stack: Compose, prometheus: str) -> None:
    def known(question: str) -> dict[str, Any]:
        answer = requests.get(f"{prometheus}/api/v1/query", {"query": question}, timeout=60).json()
        return {one["metric"].get("part", ""): float(one["value"][1]) for one in answer["data"]["result"]}

    stack.inside(
        "scheduler", "airflow", "dags", "backfill", "yellow_postgres", "-s", "2021-04", "-e", "2021-04"
    )
    rows = "sum(nyc_taxi_rows_loaded_total{dataset='yellow', warehouse='postgres'})"
    rejected = "sum(nyc_taxi_rows_rejected_total{dataset='yellow'}) or vector(0)"
    eventually(lambda: known(rows))
    assert known(rows)[""] + known(rejected)[""] == 100_000
    assert known("sum(nyc_taxi_step_duration_seconds_count{step='publish', outcome='succeeded'})") == {"": 1}
    parts = {"scheduler", "dag-processor", "triggerer"}
    eventually(lambda: known("sum by (part) (increase(airflow_heartbeats_total[1m])) > 0").keys() == parts)


def test_grafana_shows_the_dashboard_and_reaches_both_sources(stack: Compose) -> None:
    with stack.with_profile("observability"):
        who = ("admin", stack.secret("airflow_password"))

        def get(path: str) -> Any:
            answer = requests.get(f"{stack.url('GRAFANA_PORT')}/api/{path}", auth=who, timeout=60)
            assert answer.ok, answer.text
            return answer.json()

        assert get("dashboards/uid/nyc-taxi-loads")["dashboard"]["panels"]
        assert [get(f"datasources/uid/{name}/health")["status"] for name in ("prometheus", "warehouse")] == [
            "OK",
            "OK",
        ]
