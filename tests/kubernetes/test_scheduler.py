"""What the scheduler does with pods: labels at their start, a reported end, and a larger profile after it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from airflow.models.dag import DagModel
from airflow.models.dagbag import DBDagBag
from airflow.models.dagrun import DagRun
from airflow.models.log import Log
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import delete, select

from nyc_taxi import deployment
from nyc_taxi.listener import on_dag_run_failed
from tests.kubernetes.conftest import kubeconfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow.dag_processing.dagbag import DagBag
    from sqlalchemy.orm import Session

JANUARY = datetime(2021, 1, 1, tzinfo=UTC)
FEBRUARY = datetime(2021, 2, 1, tzinfo=UTC)
DATES = (JANUARY + timedelta(minutes=number) for number in count())
NOTICED = (
    "Executor KubernetesExecutor(parallelism=32) reported that the task instance finished with state failed, "
    "but the task instance's state attribute is running. Extra info: Pod failed because of None"
)


@pytest.fixture(scope="module")
def stored(dag_bag: DagBag) -> Iterator[None]:
    """The DAGs are in Airflow's database, while the tests of this module run."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()  # type: ignore[no-untyped-call]
    sync_bag_to_db(dag_bag, "dags-folder", None)
    yield
    with create_session(scoped=False) as session:
        for table in (Log, DagRun, DagModel):
            session.execute(delete(table))


@pytest.fixture
def session(stored: None, on_kubernetes: None) -> Iterator[Session]:
    """A session of the scheduler."""
    with create_session(scoped=False) as session:
        yield session


@pytest.fixture
def run(session: Session) -> Callable[..., str]:
    """Create a run of a DAG, and return its id."""

    def create(dag_id: str, run_type: DagRunType, conf: dict[str, Any] | None = None) -> str:
        dag = DBDagBag().get_latest_version_of_dag(dag_id, session=session)
        assert dag is not None
        run_id = f"{run_type.value}__{datetime.now(UTC).isoformat()}"
        dag.create_dagrun(
            run_id=run_id,
            logical_date=None if run_type is DagRunType.MANUAL else next(DATES),
            data_interval=None if run_type is DagRunType.MANUAL else (JANUARY, FEBRUARY),
            run_after=FEBRUARY,
            conf=conf,
            run_type=run_type,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.RUNNING,
            session=session,
        )
        session.commit()
        return run_id

    return create


def instance(session: Session, run_id: str, task_id: str) -> TaskInstance:
    """Return a task of a run as the scheduler has it."""
    found = session.scalars(
        select(TaskInstance).where(TaskInstance.run_id == run_id, TaskInstance.task_id == task_id)
    ).one()
    dag = DBDagBag().get_latest_version_of_dag(found.dag_id, session=session)
    assert dag is not None
    found.task = dag.get_task(task_id)
    return found


def created(task: TaskInstance, try_number: int = 1, map_index: int = -1) -> dict[str, Any]:
    """Return the pod that the executor would create for a try of a task."""
    pod = PodGenerator.construct_pod(
        dag_id=task.dag_id,
        task_id=task.task_id,
        run_id=task.run_id,
        try_number=try_number,
        map_index=map_index,
        pod_id="a-pod",
        kube_image="taxi:dev",
        date=None,
        args=[],
        pod_override_object=PodGenerator.from_obj(task.executor_config),
        base_worker_pod=PodGenerator.deserialize_model_dict({"spec": {"containers": [{"name": "base"}]}}),
        namespace="taxi",
        scheduler_job_id="1",
        with_mutation_hook=True,
    )
    return PodGenerator.serialize_pod(pod)


def labels(pod: dict[str, Any]) -> tuple[str | None, ...]:
    return tuple(pod["metadata"]["labels"].get(name) for name in ("dataset", "month", "profile"))


@pytest.mark.parametrize(
    ("dag_id", "run_type", "conf", "expected"),
    [
        ("green_postgres", DagRunType.BACKFILL_JOB, None, ("green", "2021-01", "load")),
        ("yellow_bigquery", DagRunType.MANUAL, {"month": "2020-05"}, ("yellow", "2020-05", "default")),
        ("fhv_postgres", DagRunType.MANUAL, None, ("fhv", None, "load")),
    ],
)
def test_the_pod_of_a_load_is_labelled_with_its_dataset_month_and_profile(
    session: Session,
    run: Callable[..., str],
    dag_id: str,
    run_type: DagRunType,
    conf: dict[str, Any] | None,
    expected: tuple[str | None, ...],
) -> None:
    assert labels(created(instance(session, run(dag_id, run_type, conf), "stage"))) == expected


