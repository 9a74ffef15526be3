"""What the DAG files are, before anything runs."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import PartitionedAssetTimetable

from nyc_taxi import settings
from nyc_taxi.assets import raw_asset
from nyc_taxi.core.dataset import dataset_names
from nyc_taxi.targets import TARGETS
from nyc_taxi.timetables import MonthlyTimetable
from tests.dags.conftest import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.dag_processing.dagbag import DagBag

DAG_FILES = sorted((CHECKOUT / "dags").glob("*.py"))
INGEST = ("fhv_postgres", "fhvhv_postgres", "green_postgres", "yellow_postgres")
HEAVY = ("duckdb", "google", "kubernetes", "numpy", "pandas", "psycopg", "pyarrow", "requests")


def python(code: str, folder: Path, **environment: str) -> str:
    """Run Python in a new process with a new Airflow, and return what it printed last."""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")},
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip().splitlines()[-1]


def test_every_dag_file_is_read_without_an_error(dag_bag: DagBag) -> None:
    assert dag_bag.import_errors == {}
    assert sorted(dag_bag.dags) == [
        *(
            "fhv_postgres",
            "fhvhv_postgres",
            "getting_started",
            "green_postgres",
            "recheck_postgres",
            "taxi_postgres",
        ),
        *("transform_postgres", "yellow_postgres", "zones_postgres"),
    ]


def test_every_dag_says_what_it_is_and_whose(dag_bag: DagBag) -> None:
    for dag in dag_bag.dags.values():
        assert len(dag.doc_md or "") > 100, dag.dag_id
        assert dag.description, dag.dag_id
        assert "nyc-taxi" in dag.tags
        assert dag.catchup is False


def test_every_task_has_a_doc_an_owner_and_a_retry_policy(dag_bag: DagBag) -> None:
    for dag in dag_bag.dags.values():
        for task in dag.tasks:
            made = {**vars(task), **getattr(task, "partial_kwargs", {})}
            assert made["doc_md"], task
            assert made["owner"] == "taxi", task
            assert made["retry_policy"] is not None, task


def test_every_pool_is_made_by_the_bootstrap(dag_bag: DagBag) -> None:
    made = json.loads((CHECKOUT / "include/bootstrap/pools.json").read_text("utf-8"))
    used = {task.pool for dag in dag_bag.dags.values() for task in dag.tasks}

    assert used - {"default_pool"} == {target.pool for target in settings.TARGETS}
    assert set(made) == {target.pool for target in TARGETS}


def test_the_retries_are_those_of_the_settings(airflow_database: None) -> None:
    from airflow.dag_processing.dagbag import DagBag

    for dag in DagBag(dag_folder=CHECKOUT / "dags").dags.values():
        for task in dag.tasks:
            assert task.retries == settings.RETRIES == 3, task


@pytest.mark.parametrize("dag_id", INGEST)
def test_an_ingest_dag_waits_stages_audits_and_publishes(dag_bag: DagBag, dag_id: str) -> None:
    dag = dag_bag.dags[dag_id]

    steps = ["wait_for_file", "stage", "audit", "publish"]
    assert [dag.get_task(task).downstream_task_ids for task in steps] == [
        {"stage"},
        {"audit"},
        {"publish"},
        set(),
    ]
    assert dag.max_active_runs == settings.MAX_ACTIVE_RUNS >= 6
    timetable: object = dag.timetable
    assert isinstance(timetable, MonthlyTimetable)
    assert timetable.serialize() == {"expression": settings.INGEST_CRON, "timezone": settings.TIMEZONE}


@pytest.mark.parametrize("dag_id", [*INGEST, "taxi_postgres", "transform_postgres", "getting_started"])
def test_the_form_is_open(dag_bag: DagBag, dag_id: str) -> None:
    """Every named section of Airflow's form starts folded."""
    params = dag_bag.dags[dag_id].params

    assert len(params) > 0
    for name in params:
        assert "section" not in params.get_param(name).schema


