"""``docs/settings.md`` has a row for every setting that there is, with the default that the code has."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from nyc_taxi import settings
from nyc_taxi.cli.config_values import specs
from nyc_taxi.core.products import PUBLIC_API
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.get_provider_info import get_provider_info
from tests.dags.conftest import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.dag_processing.dagbag import DagBag

PAGE = (CHECKOUT / "docs/settings.md").read_text("utf-8")
BOOTSTRAP = CHECKOUT / "include" / "bootstrap"
USED_INSTEAD = {settings.TLC_CONN_ID: str(SourceList.parse()), settings.PRODUCTS_CONN_ID: PUBLIC_API}

BY_HAND = ("| environment of entrypoint.sh |", "| environment of tasks |")
"""Ends of the rows that no file describes; that they are there is tested."""


def row(name: str, default: object, meaning: str, where: str) -> str:
    shown = default if isinstance(default, str) else "" if default is None else json.dumps(default)
    return f"| `{name}` | {f'`{shown}`' if shown else ''} | {' '.join(meaning.split())} | {where} |"


def options() -> Iterator[str]:
    for name, option in get_provider_info()["config"]["nyc_taxi"]["options"].items():
        yield row(name, option["default"], option["description"], "option")


def connections() -> Iterator[str]:
    described = yaml.safe_load((BOOTSTRAP / "connections.yaml").read_text("utf-8"))
    for conn_id, connection in described.items():
        yield row(conn_id, USED_INSTEAD.get(conn_id), connection["description"], "connection")
    for conn_id, connection in described.items():
        for field, value in {**connection, **connection.get("extra", {})}.items():
            if filled_in := re.fullmatch(r"\$\{(\w+)(?::-(.*))?\}", str(value)):
                name, default = filled_in.groups()
                meaning = f"`{'database' if field == 'schema' else field}` of `{conn_id}`"
                yield row(name, default, meaning, "environment of init")


def pools() -> Iterator[str]:
    for name, pool in json.loads((BOOTSTRAP / "pools.json").read_text("utf-8")).items():
        yield row(name, f"{pool['slots']} slots", pool["description"], "pool")


def policies() -> Iterator[str]:
    schema = json.loads(files("nyc_taxi.core").joinpath("datasets", "dataset.schema.json").read_text("utf-8"))
    values: dict[str, set[str]] = {}
    for setting in specs():
        _, _, name = setting.name.partition(".")
        values.setdefault(name, set()).add(str(setting.value))
    for name, said in values.items():
        meaning = schema["properties"][name.partition(".")[0]]["description"]
        yield row(name, said.pop() if len(said) == 1 else None, meaning, "spec")


def fields(bag: DagBag) -> Iterator[str]:
    found: dict[tuple[str, str, str], list[str]] = {}
    for dag_id, dag in sorted(bag.dags.items()):
        for name in dag.params:
            param: Any = dag.params.get_param(name)
            meaning = param.description or param.schema["description_md"]
            found.setdefault((name, json.dumps(param.value), meaning), []).append(f"`{dag_id}`")
    for (name, default, meaning), dag_ids in found.items():
        yield row(name, json.loads(default), meaning, f"form of {', '.join(dag_ids)}")


def test_the_table_has_every_setting_with_its_default(dag_bag: DagBag) -> None:
    expected = [*options(), *connections(), *pools(), *policies(), *fields(dag_bag)]
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]

    assert [line for line in rows if not line.endswith(BY_HAND)] == expected


def test_the_table_has_every_variable_that_the_package_and_the_entrypoint_read() -> None:
    described = re.findall(r"^\| `([A-Z_]+)` ", PAGE, re.MULTILINE)
    read = set()
    for file in [*(CHECKOUT / "plugins").rglob("*.py"), CHECKOUT / "entrypoint.sh"]:
        text = file.read_text("utf-8")
        read |= set(re.findall(r'environ(?:\.get\(|\[)"([A-Z_]+)"', text))
        read |= set(re.findall(r"\b(?:BOOTSTRAP|NYC_TAXI)_[A-Z]+(?:_[A-Z]+)*\b(?!__)", text))

    assert "DBT_DEV_SCHEMA" in read
    assert read - {"_AIRFLOW_PROCESS_CONTEXT"} - set(described) == set()


def test_no_airflow_variable_is_a_setting() -> None:
    for folder in ("plugins", "dags"):
        for file in (CHECKOUT / folder).rglob("*.py"):
            # What prepares an Airflow writes the variables of a deployment, and reads them back.
            if "bootstrap" not in file.relative_to(CHECKOUT).as_posix():
                text = file.read_text("utf-8")
                assert not re.search(r"\bVariable\b|\bvar\.(value|json)\b", text), file