def test_the_pod_of_a_mapped_load_is_labelled_with_what_its_entry_says(
    session: Session, run: Callable[..., str]
) -> None:
    run_id = run("taxi_postgres", DagRunType.MANUAL)
    XComModel.set(
        key="return_value",
        value=[{"dataset": "green", "month": "2021-01"}, {"dataset": "fhv", "month": "2021-07"}],
        dag_id="taxi_postgres",
        task_id="plan",
        run_id=run_id,
        session=session,
    )
    session.commit()
    stage = instance(session, run_id, "load.stage")

    assert [labels(created(stage, map_index=index)) for index in (0, 1, 2)] == [
        ("green", "2021-01", "load"),
        ("fhv", "2021-07", "load"),
        (None, None, "load"),
    ]


def test_the_pod_of_another_task_has_the_label_of_its_profile_alone(
    session: Session, run: Callable[..., str]
) -> None:
    assert labels(created(instance(session, run("transform_postgres", DagRunType.MANUAL), "dbt"))) == (
        None,
        None,
        "dbt",
    )


def test_a_pod_starts_even_if_nothing_is_known_of_its_run(session: Session, run: Callable[..., str]) -> None:
    stage = instance(session, run("green_postgres", DagRunType.MANUAL), "stage")
    stage.run_id = "gone"
    try:
        assert labels(created(stage)) == (None, None, "load")
    finally:
        session.rollback()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """A server that lists these pods and events to who asks for those of the task."""
    objects: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            kind = {"/api/v1/namespaces/taxi/pods": "Pod", "/api/v1/namespaces/taxi/events": "Event"}[
                url.path
            ]
            selector = parse_qs(url.query).get("labelSelector", [""])[0].split(",")
            wanted = dict(pair.split("=", 1) for pair in selector if "=" in pair)
            phase = parse_qs(url.query).get("fieldSelector", [""])[0].rpartition("status.phase=")[2]
            found = [
                one
                for one in objects
                if one["kind"] == kind
                and wanted.items() <= one["metadata"].get("labels", {}).items()
                and (kind == "Event" or phase in one["status"]["phase"])
            ]
            body = json.dumps({"kind": f"{kind}List", "apiVersion": "v1", "items": found}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    config = kubeconfig(tmp_path, f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AIRFLOW__KUBERNETES_EXECUTOR__IN_CLUSTER", "False")
    monkeypatch.setenv("AIRFLOW__KUBERNETES_EXECUTOR__CONFIG_FILE", str(config))
    monkeypatch.setenv("AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE", "taxi")
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path / "logs"))
    yield objects
    server.shutdown()
    server.server_close()


def test_after_it_ran_out_of_memory_the_log_says_so_and_the_next_try_gets_the_larger_profile(
    session: Session, run: Callable[..., str], cluster: list[dict[str, Any]], tmp_path: Path
) -> None:
    run_id = run("green_postgres", DagRunType.BACKFILL_JOB)
    stage = instance(session, run_id, "stage")
    stage.state, stage.try_number, stage.max_tries = TaskInstanceState.RUNNING, 1, 3
    session.commit()
    killed = {
        "name": "base",
        "image": "taxi:dev",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
    }
    older = {**created(stage), "status": {"phase": "Succeeded"}}
    older["metadata"] |= {"creationTimestamp": "2026-01-01T00:00:00Z"}
    newer = {**created(stage), "status": {"phase": "Failed", "containerStatuses": [killed]}}
    newer["metadata"] |= {"creationTimestamp": "2026-01-01T00:01:00Z"}
    cluster += [newer, older]

    stage.handle_failure(error=NOTICED, session=session)

    said = (
        "The pod ran out of memory: its container base was killed at its limit of 1Gi. "
        "The next try gets the profile load-large (2Gi)."
    )
    events = session.scalars(select(Log).where(Log.run_id == run_id, Log.event.like("pod %"))).all()
    assert [(one.event, one.task_id, one.try_number, one.extra) for one in events] == [
        ("pod out of memory", "stage", 1, said)
    ]
    assert stage.state == TaskInstanceState.UP_FOR_RETRY
    (log,) = (tmp_path / "logs").rglob("*.pod.log")
    assert log.name == "attempt=1.log.pod.log"
    assert json.loads(log.read_text())["event"] == said

    larger = created(stage, try_number=2)
    assert labels(larger) == ("green", "2021-01", "load-large")
    assert larger["spec"]["containers"][0]["resources"]["limits"]["memory"] == "2Gi"
    assert larger["spec"]["containers"][0]["image"] == "taxi:dev"


