"""The files of the compose profile ``observability`` agree with each other, with Airflow and the code."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Any

import pytest
import yaml

from local.environment import CHECKOUT
from nyc_taxi import metrics

FOLDER = CHECKOUT / "compose" / "observability"


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text("utf-8"))


SERVICES: dict[str, Any] = read("compose.yaml")["services"]
MAPPINGS: list[dict[str, Any]] = read("statsd.yaml")["mappings"]
DATASOURCES = {source["uid"]: source for source in read("grafana/datasources.yaml")["datasources"]}
DASHBOARD = json.loads((FOLDER / "grafana/dashboards/loads.json").read_text("utf-8"))
TARGETS = [(panel, target) for panel in DASHBOARD["panels"] for target in panel["targets"]]
EXPRESSIONS = [target["expr"] for _, target in TARGETS if "expr" in target]
ENVIRONMENT = dict(
    line.split("=", 1) for line in (FOLDER / "airflow.env").read_text("utf-8").splitlines() if line[0] != "#"
)

OURS = {
    "loads": ("counter", {"outcome"}),
    "rows_loaded": ("counter", set()),
    "rows_rejected": ("counter", set()),
    "bytes": ("counter", set()),
    "step_duration": ("timer", {"step", "outcome"}),
}
"""Kind and tags of the package's metrics; ``tests/dags/test_metrics.py`` receives them."""


def sent() -> dict[str, tuple[str, set[str]]]:
    """Return kind and tags of the metrics that reach the exporter, by their names there."""
    template = files("airflow").joinpath("_shared", "observability", "metrics", "metrics_template.yaml")
    listed = yaml.safe_load(template.read_text("utf-8"))["metrics"]
    prefix = ENVIRONMENT["AIRFLOW__METRICS__STATSD_PREFIX"]
    found = {
        f"{prefix}.{metric['name']}": (metric["type"], set(metric.get("name_variables") or ()))
        for metric in listed
    }
    for name, (kind, tags) in OURS.items():
        found[f"{prefix}.{metrics.PREFIX}.{name}"] = (kind, tags | {"dataset", "warehouse"})
    return found


def mapping_of(name: str, kind: str) -> dict[str, Any] | None:
    """Return the first mapping that takes a metric, as the exporter does; a star is one part of a name."""
    for mapping in MAPPINGS:
        same_depth = mapping["match"].count(".") == name.count(".")
        if (
            same_depth
            and fnmatchcase(name, mapping["match"])
            and mapping.get("match_metric_type", kind) == kind
        ):
            return mapping
    return None


def produced() -> dict[str, set[str]]:
    """Return the series that the mappings produce for Prometheus, each with its labels."""
    series: dict[str, set[str]] = {}
    for name, (kind, tags) in sent().items():
        if (mapping := mapping_of(name, kind)) is None:
            continue
        star = name.rpartition(".")[2]
        mapped = re.sub(r"\$\{?1\}?", star, mapping["name"])
        labels = tags | mapping.get("labels", {}).keys()
        if kind == "timer":
            assert mapping.get("observer_type") == "histogram", name
            series |= {f"{mapped}_{part}": labels | {"le"} for part in ("bucket", "sum", "count")}
        else:
            series[mapped] = series.get(mapped, set()) | labels
    return series


def labels_in(expression: str) -> set[str]:
    """Return the labels that an expression selects or groups by."""
    grouped = re.findall(r"\bby \(([^)]*)\)", expression)
    return {label.strip() for group in grouped for label in group.split(",")} | set(
        re.findall(r"(\w+)=~?\"", expression)
    )


def test_every_metric_of_the_dashboard_is_one_that_the_mapping_produces() -> None:
    series = produced()
    used = set()
    for expression in EXPRESSIONS:
        names = re.findall(r"\b(?:airflow|nyc_taxi)_\w+", re.sub(r'"[^"]*"', "", expression))
        assert names, expression
        for name in names:
            assert name in series, f"{name} in {expression}"
            assert labels_in(expression) <= series[name], expression
        used |= set(names)
    assert len(used) >= 8


def test_every_mapping_takes_a_metric_that_is_sent() -> None:
    taken = [mapping_of(name, kind) for name, (kind, _) in sent().items()]

    assert [mapping["match"] for mapping in MAPPINGS if mapping not in taken] == []


