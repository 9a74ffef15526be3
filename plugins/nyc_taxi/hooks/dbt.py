"""The dbt project of a deployment, and how it reaches a warehouse."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk.configuration import conf

from nyc_taxi import settings
from nyc_taxi.dbt.schemas import dev_schema
from nyc_taxi.errors import InvalidCommand
from nyc_taxi.hooks.warehouse import warehouse, warehouse_hook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import ObjectStoragePath

    from nyc_taxi.dbt.process import Dbt

_log = logging.getLogger(__name__)


def dbt(folder: Path, target: str, conn_id: str | None = None) -> Dbt:
    """Return dbt, ready to be called for a warehouse.

    :param folder: where the artifacts of the calls go
    :param target: name of the warehouse
    :param conn_id: its connection; None for the target's own
    :raises InvalidCommand: when there is no dbt project where the configuration says
    """
    from nyc_taxi.dbt.process import Dbt

    project = project_folder()
    if not (project / "dbt_project.yml").is_file():
        raise InvalidCommand(
            f"There is no dbt project in {project}. Set dbt_project in the section [nyc_taxi] to its folder."
        )
    access = warehouse_hook(target, conn_id).dbt_access()
    environment = {**access.environment, "DBT_PROFILE": target, "DBT_DEV_SCHEMA": dev_schema()}
    profiles = Path(os.environ.get("DBT_PROFILES_DIR") or project)
    return Dbt(settings.DBT_PROGRAM, project, folder, environment, access.files, profiles)


def project_folder() -> Path:
    """Return the dbt project's folder: the configured one, or ``dbt_project`` next to the DAGs' folder."""
    return Path(settings.DBT_PROJECT or Path(conf.get("core", "dags_folder")).parent / "dbt_project")


def docs_page(dag_id: str) -> ObjectStoragePath:
    """Return where a DAG publishes its dbt project's documentation for the web server."""
    from airflow.sdk import ObjectStoragePath

    return ObjectStoragePath(settings.DBT_DOCS) / f"{dag_id}.html"


def record_checks(dbt_target: str, target: str, conn_id: str | None = None) -> int:
    """Copy what dbt's checks found to ``ops.quality_result``, and return how many results are new.

    Only results of the target ``prod`` are recorded; the others are trials.
    """
    store = warehouse(target, conn_id)
    store.prepare()
    return store.record_dbt_checks(dbt_target)


def resolve_work(form: Mapping[str, Any], target: str, conn_id: str | None = None) -> dict[str, Any] | None:
    """Return a run's call of dbt as plain values; None when every month is built.

    :param form: the run's parameters; see :meth:`nyc_taxi.dbt.invocation.Invocation.of_form`
    """
    from nyc_taxi.dbt.invocation import DatasetMonth, Invocation

    store = warehouse(target, conn_id)
    store.prepare()
    stale = [one for one in store.stale_months(form["target"]) if one.can_be_built]
    _log.info("Months to build: %s.", ", ".join(map(str, stale)) or "none")
    months = {DatasetMonth(one.month, one.dataset) for one in stale}
    call = Invocation.of_form(form, months, settings.DBT_THREADS)
    return None if call is None else call.to_json()
