"""The example DAG that runs dbt in a separate pod."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import kubernetes_validate
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator

from nyc_taxi.pods.wiring import get_profile
from tests.helm.chart import KUBERNETES
from tests.helm.security import violations
from tests.kubernetes.conftest import CHECKOUT, kubeconfig

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_pod_of_dbt_has_its_profile_and_the_task_that_waits_for_it_has_that_of_a_sensor(
    airflow_database: None, on_kubernetes: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = str(kubeconfig(tmp_path, "http://127.0.0.1:1"))
    connection = {"conn_type": "kubernetes", "extra": {"kube_config_path": config}}
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", json.dumps(connection))
    bag = DagBag(dag_folder=CHECKOUT / "docs" / "examples")
    assert bag.import_errors == {}
    task: Any = bag.dags["dbt_in_a_pod"].get_task("dbt")
    pod = PodGenerator.serialize_pod(task.build_pod_request_obj())

    assert task.executor_config["pod_override"].metadata.labels == {"profile": "sensor"}
    assert pod["metadata"]["labels"]["profile"] == "dbt"
    (container,) = pod["spec"]["containers"]
    assert container["image"] == "nyc-taxi-airflow:dev"
    wanted = get_profile("dbt").manifest()["spec"]["containers"][0]["resources"]
    assert container["resources"] == wanted
    for version in KUBERNETES:
        kubernetes_validate.validate(pod, version, strict=True)
    assert violations(pod) == []
