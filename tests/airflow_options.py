"""The options of this version of Airflow, its Kubernetes executor and this package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from airflow.providers.cncf.kubernetes.get_provider_info import get_provider_info as kubernetes

from nyc_taxi.get_provider_info import get_provider_info


@cache
def options() -> set[tuple[str, str]]:
    """Return section and name of every option."""
    core = yaml.safe_load(files("airflow").joinpath("config_templates", "config.yml").read_text("utf-8"))
    sections: dict[str, Any] = {**core, **kubernetes()["config"], **get_provider_info()["config"]}
    return {(name, option) for name, section in sections.items() for option in section["options"]}


def is_option(variable: str) -> bool:
    """Whether an environment variable sets an option, itself or by a command."""
    _, section, name = variable.lower().removesuffix("_cmd").split("__")
    return (section, name) in options()