def test_while_no_node_takes_the_pod_the_log_of_the_waiting_task_says_why(
    session: Session, run: Callable[..., str], cluster: list[dict[str, Any]], tmp_path: Path
) -> None:
    run_id = run("green_postgres", DagRunType.MANUAL, {"month": "2021-02"})
    stage = instance(session, run_id, "stage")
    stage.state, stage.try_number = TaskInstanceState.QUEUED, 1
    session.add(Log(event="stuck in queued reschedule", task_instance=stage.key))
    session.commit()
    for number, pod, message in (
        (1, "a-1", "0/1 nodes are available: 1 Insufficient cpu."),
        (2, "a-2", "0/2 nodes are available: 2 Insufficient memory."),
        (3, "other-3", "0/2 nodes are available."),
    ):
        event = {"kind": "Event", "message": message, "involvedObject": {"kind": "Pod", "name": pod}}
        cluster.append({**event, "metadata": {"creationTimestamp": f"2026-01-01T00:00:0{number}Z"}})

    assert labels(created(stage)) == ("green", "2021-02", "load")

    (log,) = (tmp_path / "logs").rglob("*.pod.log")
    assert json.loads(log.read_text())["event"] == (
        "No node took the pod within 600 s: 0/2 nodes are available: 2 Insufficient memory. "
        "Add nodes, or lower the requests of the profile load."
    )


def test_the_doctor_and_a_watched_backfill_name_a_pod_that_cannot_start(
    session: Session, run: Callable[..., str], cluster: list[dict[str, Any]]
) -> None:
    run_id = run("green_postgres", DagRunType.MANUAL, {"month": "2021-05"})
    stage = instance(session, run_id, "stage")
    refused = {"reason": "ImagePullBackOff", "message": "no such image"}
    started = {"reason": "ContainerCreating"}
    base = {"name": "base", "image": "taxi:dev", "imageID": "", "ready": False, "restartCount": 0}
    for name, status in (
        (
            "starting",
            {"containerStatuses": [{**base, "state": {"waiting": started}}]},
        ),
        ("stuck", {"containerStatuses": [{**base, "state": {"waiting": refused}}]}),
        ("running", {"phase": "Running"}),
    ):
        pod = created(stage)
        pod["metadata"]["name"] = name
        cluster.append({**pod, "status": {"phase": "Pending", **status}})

    why = (
        "The pod never started: its image taxi:dev is not available: no such image. "
        "Check the name and tag of the image, and the pull secrets."
    )
    found = {finding.where: finding.to_do for finding in deployment.findings() if finding.what == "pod"}
    assert found == {"stuck": why}
    assert why in deployment.obstacles("green_postgres", [run_id], session)
    assert why not in deployment.obstacles("yellow_postgres", [run_id], session)


def test_the_end_of_a_pod_that_is_gone_is_reported_for_the_last_try(
    session: Session, run: Callable[..., str], cluster: list[dict[str, Any]]
) -> None:
    run_id = run("green_postgres", DagRunType.MANUAL, {"month": "2021-03"})
    stage = instance(session, run_id, "stage")
    stage.state, stage.try_number, stage.max_tries = TaskInstanceState.RUNNING, 4, 3
    session.commit()

    stage.handle_failure(error=NOTICED, session=session)

    (event,) = session.scalars(select(Log).where(Log.run_id == run_id, Log.event.like("pod %")))
    assert (event.event, event.extra) == (
        "pod gone",
        "The pod was deleted before the task could report: by a person, or with its node. "
        "Clear the task to try it again.",
    )
    assert stage.state == TaskInstanceState.FAILED
    dag_run = stage.dag_run
    dag_run.dag = DBDagBag().get_latest_version_of_dag("green_postgres", session=session)
    dag_run.state = DagRunState.FAILED
    session.commit()
    on_dag_run_failed(dag_run, "")
    session.expire_all()
    assert dag_run.note == (
        "**Taxi months** (manual run): Failed: stage. The pod was deleted before the task could report: by a "
        "person, or with its node. Clear the task to try it again."
    )


def test_a_failure_that_the_task_reported_itself_is_left_to_its_own_log(
    session: Session, run: Callable[..., str], cluster: list[dict[str, Any]]
) -> None:
    run_id = run("green_postgres", DagRunType.MANUAL, {"month": "2021-04"})
    stage = instance(session, run_id, "stage")
    stage.state, stage.try_number = TaskInstanceState.RUNNING, 1

    stage.handle_failure(error="TaskInstance's state was manually set to `failed`.", session=session)

    assert session.scalars(select(Log).where(Log.run_id == run_id, Log.event.like("pod %"))).all() == []
