from __future__ import annotations

import importlib
import inspect
import json
import os
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import nyc_taxi
from nyc_taxi.get_provider_info import get_provider_info

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(nyc_taxi.__file__).parent
KINDS = ("hooks", "sensors", "triggers", "operators")


def modules(kind: str) -> Iterator[str]:
    for group in get_provider_info()[kind]:
        yield from group["python-modules"]


def named_things() -> Iterator[str]:
    info = get_provider_info()
    yield from (connection["hook-class-name"] for connection in info["connection-types"])
    yield from (asset["handler"] for asset in info["asset-uris"])
    yield from info["extra-links"]
    yield from info["cli"]


def test_the_provider_info_is_what_airflow_expects() -> None:
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text("utf-8"))

    jsonschema.validate(get_provider_info(), schema)


@pytest.mark.parametrize("kind", KINDS)
def test_every_module_is_listed_and_every_listed_module_imports(kind: str) -> None:
    there = {f"nyc_taxi.{kind}.{path.stem}" for path in (PACKAGE / kind).glob("[!_]*.py")}

    assert set(modules(kind)) == there
    for module in there:
        importlib.import_module(module)


@pytest.mark.parametrize("name", [*named_things()])
def test_every_named_thing_imports(name: str) -> None:
    module, _, attribute = name.rpartition(".")

    assert callable(getattr(importlib.import_module(module), attribute))


def test_every_operator_and_sensor_says_what_its_parameters_mean() -> None:
    from airflow.sdk import BaseOperator

    for module in [*modules("operators"), *modules("sensors")]:
        for value in vars(importlib.import_module(module)).values():
            if isinstance(value, type) and issubclass(value, BaseOperator) and value.__module__ == module:
                own = [base for base in value.__mro__ if base.__module__.startswith("nyc_taxi.")]
                described = "".join(base.__doc__ or "" for base in own)
                for parameter in [*inspect.signature(value).parameters.values()][:-1]:
                    assert parameter.kind is parameter.KEYWORD_ONLY, f"{value.__name__}: {parameter}"
                    assert f":param {parameter.name}:" in described, value.__name__


def test_the_connection_form_shows_the_sources_and_what_a_server_asks_for() -> None:
    from airflow.providers_manager import ProvidersManager
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    manager = ProvidersManager()  # type: ignore[no-untyped-call]
    field = manager.connection_form_widgets["extra__nyc_tlc__sources"]
    behaviour = manager.field_behaviours["nyc_tlc"]

    assert field.field["schema"]["title"] == "Sources"
    assert "mirror, tlc" in field.field["description"]
    assert set(behaviour["hidden_fields"]) == {"host", "schema", "port", "extra"}
    assert manager.connection_form_widgets["extra__nyc_tlc__token"].is_sensitive
    assert "extra__nyc_tlc__secret_headers" in manager.connection_form_widgets
    runtime = ProvidersManagerTaskRuntime()  # type: ignore[no-untyped-call]
    hook = runtime.hooks["nyc_tlc"]
    assert hook is not None
    assert hook.connection_testable
    assert hook.connection_id_attribute_name == "tlc_conn_id"
    assert hook.hook_name == "NYC TLC trip files"


def test_the_provider_is_known_under_its_distribution() -> None:
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()  # type: ignore[no-untyped-call]
    assert manager.providers["airflow-provider-nyc-taxi"].version == nyc_taxi.__version__


def test_the_plugin_is_found_by_its_entry_point_alone() -> None:
    found = [point for point in entry_points(group="airflow.plugins") if point.name == "nyc_taxi"]

    assert [point.value for point in found] == ["nyc_taxi.plugin:NycTaxiPlugin"]
    assert "plugins" not in get_provider_info()


def test_every_option_has_its_default_in_airflows_configuration() -> None:
    from airflow.configuration import conf

    options: dict[str, Any] = get_provider_info()["config"]["nyc_taxi"]["options"]

    for name, option in options.items():
        default = option["default"].replace("{AIRFLOW_HOME}", os.environ["AIRFLOW_HOME"])
        assert conf.get("nyc_taxi", name) == default
