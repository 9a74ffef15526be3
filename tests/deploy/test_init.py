"""Whole inits: completed after a kill at any moment, harmless when repeated, one sentence when they fail."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import create_engine

from nyc_taxi.bigquery.warehouse import BigQueryWarehouse
from nyc_taxi.deploy import database, preflight
from nyc_taxi.deploy.init import INCOMPLETE
from nyc_taxi.deploy.last_applied import NAME
from nyc_taxi.deploy.metadata import completed
from nyc_taxi.errors import BootstrapFailed
from tests.deploy.conftest import METADATA, WAREHOUSE, Inits, Place, rows
from tests.extent import extent
from tests.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from local.postgres import EmbeddedPostgres
    from tests.file_server import FileServer
    from tests.google_cloud import GoogleCloud

A_DAG = """
    insert into dag (dag_id, bundle_name, is_paused, is_stale, timetable_type, partition_mapper_info,
        max_active_tasks, max_consecutive_failed_dag_runs, has_task_concurrency_limits)
    values ('green_postgres', 'dags-folder', false, false, '', '{}', 1, 0, false)
"""
KILLS = extent(2, 30)
REPEATS = extent(2, 20)


def state(place: Place) -> dict[str, Any]:
    """Return all that an init leaves behind, decrypted, without ids and times and without salt and hashes."""
    fernet = Fernet(place.secrets["AIRFLOW__CORE__FERNET_KEY"])
    found: dict[str, Any] = rows(place.uri)
    for row in (row for table in found.values() for row in table):
        row.pop("id", None)
        row.pop("created_at", None)
        for column in ("password", "extra", "val"):
            if row.get(column):
                row[column] = fernet.decrypt(row[column]).decode()
    for variable in found["variable"]:
        variable["val"] = sorted(json.loads(variable["val"])["applied"])
    with psycopg.connect(place.server.uri(WAREHOUSE)) as connection:
        found["warehouse"] = connection.execute("select name from ops.schema_migration order by 1").fetchall()
    return found


def said(output: str) -> list[str]:
    """Return init's own lines; Airflow's log lines begin with their time."""
    return [line for line in output.splitlines() if line and not line.startswith("20")]


def description(place: Place) -> str:
    with psycopg.connect(place.uri) as connection:
        row = connection.execute("select description from variable where key = %s", (NAME,)).fetchone()
    assert row
    return str(row[0])


@pytest.fixture(scope="module")
def undisturbed(place: Place, migrated: str, inits: Inits) -> dict[str, Any]:
    """What an init on empty databases leaves behind."""
    assert migrated
    place.renew(METADATA)
    place.renew(WAREHOUSE)
    ended = inits.run()
    assert ended.code == 0, ended.output
    return state(place)


def test_an_init_on_empty_databases_applies_all_files(undisturbed: dict[str, Any]) -> None:
    assert [row["pool"] for row in undisturbed["slot_pool"]] == ["default_pool", "postgres_load"]
    assert {row["conn_id"] for row in undisturbed["connection"]} == {
        "nyc_tlc_default",
        "postgres_taxi",
        "products_api",
    }
    (variable,) = undisturbed["variable"]
    assert variable["description"] == completed()
    assert undisturbed["log_template"]
    assert undisturbed["warehouse"]


@pytest.mark.slow
@pytest.mark.parametrize("database", ["empty", "migrated"])
def test_an_init_that_was_killed_completes_when_it_is_run_again(
    database: str, place: Place, inits: Inits, migrated: str, undisturbed: dict[str, Any]
) -> None:
    template = migrated if database == "migrated" else "template1"
    place.renew(METADATA, template)
    place.renew(WAREHOUSE)
    began = time.monotonic()
    assert inits.run().code == 0
    takes = time.monotonic() - began
    killed = 0
    for kill in range(1, KILLS + 1):
        place.renew(METADATA, template)
        place.renew(WAREHOUSE)
        pid = inits.begin()
        after = takes * kill / (KILLS + 1)
        time.sleep(after)
        with contextlib.suppress(ProcessLookupError):  # it was quicker
            os.kill(pid, signal.SIGKILL)
        if inits.end().code == -signal.SIGKILL:
            killed += 1
        else:
            takes = after
        again = inits.run()
        assert again.code == 0, again.output
        assert state(place) == undisturbed
    assert killed


def test_an_init_killed_between_tables_and_what_fills_them_completes(
    fresh: Place, inits: Inits, undisturbed: dict[str, Any]
) -> None:
    with psycopg.connect(fresh.uri, autocommit=True) as connection:
        connection.execute("delete from slot_pool")
        connection.execute("delete from log_template")
    assert inits.run().code == 0
    assert state(fresh) == undisturbed


def test_two_inits_at_once_leave_what_one_leaves(
    place: Place, inits: Inits, undisturbed: dict[str, Any]
) -> None:
    place.renew(METADATA)
    place.renew(WAREHOUSE)
    ended = inits.at_once(2)
    assert [one.code for one in ended] == [0, 0], ended
    assert sorted(one.output.count("Created ") for one in ended) == [0, 4]
    assert state(place) == undisturbed


def test_an_init_waits_for_a_running_one(fresh: Place, inits: Inits) -> None:
    with psycopg.connect(fresh.uri) as other:
        other.execute("select pg_advisory_xact_lock(%s, 0)", (int.from_bytes(b"taxi", "big") + 3,))
        ended = inits.run(BOOTSTRAP_WAIT="3")
    assert ended.code == 1
    assert re.search(r"Waiting for another init: it is running \(\d of 3 s\)\.", ended.output)
    assert said(ended.output)[-1].startswith("Another init still ran after 3 s.")


@pytest.mark.slow
def test_inits_in_a_row_change_nothing(fresh: Place, inits: Inits) -> None:
    assert inits.run().code == 0
    before = rows(fresh.uri)
    for _ in range(REPEATS):
        assert inits.run().code == 0
        assert rows(fresh.uri) == before


def test_settings_that_changed_are_followed_and_complete_stays(fresh: Place, inits: Inits) -> None:
    assert inits.run().code == 0
    ended = inits.run(NYC_TAXI_SOURCES="tlc", NYC_TAXI_WAREHOUSE_PASSWORD_FILE="")
    assert ended.code == 0
    assert "Updated connection nyc_tlc_default." in said(ended.output)
    assert description(fresh) == completed()


def test_what_keeps_dags_from_running_is_named_but_not_the_components_that_start_after_init(
    fresh: Place, inits: Inits
) -> None:
    assert inits.run().code == 0
    with psycopg.connect(fresh.uri, autocommit=True) as connection:
        connection.execute("update slot_pool set slots = 0 where pool = 'postgres_load'")
        connection.execute("insert into dag_bundle (name, active) values ('dags-folder', true)")
        connection.execute(A_DAG)
    (line,) = (line for line in inits.run().output.splitlines() if "has no slots" in line)
    assert line.startswith("Attention: postgres_load: The pool postgres_load has no slots, so tasks ")
    assert "No scheduler" not in inits.output()


def test_a_dag_file_that_cannot_be_imported_is_one_sentence(
    fresh: Place, inits: Inits, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("from airflow.sdk import dag\n\nimport no_such_module\n")
    ended = inits.run(AIRFLOW__CORE__DAGS_FOLDER=str(tmp_path))
    assert ended.code == 1
    assert said(ended.output)[-1] == (
        f"The DAG file {broken} fails to import: ModuleNotFoundError: No module named 'no_such_module'. "
        "Correct it."
    )
    assert description(fresh) == INCOMPLETE
    broken.unlink()
    assert inits.run(AIRFLOW__CORE__DAGS_FOLDER=str(tmp_path)).code == 0
    assert description(fresh) == completed()


def test_a_setting_that_cannot_be_used_is_one_sentence(fresh: Place, inits: Inits) -> None:
    ended = inits.run(AIRFLOW__NYC_TAXI__RETRIES="many")
    assert ended.code == 1
    assert said(ended.output)[-1].startswith("[nyc_taxi] retries must be a whole number")


def test_a_provider_that_airflow_does_not_know_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    preflight.check_provider()
    monkeypatch.setattr(preflight, "_PROVIDER", "airflow-provider-of-another-wheel")
    with pytest.raises(BootstrapFailed) as failed:
        preflight.check_provider()
    assert str(failed.value).startswith(
        "Airflow does not know the provider airflow-provider-of-another-wheel. Install its wheel"
    )


def test_a_warehouse_that_does_not_answer_is_one_sentence(fresh: Place, inits: Inits) -> None:
    ended = inits.run(wait=0, NYC_TAXI_WAREHOUSE_PORT="1")
    assert ended.code == 1
    assert said(ended.output)[-1].startswith("The warehouse postgres_taxi at 127.0.0.1:1 cannot be reached")
    assert description(fresh) == INCOMPLETE


def test_without_a_warehouse_init_says_so_and_goes_on(fresh: Place, inits: Inits) -> None:
    ended = inits.run(NYC_TAXI_WAREHOUSE_HOST="")
    assert ended.code == 0
    assert "Skipped connection postgres_taxi: NYC_TAXI_WAREHOUSE_HOST is not set." in ended.output
    assert "Airflow has no connection postgres_taxi, so Postgres was not prepared." in ended.output
    assert description(fresh) == completed()


def test_a_warehouse_that_a_dag_sets_up_does_not_keep_airflow_from_starting(
    fresh: Place, inits: Inits, file_server: FileServer
) -> None:
    """The server knows no dataset."""
    ended = inits.run(
        AIRFLOW__NYC_TAXI__WAREHOUSES="bigquery",
        NYC_TAXI_BIGQUERY_PROJECT="my-project",
        NYC_TAXI_BIGQUERY_BUCKET="my-bucket",
        NYC_TAXI_BIGQUERY_ENDPOINT=file_server.url,
        NYC_TAXI_BIGQUERY_STORAGE_ENDPOINT=file_server.url,
    )
    assert ended.code == 0, ended.output
    assert "Created connection bigquery_taxi." in ended.output
    assert "Created pool bigquery_load." in ended.output
    assert "postgres" not in ended.output
    assert "Attention: The warehouse bigquery_taxi lacks something" in ended.output
    assert "Run setup_gcp" in ended.output


def test_emulators_are_set_up_at_once(fresh: Place, inits: Inits, google_cloud: GoogleCloud) -> None:
    place = google_cloud.place()
    ended = inits.run(
        AIRFLOW__NYC_TAXI__WAREHOUSES="bigquery",
        NYC_TAXI_BIGQUERY_PROJECT=place.project,
        NYC_TAXI_BIGQUERY_BUCKET=place.bucket,
        NYC_TAXI_BIGQUERY_PREFIX=place.prefix,
        NYC_TAXI_BIGQUERY_ENDPOINT=str(place.bigquery_endpoint),
        NYC_TAXI_BIGQUERY_STORAGE_ENDPOINT=str(place.storage_endpoint),
    )
    assert ended.code == 0, ended.output
    assert f"Created the bucket {place.bucket} in US." in ended.output
    assert "Attention" not in ended.output
    assert BigQueryWarehouse(place, "bigquery_taxi").ledger.published() == []


@pytest.mark.parametrize(
    ("database", "what"), [(METADATA, "Airflow's database"), (WAREHOUSE, "the warehouse")]
)
def test_a_database_that_comes_late_is_waited_for(
    database: str, what: str, fresh: Place, inits: Inits
) -> None:
    closed = f"alter database {database} with allow_connections"
    fresh.databases.execute(f"{closed} false")
    inits.begin()
    eventually(lambda: f"Waiting for {what}" in inits.output())
    fresh.databases.execute(f"{closed} true")
    ended = inits.end()
    assert ended.code == 0, ended.output


def test_a_metadata_database_that_does_not_answer_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = create_engine("postgresql+psycopg2://airflow:hunter2@127.0.0.1:1/airflow")
    monkeypatch.setattr(database, "_engine", lambda: engine)
    with pytest.raises(BootstrapFailed) as failed:
        database.wait_for_database(0)
    assert str(failed.value).startswith(
        "Airflow's database postgresql+psycopg2://airflow:***@127.0.0.1:1/airflow did not answer within 0 s ("
    )


def test_a_metadata_database_that_refuses_the_password_is_one_sentence(
    postgres_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"postgresql+psycopg2://{postgres_server.user}:hunter2@127.0.0.1:{postgres_server.port}/postgres"
    monkeypatch.setattr(database, "_engine", lambda: create_engine(uri))
    with pytest.raises(BootstrapFailed) as failed:
        database.wait_for_database(0)
    assert str(failed.value) == (
        f"Airflow's database {uri.replace('hunter2', '***')} refuses the connection: "
        f'password authentication failed for user "{postgres_server.user}". '
        "Correct AIRFLOW__DATABASE__SQL_ALCHEMY_CONN and its password, or the database's user."
    )


def test_a_metadata_database_of_another_airflow_is_one_sentence(fresh: Place, inits: Inits) -> None:
    with psycopg.connect(fresh.uri, autocommit=True) as connection:
        connection.execute("update alembic_version set version_num = 'fedcba987654'")
    ended = inits.run()
    assert ended.code == 1
    assert said(ended.output)[-1].startswith("Cannot migrate Airflow's database: Can't locate revision")


def test_a_fernet_key_can_be_changed_as_airflow_documents_it(fresh: Place, inits: Inits) -> None:
    old, new = fresh.secrets["AIRFLOW__CORE__FERNET_KEY"], Fernet.generate_key().decode()
    assert inits.run().code == 0
    ended = inits.run(AIRFLOW__CORE__FERNET_KEY=new)
    assert ended.code == 1
    assert ": its Fernet key is not in AIRFLOW__CORE__FERNET_KEY." in said(ended.output)[-1]
    assert new not in ended.output
    assert inits.run(AIRFLOW__CORE__FERNET_KEY=f"{new},{old}").code == 0
    assert inits.run(AIRFLOW__CORE__FERNET_KEY=new, BOOTSTRAP_OVERWRITE="1").code == 0


def test_a_fernet_key_that_is_none_is_one_sentence(fresh: Place, inits: Inits) -> None:
    ended = inits.run(AIRFLOW__CORE__FERNET_KEY="hunter2")
    assert ended.code == 1
    assert said(ended.output)[-1].startswith("Airflow failed: Could not create Fernet object")
    assert "hunter2" not in ended.output


def test_a_setting_that_makes_no_sense_is_one_sentence(inits: Inits) -> None:
    overwrite = inits.run(BOOTSTRAP_OVERWRITE="perhaps")
    assert (overwrite.code, overwrite.output) == (
        1,
        "BOOTSTRAP_OVERWRITE is neither 1 nor 0. Set it to one of them.\n",
    )
    wait = inits.run(BOOTSTRAP_WAIT="perhaps")
    assert (wait.code, wait.output) == (
        1,
        "BOOTSTRAP_WAIT is not a number of seconds. Set it to 0 or more.\n",
    )
