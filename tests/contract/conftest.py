"""The warehouses that have to keep the contract, and what readers and commands see of each of them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import psycopg
import pytest
from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter
from psycopg.rows import dict_row

from nyc_taxi import checkup, deployment, targets
from nyc_taxi.bigquery.warehouse import BigQueryWarehouse
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import MonthRange
from nyc_taxi.dbt.access import Access
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from nyc_taxi.samples import write_sample
from tests.cli import taxi
from tests.contract.memory import MemoryWarehouse
from tests.extent import LONG
from tests.trips import MONTH, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nyc_taxi.bigquery.place import Place
    from nyc_taxi.core.check import Check
    from nyc_taxi.core.month import Month
    from nyc_taxi.load.warehouse import Warehouse

BY_DBT = """
insert into ops.quality_result (
    dimension, check_name, value, threshold, outcome, message, measured_by, attempt_id, dataset, month
)
select %s, %s, %s, %s, %s, %s, 'dbt', id, dataset, month from ops.file_ledger where id = %s
"""

Run = Callable[[str], int]
"""Calls a command of ``airflow taxi`` with a command line, and returns its exit status."""

Listed = Callable[[str], Any]
"""Calls a command that has to succeed, and returns what it prints as JSON."""


class Subject(Protocol):
    """A warehouse and a reader of it."""

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse."""

    def rows(self, dataset: str = "green", month: Month = MONTH) -> list[dict[str, Any]]:
        """Return the rows of a month as a reader sees them, in the order of their numbers."""

    def leftovers(self) -> int:
        """Return how many attempts have something staged."""

    def lose(self, dataset: str, month: Month) -> None:
        """Remove a month's rows without the ledger, as a user may."""

    def measured_by_dbt(self, attempt: int, checks: Sequence[Check]) -> None:
        """Record results of dbt's checks."""


@dataclass
class InMemory:
    warehouse: MemoryWarehouse

    def rows(self, dataset: str = "green", month: Month = MONTH) -> list[dict[str, Any]]:
        table = self.warehouse.months.get((dataset, month))
        return [] if table is None else table.to_pylist()

    def leftovers(self) -> int:
        return len(self.warehouse.staged)

    def lose(self, dataset: str, month: Month) -> None:
        del self.warehouse.months[dataset, month]

    def measured_by_dbt(self, attempt: int, checks: Sequence[Check]) -> None:
        self.warehouse.ledger.found[attempt]["dbt"] = tuple(checks)


@dataclass
class InPostgres:
    warehouse: PostgresWarehouse
    uri: str

    def rows(self, dataset: str = "green", month: Month = MONTH) -> list[dict[str, Any]]:
        names = [column.name for column in get_dataset(dataset).columns]
        wanted = ", ".join(("row_number", *names, "unmapped::text"))
        query = f"select {wanted} from raw.{dataset}_tripdata where file_month = %s order by row_number"
        with psycopg.connect(self.uri, row_factory=dict_row) as reader:
            return reader.execute(query.encode(), (month.first_day,)).fetchall()

    def leftovers(self) -> int:
        with psycopg.connect(self.uri) as reader:
            return len(leftovers(reader))

    def lose(self, dataset: str, month: Month) -> None:
        with psycopg.connect(self.uri) as person:
            delete = f"delete from raw.{dataset}_tripdata where file_month = %s"
            person.execute(delete.encode(), (month.first_day,))

    def measured_by_dbt(self, attempt: int, checks: Sequence[Check]) -> None:
        with psycopg.connect(self.uri) as dbt:
            for one in checks:
                found = (one.dimension, one.name, one.value, one.threshold, one.outcome, one.message, attempt)
                dbt.execute(BY_DBT, found)


@dataclass
class InBigQuery:
    warehouse: BigQueryWarehouse

    @property
    def place(self) -> Place:
        return self.warehouse.place

    def query(self, text: str, *values: Any) -> list[Any]:
        parameters = [ScalarQueryParameter(None, type_, value) for type_, value in values]
        config = QueryJobConfig(query_parameters=parameters)
        return list(self.place.bigquery().query_and_wait(text, job_config=config))

    def rows(self, dataset: str = "green", month: Month = MONTH) -> list[dict[str, Any]]:
        names = [column.name for column in get_dataset(dataset).columns]
        wanted = ", ".join(("row_number", *names))
        unmapped = "if(unmapped is null, null, to_json_string(unmapped)) as unmapped"
        table = f"{self.place.raw}.{dataset}_tripdata"
        query = f"select {wanted}, {unmapped} from {table} where file_month = ? order by row_number"
        return [dict(row) for row in self.query(query, ("DATE", month.first_day))]

    def leftovers(self) -> int:
        tables = self.place.bigquery().list_tables(self.place.stage)
        objects = self.place.storage().list_blobs(self.place.bucket, prefix="staged/")
        names = [table.table_id for table in tables] + [blob.name for blob in objects]
        return len({re.findall(r"\d+", name)[-1] for name in names})

    def lose(self, dataset: str, month: Month) -> None:
        table = f"{self.place.raw}.{dataset}_tripdata"
        self.query(f"delete from {table} where file_month = ?", ("DATE", month.first_day))

    def measured_by_dbt(self, attempt: int, checks: Sequence[Check]) -> None:
        text = BY_DBT.replace("%s", "?").replace("ops.", f"{self.place.ops}.")
        text = text.replace("attempt_id, dataset, month\n", "attempt_id, dataset, month, measured_at\n")
        text = text.replace("dataset, month from", "dataset, month, current_timestamp() from")
        for one in checks:
            words = (one.threshold, one.outcome, one.message)
            self.query(
                text,
                *(("STRING", word) for word in (one.dimension, one.name)),
                ("FLOAT64", one.value),
                *(("STRING", word) for word in words),
                ("INT64", attempt),
            )


