"""Preflight checks: Airflow knows the provider, and can import all DAG files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from airflow.configuration import conf
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

from nyc_taxi.deploy.console import say
from nyc_taxi.errors import BootstrapFailed

_PROVIDER: Final = "airflow-provider-nyc-taxi"


def check_provider() -> None:
    """Check that Airflow knows the provider.

    :raises BootstrapFailed: if it does not
    """
    if _PROVIDER not in ProvidersManagerTaskRuntime().providers:  # type: ignore[no-untyped-call]
        raise BootstrapFailed(
            f"Airflow does not know the provider {_PROVIDER}. Install its wheel in Airflow's environment; "
            "a copy of the code in plugins/ is not enough."
        )


def check_dag_files() -> None:
    """Import every DAG file, as Airflow will.

    :raises BootstrapFailed: with the first file that cannot be imported, and its error
    """
    folder = Path(conf.get("core", "dags_folder"))
    if not folder.is_dir():
        say(f"There is no DAG folder {folder}, so no DAG file was checked.")
        return
    errors = sorted(DagBag(dag_folder=folder, bundle_path=folder).import_errors.items())
    for path, error in errors:
        more = f" So do {len(errors) - 1} more." if len(errors) > 1 else ""
        why = error.strip().splitlines()[-1]
        raise BootstrapFailed(f"The DAG file {folder / path} fails to import: {why}.{more} Correct it.")
