"""dbt on one machine: which program runs, on which project, and where what it writes goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.environment import CHECKOUT, DBT, DBT_VENV
from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROJECT = CHECKOUT / "dbt_project"


class NoDbt(LocalError):
    """The environment of dbt is not there."""


def program() -> str:
    """Return the path of dbt.

    :raises NoDbt: when its environment was never built
    """
    if not DBT.exists():
        raise NoDbt(f"There is no {DBT_VENV.name} here yet: make demo and make test set it up.")
    return str(DBT)


def environment(base: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return an environment in which dbt finds the project, and writes nothing into the checkout.

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
