"""Reference pages that are generated from the code (``make docs-reference``).

A page holds regions between ``<!-- generated: name -->`` and ``<!-- end -->``. What is between the two
comments is replaced; the prose around them is written by people.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

from local.environment import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow.cli.cli_config import ActionCommand

PAGES = (
    "docs/chart-values.md",
    "docs/cli.md",
    "docs/columns.md",
    "docs/connections.md",
    "docs/settings.md",
)

_REGION = re.compile(
    r"(?<=^<!-- generated: )([a-z ]+)( -->\n).*?(?=^<!-- end -->$)", re.DOTALL | re.MULTILINE
)
_CHART = CHECKOUT / "helm" / "nyc-taxi"
_BOOTSTRAP = CHECKOUT / "include" / "bootstrap"
_PACKAGE = CHECKOUT / "plugins" / "nyc_taxi"
_DATASETS = _PACKAGE / "core" / "datasets"


def rendered(page: str) -> str:
    """Return a page with its regions generated anew."""
    text = (CHECKOUT / page).read_text("utf-8")
    return _REGION.sub(lambda found: f"{found[1]}{found[2]}{_REGIONS[found[1]]()}", text)


def write() -> int:
    """Write the pages."""
    for page in PAGES:
        (CHECKOUT / page).write_text(rendered(page), "utf-8")
    return 0


def check() -> int:
    """Say which pages differ from the code, and return 1 if any does."""
    stale = [page for page in PAGES if rendered(page) != (CHECKOUT / page).read_text("utf-8")]
    for page in stale:
        print(f"{page} is out of date: run make docs-reference.", file=sys.stderr)
    return 1 if stale else 0


def _commands() -> str:
    from nyc_taxi.cli.definition import get_taxi_cli_commands

    (taxi,) = get_taxi_cli_commands()
    return "\n".join(map(_command, taxi.subcommands))  # type: ignore[union-attr]


def _command(command: ActionCommand) -> str:
    """Return the section of a command: its description, usage and arguments."""
    name = f"airflow {'dags' if command.name == 'backfill' else 'taxi'} {command.name}"
    parser = argparse.ArgumentParser(prog=name, add_help=False)
    for argument in command.args:
        argument.add_to_parser(parser)
    rows = [
        (_names(action), (action.help or "").strip() % {"default": action.default})
        for action in parser._actions
        if action.help != argparse.SUPPRESS
    ]
    return f"## {name}\n\n{command.description}\n\n{_table(('argument', 'meaning'), rows)}"


def _names(action: argparse.Action) -> str:
    """Return the spellings of an argument, with its value when it takes one."""
    if not action.option_strings:
        return f"`{action.dest}`"
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    required = " (required)" if action.required else ""
    return f"`{', '.join(action.option_strings)}{value}`{required}"


def _trip_columns() -> str:
    from local import columns

    head = ("column", "Postgres", "BigQuery", "other names in files", "meaning")
    return "\n".join(f"### {name}\n\n{text}\n\n{_table(head, rows)}" for name, text, rows in columns.trips())


def _load_columns() -> str:
    from local import columns

    head = ("column", "Postgres", "BigQuery", "meaning")
    return "\n".join(f"### {name}\n\n{_table(head, rows)}" for name, rows in columns.load())


def _model_columns() -> str:
    from local import columns

    head = ("column", "type", "meaning")
    return "\n".join(f"### {name}\n\n{text}\n\n{_table(head, rows)}" for name, text, rows in columns.models())


def _connection_types() -> str:
    provider = yaml.safe_load((_PACKAGE / "provider.yaml").read_text("utf-8"))
    return "\n".join(map(_connection_type, provider["connection-types"]))


def _connection_type(one: dict[str, Any]) -> str:
    """Return the section of a connection type: Airflow's own fields that it uses, and its additional ones."""
    behaviour = one["ui-field-behaviour"]
    hidden, labels = behaviour.get("hidden-fields", ()), behaviour.get("relabeling", {})
    hints = behaviour.get("placeholders", {})
    rows = [
        (
            f"`{name}`",
            labels.get(name, name.capitalize()),
            hints.get(name, ""),
        )
        for name in ("host", "port", "schema", "login", "password", "extra")
        if name not in hidden
    ]
    rows += [
        (f"`extra.{name}`", field["label"], field.get("description", ""))
        for name, field in one.get("conn-fields", {}).items()
    ]
    title = f"## {one['hook-name']}\n\nThe connection type `{one['connection-type']}`.\n\n"
    return title + _table(("field", "label in the form", "meaning"), rows)


