"""Warehouses that months are loaded into as the product does it, and that dbt builds marts on."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from local import dbt
from nyc_taxi.core.month import Month
from nyc_taxi.core.zones import read_zones
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from nyc_taxi.samples.file import write_lookup
from tests import trips

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from local.postgres import EmbeddedPostgres
    from nyc_taxi.load.warehouse import Warehouse

CONTENT = """
select to_char({month}, 'YYYY-MM'), md5(string_agg(md5(cast(built as text)), '' order by cast(built as text)))
from {relation} as built
group by 1
"""

QUALITY = "intermediate.int_quality"

MEASURED = f"""(
    select
        file_month, dataset, attempt_id, dimension, check_name, value, threshold, outcome, message
    from {{prefix}}{QUALITY}
)"""
"""What was measured, without the time at which it was."""

MODELS = {
    "intermediate.int_trips": "file_month",
    "intermediate.int_fhv_trips": "file_month",
    "intermediate.int_fhvhv_trips": "file_month",
    "intermediate.int_zone_revenue": "file_month",
    "marts.fct_trips": "file_month",
    "marts.fct_fhv_trips": "file_month",
    "marts.fct_fhvhv_trips": "file_month",
    "marts.fct_monthly_zone_revenue": "revenue_month",
    "marts.dim_zones": "date '2000-01-01'",
    "marts.dim_vendors": "date '2000-01-01'",
    "marts.dim_payment_types": "date '2000-01-01'",
    "marts.dim_rate_codes": "date '2000-01-01'",
    "marts.dim_trip_types": "date '2000-01-01'",
}
"""Every table that dbt builds, except its records, and the month of its rows."""


def environment() -> dict[str, str]:
    """Return the environment of the tests, without settings of dbt that the user has."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}


@dataclass(frozen=True)
class Run:
    """One invocation of dbt.

    :param code: its exit code
    :param said: what it printed
    :param results: status and message of each node by name; empty when it did not get that far
    :param seconds: how long the nodes took together, without dbt's own start
    """

    code: int
    said: str
    results: dict[str, tuple[str, str]] = field(default_factory=dict)
    seconds: float = 0.0

    def statuses(self, *kinds: str) -> set[str]:
        """Return the nodes that ended in one of these ways."""
        return {name for name, (status, _) in self.results.items() if status in kinds}


def node_name(unique_id: str) -> str:
    """Return the name in an id: ``model.nyc_taxi.fct_trips``, ``unit_test.nyc_taxi.fct_trips.a_rule``."""
    kind, _, *names = unique_id.split(".")
    return names[1] if kind == "unit_test" else names[0]


def prepare(warehouse: Warehouse, folder: Path) -> None:
    """Create what the load needs, and load the zones."""
    write_lookup(folder / "zones.csv")
    warehouse.prepare()
    warehouse.replace_zones(read_zones((folder / "zones.csv").read_bytes()))


@dataclass(frozen=True)
class Project:
    """The dbt project on one warehouse.

    :param warehouse: as the product sees it
    :param folder: for files, and what dbt writes
    :param program: the path of dbt
    :param environment: what dbt is started with
    """

    warehouse: Warehouse
    folder: Path
    program: str
    environment: dict[str, str]

    def load(self, path: Path, dataset: str, month: str) -> None:
        """Load a file of a month, as a run of its DAG does."""
        published = trips.published(path, dataset=dataset, month=Month(month))
        trips.load(self.warehouse, published, force=True)

    def unload(self, dataset: str, month: str) -> None:
        """Take a month out of the warehouse again."""
        self.warehouse.unload(dataset, Month(month))

    def dbt(self, *arguments: str, months: Sequence[str] | None = None, target: str = "prod") -> Run:
        """Run dbt and return how it went, whichever way that was."""
        results = self.folder / "target" / "run_results.json"
        results.unlink(missing_ok=True)
        variables = ("--vars", json.dumps({"months": list(months)})) if months is not None else ()
        done = subprocess.run(
            (self.program, *arguments, "--target", target, *variables),
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if not results.exists():
            return Run(done.returncode, done.stdout)
        written = json.loads(results.read_text())
        return Run(
            done.returncode,
            done.stdout,
            {
                node_name(one["unique_id"]): (one["status"], one["message"] or "")
                for one in written["results"]
            },
            written["elapsed_time"],
        )

    def build(self, *months: str, target: str = "prod") -> Run:
        """Build months and test their content; rebuild all months when none is named."""
        return self.dbt("build", "--exclude-resource-type", "unit_test", months=months or None, target=target)

    def built(self, *months: str, target: str = "prod") -> Run:
        """Build months, which has to go well."""
        run = self.build(*months, target=target)
        assert run.code == 0, run.said
        return run

    def stale(self) -> list[str]:
        """Return the months that dbt has to build, as texts."""
        return [str(one) for one in self.warehouse.stale_months("prod")]


@dataclass(frozen=True)
class Mart(Project):
    """The project on Postgres.

    :param connection: a reader's
    :param uri: its URI
    """

    connection: psycopg.Connection[Any]
    uri: str

    @classmethod
    @contextmanager
    def open(cls, server: EmbeddedPostgres, database: str, folder: Path, program: str) -> Iterator[Mart]:
        """Prepare a warehouse in an empty database, and load the zones."""
        uri = server.uri(database)
        warehouse = PostgresWarehouse(lambda: psycopg.connect(uri), "postgres_taxi")
        prepare(warehouse, folder)
        address = {
            "NYC_TAXI_WAREHOUSE_HOST": "127.0.0.1",
            "NYC_TAXI_WAREHOUSE_PORT": str(server.port),
            "NYC_TAXI_WAREHOUSE_USER": server.user,
            "NYC_TAXI_WAREHOUSE_PASSWORD": server.password,
            "NYC_TAXI_WAREHOUSE_DATABASE": database,
        }
        with psycopg.connect(uri, autocommit=True) as connection:
            own = dbt.environment(environment() | address, folder)
            yield cls(warehouse, folder, program, own, connection, uri)

    def all(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.connection.execute(statement, values).fetchall()

    def one(self, statement: str, *values: object) -> Any:
        """Return the only value of a query."""
        ((value,),) = self.all(statement, *values)
        return value

    def content(self, target: str = "prod") -> dict[str, dict[str, str]]:
        """Return a hash of everything in each table that dbt builds, by month."""
        prefix = "" if target == "prod" else f"{target}_"
        relations = {model: (f"{prefix}{model}", month) for model, month in MODELS.items()}
        relations[QUALITY] = (MEASURED.format(prefix=prefix), "file_month")
        return {
            model: dict(self.all(CONTENT.format(relation=relation, month=month)))
            for model, (relation, month) in relations.items()
        }

    def months(self, model: str = "marts.fct_trips") -> dict[str, int]:
        """Return how many rows a table has of each dataset and month."""
        return dict(
            self.all(
                f"select dataset || ' ' || to_char(file_month, 'YYYY-MM'), count(*) from {model} group by 1"
            )
        )
