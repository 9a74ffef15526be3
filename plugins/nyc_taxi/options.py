"""The options in section ``[nyc_taxi]`` of Airflow's configuration: valid values, and where each is set."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from airflow.sdk.configuration import conf

from nyc_taxi.errors import ContractError
from nyc_taxi.targets import get_target, target_names

if TYPE_CHECKING:
    from nyc_taxi.targets import Target

SECTION: Final = "nyc_taxi"
"""The section of Airflow's configuration that holds this package's options."""

LEAST: Final = {
    "ask_interval": 1,
    "give_up_after": 0,
    "overdue_after": 0,
    "max_active_runs": 1,
    "retries": 0,
    "retry_delay": 0,
    "dbt_threads": 1,
}
"""The options that are whole numbers, and the least value of each."""

MOST: Final = 2**31 - 1
"""The largest number that Airflow's database can store."""

_CHOICES: Final = {"dbt_target": ("prod", "dev")}
_MAY_BE_EMPTY: Final = frozenset({"dbt_project", "notifier", "pod_profiles"})


def configured_targets() -> tuple[Target, ...]:
    """Return the warehouses that this deployment uses, each once, in the order of the option.

    :raises ContractError: when the option ``warehouses`` names something else, or nothing
    """
    return tuple(map(get_target, dict.fromkeys(_listed(text("warehouses")))))


def number(name: str) -> int:
    """Return the value of an option that is a whole number.

    :raises ContractError: when it is not one, or out of bounds
    """
    return int(text(name))


def text(name: str) -> str:
    """Return the value of an option as it was written.

    :raises ContractError: when the value is not valid
    """
    value: str = conf.get(SECTION, name)
    if why := fault(name, value):
        raise ContractError(why)
    return value


def fault(name: str, value: str) -> str:
    """Return one sentence about what is wrong with an option's value; empty when it is valid."""
    allowed = _allowed(name, value)
    if not allowed:
        return ""
    return (
        f"[{SECTION}] {name} must be {allowed}, not {value!r}. "
        f"Correct it in {_origin(name)}; no DAG can be read until then."
    )


def _allowed(name: str, value: str) -> str:
    """Return what an option's value must be, if it is not valid; empty when it is."""
    if name in LEAST:
        least = LEAST[name]
        try:
            fits = least <= int(value) <= MOST
        except ValueError:
            fits = False
        return "" if fits else f"a whole number from {least} to {MOST:,}"
    if name == "warehouses":
        names = _listed(value)
        fits = bool(names) and set(names) <= set(target_names())
        return "" if fits else f"one or more of {', '.join(target_names())}, separated by commas"
    if name in _CHOICES:
        return "" if value in _CHOICES[name] else " or ".join(_CHOICES[name])
    return "" if value or name in _MAY_BE_EMPTY else "a text that is not empty"


def _listed(value: str) -> list[str]:
    """Return the names in a comma-separated list."""
    return [name.strip() for name in value.split(",") if name.strip()]


def _origin(name: str) -> str:
    """Return where a value that is not the default was set."""
    from airflow.configuration import AIRFLOW_CONFIG

    variable = f"AIRFLOW__{SECTION.upper()}__{name.upper()}"
    return variable if variable in os.environ else str(AIRFLOW_CONFIG)
