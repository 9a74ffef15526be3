from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import sql

from tests.dags.conftest import ROWS, asset_events, note, states

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import psycopg
    from airflow.models.dagrun import DagRun

    from tests.file_server import FileServer

    Publish = Callable[..., None]
    RunDag = Callable[..., DagRun]

pytestmark = pytest.mark.usefixtures("connections")

GREEN = "green/green_tripdata_2021-01.csv.gz"


def rows(warehouse: psycopg.Connection[Any], table: str = "raw.green_tripdata") -> dict[str, int]:
    """Return the number of rows per month."""
    query = sql.SQL("select to_char(file_month, 'YYYY-MM'), count(*) from {} group by 1")
    return dict(warehouse.execute(query.format(sql.Identifier(*table.split(".")))).fetchall())


def attempts(warehouse: psycopg.Connection[Any]) -> list[str]:
    """Return the outcome of every attempt in the ledger, oldest first."""
    return [row[0] for row in warehouse.execute("select outcome from ops.file_ledger order by id")]


@pytest.mark.parametrize("dataset", ["yellow", "green", "fhv"])
def test_a_month_is_loaded_and_consumers_are_told(
    dataset: str, publish: Publish, run_dag: RunDag, warehouse: psycopg.Connection[Any], files: FileServer
) -> None:
    publish(dataset, "2021-02")

    run = run_dag(f"{dataset}_postgres", month="2021-02")

    assert states(run) == dict.fromkeys(["wait_for_file", "stage", "audit", "publish"], "success")
    counts = warehouse.execute("select rows_loaded, rows_rejected from ops.file_ledger").fetchall()
    [(loaded, rejected)] = counts
    assert loaded + rejected == ROWS
    assert rows(warehouse, f"raw.{dataset}_tripdata") == {"2021-02": loaded}
    [(key, extra)] = asset_events(run)
    assert key == f"{dataset}|2021-02"
    assert (extra["rows_loaded"], extra["rows_rejected"], extra["outcome"]) == (loaded, rejected, "published")
    assert extra["url"] == f"{files.url}/{dataset}/{dataset}_tripdata_2021-02.csv.gz"
    assert len(extra["sha256"]) == 64


def test_a_run_notes_its_file_and_its_rows(publish: Publish, run_dag: RunDag, files: FileServer) -> None:
    publish("green", "2021-01")

    assert note(run_dag("green_postgres", month="2021-01")) == (
        "**Taxi months** (manual run): "
        f"green 2021-01: [green_tripdata_2021-01.csv.gz]({files.url}/{GREEN}): "
        f"{ROWS} rows in the file, {ROWS} loaded, 0 rejected"
    )


def test_an_unchanged_month_costs_one_question_and_consumers_are_told_again(
    publish: Publish, run_dag: RunDag, warehouse: psycopg.Connection[Any], files: FileServer
) -> None:
    publish("green", "2021-01")
    run_dag("green_postgres", month="2021-01")
    files.requests.clear()

    again = run_dag("green_postgres", month="2021-01")

    assert files.requests == [("HEAD", f"/{GREEN}")]
    assert set(states(again).values()) == {"success"}
    assert attempts(warehouse) == ["published"]
    assert [key for key, _ in asset_events(again)] == ["green|2021-01"]
    assert ": unchanged," in note(again)


def test_a_republished_month_is_replaced(
    publish: Publish, run_dag: RunDag, warehouse: psycopg.Connection[Any]
) -> None:
    publish("green", "2021-01")
    run_dag("green_postgres", month="2021-01")
    publish("green", "2021-01", edition=2)

    again = run_dag("green_postgres", month="2021-01")

    assert attempts(warehouse) == ["replaced", "published"]
    assert rows(warehouse) == {"2021-01": ROWS}
    assert "replaces an earlier file" in note(again)


def test_an_unchanged_month_is_loaded_again_when_forced(
    publish: Publish, run_dag: RunDag, warehouse: psycopg.Connection[Any]
) -> None:
    publish("green", "2021-01")
    run_dag("green_postgres", month="2021-01")

    run_dag("green_postgres", month="2021-01", force=True)

    assert attempts(warehouse) == ["replaced", "published"]
    assert rows(warehouse) == {"2021-01": ROWS}


def test_the_real_month_is_loaded_whole_from_a_folder(
    source: Callable[[str], None], real_data: Path, run_dag: RunDag, warehouse: psycopg.Connection[Any]
) -> None:
    source(str(real_data / "real"))

    run = run_dag("green_postgres", month="2020-04")

    assert rows(warehouse) == {"2020-04": 35_612}
    assert "green_tripdata_2020-04.csv.gz: 35,612 rows in the file, 35,612 loaded, 0 rejected" in note(run)