def test_every_metric_of_the_package_gets_a_name_in_prometheus() -> None:
    series = produced()

    for name, (kind, _) in OURS.items():
        assert f"nyc_taxi_{name}_total" in series or (
            kind == "timer" and f"nyc_taxi_{name}_seconds_sum" in series
        )


def test_the_names_here_are_the_ones_that_the_code_sends() -> None:
    code = (CHECKOUT / "plugins/nyc_taxi/metrics.py").read_text("utf-8")

    assert set(re.findall(r'_send\("\w+", "(\w+)"', code)) == OURS.keys()


def test_every_panel_asks_a_source_that_is_provisioned() -> None:
    for panel, target in TARGETS:
        source = DATASOURCES[target["datasource"]["uid"]]
        assert target["datasource"]["type"] == source["type"] == panel["datasource"]["type"]
        assert ("expr" in target) == (source["type"] == "prometheus"), panel["title"]
        assert panel["description"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_panels_do_not_overlap() -> None:
    places = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert (x, y) not in places, panel["title"]
                assert x < 24
                places.add((x, y))


def test_airflow_exporter_prometheus_and_grafana_name_the_same_hosts_and_ports() -> None:
    host, port = ENVIRONMENT["AIRFLOW__METRICS__STATSD_HOST"], ENVIRONMENT["AIRFLOW__METRICS__STATSD_PORT"]
    exporter = SERVICES[host]["command"]
    assert f"--statsd.listen-udp=:{port}" in exporter
    ((target,),) = [job["targets"] for job in read("prometheus.yaml")["scrape_configs"][0]["static_configs"]]
    assert target.partition(":")[0] == host
    assert f"--web.listen-address=:{target.partition(':')[2]}" in exporter
    assert DATASOURCES["prometheus"]["url"] == "http://prometheus:9090"
    assert SERVICES["prometheus"]["ports"] == ["127.0.0.1:${PROMETHEUS_PORT:-9090}:9090"]
    reader = SERVICES["grafana-reader"]["environment"]
    warehouse = DATASOURCES["warehouse"]
    assert warehouse["url"] == f"{reader['PGHOST']}:5432"
    assert warehouse["jsonData"]["database"] == reader["PGDATABASE"]
    password = warehouse["secureJsonData"]["password"]
    assert password == "$__file{/run/secrets/grafana_reader_password}"
    assert f"GRAFANA_READER_PASSWORD=$$(cat {password[8:-1]})" in SERVICES["grafana-reader"]["entrypoint"][-1]
    assert f"alter role {warehouse['user']} login" in (FOLDER / "reader.psql").read_text("utf-8")


def test_airflow_sends_nothing_unless_it_is_told_to() -> None:
    assert ENVIRONMENT["AIRFLOW__METRICS__STATSD_ON"] == "${NYC_TAXI_METRICS:-False}"


def test_every_setting_of_airflow_is_one_that_it_has() -> None:
    from airflow.configuration import conf

    options = conf.configuration_description["metrics"]["options"]
    for name in ENVIRONMENT:
        assert name.removeprefix("AIRFLOW__METRICS__").lower() in options


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_of_the_profile_bounded_and_reached_from_this_machine_alone(name: str) -> None:
    service = SERVICES[name]

    assert service["profiles"] == ["observability"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert re.fullmatch(r"\d+m", service["mem_limit"])
    assert re.fullmatch(r"(\$\{\w+:-)?[\w/-]+:v?\d[\w.]*\}?", service["image"])
    for port in service.get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d+\}:\d+", port)
    assert ("healthcheck" in service) == (service["restart"] != "no")


def test_the_page_lists_every_setting_with_its_default() -> None:
    page = (CHECKOUT / "docs/metrics.md").read_text("utf-8")
    text = "".join((FOLDER / name).read_text("utf-8") for name in ("compose.yaml", "airflow.env"))
    used = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", text))

    described = dict(re.findall(r"^\| `([A-Z_]+)` \| (?:`(.*?)`)? ?\|", page, re.MULTILINE))
    assert described == used


@pytest.mark.parametrize("name", SERVICES)
def test_every_file_that_is_mounted_is_there_and_cannot_be_written(name: str) -> None:
    for volume in SERVICES[name].get("volumes", ()):
        source, _, more = volume.partition(":")
        if source.startswith("./"):
            assert (FOLDER / source).exists(), volume
            assert more.endswith(":ro"), volume
        else:
            assert source in read("compose.yaml")["volumes"]
