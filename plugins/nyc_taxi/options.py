"""What the options of the section ``[nyc_taxi]`` may be, and where Airflow takes the value of each from."""

from __future__ import annotations

import os
from configparser import ConfigParser
from typing import Final

from airflow.sdk.configuration import conf

from nyc_taxi.errors import InvalidSetting

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
"""The options that are whole numbers, and the least that each may be."""

MOST: Final = 2**31 - 1
"""The largest number that Airflow's database holds."""

ELSEWHERE: Final = ("_cmd", "_secret")
"""What follows an option's name where a command or a secrets backend tells its value."""

_CHOICES: Final = {"dbt_target": ("prod", "dev")}
_MAY_BE_EMPTY: Final = frozenset({"dbt_project"})


def number(name: str) -> int:
    """Return an option that is a whole number.

    :raises InvalidSetting: when its value is none, or out of bounds
    """
    return int(text(name))


def text(name: str) -> str:
    """Return an option as it is written.

    :raises InvalidSetting: when it may not have that value
    """
    value: str = conf.get(SECTION, name)
    if why := fault(name, value):
        raise InvalidSetting(why)
    return value


def fault(name: str, value: str) -> str:
    """Return as a sentence why an option cannot have a value; empty when it can."""
    allowed = _allowed(name, value)
    if not allowed:
        return ""
    return (
        f"[{SECTION}] {name} has to be {allowed}, and is {value!r}. "
        f"Correct it in {origin_of(SECTION, name)}: until then no DAG can be read."
    )


def _allowed(name: str, value: str) -> str:
    """Return what an option has to be when it is not; empty when it is."""
    if name in LEAST:
        least = LEAST[name]
        try:
            fits = least <= int(value) <= MOST
        except ValueError:
            fits = False
        return "" if fits else f"a whole number from {least} to {MOST:,}"
    if name in _CHOICES:
        return "" if value in _CHOICES[name] else " or ".join(_CHOICES[name])
    return "" if value or name in _MAY_BE_EMPTY else "a text that is not empty"


def origin_of(section: str, name: str) -> str:
    """Return where Airflow takes an option's value from.

    The steps are those of ``conf.get``: the environment, ``airflow.cfg``, the default; ``…_CMD`` and
    ``…_SECRET`` count only for options that Airflow knows to be secret.
    """
    from airflow.configuration import AIRFLOW_CONFIG, conf

    ways = ("", *ELSEWHERE) if conf.is_sensitive_option(section, name) else ("",)
    variable = f"AIRFLOW__{section.upper()}__{name.upper()}"
    for way in ways:
        if f"{variable}{way.upper()}" in os.environ:
            return f"{variable}{way.upper()}"
    for way in ways:
        # The parser itself holds what the file says; conf.has_option asks all the layers.
        if ConfigParser.has_option(conf, section, f"{name}{way}"):
            return f"{AIRFLOW_CONFIG}{f', {name}{way}' if way else ''}"
    return DEFAULT
