"""dbt on one machine: its program, its project, and the folder of its output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.environment import CHECKOUT, DBT, DBT_VENV
from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROJECT = CHECKOUT / "dbt_project"


def program() -> str:
    """Return the path of dbt.

    :raises LocalError: if its environment was never built
    """
    if not DBT.exists():
        raise LocalError(f"There is no {DBT_VENV.name} here yet. Set it up with make demo or make test.")
    return str(DBT)


def environment(base: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the environment in which dbt finds the project, and writes nothing into the checkout.

    :param base: environment with the warehouse's address, the variables ``NYC_TAXI_WAREHOUSE_…``
    :param folder: where compiled statements, results, documentation and logs go
    """
    return {
        **base,
        "DBT_PROJECT_DIR": str(PROJECT),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
