"""Whether Airflow knows the provider, and can import its hooks and all DAG files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from airflow.configuration import conf
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

from nyc_taxi.deploy.output import say
from nyc_taxi.errors import BootstrapFailed
from nyc_taxi.get_provider_info import get_provider_info

_PROVIDER: Final = "airflow-provider-nyc-taxi"


def check_provider() -> None:
    """See that Airflow knows the provider.

    :raises BootstrapFailed: when it does not
    """
    if _PROVIDER not in ProvidersManagerTaskRuntime().providers:  # type: ignore[no-untyped-call]
        raise BootstrapFailed(
            f"Airflow does not know the provider {_PROVIDER}: the package is not installed where Airflow is. "
            "Install its wheel; folders in plugins/ may then take the place of its code."
        )


def check_hooks() -> None:
    """See that Airflow can import the hooks of the provider's connection types.

    :raises BootstrapFailed: when it cannot
    """
    manager = ProvidersManagerTaskRuntime()  # type: ignore[no-untyped-call]
    for connection_type in get_provider_info()["connection-types"]:
        name = connection_type["connection-type"]
        if manager.hooks.get(name) is None:
            raise BootstrapFailed(
                f"The hook {connection_type['hook-class-name']} of the connection type {name} cannot be "
                f"imported. Install all that {_PROVIDER} {manager.providers[_PROVIDER].version} depends on."
            )


def check_dag_files() -> None:
    """Import every DAG file, as Airflow will.

    :raises BootstrapFailed: naming the first file that cannot be imported, and its error
    """
    folder = Path(conf.get("core", "dags_folder"))
    if not folder.is_dir():
        say(f"There is no DAG folder {folder}; no DAG file was read.")
        return
    errors = DagBag(dag_folder=folder, bundle_path=folder).import_errors
    for path, error in sorted(errors.items()):
        more = f" {len(errors) - 1} more cannot either." if len(errors) > 1 else ""
        why = error.strip().splitlines()[-1]
        raise BootstrapFailed(
            f"The DAG file {folder / path} cannot be imported: {why}.{more} Correct it, then run init again."
        )
