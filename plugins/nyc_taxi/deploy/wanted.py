"""What the files of the bootstrap folder want Airflow to hold, filled in from the environment."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from nyc_taxi.deploy.entry import CONNECTION, POOL, VARIABLE, Content, Entry
from nyc_taxi.deploy.environment import value
from nyc_taxi.deploy.record import NAME as RECORD
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")
_FIELDS: Final = ("conn_type", "description", "host", "login", "password", "schema", "port", "extra")


class _NotSet(Exception):
    """A variable without default is not set."""


def read_wanted(folder: Path, environment: Mapping[str, str]) -> tuple[dict[Entry, Content], list[str]]:
    """Return the entries of the files, and a sentence for each that is left out.

    :param folder: holds ``pools.json``, ``connections.yaml`` and ``variables.json``, each of which may
        be missing
    :raises BootstrapFailed: when a file, or a file of the environment, is not as it should be
    """
    if not folder.is_dir():
        raise BootstrapFailed(f"There is no folder {folder}. Name the one that holds connections.yaml.")
    wanted: dict[Entry, Content] = {}
    left_out: list[str] = []
    for name, pool in _mapping(folder / "pools.json", json.loads).items():
        wanted[Entry(POOL, name)] = _pool(name, pool)
    for name, connection in _mapping(folder / "connections.yaml", yaml.safe_load).items():
        try:
            wanted[Entry(CONNECTION, name)] = _connection(name, fill_in(connection, environment))
        except _NotSet as missing:
            left_out.append(f"Connection {name} is left out: {missing} is not set.")
    for name, variable in _mapping(folder / "variables.json", json.loads).items():
        wanted[Entry(VARIABLE, name)] = _variable(name, variable)
    return wanted, left_out


def fill_in(template: Any, environment: Mapping[str, str]) -> Any:
    """Replace ``${NAME}`` and ``${NAME:-default}`` in the texts of a connection.

    They are filled in after the file was read, so that no value can change its structure. An empty
    variable counts as one that is not set.
    """
    if isinstance(template, dict):
        return {key: fill_in(inner, environment) for key, inner in template.items()}
    if isinstance(template, list):
        return [fill_in(inner, environment) for inner in template]
    if not isinstance(template, str):
        return template

    def found(variable: re.Match[str]) -> str:
        given = value(variable["name"], environment)
        if given is None and variable["default"] is None:
            raise _NotSet(variable["name"])
        return variable["default"] if given is None else given

    return _VARIABLE.sub(found, template)


def _mapping(path: Path, parse: Callable[[str], Any]) -> dict[str, Any]:
    """Return a file's content; what is wrong in it is never quoted, since it may be a password."""
    if not path.exists():
        return {}
    try:
        content = parse(path.read_text("utf-8")) or {}
    except yaml.MarkedYAMLError as error:
        line = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BootstrapFailed(f"{path} is not YAML{line}. Correct it.") from None
    except json.JSONDecodeError as error:
        raise BootstrapFailed(
            f"{path} is not JSON at line {error.lineno}: {error.msg}. Correct it."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BootstrapFailed(f"{path} cannot be read: {type(error).__name__}.") from None
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise BootstrapFailed(f"{path} has to map names to entries. Correct it.")
    return content


def _pool(name: str, pool: Any) -> Content:
    known = {"slots", "description", "include_deferred"}
    if not isinstance(pool, dict) or not isinstance(pool.get("slots"), int) or set(pool) - known:
        raise BootstrapFailed(f"The pool {name} needs slots, and may have {' and '.join(sorted(known))}.")
    return {
        "slots": pool["slots"],
        "description": pool.get("description") or None,
        "include_deferred": bool(pool.get("include_deferred")),
    }


def _connection(name: str, connection: Any) -> Content:
    """Return a connection's fields as Airflow's database holds them; an empty one counts as none."""
    if not isinstance(connection, dict) or set(connection) - set(_FIELDS) or not connection.get("conn_type"):
        raise BootstrapFailed(
            f"The connection {name} needs conn_type, and may have {', '.join(_FIELDS[1:])}."
        )
    fields = {field: connection.get(field) or None for field in _FIELDS}
    try:
        fields["port"] = int(fields["port"]) if fields["port"] else None
        fields["extra"] = json.loads(fields["extra"]) if isinstance(fields["extra"], str) else fields["extra"]
    except ValueError:
        raise BootstrapFailed(
            f"The connection {name} has a port that is no number, or an extra that is no JSON. Correct "
            "connections.yaml, or the environment variable that it takes the value from."
        ) from None
    if not isinstance(fields["extra"], dict | None):
        raise BootstrapFailed(f"The extra of the connection {name} has to map names to values.")
    return fields


def _variable(name: str, variable: Any) -> Content:
    """Return a variable as Airflow's own import reads it: a value, or a value with a description."""
    if name == RECORD:
        raise BootstrapFailed(f"The variable {name} is init's own. Give yours another name.")
    described = isinstance(variable, dict) and "value" in variable
    plain = variable["value"] if described else variable
    return {
        "value": plain if isinstance(plain, str) else json.dumps(plain, indent=2),
        "description": (variable.get("description") or None) if described else None,
    }
