"""The dbt project of a deployment, and how it reaches a warehouse."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk.configuration import conf

from nyc_taxi import settings
from nyc_taxi.errors import InvalidCommand
from nyc_taxi.hooks.warehouse import warehouse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import ObjectStoragePath

    from nyc_taxi.dbt.process import Dbt

_log = logging.getLogger(__name__)


def dbt(folder: Path, postgres_conn_id: str = settings.POSTGRES_CONN_ID) -> Dbt:
    """Return dbt as it is to be called for the warehouse of a Postgres connection.

    The project reads the warehouse's place and password from the environment of its process, where no
    log and no list of processes shows them.

    :param folder: where the artifacts of the calls go
    :raises InvalidCommand: when there is no dbt project where the configuration says
    """
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    from nyc_taxi.dbt.process import Dbt

    project = project_folder()
    if not (project / "dbt_project.yml").is_file():
        raise InvalidCommand(
            f"There is no dbt project in {project}. Name its folder in dbt_project of the section [nyc_taxi]."
        )
    connection = PostgresHook.get_connection(postgres_conn_id)
    environment = {
        "NYC_TAXI_WAREHOUSE_HOST": connection.host or "",
        "NYC_TAXI_WAREHOUSE_PORT": str(connection.port or 5432),
        "NYC_TAXI_WAREHOUSE_USER": connection.login or "",
        "NYC_TAXI_WAREHOUSE_PASSWORD": connection.password or "",
        "NYC_TAXI_WAREHOUSE_DATABASE": connection.schema or "",
        "DBT_DEV_SCHEMA": _dev_schema(),
        "PGSSLMODE": str(connection.extra_dejson.get("sslmode", "prefer")),
    }
    return Dbt(settings.DBT_PROGRAM, project, folder, environment)


def project_folder() -> Path:
    """Return the folder of the dbt project: what the configuration says, else the one beside the DAGs."""
    return Path(settings.DBT_PROJECT or Path(conf.get("core", "dags_folder")).parent / "dbt_project")


def ops_schema(target: str) -> str:
    """Return the schema of the records of one of the project's targets."""
    return "ops" if target == "prod" else f"{_dev_schema()}_ops"


def _dev_schema() -> str:
    """Return what the schemas of the target ``dev`` begin with."""
    return os.environ.get("DBT_DEV_SCHEMA", "dev")


def docs_page(dag_id: str) -> ObjectStoragePath:
    """Return where a DAG publishes the documentation of its dbt project, and the web server finds it."""
    from airflow.sdk import ObjectStoragePath

    return ObjectStoragePath(settings.DBT_DOCS) / f"{dag_id}.html"


def record_measured(target: str, postgres_conn_id: str = settings.POSTGRES_CONN_ID) -> int:
    """Copy what dbt has measured to ``ops.quality_result``, and return how many results are new.

    Of any other target than ``prod`` nothing is recorded: it is somebody's trial.
    """
    from nyc_taxi.postgres import quality

    if target != "prod":
        return 0
    store = warehouse(postgres_conn_id)
    store.prepare()
    with store.session("recording what dbt measured") as connection:
        return quality.record_measured(connection)


def resolve_work(
    form: Mapping[str, Any], postgres_conn_id: str = settings.POSTGRES_CONN_ID
) -> dict[str, Any] | None:
    """Return what a run calls dbt for as plain values, or None when every month is built.

    :param form: the run's parameters; see :func:`nyc_taxi.dbt.work.work`
    """
    from nyc_taxi.dbt.work import work
    from nyc_taxi.postgres.builds import unbuilt

    store = warehouse(postgres_conn_id)
    store.prepare()
    with store.session("looking for months to build") as connection:
        missing = unbuilt(connection, ops_schema(form["target"]))
    _log.info("Not built yet: %s.", ", ".join(map(str, missing)) or "none")
    wanted = work(form, {one.month for one in missing}, settings.DBT_THREADS)
    return None if wanted is None else wanted.to_json()