def test_the_form_marks_the_month_as_required_and_leaves_its_backfill_enabled(dag_bag: DagBag) -> None:
    """Airflow disables single runs and backfills alike while a field that cannot be null is empty."""
    param = dag_bag.dags["green_postgres"].params.get_param("month")

    assert "null" in param.schema["type"]
    assert param.resolve() is None
    assert "required for a single run" in str(param.schema["title"])


def test_the_marts_are_built_one_run_at_a_time_for_every_month_that_arrives(dag_bag: DagBag) -> None:
    dag = dag_bag.dags["transform_postgres"]

    assert dag.max_active_runs == 1
    assert isinstance(dag.timetable, PartitionedAssetTimetable)
    assert dag.timetable.asset_condition == raw_asset("postgres")
    assert dag.get_task("dbt").upstream_task_ids == {"resolve_months", "load_zones"}
    assert dag.get_task("publish_docs").upstream_task_ids == {"dbt"}


def test_the_choice_of_datasets_is_the_one_that_the_package_knows(dag_bag: DagBag) -> None:
    param = dag_bag.dags["taxi_postgres"].params.get_param("datasets")

    assert param.schema["items"]["enum"] == list(dataset_names())
    assert {f"{name}_postgres" for name in dataset_names()} == set(INGEST)


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_a_dag_file_is_wiring_only(path: Path) -> None:
    source = path.read_text("utf-8")

    assert len(source.splitlines()) < 120
    for node in ast.walk(ast.parse(source)):
        assert not isinstance(node, ast.While | ast.Try | ast.If | ast.ClassDef), ast.dump(node)


def test_a_dag_file_is_read_quickly_and_loads_nothing_heavy(tmp_path: Path) -> None:
    """Each is read by a process that has read none; the second time counts, because the first may compile it.

    It takes a small part of what importing Airflow takes, on a machine of any speed.
    """
    code = f"""
import json, os, runpy, sys, time
import airflow.sdk
from airflow.sdk import DAG, Asset, Param, task, task_group
from airflow.providers_manager import ProvidersManager
airflow = time.process_time()
found = {{}}
for path in {list(map(str, DAG_FILES))!r} * 2:
    read, write = os.pipe()
    if os.fork() == 0:
        before = time.process_time()
        runpy.run_path(path)
        taken = time.process_time() - before
        loaded = [name for name in {HEAVY!r} if name in sys.modules]
        os.write(write, json.dumps([taken / airflow, loaded]).encode())
        os._exit(0)
    os.close(write)
    found[path] = json.loads(os.read(read, 1000))
    os.wait()
print(json.dumps(found))
"""
    found = json.loads(python(code, tmp_path))
    assert found.keys() == set(map(str, DAG_FILES))
    assert [path for path, (_, loaded) in found.items() if loaded] == []
    assert {path: share for path, (share, _) in found.items() if share >= 0.2} == {}


def test_promise_8_same_dag_everywhere(airflow_database: None, tmp_path: Path) -> None:
    """No DAG file names an executor, a queue or a machine, and all environments read the same DAGs.

    Only what a task's pod gets is there on Kubernetes alone; tests/kubernetes reads it.
    """
    for path in DAG_FILES:
        assert not re.search(
            r"executor(?!_config=pod_profile\()|queue|hostname|localhost|127\.0\.0\.1|environ|getenv|"
            r"/(?:opt|home|work|tmp|usr)/",
            path.read_text("utf-8"),
        ), path
    code = """
import json
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
from airflow.configuration import conf
bag = DagBag(dag_folder=conf.get("core", "dags_folder"))
assert not bag.import_errors, bag.import_errors
def everywhere(value):
    if isinstance(value, dict):
        return {key: everywhere(each) for key, each in value.items() if key != "executor_config"}
    return [everywhere(each) for each in value] if isinstance(value, list) else value
dags = {dag_id: everywhere(DagSerialization.serialize_dag(dag)) for dag_id, dag in bag.dags.items()}
found = json.dumps(dags, sort_keys=True, default=str)
"""
    here: dict[str, Any] = {}
    exec(code, here)
    kubernetes = python(
        f"{code}\nprint(found)",
        tmp_path,
        AIRFLOW__CORE__EXECUTOR="KubernetesExecutor",
        HOSTNAME="pod-1",
        USER="nobody",
    )

    assert "green_postgres" in json.loads(here["found"])
    assert here["found"] == kubernetes


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a new process finds after each step of its start."""
    code = f"""