def test_a_month_that_no_source_will_ever_have_fails_at_once_with_one_sentence(
    source: Callable[[str], None], run_dag: RunDag, capsys: pytest.CaptureFixture[str]
) -> None:
    source("mirror")

    run = run_dag("green_postgres", month="2021-08")

    log = capsys.readouterr().out
    assert log.count("No source has green 2021-08") == 1
    assert "Traceback" not in log

    assert states(run) == {
        "wait_for_file": "failed",
        "stage": "upstream_failed",
        "audit": "upstream_failed",
        "publish": "upstream_failed",
    }
    assert re.fullmatch(
        r"\*\*Taxi months\*\* \(manual run\): Failed: wait_for_file. No source has green 2021-08.*", note(run)
    )


def test_a_run_by_hand_without_a_month_fails_in_its_first_task(run_dag: RunDag, files: FileServer) -> None:
    assert states(run_dag("green_postgres"))["wait_for_file"] == "failed"
    assert files.requests == []


def test_another_months_file_is_stopped_by_the_audit(
    publish: Publish, run_dag: RunDag, warehouse: psycopg.Connection[Any], files: FileServer
) -> None:
    publish("green", "2021-01", of="2021-03")

    run = run_dag("green_postgres", month="2021-01")

    assert states(run)["audit"] == "failed"
    assert states(run)["publish"] == "upstream_failed"
    assert rows(warehouse) == {}
    assert asset_events(run) == []
    first, second = note(run).splitlines()
    assert first.startswith(
        "**Taxi months** (manual run): Failed: audit. green 2021-01 (attempt 1) from http://"
    )
    assert second == (
        f"* green 2021-01: [green_tripdata_2021-01.csv.gz]({files.url}/{GREEN}) was not published"
    )


