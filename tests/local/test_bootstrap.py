"""What entrypoint.sh brings into Airflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import yaml

from local.environment import CHECKOUT
from nyc_taxi.bootstrap import fill_in

if TYPE_CHECKING:
    import pytest

BOOTSTRAP = CHECKOUT / "include" / "bootstrap"


def connections(**environment: str) -> dict[str, Any]:
    return fill_in(yaml.safe_load((BOOTSTRAP / "connections.yaml").read_text()), environment)


def entrypoint(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    programs = os.path.dirname(sys.executable)  # noqa: PTH120
    return subprocess.run(
        (str(CHECKOUT / "entrypoint.sh"), *arguments),
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_settings_the_sources_are_the_public_ones() -> None:
    filled = connections()
    assert filled["nyc_tlc_default"]["extra"] == {"sources": "mirror, tlc"}
    assert filled["products_api"]["host"].startswith("https://")


def test_a_warehouse_that_is_not_named_is_left_to_other_means(capfd: pytest.CaptureFixture[str]) -> None:
    assert "postgres_taxi" not in connections()
    assert "NYC_TAXI_WAREHOUSE_HOST is not set" in capfd.readouterr().err


def test_no_value_changes_the_structure() -> None:
    password = 'a"b: {c}, #d\n${HOME}'
    filled = connections(NYC_TAXI_WAREHOUSE_HOST="db", NYC_TAXI_WAREHOUSE_PASSWORD=password)
    assert filled["postgres_taxi"]["password"] == password
    assert filled["postgres_taxi"]["host"] == "db"
    assert filled["postgres_taxi"]["port"] == "5432"


def test_an_empty_variable_means_the_default() -> None:
    assert connections(NYC_TAXI_SOURCES="")["nyc_tlc_default"]["extra"]["sources"] == "mirror, tlc"


def test_the_pool_is_the_one_that_the_tasks_use() -> None:
    from nyc_taxi import settings

    pools = json.loads((BOOTSTRAP / "pools.json").read_text())
    assert list(pools) == [settings.POOL]
    assert pools[settings.POOL]["include_deferred"] is False


def test_the_connections_are_the_ones_that_the_hooks_use() -> None:
    from nyc_taxi import settings

    assert set(yaml.safe_load((BOOTSTRAP / "connections.yaml").read_text())) == {
        settings.TLC_CONN_ID,
        settings.POSTGRES_CONN_ID,
        settings.PRODUCTS_CONN_ID,
    }


def test_a_database_that_does_not_answer_is_one_sentence() -> None:
    nowhere = "postgresql+psycopg2://airflow:secret@127.0.0.1:1/airflow"
    done = entrypoint("bootstrap", "--wait", "0", AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=nowhere)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Airflow's database")]
    assert "did not answer within 0 s" in line
    assert "secret" not in done.stderr + done.stdout


def test_the_entrypoint_without_a_command_says_what_it_knows() -> None:
    done = entrypoint()
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: ")


def test_anything_else_is_airflow_s() -> None:
    done = entrypoint("version")
    assert done.returncode == 0
    assert done.stdout.strip().splitlines()[-1].startswith("3.")
