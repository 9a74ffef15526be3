"""The options in section ``[nyc_taxi]`` of Airflow's configuration: valid values, and where each is set."""

from __future__ import annotations

import os
from configparser import ConfigParser
from typing import TYPE_CHECKING, Final

from airflow.sdk.configuration import conf

from nyc_taxi.errors import InvalidSetting
from nyc_taxi.targets import get_target, target_names

if TYPE_CHECKING:
    from nyc_taxi.targets import Target

SECTION: Final = "nyc_taxi"
"""The section of Airflow's configuration that holds this package's options."""

DEFAULT: Final = "default of the provider"
"""The origin of a value that nobody has set."""

LEAST: Final = {
    "ask_interval": 1,
    "give_up_after": 0,
    "max_active_runs": 1,
    "retries": 0,
    "retry_delay": 0,
    "dbt_threads": 1,
}
"""The options that are whole numbers, and the least value of each."""

MOST: Final = 2**31 - 1
"""The largest number that Airflow's database can store."""

ELSEWHERE: Final = ("_cmd", "_secret")
"""Suffixes of an option's name under which a command or a secrets backend supplies its value."""

_CHOICES: Final = {"dbt_target": ("prod", "dev")}
_MAY_BE_EMPTY: Final = frozenset({"dbt_project"})


def configured_targets() -> tuple[Target, ...]:
    """Return the warehouses that this deployment uses, each once, in the order of the option.

    :raises InvalidSetting: when the option ``warehouses`` names something else, or nothing
    """
    return tuple(map(get_target, dict.fromkeys(_listed(text("warehouses")))))


def number(name: str) -> int:
    """Return the value of an option that is a whole number.

    :raises InvalidSetting: when it is not one, or out of bounds
    """
    return int(text(name))


def text(name: str) -> str:
    """Return the value of an option as it was written.

    :raises InvalidSetting: when the value is not valid
    """
    value: str = conf.get(SECTION, name)
    if why := fault(name, value):
        raise InvalidSetting(why)
    return value


def fault(name: str, value: str) -> str:
    """Return one sentence about what is wrong with an option's value; empty when it is valid."""
    allowed = _allowed(name, value)
    if not allowed:
        return ""
    return (
        f"[{SECTION}] {name} must be {allowed}, not {value!r}. "
        f"Correct it in {origin_of(SECTION, name)}; no DAG can be read until then."
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


def origin_of(section: str, name: str) -> str:
    """Return where Airflow takes an option's value from.

    The order is that of ``conf.get``: the environment, ``airflow.cfg``, the default. ``…_CMD`` and
    ``…_SECRET`` count only for options that Airflow knows to be secret.
    """
    from airflow.configuration import AIRFLOW_CONFIG, conf

    ways = ("", *ELSEWHERE) if conf.is_sensitive_option(section, name) else ("",)
    variable = f"AIRFLOW__{section.upper()}__{name.upper()}"
    for way in ways:
        if f"{variable}{way.upper()}" in os.environ:
            return f"{variable}{way.upper()}"
    for way in ways:
        # The base class reads the file alone; conf.has_option would look in all layers.
        if ConfigParser.has_option(conf, section, f"{name}{way}"):
            return f"{AIRFLOW_CONFIG}{f', {name}{way}' if way else ''}"
    return DEFAULT