import json, runpy, sys, threading
from airflow.plugins_manager import AirflowPlugin
import nyc_taxi.plugin
def heavy():
    return [name for name in {HEAVY!r} if name in sys.modules]
found = {{"with the plugin": heavy()}}

from airflow import plugins_manager
plugins, errors = plugins_manager._get_plugins()
ours = [name for name, module in sys.modules.items() if "nyc_taxi" in str(getattr(module, "__file__", ""))]
bare = [name for name in ours if not name.startswith("nyc_taxi")]
from airflow.listeners.listener import get_listener_manager
listeners = [p.__name__ for p in get_listener_manager().pm.get_plugins() if "nyc_taxi" in str(p)]
found["plugins"] = [[p.name for p in plugins if "axi" in p.name], errors, bare, listeners]

from airflow.sdk.execution_time.task_runner import TaskRunnerMarker
get_listener_manager().hook.on_starting(component=TaskRunnerMarker())
found["in a task"] = heavy()

from nyc_taxi.core import dataset
get_listener_manager().hook.on_starting(component=None)
before = set(sys.modules)
runpy.run_path({str(CHECKOUT / "dags" / "ingest.py")!r})
new = [name for name in set(sys.modules) - before if name.startswith(("nyc_taxi", "airflow.providers"))]
found["in the scheduler"] = [
    "psycopg" in sys.modules, "requests" in sys.modules, threading.active_count(),
    sorted(new), dataset._dataset.cache_info().currsize,
]
print(json.dumps(found))
"""
    found: dict[str, Any] = json.loads(python(code, tmp_path_factory.mktemp("loaded")))
    return found


def test_what_the_plugin_adds_to_every_process_is_light(loaded: dict[str, Any]) -> None:
    assert loaded["with the plugin"] == []


def test_the_plugins_folder_is_left_alone_and_the_plugin_is_there_once(loaded: dict[str, Any]) -> None:
    assert loaded["plugins"] == [["nyc_taxi"], {}, [], ["nyc_taxi.listener"]]


def test_a_task_loads_nothing_but_what_it_needs(loaded: dict[str, Any]) -> None:
    assert loaded["in a task"] == []


def test_the_scheduler_loads_what_its_forks_need(loaded: dict[str, Any]) -> None:
    """Reading a DAG file loads no module of a provider after that, and no dataset is read again."""
    assert loaded["in the scheduler"] == [True, True, 1, [], len(dataset_names())]


def test_the_page_about_schedules_agrees_with_the_settings() -> None:
    asset = f"the asset `{raw_asset('postgres').uri}"
    page = (CHECKOUT / "docs/schedules.md").read_text("utf-8")
    rows = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("|")][2:]

    assert {what.strip(): value.strip(" `") for what, value in rows} == {
        "time zone of the schedules": settings.TIMEZONE,
        "ingest DAGs: one run per month, when the month is over": settings.INGEST_CRON,
        "recheck DAG: looks for republished files": settings.RECHECK_CRON,
        "transform DAG: one run per month that was loaded, one run at a time": asset,
        "first month that a backfill can load": f"{settings.START_DATE:%Y-%m}",
        "catch-up of missed intervals": "no",
        "variation of the time between two requests to a source": f"{settings.ASK_JITTER:.0%} either way",
        "delay before a retry": "twice the one before, counted since the task was last cleared",
        "longest delay before a retry": f"{settings.MAX_RETRY_DELAY.total_seconds() / 60:g} min",
        "no retry": "after a contract error: an input, a file or a setting must change first",
    }