def _options() -> str:
    provider = yaml.safe_load((_PACKAGE / "provider.yaml").read_text("utf-8"))
    options = provider["config"]["nyc_taxi"]["options"]
    rows = ((f"`{name}`", _code(one["default"]), one["description"]) for name, one in options.items())
    return _table(("option", "default", "meaning"), rows)


def _connections() -> str:
    rows = ((f"`{conn_id}`", f"`{one['conn_type']}`", one["description"]) for conn_id, one in _described())
    return _table(("connection", "type", "meaning"), rows)


def _variables() -> str:
    return _table(("variable", "default", "field"), _filled_in())


def _filled_in() -> Iterator[tuple[str, str, str]]:
    for conn_id, connection in _described():
        extra = connection.get("extra")
        for field, value in (connection | extra if isinstance(extra, dict) else connection).items():
            if found := re.fullmatch(r"\$\{(\w+)(?::-(.*))?\}", str(value)):
                yield f"`{found[1]}`", _code(found[2]), f"`{field}` of `{conn_id}`"


def _described() -> Iterable[tuple[str, dict[str, Any]]]:
    connections: dict[str, dict[str, Any]] = yaml.safe_load(
        (_BOOTSTRAP / "connections.yaml").read_text("utf-8")
    )
    return connections.items()


def _pools() -> str:
    pools = json.loads((_BOOTSTRAP / "pools.json").read_text("utf-8"))
    rows = ((f"`{name}`", str(pool["slots"]), pool["description"]) for name, pool in pools.items())
    return _table(("pool", "slots", "meaning"), rows)


_POLICIES = (
    "first_month", "required", "on_unknown", "on_repeated", "on_missing", "rejects", "limits", "filled",
)  # fmt: skip


def _policies() -> str:
    schema = json.loads((_DATASETS / "dataset.schema.json").read_text("utf-8"))["properties"]
    specs = {file.stem: yaml.safe_load(file.read_text("utf-8")) for file in sorted(_DATASETS.glob("*.yaml"))}
    rows = [
        (f"`{policy}`", *(_code(spec.get(policy)) for spec in specs.values()), schema[policy]["description"])
        for policy in _POLICIES
    ]
    return _table(("policy", *specs, "meaning"), rows)


def _chart_values() -> str:
    schema = json.loads((_CHART / "values.schema.json").read_text("utf-8"))
    values = yaml.safe_load((_CHART / "values.yaml").read_text("utf-8"))
    columns = ("value", "default", "meaning")
    parts = [
        f"## {name}\n\n{_table(columns, _chart_rows(name, one, values[name], schema))}"
        for name, one in schema["properties"].items()
        if name in values
    ]
    return "\n".join(parts)


def _chart_rows(
    path: str, one: dict[str, Any], value: Any, schema: dict[str, Any]
) -> Iterator[tuple[str, ...]]:
    """Give a row per value, or per option of Airflow; what pods and Secrets share is described once."""
    _, _, shared = one.get("$ref", "").rpartition("/")
    described = {**schema["definitions"].get(shared, {}), **one}
    properties = described.get("properties", {})
    together = path != "pods" and shared in {"pod", "resources", "secret", "serviceAccount"}
    if path.startswith("config") and isinstance(value, dict):
        yield from [(f"`{path}`", "", described["description"])] if "description" in described else ()
        for name in value:
            yield from _chart_rows(f"{path}.{name}", {}, value[name], schema)
    elif properties and not together:
        for name, part in properties.items():
            yield from _chart_rows(f"{path}.{name}", part, value[name], schema)
    else:
        plain = json.dumps(value).replace('"', "")
        default = "the profiles" if path == "podProfiles" else f"`{plain}`"
        yield f"`{path}`", "" if value in ("", [], {}) else default, described.get("description", "")


def _code(value: object) -> str:
    """Return a value as code; nothing when there is none."""
    if isinstance(value, dict):
        return "<br>".join(f"{name} `{one}`" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_code, value))
    return f"`{value}`" if value not in {None, ""} else ""


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "".join(f"| {' | '.join(' '.join(cell.split()) for cell in line)} |\n" for line in lines)


_REGIONS: dict[str, Callable[[], str]] = {
    "chart values": _chart_values,
    "commands": _commands,
    "trip columns": _trip_columns,
    "load columns": _load_columns,
    "model columns": _model_columns,
    "connection types": _connection_types,
    "options": _options,
    "connections": _connections,
    "variables": _variables,
    "pools": _pools,
    "policies": _policies,
}


def main() -> int:
    """Write the pages, or check them."""
    with TemporaryDirectory() as home:
        os.environ["AIRFLOW_HOME"] = home  # not the user's own, in which Airflow would write a configuration
        return check() if "--check" in sys.argv else write()


if __name__ == "__main__":
    sys.exit(main())
