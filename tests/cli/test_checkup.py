"""What the doctor finds wrong with sources, dbt and pod profiles, each with the way to mend it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from nyc_taxi import checkup
from nyc_taxi.errors import WarehouseRefused
from nyc_taxi.targets import get_target
from tests.cli.taxi import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nyc_taxi.load.warehouse import Finding

VERSION = "Core:\n  - installed: {}\n\nPlugins:\n  - {}: 1.11.0 - Up to date!\n"


@pytest.fixture
def dbt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make a program that prints something the deployment's dbt."""

    def use(said: str, status: int = 0) -> None:
        program = tmp_path / "dbt"
        program.write_text(
            f"#!{sys.executable}\nimport sys\n"
            f"print({said!r} if sys.argv[1:] == ['--version'] else 'wrong call')\nsys.exit({status})\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("AIRFLOW__NYC_TAXI__DBT_PROGRAM", str(program))

    use(VERSION.format("1.12.6", "postgres"))
    return use


@pytest.fixture(autouse=True)
def healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dbt: object) -> Path:
    """A folder of files, and a dbt project; the folder is returned."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    files = tmp_path / "files"
    files.mkdir()
    connect(monkeypatch, {"sources": str(files)})
    (tmp_path / "dbt_project.yml").write_text('require-dbt-version: [">=1.12.0", "<2.0.0"]')
    monkeypatch.setattr("nyc_taxi.settings.DBT_PROJECT", str(tmp_path))
    return files


def connect(monkeypatch: pytest.MonkeyPatch, extra: object, **fields: str) -> None:
    value = json.dumps({"conn_type": "nyc_tlc", "extra": extra, **fields})
    monkeypatch.setenv("AIRFLOW_CONN_NYC_TLC_DEFAULT", value)


def found() -> list[tuple[str, str, str]]:
    return [(one.what, one.where, one.to_do) for one in checkup.findings([get_target("postgres")])]


def test_a_healthy_deployment_has_no_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found() == []
    monkeypatch.setenv("AIRFLOW__NYC_TAXI__DBT_PROGRAM", "/nowhere/dbt")
    assert found() == []  # the deployment's finding, if it has DAGs


def test_each_source_that_does_not_answer_is_found(healthy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, {"sources": f"{healthy}, /no/such/folder, http://127.0.0.1:1/trips"})
    (what, where, to_do), (_, web, unreachable) = found()
    assert (what, where) == ("source", "/no/such/folder")
    assert to_do == "The source folder /no/such/folder does not exist. Create it, or correct the path."
    assert web == "http://127.0.0.1:1/trips"
    assert unreachable.startswith("http://127.0.0.1:1/")
    assert "Connection refused" in unreachable


@pytest.mark.parametrize(
    ("extra", "fields", "said"),
    [
        ({"sources": "ftp://x"}, {}, "which is not a source. Use one of mirror, tlc"),
        ({"sources": "mirror"}, {"host": "server"}, "has a host, which is not used. Remove it"),
    ],
)
def test_a_connection_that_cannot_be_right_is_found(
    monkeypatch: pytest.MonkeyPatch, extra: object, fields: dict[str, str], said: str
) -> None:
    connect(monkeypatch, extra, **fields)
    ((what, where, to_do),) = found()
    assert (what, where) == ("source", "nyc_tlc_default")
    assert said in to_do


def test_a_missing_connection_is_found_with_the_command_that_creates_it(
    monkeypatch: pytest.MonkeyPatch, airflow_database: None
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_NYC_TLC_DEFAULT")
    ((_, where, to_do),) = found()
    assert where == "nyc_tlc_default"
    assert to_do.endswith("airflow connections add nyc_tlc_default --conn-type nyc_tlc")


@pytest.mark.parametrize(
    ("said", "status", "to_do"),
    [
        (
            VERSION.format("1.9.4", "postgres"),
            0,
            "{dbt} is dbt 1.9.4, and the project needs >=1.12.0, <2.0.0. Install another version in its "
            "environment: pip install 'dbt-core>=1.12.0,<2.0.0'",
        ),
        (
            "dbt-fusion 2.0.0-preview.45",
            0,
            "{dbt} is dbt 2.0.0-preview.45, and the project needs >=1.12.0, <2.0.0. Install another version "
            "in its environment: pip install 'dbt-core>=1.12.0,<2.0.0'",
        ),
        (
            VERSION.format("1.13.0", "bigquery"),
            0,
            "{dbt} lacks dbt-postgres. Install it in the environment of dbt: pip install dbt-postgres",
        ),
        (
            "Traceback:\nModuleNotFoundError: No module named 'dbt'",
            1,
            "{dbt} --version failed: ModuleNotFoundError: No module named 'dbt'. Install dbt again in its "
            "own environment, and set dbt_program in the section [nyc_taxi] to its path.",
        ),
        (
            "not found",
            0,
            "{dbt} --version does not print a version. Set dbt_program in the section [nyc_taxi] to the path "
            "of dbt.",
        ),
    ],
)
def test_a_dbt_that_cannot_run_the_project_is_found(
    dbt: Callable[..., None], tmp_path: Path, said: str, status: int, to_do: str
) -> None:
    dbt(said, status)
    program = str(tmp_path / "dbt")
    assert found() == [("dbt", program, to_do.replace("{dbt}", program))]


def test_a_missing_dbt_project_is_found(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").unlink()
    ((_, _, to_do),) = found()
    assert to_do == (
        f"There is no dbt project in {tmp_path}. Set dbt_project in the section [nyc_taxi] to its folder."
    )


@pytest.mark.parametrize("lacking", [*checkup.PROFILES, "file"])
def test_a_missing_pod_profile_is_found_where_tasks_are_pods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    path = tmp_path / "profiles.yaml"
    size = "{resources: {requests: {memory: 1Gi}, limits: {memory: 1Gi}}}"
    path.write_text("".join(f"{name}: {size}\n" for name in checkup.PROFILES if name != lacking))
    if lacking == "file":
        path.unlink()
    monkeypatch.setenv("AIRFLOW__NYC_TAXI__POD_PROFILES", str(path))
    assert found() == []  # tasks are not pods
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "KubernetesExecutor")
    ((what, where, to_do),) = found()
    assert (what, where) == ("pod profiles", str(path))
    assert str(path) in to_do
    assert lacking == "file" or f"has no profile '{lacking}'" in to_do


def test_a_check_that_cannot_run_is_a_finding_without_a_traceback() -> None:
    def broken() -> list[Finding]:
        raise RuntimeError("Something\nover\nlines")

    def refused() -> list[Finding]:
        raise WarehouseRefused("The user x lacks rights. Grant them.")

    (one,) = checkup.attempted("warehouse", "postgres_taxi", broken)
    assert one.to_do == "This could not be checked: RuntimeError: Something. Repeat the command."
    (one,) = checkup.attempted("warehouse", "postgres_taxi", refused)
    assert one.to_do == "The user x lacks rights. Grant them."


@pytest.mark.usefixtures("dags")
def test_the_doctor_makes_every_check_although_the_warehouse_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", "postgres://taxi:secret@127.0.0.1:1/taxi")
    monkeypatch.setenv("AIRFLOW__NYC_TAXI__WAREHOUSES", "postgres, bigquery")
    connect(monkeypatch, {"sources": "/no/such/folder"})
    capsys.readouterr()
    assert run("doctor -o json") == 1
    said = capsys.readouterr()
    rows = json.loads(said.out)
    assert [(row["what"], row["where"]) for row in rows] == [
        ("warehouse", "postgres_taxi"),
        ("warehouse", "bigquery_taxi"),
        ("source", "/no/such/folder"),
        ("dbt", rows[3]["where"]),
    ]
    assert rows[0]["to_do"].endswith("Check host and port of the connection, and that Postgres runs.")
    assert "airflow connections add bigquery_taxi" in rows[1]["to_do"]
    assert "lacks dbt-bigquery" in rows[3]["to_do"]
    assert "secret" not in said.out + said.err
    assert "Traceback" not in said.out + said.err
    assert said.err.endswith("4 of 4 findings left to do; the column to_do says what.\n")
