"""The settings that files and the environment hold: options, datasets' specs, forms. Values and origins."""

from __future__ import annotations

import os
from configparser import ConfigParser
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.configuration import AIRFLOW_CONFIG, AIRFLOW_HOME, conf

from nyc_taxi.core.dataset import dataset_names, get_dataset
from nyc_taxi.get_provider_info import get_provider_info
from nyc_taxi.options import ELSEWHERE, LEAST, SECTION, fault, origin_of

if TYPE_CHECKING:
    from collections.abc import Iterator

HIDDEN = "< hidden >"
"""Shown in place of a secret."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as it is in force for this process.

    :param layer: ``option``, ``connection``, ``spec`` or ``form``
    :param name: its name, after a dot in what it belongs to if that has several
    :param value: its value; None when it has none, or when it is not to be shown
    :param origin: where the value comes from: the name of a variable, a file, a secrets backend
    :param problem: why it cannot be used, as a sentence; empty when it can
    """

    layer: str
    name: str
    value: Any
    origin: str
    problem: str = ""


def options() -> Iterator[Setting]:
    """Yield every option of the section, then whatever else is written in it and has no effect.

    Airflow writes all defaults into an ``airflow.cfg`` that it makes; of such a value it is said that it
    is the default.
    """
    described: dict[str, dict[str, Any]] = get_provider_info()["config"][SECTION]["options"]
    for name, option in described.items():
        text, origin = conf.get(SECTION, name) or "", origin_of(SECTION, name)
        problem = fault(name, text)
        value: Any = HIDDEN if conf.is_sensitive_option(SECTION, name) else text
        if name in LEAST and not problem:
            value = int(text)
        if origin == AIRFLOW_CONFIG and text == option["default"].replace("{AIRFLOW_HOME}", AIRFLOW_HOME):
            origin = f"{origin}, as the default is"
        yield Setting("option", name, value, origin, problem)
    for name, origin in _written():
        if name not in described:
            yield Setting("option", name, None, origin, _without_effect(name, described))


def _written() -> Iterator[tuple[str, str]]:
    """Yield every name that somebody wrote into the section, with the place."""
    prefix = f"AIRFLOW__{SECTION.upper()}__"
    for variable in sorted(os.environ):
        if variable.startswith(prefix):
            yield variable.removeprefix(prefix).lower(), variable
    if ConfigParser.has_section(conf, SECTION):
        for name in ConfigParser.options(conf, SECTION):
            yield name, AIRFLOW_CONFIG


def _without_effect(name: str, described: dict[str, dict[str, Any]]) -> str:
    for way in ELSEWHERE:
        if name.removesuffix(way) in described:
            return (
                f"{name} has no effect: Airflow takes {way} only for options that hold secrets. "
                f"Set {name.removesuffix(way)} itself."
            )
    return (
        f"{name} has no effect: the section [{SECTION}] has no such option. Correct its name, or remove it."
    )


def specs() -> Iterator[Setting]:
    """Yield the policies of every dataset, with the file that states them."""
    for name in dataset_names():
        dataset = get_dataset(name)
        origin = str(files("nyc_taxi.core").joinpath("datasets", f"{name}.yaml"))
        policies: dict[str, Any] = {
            "first_month": str(dataset.first_month),
            "required": list(dataset.required),
            "on_unknown": dataset.on_unknown,
            "on_repeated": dataset.on_repeated,
            "on_missing": dataset.on_missing,
            "rejects.rows": dataset.rejects.rows,
            "rejects.share": dataset.rejects.share,
        }
        for policy, value in policies.items():
            yield Setting("spec", f"{name}.{policy}", value, origin)


def forms() -> Iterator[Setting]:
    """Yield the fields of the forms of all DAGs that use this package, with their defaults.

    The files of the DAGs' folder are read as the dag-processor reads them; what keeps one from being
    read is the problem.
    """
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(os.devnull, collect_dags=False)
    for file in sorted(Path(conf.get("core", "dags_folder") or "").rglob("*.py")):
        if b"nyc_taxi" not in file.read_bytes():
            continue
        for dag in bag.process_file(str(file)):  # type: ignore[no-untyped-call]
            for name in dag.params:
                yield Setting("form", f"{dag.dag_id}.{name}", dag.params.get_param(name).value, str(file))
    for name, error in bag.import_errors.items():
        why = error.strip().splitlines()[-1]
        yield Setting("form", Path(name).stem, None, name, f"{name} cannot be read: {why}")
