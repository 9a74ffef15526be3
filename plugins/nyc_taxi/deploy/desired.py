"""The desired state: the resources of ``include/bootstrap``, filled in from the environment."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from nyc_taxi.deploy.environment import value
from nyc_taxi.deploy.last_applied import CONNECTION, NAME, POOL, VARIABLE, Fields, Resource
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")
_CONNECTION: Final = ("conn_type", "description", "host", "login", "password", "schema", "port", "extra")
_POOL: Final = ("slots", "description", "include_deferred")


class _Unset(Exception):
    """A variable without a default is not set."""


def read_desired(
    folder: Path, environment: Mapping[str, str]
) -> tuple[dict[Resource, Fields], dict[Resource, str]]:
    """Return the desired resources, and a sentence per connection that was skipped.

    :param folder: holds ``pools.json``, ``connections.yaml`` and ``variables.json``, all optional
    :raises BootstrapFailed: if a file, or a file that the environment names, is invalid
    """
    if not folder.is_dir():
        raise BootstrapFailed(f"There is no folder {folder}. Name the folder that holds connections.yaml.")
    desired: dict[Resource, Fields] = {}
    skipped: dict[Resource, str] = {}
    for name, pool in _mapping(folder / "pools.json", json.loads).items():
        desired[Resource(POOL, name)] = _pool(name, pool)
    for name, connection in _mapping(folder / "connections.yaml", yaml.safe_load).items():
        resource = Resource(CONNECTION, name)
        try:
            desired[resource] = _connection(name, fill_in(connection, environment))
        except _Unset as unset:
            skipped[resource] = f"Skipped {resource}: {unset} is not set."
    for name, variable in _mapping(folder / "variables.json", json.loads).items():
        desired[Resource(VARIABLE, name)] = _variable(name, variable)
    return desired, skipped


def fill_in(template: Any, environment: Mapping[str, str]) -> Any:
    """Replace ``${NAME}`` and ``${NAME:-default}`` in the strings of a parsed file.

    The file was parsed before, so no value can change its structure. An empty variable counts as unset.
    """
    if isinstance(template, dict):
        return {key: fill_in(inner, environment) for key, inner in template.items()}
    if isinstance(template, list):
        return [fill_in(inner, environment) for inner in template]
    if not isinstance(template, str):
        return template

    def replacement(match: re.Match[str]) -> str:
        given = value(match["name"], environment) or match["default"]
        if given is None:
            raise _Unset(match["name"])
        return given

    return _VARIABLE.sub(replacement, template)


def _mapping(path: Path, parse: Callable[[str], Any]) -> dict[str, Any]:
    """Return a file's content. Errors never quote it, because it may hold a password."""
    if not path.exists():
        return {}
    try:
        content = parse(path.read_text("utf-8")) or {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        line = getattr(error, "lineno", None) or (mark and mark.line + 1)
        where = f" in line {line}" if line else ""
        raise BootstrapFailed(f"Cannot read {path}: {type(error).__name__}{where}. Correct it.") from None
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise BootstrapFailed(f"{path} must map names to resources. Correct it.")
    return content


def _pool(name: str, pool: Any) -> Fields:
    if not isinstance(pool, dict) or not isinstance(pool.get("slots"), int) or set(pool) - {*_POOL}:
        raise BootstrapFailed(f"Pool {name} needs a number of slots, and takes only {', '.join(_POOL)}.")
    return {
        "slots": pool["slots"],
        "description": pool.get("description") or None,
        "include_deferred": bool(pool.get("include_deferred")),
    }


def _connection(name: str, connection: Any) -> Fields:
    if (
        not isinstance(connection, dict)
        or not connection.get("conn_type")
        or set(connection) - {*_CONNECTION}
    ):
        raise BootstrapFailed(f"Connection {name} needs conn_type, and takes only {', '.join(_CONNECTION)}.")
    fields = {field: connection.get(field) or None for field in _CONNECTION}
    try:
        fields["port"] = int(fields["port"]) if fields["port"] else None
        if isinstance(fields["extra"], str):
            fields["extra"] = json.loads(fields["extra"])
        if not isinstance(fields["extra"], dict | None):
            raise ValueError
        # A form takes an empty text for a value.
        fields["extra"] = {
            name: value for name, value in (fields["extra"] or {}).items() if value != ""
        } or None
    except ValueError:
        raise BootstrapFailed(
            f"Connection {name} needs a numeric port, and an extra that maps names to values. Correct "
            "connections.yaml, or the environment variable that it takes the value from."
        ) from None
    return fields


def _variable(name: str, variable: Any) -> Fields:
    """Return a variable as Airflow's own import reads it: a value, or a value with a description."""
    if name == NAME:
        raise BootstrapFailed(f"Variable {name} belongs to init. Rename yours in variables.json.")
    if not isinstance(variable, dict) or "value" not in variable:
        variable = {"value": variable}
    content, description = variable["value"], variable.get("description")
    text = content if isinstance(content, str) else json.dumps(content, indent=2)
    return {"value": text, "description": description or None}
