"""What the tasks see of a call of dbt: lines, nodes and failures."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from local.dbt import PROJECT, program
from nyc_taxi.core.month import Month
from nyc_taxi.dbt.invocation import Command, DatasetMonth, Invocation
from nyc_taxi.dbt.process import Dbt
from nyc_taxi.dbt.results import table
from nyc_taxi.errors import ContractError, DataTestFailed, TransientError
from tests.trips import green

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dbt.mart import Mart

JANUARY = DatasetMonth(Month("2021-01"), "green")
VENDORS = Invocation(Command.BUILD, select="+dim_vendors stg_file_ledger+1")


class Said(list[tuple[int, str]]):
    """The lines that were logged, with their levels."""

    def __call__(self, level: int, text: str) -> None:
        self.append((level, text))

    def lines(self, part: str) -> list[str]:
        return [text for _, text in self if part in text]


@pytest.fixture
def calls(mart: Mart, tmp_path: Path) -> Dbt:
    """A copy of the project that a test may break, on the module's warehouse."""
    project = tmp_path / "project"
    shutil.copytree(PROJECT, project)
    given = {name: value for name, value in mart.environment.items() if name.startswith("NYC_TAXI_")}
    return Dbt(mart.program, project, tmp_path / "target", given)


def test_a_retry_runs_what_failed_and_what_was_skipped(calls: Dbt, mart: Mart) -> None:
    zones = calls.project / "models" / "staging" / "stg_taxi_zone_lookup.sql"
    good = zones.read_text("utf-8")
    zones.write_text(good.replace("from", "from no_such_schema.t, "), "utf-8")
    said = Said()
    with pytest.raises(
        TransientError, match=r"model stg_taxi_zone_lookup: .*no_such_schema.*statement: .*\.sql\)"
    ):
        calls.run(Invocation(Command.RUN, select="stg_taxi_zone_lookup dim_zones stg_file_ledger"), said)
    assert said.lines("no_such_schema.t")  # the statement is in the log, where the file cannot be looked at
    assert [level for level, text in said if "ERROR creating" in text] == [logging.ERROR]

    zones.write_text(good, "utf-8")
    again = calls.run(VENDORS, said, only_failed=True)
    assert {node.name: node.status for node in again} == {
        "stg_taxi_zone_lookup": "success",
        "dim_zones": "success",
    }
    assert "dim_zones" in table(again)
    assert {node.name for node in calls.run(Invocation(Command.RUN, select="stg_file_ledger"), said)} == {
        "stg_file_ledger"
    }


def test_data_that_fail_a_test_are_named_and_measured_again_by_a_retry(calls: Dbt) -> None:
    (calls.project / "models" / "bad.sql").write_text(
        "{{ config(contract={'enforced': false}) }} select 1 as id"
    )
    (calls.project / "data-tests" / "none_is_bad.sql").write_text("select * from {{ ref('bad') }}")
    with pytest.raises(DataTestFailed, match=r"test none_is_bad: Got 1 result"):
        calls.run(Invocation(Command.BUILD, select="bad"), Said())

    (calls.project / "models" / "bad.sql").write_text(
        "{{ config(contract={'enforced': false}) }} select 1 as id limit 0"
    )
    again = calls.run(Invocation(Command.BUILD, select="bad"), Said(), only_failed=True)
    assert {node.name: node.status for node in again} == {"bad": "success", "none_is_bad": "pass"}


def test_a_project_that_cannot_be_parsed_is_refused(calls: Dbt) -> None:
    (calls.project / "models" / "broken.sql").write_text("select {{ ref('nobody') }}", "utf-8")

    with pytest.raises(ContractError, match=r"failed before it ran a node: .*nobody"):
        calls.run(VENDORS, Said())


def test_a_warehouse_that_does_not_answer_is_a_failure_to_retry(calls: Dbt) -> None:
    away = replace(calls, environment={**calls.environment, "NYC_TAXI_WAREHOUSE_PORT": "1"})

    with pytest.raises(TransientError, match=r"failed before it ran a node: .*[Cc]onnection"):
        away.run(VENDORS, Said())


def test_a_missing_program_is_reported(calls: Dbt) -> None:
    with pytest.raises(ContractError, match="dbt_program"):
        replace(calls, program="/nowhere/dbt").run(VENDORS, Said())


def test_progress_and_rows_are_logged(calls: Dbt, mart: Mart, tmp_path: Path) -> None:
    mart.load(green(tmp_path / "files", 50), "green", "2021-01")
    said = Said()
    installed = replace(calls, program=program())
    nodes = installed.run(Invocation(Command.BUILD, (JANUARY,), threads=4), said)

    by_name = {node.name: node for node in nodes}
    assert by_name["fct_trips"].rows == 50
    assert said.lines("START sql incremental model marts.fct_trips")
    assert said.lines("OK created sql incremental model marts.fct_trips")
    assert not [node for node in nodes if node.kind == "unit_test"]
    assert "pass" in next(line for line in table(nodes).splitlines() if line.startswith("int_trips "))


def test_a_month_is_built_again_without_temporary_tables_in_a_database_that_publishes_all_tables(
    mart: Mart,
) -> None:
    """dbt computes a month's new rows in a separate table, and deletes the old ones."""
    database = mart.connection.info.dbname
    role = f"builder_of_{database}"
    for statement in (
        "create publication everything for all tables",
        f"create role {role} login password 'builder'",
        f"revoke temporary on database {database} from public",
        f"grant create on database {database} to {role}",
        f"grant usage on schema raw, ops to {role}",
        f"grant select on all tables in schema raw, ops to {role}",
    ):
        mart.connection.execute(statement.encode())
    user = {"NYC_TAXI_WAREHOUSE_USER": role, "NYC_TAXI_WAREHOUSE_PASSWORD": "builder"}
    builder = replace(mart, environment={**mart.environment, **user})
    try:
        for _ in range(2):
            run = builder.dbt("run", "--select", "+int_fhv_trips", months=["2021-01"], target="dev")
            assert run.code == 0, run.said
        left = mart.connection.execute(
            "select relname from pg_class where relnamespace = to_regnamespace('dev_intermediate') "
            "and relkind = 'r'"
        )
        assert left.fetchall() == [("int_fhv_trips",)]
    finally:
        mart.connection.execute("drop publication everything")
        mart.connection.execute(f"drop owned by {role} cascade".encode())
        mart.connection.execute(f"drop role {role}".encode())
