"""dbt on one machine: its program, project and folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.environment import CHECKOUT, DBT, DBT_VENV
from local.told import Told

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROJECT = CHECKOUT / "dbt_project"


class NoDbt(Told):
    """dbt's environment does not exist."""


def program() -> str:
    """Return the path of dbt.

    :raises NoDbt: when its environment does not exist
    """
    if not DBT.exists():
        raise NoDbt(f"{DBT_VENV} does not exist. Run make demo or make test once, which set it up.")
    return str(DBT)


def environment(base: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return an environment in which dbt finds the project, and writes nothing into the checkout.

    :param base: environment with the warehouse's address, the variables ``NYC_TAXI_WAREHOUSE_…``
    :param folder: for compiled statements, results, documentation and logs
    """
    return {
        **base,
        "DBT_PROJECT_DIR": str(PROJECT),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
