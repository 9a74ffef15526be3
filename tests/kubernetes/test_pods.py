"""Every task of every DAG as the pod that the executor would create."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator

from nyc_taxi.errors import ContractError
from nyc_taxi.pods.wiring import get_profile, pod_profile
from nyc_taxi.targets import TARGETS
from tests.dags.test_dags import python
from tests.helm.chart import KUBERNETES
from tests.helm.security import violations
from tests.kubernetes.conftest import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow.dag_processing.dagbag import DagBag

PROFILES = {
    "wait_for_file": "sensor",
    "upload": "load",
    "stage": "load",
    "audit": "default",
    "publish": "default",
    "dbt": "dbt",
    "publish_docs": "dbt",
}


def executor_configs(bag: DagBag) -> Iterator[tuple[str, str, bool, dict[str, Any]]]:
    """Yield each task's DAG and name, whether it is mapped, and its executor_config."""
    for dag in bag.dags.values():
        for task in dag.tasks:
            made = {**vars(task), **getattr(task, "partial_kwargs", {})}
            mapped = next(task.iter_mapped_task_groups(), None) is not None or task.is_mapped
            yield dag.dag_id, task.task_id, mapped, made["executor_config"]


def rendered(
    config: dict[str, Any],
    template: dict[str, Any],
    dag_id: str = "green_postgres",
    task_id: str = "stage",
    map_index: int = -1,
) -> dict[str, Any]:
    """Return the pod that the executor would create, as it sends it."""
    pod = PodGenerator.construct_pod(
        dag_id=dag_id,
        task_id=task_id,
        pod_id="a-pod",
        try_number=1,
        kube_image="",  # as the chart's template says
        date=None,
        run_id="backfill__2021-01-01T00:00:00+00:00",
        map_index=map_index,
        args=["python", "-m", "airflow.sdk.execution_time.execute_workload", "--json-string", "{}"],
        pod_override_object=PodGenerator.from_obj(config),
        base_worker_pod=PodGenerator.deserialize_model_dict(copy.deepcopy(template)),
        namespace="taxi",
        scheduler_job_id="1",
    )
    return PodGenerator.serialize_pod(pod)


def test_every_task_is_a_valid_pod_with_the_resources_of_its_profile(
    dag_bag: DagBag, worker_template: dict[str, Any]
) -> None:
    distinct = {}
    seen = set()
    for dag_id, task_id, mapped, config in executor_configs(dag_bag):
        pod = rendered(config, worker_template, dag_id, task_id, 3 if mapped else -1)
        task = task_id.rpartition(".")[2]
        # On BigQuery, the file is read by the task before, and stage only waits.
        name = "default" if (task, dag_id[-8:]) == ("stage", "bigquery") else PROFILES.get(task, "default")
        base = pod["spec"]["containers"][0]
        assert [container["name"] for container in pod["spec"]["containers"]] == ["base"]
        assert base["resources"] == resources(name), task_id
        labels = pod["metadata"]["labels"]
        assert {key: labels.get(key) for key in ("dag_id", "task_id", "map_index", "profile")} == {
            "dag_id": dag_id,
            "task_id": task_id,
            "map_index": "3" if mapped else None,
            "profile": name,
        }
        distinct[json.dumps(pod["spec"], sort_keys=True)] = pod
        seen.add((dag_id.rpartition("_")[0], mapped))

    assert len(seen) > 8
    assert ("taxi", True) in seen
    assert len(distinct) == len(set(PROFILES.values()))
    for pod in distinct.values():
        for version in KUBERNETES:
            kubernetes_validate.validate(pod, version, strict=True)
        assert not violations(pod)


def resources(name: str) -> dict[str, Any]:
    """Return the resources that a profile gives the task's container."""
    wanted: dict[str, Any] = get_profile(name).manifest()["spec"]["containers"][0]["resources"]
    return wanted