def test_a_warehouse_that_is_not_there_fails_the_first_task_that_needs_it(
    publish: Publish, run_dag: RunDag, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("green", "2021-01")
    monkeypatch.delenv("AIRFLOW_CONN_POSTGRES_TAXI")

    assert states(run_dag("green_postgres", month="2021-01"))["stage"] == "failed"


def test_chosen_months_of_chosen_datasets_are_loaded_side_by_side(
    publish: Publish, run_dag: RunDag, warehouse: psycopg.Connection[Any]
) -> None:
    for dataset in ("yellow", "green"):
        for month in ("2021-01", "2021-02"):
            publish(dataset, month)

    run = run_dag("taxi_postgres", datasets=["yellow", "green"], months="2021-01..2021-02")

    assert set(states(run).values()) == {"success"}
    assert len(states(run)) == 1 + 4 * 4
    assert rows(warehouse) == {"2021-01": ROWS, "2021-02": ROWS}
    assert rows(warehouse, "raw.yellow_tripdata").keys() == {"2021-01", "2021-02"}
    assert sorted(str(key) for key, _ in asset_events(run)) == [
        "green|2021-01",
        "green|2021-02",
        "yellow|2021-01",
        "yellow|2021-02",
    ]
    assert note(run).count("\n* ") == 4
    names = {task.rendered_map_index for task in run.get_task_instances() if task.map_index >= 0}
    assert names == {"green 2021-01", "green 2021-02", "yellow 2021-01", "yellow 2021-02"}


def test_a_chosen_month_that_fails_holds_up_no_other(
    publish: Publish, run_dag: RunDag, warehouse: psycopg.Connection[Any]
) -> None:
    publish("green", "2021-01", of="2021-03")
    publish("green", "2021-02")

    run = run_dag("taxi_postgres", datasets=["green"], months="2021-01, 2021-02")

    assert str(run.state) == "failed"
    assert rows(warehouse) == {"2021-02": ROWS}
    first, *lines = note(run).splitlines()
    assert first.startswith("**Taxi months** (manual run): Failed: load.audit. ")
    assert "green 2021-01" in first
    assert [line.split(":")[0] for line in lines] == ["* green 2021-01", "* green 2021-02"]


def test_what_somebody_wrote_about_a_run_is_kept(publish: Publish, run_dag: RunDag) -> None:
    publish("green", "2021-01")
    run = run_dag("green_postgres", month="2021-01")
    write_note(run, "For Ann.")

    from nyc_taxi import listener

    listener.on_dag_run_success(dag_run=run, msg="")

    assert note(run).startswith("For Ann.\n\n**Taxi months** (manual run): green 2021-01: ")


def test_a_note_that_cannot_be_written_stops_no_run(
    publish: Publish, run_dag: RunDag, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nyc_taxi import run_notes

    def broken(*arguments: object) -> str:
        raise RuntimeError("no note today")

    monkeypatch.setattr(run_notes, "merged", broken)
    publish("green", "2021-01")

    run = run_dag("green_postgres", month="2021-01")

    assert str(run.state) == "success"
    assert note(run) == ""


def test_the_zones_are_loaded_from_the_source(
    samples: Path, files: FileServer, run_dag: RunDag, warehouse: psycopg.Connection[Any]
) -> None:
    files.put("misc/taxi_zone_lookup.csv", (samples / "1/misc/taxi_zone_lookup.csv").read_bytes())

    run = run_dag("zones_postgres")

    assert states(run) == {"load_zones": "success"}
    assert warehouse.execute("select count(*) from raw.taxi_zone_lookup").fetchone() == (265,)


def test_the_zones_come_from_the_next_source_when_the_first_has_none(
    samples: Path,
    files: FileServer,
    source: Callable[[str], None],
    run_dag: RunDag,
    warehouse: psycopg.Connection[Any],
) -> None:
    source(f"{files.url}, {samples / '1'}")

    assert states(run_dag("zones_postgres")) == {"load_zones": "success"}
    assert warehouse.execute("select count(*) from raw.taxi_zone_lookup").fetchone() == (265,)


def test_a_recheck_starts_one_run_per_republished_file_and_none_twice_nor_of_a_paused_dag(
    publish: Publish, run_dag: RunDag, files: FileServer
) -> None:
    for month in ("2021-01", "2021-02"):
        publish("green", month)
        run_dag("green_postgres", month=month)
    publish("green", "2021-02", edition=2)
    files.requests.clear()

    pause("green_postgres", True)
    paused = run_dag("recheck_postgres")
    assert states(paused) == {"find_republished": "success", "load_again[0]": "failed"}
    assert triggered("green_postgres") == []
    pause("green_postgres", False)
    first, second = (states(run_dag("recheck_postgres")) for _ in range(2))

    asked = [("HEAD", f"/green/green_tripdata_{month}.csv.gz") for month in ("2021-01", "2021-02")]
    assert sorted(files.requests) == sorted(asked * 3)
    assert first == {"find_republished": "success", "load_again[0]": "success"}
    assert second == {"find_republished": "success", "load_again[0]": "skipped"}
    [run] = triggered("green_postgres")
    assert run.conf == {"month": "2021-02"}
    assert run.run_type == "operator_triggered"


def test_a_recheck_without_loaded_months_asks_nothing(run_dag: RunDag, files: FileServer) -> None:
    assert states(run_dag("recheck_postgres"))["find_republished"] == "success"
    assert files.requests == []


def test_getting_started_averages_all_pages(run_dag: RunDag, files: FileServer) -> None:
    products = [
        {"title": "Soap", "brand": "Clean", "price": 2.0},
        {"title": "Apple", "price": 1.0},
        {"title": "Lamp", "brand": "Bright", "price": 10.5},
    ]
    files.put("products", json.dumps({"products": products, "total": 3, "skip": 0}).encode())

    run = run_dag("getting_started")

    assert set(states(run).values()) == {"success"}
    assert result(run, "query") == [
        {"brand": "Bright", "avg_price": 10.5},
        {"brand": "Clean", "avg_price": 2.0},
    ]


def test_getting_started_fails_in_the_query_when_it_lacks_a_column(
    run_dag: RunDag, files: FileServer
) -> None:
    files.put("products", json.dumps({"products": [{"brand": "Clean", "price": 1}], "total": 1}).encode())

    run = run_dag("getting_started", columns_to_keep=["price"])

    assert states(run) == {"extract": "success", "transform": "success", "query": "failed"}


def result(run: DagRun, task_id: str) -> object:
    """Return what a task of a run returned."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        row = session.scalar(
            XComModel.get_many(run_id=run.run_id, dag_ids=run.dag_id, task_ids=task_id, key="return_value")
        )
        return XComModel.deserialize_value(row)


def pause(dag_id: str, paused: bool) -> None:
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import update

    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == dag_id).values(is_paused=paused))


def write_note(run: DagRun, text: str) -> None:
    """Replace a run's note, as somebody does in the UI."""
    from airflow.models.dagrun import DagRunNote
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        found = session.get_one(DagRunNote, run.id)
        found.content, found.user_id = text, "ann"


def triggered(dag_id: str) -> list[DagRun]:
    """Return the runs of a DAG that a recheck has started."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session(scoped=False) as session:
        runs = select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id.startswith("recheck__"))
        return list(session.scalars(runs))