class MemoryHook:
    """Leads the commands to a warehouse in memory."""

    shared: ClassVar[MemoryWarehouse]

    def __init__(self, conn_id: str) -> None: ...

    def warehouse(self) -> MemoryWarehouse:
        return self.shared

    def dbt_access(self) -> Access:
        return Access()


ON_BIGQUERY = {
    "test_checks_that_did_not_pass_and_trips_per_day_are_found_for_the_page",
    "test_a_dead_attempt_is_found_and_removed",
    "test_a_month_is_shown_with_its_file_and_its_checks",
    "test_attempt_that_was_taken_for_dead_publishes_nothing",
    "test_attempt_whose_base_was_replaced_meanwhile_is_superseded",
    "test_file_of_another_month_is_not_published_and_stays_to_be_looked_at",
    "test_file_that_was_only_touched_is_unchanged_and_known_by_its_new_description",
    "test_names_of_a_header_keep_their_commas_and_quotes",
    "test_promise_3_idempotent",
    "test_promise_4_concurrent_runs_of_three_months",
    "test_staged_rows_are_hidden_from_readers_and_measured",
    "test_too_many_rejected_rows_fail_the_attempt_and_stay_visible",
    "test_unloaded_month_is_empty_and_loads_again",
    "test_zones_are_loaded_from_the_first_source_that_has_them",
}
"""Tests that ``make test`` runs on BigQuery, whose emulator is slow; ``make test-long`` runs all of them.

Each asks something else of the adapter: a statement, a job, the claim of a month, the lease of an attempt.
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of a warehouse on every kind of it."""
    if "subject" in metafunc.fixturenames:
        on_bigquery = LONG or metafunc.definition.originalname in ON_BIGQUERY
        kinds = ["memory", "postgres", *(["bigquery"] if on_bigquery else [])]
        metafunc.parametrize("subject", kinds, indirect=True)


@pytest.fixture
def subject(request: pytest.FixtureRequest) -> Subject:
    """An empty warehouse of one kind."""
    if request.param == "memory":
        return InMemory(MemoryWarehouse())
    if request.param == "bigquery":
        return InBigQuery(BigQueryWarehouse(request.getfixturevalue("bigquery_place"), "bigquery_taxi"))
    uri = request.getfixturevalue("warehouse_uri")
    return InPostgres(PostgresWarehouse(lambda: psycopg.connect(uri), "postgres_taxi"), uri)


@pytest.fixture
def warehouse(subject: Subject) -> Warehouse:
    """The warehouse of the test's subject."""
    return subject.warehouse


@pytest.fixture
def run(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The commands, on the warehouse of the test's subject."""
    if isinstance(subject, InPostgres):
        target = targets.get_target("postgres")
        monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_TAXI", subject.uri)
    elif isinstance(subject, InBigQuery):
        target = targets.get_target("bigquery")
        names = ("project", "bucket", "prefix", "storage_endpoint", "bigquery_endpoint")
        extra = {name: getattr(subject.place, name) for name in names}
        connection = {"conn_type": "nyc_taxi_bigquery", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_BIGQUERY_TAXI", json.dumps(connection))
    else:
        hook = f"{MemoryHook.__module__}.{MemoryHook.__qualname__}"
        target = targets.Target("memory", "Memory", "memory", hook, pool="none")
        monkeypatch.setattr(targets, "TARGETS", (*targets.TARGETS, target))
        monkeypatch.setattr(MemoryHook, "shared", subject.warehouse, raising=False)
    monkeypatch.setattr(deployment, "findings", list)  # of the Airflow of other tests
    monkeypatch.setattr(checkup, "findings", lambda targets: [])  # asks sources on the internet
    # A command says so of its whole process, which here is the test's.
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    return lambda line: taxi.run(f"{line} --target {target.name}")


@pytest.fixture
def listed(run: Run, capsys: pytest.CaptureFixture[str]) -> Listed:
    """The commands that print a list, read as JSON."""

    def listed(line: str) -> Any:
        capsys.readouterr()
        assert run(f"{line} -o json") == 0
        return json.loads(capsys.readouterr().out)

    return listed


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Green months 2021-01 and 2021-02, of 500 rows each."""
    folder = tmp_path_factory.mktemp("samples")
    write_sample(MonthRange.parse("2021-01..2021-02"), 500, folder, ["green"])
    return folder


@pytest.fixture
def dirty(samples: Path, tmp_path: Path) -> Path:
    """A folder with a green month in which lines 3 and 5 are no trips."""
    good = gzip.decompress((samples / "green" / "green_tripdata_2021-01.csv.gz").read_bytes()).splitlines(
        True
    )
    good.insert(2, b"2,soon,2021-01-01 00:10:00\n")
    good.insert(4, b"[red]\xff\\" + 300 * b"x" + b"\n")
    (tmp_path / "green_tripdata_2021-01.csv").write_bytes(b"".join(good))
    return tmp_path
