"""Values that do not render, each with one sentence that says what to change and where to read more."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from local import reference
from local.environment import CHECKOUT
from tests.helm.chart import CHART, EVERYTHING, OWN_DATABASES, Refused, Values, render

BIGQUERY: Values = {"warehouses": ["bigquery"]}
REFUSED: list[tuple[Values, str]] = [
    ({"gitops": True}, "set secrets.name or secrets.airflowPassword.name"),
    ({"metadata": {"host": "db.example"}}, "set secrets.name or secrets.metadataPassword.name"),
    ({"warehouse": {"host": "db.example"}}, "set secrets.name or secrets.warehousePassword.name"),
    ({"config": {"core": {"executor": "LocalExecutor"}}}, "config.core.executor belongs to the chart"),
    (
        {"config": {"core": {"fernet_key": "x"}}},
        "config.core.fernet_key belongs to the chart: use secrets.fernetKey",
    ),
    (
        {"config": {"smtp": {"smtp_password": "x"}}},
        "config.smtp.smtp_password would be readable in every pod",
    ),
    (
        {"pods": {"env": [{"name": "AIRFLOW__CORE__FERNET_KEY", "value": "x"}]}},
        "would be in the pods of tasks",
    ),
    (
        {"worker": {"pod": {"env": [{"name": "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "value": "x"}]}}},
        "would be in the pods of tasks",
    ),
    (BIGQUERY, "set bigquery.project and bigquery.bucket"),
    ({"scheduler": {"replicas": 2}}, "set logs.volume.accessMode to ReadWriteMany, or logs.store to remote"),
    ({"apiServer": {"autoscaling": {"enabled": True}}}, "keeps all of them on one node"),
    ({"logs": {"store": "custom"}}, "the logs of tasks would be lost with their pods"),
    ({"logs": {"store": "remote"}}, "set logs.remote.url"),
    ({"logs": {"remote": {"credentials": {"name": "mine"}}}}, "set logs.remote.credentials.key"),
    ({"ingress": {"enabled": True}}, "set ingress.host"),
    ({"httpRoute": {"enabled": True}}, "set httpRoute.parentRefs and httpRoute.hostnames"),
    ({"dbt": {"cronJob": {"enabled": True, "warehouse": "bigquery"}}}, "which warehouses does not have"),
    ({**EVERYTHING, "dbt": {"cronJob": {"command": "docs"}}}, "set logs.store to volume, or another command"),
    (
        {**EVERYTHING, "apiServer": {"autoscaling": {"enabled": True, "minReplicas": 5, "maxReplicas": 2}}},
        "minReplicas above its maxReplicas",
    ),
    (
        {"podProfiles": {"load": {"afterOutOfMemory": "huge"}}},
        "names huge, which is not a profile: use one of dbt, ",
    ),
]


@pytest.mark.parametrize(("values", "sentence"), REFUSED)
def test_values_that_do_not_fit_together_stop_with_a_sentence(values: Values, sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        render(values)
    assert sentence in str(refused.value)
    assert re.fullmatch(r"[^\n]+\. See docs/kubernetes\.md#[a-z-]+", str(refused.value))


def test_the_sections_that_a_refusal_names_exist() -> None:
    page = (CHECKOUT / "docs" / "kubernetes.md").read_text("utf-8")
    headings = {re.sub(r"\W+", "-", text.lower()) for text in re.findall(r"^#+ (.+)$", page, re.MULTILINE)}
    named = set(
        re.findall(r'\$say \(list "([a-z-]+)"', (CHART / "templates" / "checks.yaml").read_text("utf-8"))
    )
    assert named
    assert named <= headings


MISTYPED: list[tuple[Values, str]] = [
    ({"sheduler": {}}, "sheduler"),
    ({"scheduler": {"replica": 2}}, "replica"),
    ({"scheduler": {"replicas": 0}}, "replicas"),
    ({"scheduler": {"resources": {"requests": {"mem": "1Gi"}}}}, "mem"),
    ({"image": {"tag": "latest"}}, "tag"),
    ({"metrics": {"image": "prom/statsd-exporter"}}, "image"),
    ({"logs": {"store": "none"}}, "store"),
    ({"logs": {"remote": {"url": "s3://key:secret@bucket/logs"}}}, "url"),
    ({"migrations": {"mode": "hooks"}}, "mode"),
    ({"metadata": {"parameters": {"password": "x"}}}, "parameters"),
    ({"podProfiles": {"load": {"resource": {}}}}, "resource"),
    ({"podProfiles": {"new": {"labels": {}}}}, "resources"),
    (
        {"config": {"kubernetes_executor": {"worker_pods_creation_batch_size": 0}}},
        "worker_pods_creation_batch_size",
    ),
    ({"cleanupPods": {"schedule": "hourly"}}, "schedule"),
]


@pytest.mark.parametrize(("values", "named"), MISTYPED)
def test_values_that_the_chart_does_not_know_are_refused_by_name(values: Values, named: str) -> None:
    with pytest.raises(Refused, match=named):
        render(values)


def objects(schema: Any, path: str = "values") -> list[tuple[str, dict[str, Any]]]:
    """Return each schema with properties, and its path."""
    if not isinstance(schema, dict):
        return []
    own = [(path, schema)] if "properties" in schema else []
    parts = {**schema.get("properties", {}), **schema.get("definitions", {})}
    return own + [found for name, part in parts.items() for found in objects(part, f"{path}.{name}")]


def test_the_schema_is_strict_everywhere() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    strict = {path for path, one in objects(schema) if one.get("additionalProperties") is False}
    free = {path for path, one in objects(schema)} - strict
    assert free == {"values.config", "values.config.kubernetes_executor"}
    assert len(strict) > 30


def test_every_value_is_in_the_schema_and_on_the_page_with_its_meaning() -> None:
    """The page is made of both: one that only the schema has is an error there."""
    for line in reference.rendered("docs/chart-values.md").splitlines():
        if line.startswith("| `"):
            name, _, meaning = (cell.strip(" `") for cell in line.strip("|").split(" | ", 2))
            assert meaning or name.startswith("config."), name


def test_databases_of_ones_own_render() -> None:
    assert render(OWN_DATABASES)
