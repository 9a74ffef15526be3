"""The warehouses that months can be loaded into: the only list of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nyc_taxi.core.excerpt import quoted
from nyc_taxi.errors import ContractError


@dataclass(frozen=True, slots=True)
class Target:
    """A warehouse, and the names that everything around it has in Airflow.

    :param name: its name in DAG ids, assets, metrics and options
    :param title: its name in text for people
    :param conn_id: id of its connection, unless another one is given
    :param hook: dotted path of its hook class, a :class:`~nyc_taxi.hooks.warehouse.WarehouseHook`
    :param pool: pool that limits how many months are written to it at the same time
    :param uploads: whether it loads from a bucket, to which a separate task uploads the file
    :param preload: modules that its tasks import late, for a process that is forked into tasks
    """

    name: str
    title: str
    conn_id: str
    hook: str
    pool: str
    uploads: bool = False
    preload: tuple[str, ...] = ()

    def dag_id(self, subject: str) -> str:
        """Return the id of the DAG for a dataset or another subject, such as ``green_postgres``."""
        return f"{subject}_{self.name}"


TARGETS: Final = (
    Target(
        name="postgres",
        title="Postgres",
        conn_id="postgres_taxi",
        hook="nyc_taxi.hooks.postgres.TaxiPostgresHook",
        pool="postgres_load",
        preload=("nyc_taxi.postgres.stage",),
    ),
    Target(
        name="bigquery",
        title="BigQuery",
        conn_id="bigquery_taxi",
        hook="nyc_taxi.hooks.bigquery.TaxiBigQueryHook",
        pool="bigquery_load",
        uploads=True,
        preload=("nyc_taxi.bigquery.stage",),
    ),
)


def target_names() -> tuple[str, ...]:
    """Return the names of all warehouses."""
    return tuple(target.name for target in TARGETS)


def get_target(name: str) -> Target:
    """Return the warehouse of that name.

    :raises ContractError: when there is none
    """
    for target in TARGETS:
        if target.name == name:
            return target
    raise ContractError(f"There is no warehouse {quoted(name)}. Use one of: {', '.join(target_names())}.")
