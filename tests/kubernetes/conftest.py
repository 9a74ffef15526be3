"""The DAGs of the checkout as a deployment with the KubernetesExecutor reads them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.helm.chart import render, worker_pod

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

CHECKOUT = Path(__file__).parents[2]

os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(CHECKOUT / "dags")
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(CHECKOUT / "plugins")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a warning of Airflow's own pass, in the tests of this folder only."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(
                # Airflow reads .airflowignore with a class that a newer pathspec has renamed.
                pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")
            )


def kubeconfig(folder: Path, server: str) -> Path:
    """Return a file that names a cluster by the address of its API server."""
    path = folder / "kubeconfig"
    content = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
        "current-context": "c",
    }
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def on_kubernetes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let DAG files be read as on Kubernetes."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "KubernetesExecutor")


@pytest.fixture(scope="module")
def dag_bag(airflow_database: None) -> DagBag:
    """All DAGs of the checkout, of both warehouses, as read on Kubernetes."""
    from airflow.dag_processing.dagbag import DagBag

    from nyc_taxi import settings
    from nyc_taxi.targets import TARGETS

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__EXECUTOR", "KubernetesExecutor")
        patch.setattr(settings, "TARGETS", TARGETS)
        bag = DagBag(dag_folder=CHECKOUT / "dags")
    assert bag.import_errors == {}
    return bag


@pytest.fixture(scope="session")
def worker_template() -> dict[str, Any]:
    """The pod of a task as the chart renders it, before a profile is applied."""
    return worker_pod(render())
