"""Prepares an Airflow for the taxi DAGs, in one process: database, pools, connections, variables.

Run by ``entrypoint.sh bootstrap`` as ``python -m nyc_taxi.bootstrap FOLDER``. It can be run again at any
time. Airflow's own commands do the work; that they share a process saves the two seconds which each of
them takes to start.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")


class BootstrapFailed(RuntimeError):
    """Airflow could not be prepared."""


def main(arguments: list[str] | None = None) -> int:
    """Prepare Airflow from a folder's files; each of them may be missing.

    :return: 0, or 1 after a sentence on standard error
    """
    parser = argparse.ArgumentParser(prog="nyc_taxi.bootstrap", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of connections.yaml, pools.json, variables.json")
    parser.add_argument("--wait", type=float, default=60, help="seconds to wait for the database (60)")
    options = parser.parse_args(arguments)
    try:
        wait_for_database(options.wait)
        migrate()
        import_pools(options.folder / "pools.json")
        import_connections(options.folder / "connections.yaml")
        import_variables(options.folder / "variables.json")
    except BootstrapFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def wait_for_database(seconds: float) -> None:
    """Return once Airflow's metadata database answers.

    :param seconds: time that it gets
    :raises BootstrapFailed: when it did not answer by then, with its last reason
    """
    from airflow.configuration import conf
    from airflow.utils.session import create_session
    from sqlalchemy import make_url, text
    from sqlalchemy.exc import OperationalError

    end = time.monotonic() + seconds
    while True:
        try:
            with create_session() as session:
                session.execute(text("select 1"))
        except OperationalError as error:
            if time.monotonic() >= end:
                where = make_url(conf.get("database", "sql_alchemy_conn")).render_as_string(
                    hide_password=True
                )
                why = str(error.orig).strip().splitlines()[0]
                raise BootstrapFailed(
                    f"Airflow's database {where} did not answer within {seconds:g} s ({why}). "
                    "Start it, or correct AIRFLOW__DATABASE__SQL_ALCHEMY_CONN."
                ) from error
            time.sleep(0.5)
        else:
            return


def migrate() -> None:
    """Bring the metadata database to this Airflow's version, unless it is there."""
    from airflow.utils.db import check_migrations

    try:
        check_migrations(0)  # type: ignore[no-untyped-call]
    except TimeoutError:
        _airflow("db", "migrate")


def import_pools(path: Path) -> None:
    """Write the file's pools into Airflow; other pools stay as they are."""
    if path.exists():
        _airflow("pools", "import", str(path))


def import_variables(path: Path) -> None:
    """Write the file's variables into Airflow, where the file has any."""
    if path.exists() and json.loads(path.read_text()):
        _airflow("variables", "import", str(path))


def import_connections(path: Path) -> None:
    """Write the file's connections into Airflow, filled in from the environment."""
    if not path.exists():
        return
    connections = fill_in(yaml.safe_load(path.read_text()) or {}, dict(os.environ))
    if connections:
        with tempfile.NamedTemporaryFile("w", suffix=".json") as filled:  # of mode 600
            json.dump(connections, filled)
            filled.flush()
            _airflow("connections", "import", filled.name, "--overwrite")


def fill_in(connections: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    """Replace ``${NAME}`` and ``${NAME:-default}`` in the values of connections.

    Values are filled in after the YAML was read, so that no value can change its structure.

    :return: the connections of which every variable is set or has a default
    """
    filled = {}
    for conn_id, connection in connections.items():
        try:
            filled[conn_id] = _fill_in(connection, environment)
        except KeyError as missing:
            sys.stderr.write(f"Connection {conn_id} is left out: {missing.args[0]} is not set.\n")
    return filled


def _fill_in(value: Any, environment: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _fill_in(inner, environment) for key, inner in value.items()}
    if not isinstance(value, str):
        return value

    def found(variable: re.Match[str]) -> str:
        if variable["default"] is None:
            return environment[variable["name"]]
        return environment.get(variable["name"]) or variable["default"]

    return _VARIABLE.sub(found, value)


def _airflow(*command: str) -> None:
    """Run one of Airflow's commands in this process."""
    from airflow.cli.cli_parser import get_parser

    arguments = get_parser().parse_args(command)
    try:
        arguments.func(arguments)
    except SystemExit as error:
        if error.code:
            raise BootstrapFailed(f"airflow {' '.join(command)} failed: {error.code}") from error


if __name__ == "__main__":
    sys.exit(main())