@pytest.fixture(scope="module")
def official() -> dict[str, Any]:
    """Our values for the official chart, which itself is not here."""
    path = CHECKOUT / "helm" / "values" / "official-chart" / "values.yaml"
    values: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    (mount,), (variable,) = values["volumeMounts"], values["env"]
    config_map = yaml.safe_load(values["extraConfigMaps"][values["volumes"][0]["configMap"]["name"]]["data"])
    (file,) = config_map
    assert variable == {"name": "AIRFLOW__NYC_TAXI__POD_PROFILES", "value": f"{mount['mountPath']}/{file}"}
    return {"profiles": config_map[file], "resources": values["workers"]["kubernetes"]["resources"]}


@pytest.mark.parametrize("name", ["default", "sensor", "load", "load-large", "dbt"])
def test_the_official_chart_gives_the_same_resources(
    profiles: Callable[[str], Path], worker_template: dict[str, Any], official: dict[str, Any], name: str
) -> None:
    ours = rendered(pod_profile(name), worker_template)
    profiles(official["profiles"])
    template = {"spec": {"containers": [{"name": "base", "resources": official["resources"]}]}}
    theirs = rendered(pod_profile(name), template)

    bases = [pod["spec"]["containers"][0] for pod in (ours, theirs)]
    assert bases[0]["resources"] == bases[1]["resources"]


def test_the_official_chart_has_the_same_profiles(official: dict[str, Any]) -> None:
    shipped = yaml.safe_load((CHECKOUT / "include" / "pod_profiles.yaml").read_text("utf-8"))

    assert yaml.safe_load(official["profiles"]) == shipped
    assert official["resources"] == shipped["default"]["resources"]


def test_the_scheduler_reads_from_its_database_the_pods_that_the_dag_files_name(dag_bag: DagBag) -> None:
    from airflow.models.taskinstance import TaskInstance
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        dialect = session.get_bind().dialect
    stored = TaskInstance.__table__.c.executor_config.type
    write, read = stored.bind_processor(dialect), stored.result_processor(dialect, None)
    for name in ("green_postgres", "taxi_postgres", "transform_postgres"):
        written = json.loads(json.dumps(DagSerialization.to_dict(dag_bag.dags[name])))
        found = {
            task.task_id: {**vars(task), **getattr(task, "partial_kwargs", {})}["executor_config"]
            for task in DagSerialization.from_dict(written).tasks
        }
        given = {
            task_id: config for dag_id, task_id, _, config in executor_configs(dag_bag) if dag_id == name
        }
        assert found == given
        for config in given.values():
            assert read(write(config)) == config


FULL = """
full:
  resources: {requests: {cpu: 1, memory: 1Gi}, limits: {memory: 1Gi, ephemeral-storage: 1Gi}}
  image: taxi:other
  env: [{name: A, value: b}, {name: C, valueFrom: {secretKeyRef: {name: d, key: e}}}]
  envFrom: [{secretRef: {name: f}}]
  volumes: [{name: scratch, emptyDir: {}}]
  volumeMounts: [{name: scratch, mountPath: /scratch}]
  initContainers: [{name: wait, image: busybox, args: [sleep, "1"]}]
  sidecars: [{name: proxy, image: proxy, ports: [{containerPort: 5432}]}]
  nodeSelector: {pool: big}
  tolerations: [{key: spot, operator: Exists, effect: NoSchedule}]
  affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [
    {weight: 1, preference: {matchExpressions: [{key: a, operator: In, values: [b]}]}}]}}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector: {matchLabels: {profile: full}}
  priorityClassName: low
  runtimeClassName: gvisor
  serviceAccountName: loader
  terminationGracePeriodSeconds: 120
  labels: {team: data}
  annotations: {cost/center: "7"}
"""


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_kubernetes: None) -> Callable[[str], Path]:
    """Make a text the deployment's profiles, and return their file."""

    def use(text: str) -> Path:
        path = tmp_path / "profiles.yaml"
        path.write_text(text, "utf-8")
        monkeypatch.setenv("AIRFLOW__NYC_TAXI__POD_PROFILES", str(path))
        return path

    return use


def test_every_field_of_a_profile_reaches_the_pod_beside_what_the_chart_gave_it(
    profiles: Callable[[str], Path], worker_template: dict[str, Any]
) -> None:
    profiles(FULL)
    pod = rendered(pod_profile("full"), worker_template)

    for version in KUBERNETES:
        kubernetes_validate.validate(pod, version, strict=True)
    base, given = pod["spec"]["containers"][0], worker_template["spec"]["containers"][0]
    wanted = get_profile("full").fields
    assert base["image"] == "taxi:other"
    assert [one for one in given["env"] if one not in base["env"]] == []
    assert base["env"][-2:] == wanted["env"]
    assert base["envFrom"][-1:] == wanted["envFrom"]
    assert base["volumeMounts"] == [*given["volumeMounts"], *wanted["volumeMounts"]]
    assert pod["spec"]["volumes"] == [*worker_template["spec"]["volumes"], *wanted["volumes"]]
    assert [one["name"] for one in pod["spec"]["initContainers"]] == ["proxy", "wait"]
    assert pod["spec"]["initContainers"][0]["restartPolicy"] == "Always"
    replaced = {"affinity", "nodeSelector", "priorityClassName", "runtimeClassName", "serviceAccountName"}
    for field in replaced | {"terminationGracePeriodSeconds", "tolerations", "topologySpreadConstraints"}:
        assert pod["spec"][field] == wanted[field]
    assert pod["metadata"]["labels"]["team"] == "data"
    assert pod["metadata"]["annotations"]["cost/center"] == "7"


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("tolerations: [{kee: spot}]", "spec.tolerations[0].kee"),
        ("env: [{name: A, valu: b}]", "spec.containers[0].env[0].valu"),
        ("volumes: [{name: scratch, emptydir: {}}]", "spec.volumes[0].emptydir"),
        ("nodeSelector: {pool: [big]}", "spec.nodeSelector.pool"),
    ],
)
def test_a_misspelt_field_within_a_field_is_named_where_it_is(
    profiles: Callable[[str], Path], field: str, place: str
) -> None:
    path = profiles(f"load:\n  resources: {{requests: {{memory: 1Gi}}, limits: {{memory: 1Gi}}}}\n  {field}")

    with pytest.raises(ContractError) as caught:
        pod_profile("load")
    assert str(caught.value) == (
        f"{path}, profile load: Kubernetes does not know {place}, or wants another value for it."
    )


@pytest.mark.parametrize("executor", ["LocalExecutor", "CeleryExecutor"])
def test_no_other_executor_gets_a_pod(executor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    assert pod_profile("load") == {}


def test_a_task_in_its_pod_does_not_make_the_pod_again(
    on_kubernetes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Importing the Kubernetes client would cost each task half a second."""
    assert pod_profile("load")["pod_override"].metadata.labels == {"profile": "load"}
    monkeypatch.setenv("AIRFLOW_IS_K8S_EXECUTOR_POD", "True")
    assert pod_profile("load") == {}


def test_the_dags_of_both_warehouses_were_read(dag_bag: DagBag) -> None:
    assert {dag_id.rpartition("_")[2] for dag_id in dag_bag.dags} >= {target.name for target in TARGETS}


def test_the_dag_processor_imports_the_client_once_before_it_reads_files(tmp_path: Path) -> None:
    """Each file is read in a fork of it, and a fork that has to import it can exceed Airflow's limit."""
    code = """
import sys
from nyc_taxi import listener
found = ["kubernetes" in sys.modules]
listener.on_starting(component=None)
print([*found, "kubernetes" in sys.modules])
"""
    assert python(code, tmp_path, AIRFLOW__CORE__EXECUTOR="KubernetesExecutor") == "[False, True]"
