"""Airflow's settings for one machine, as environment variables."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local.environment import DBT

if TYPE_CHECKING:
    from local.state import Ports, State

IDLE_SLEEP = "0.1"
"""Seconds that an idle scheduler sleeps. A small month takes 2.2 s with 0.1, 2.7 s with 0.2, and 3 s more
with 1.0, Airflow's default. An idle scheduler takes 18 % of a core with 0.1, and 11 % with 0.25."""


def environment(checkout: Path, state: State, ports: Ports, metadata_uri: str) -> dict[str, str]:
    """Return the environment of a stack's processes: the user's own, and Airflow's settings.

    :param checkout: folder of the DAGs and plugins
    :param state: the stack's folder
    :param ports: the stack's ports
    :param metadata_uri: URI of the metadata database
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW_", "AIRFLOW__", "NYC_TAXI_", "PG"))
        and name
        not in {"PYTHONDONTWRITEBYTECODE", "PYTHONSAFEPATH", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CMD"}
    }
    programs = str(Path(sys.executable).parent)
    return (
        inherited
        | {
            "PATH": os.pathsep.join((programs, inherited.get("PATH", os.defpath))),
            "VIRTUAL_ENV": sys.prefix,
            "NO_PROXY": _without_proxy(inherited),
            "no_proxy": _without_proxy(inherited),
            "AIRFLOW_HOME": str(state.airflow),
        }
        | {
            f"AIRFLOW__{name}": value
            for name, value in _settings(checkout, state, ports, metadata_uri).items()
        }
        | (_MACOS if platform.system() == "Darwin" else {})
    )


_MACOS = {"OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES", "PGGSSENCMODE": "disable"}
"""Without these, macOS kills forked processes in Objective-C code and in libpq."""


def _settings(checkout: Path, state: State, ports: Ports, metadata_uri: str) -> dict[str, str]:
    return {
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "8",
        "CORE__DAGS_FOLDER": str(checkout / "dags"),
        "CORE__PLUGINS_FOLDER": str(checkout / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__TEST_CONNECTION": "Enabled",
        "CORE__FERNET_KEY": state.secret("fernet"),
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{ports.ui}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(state.passwords),
        "DATABASE__SQL_ALCHEMY_CONN": metadata_uri.replace("postgresql:", "postgresql+psycopg2:", 1),
        "API__BASE_URL": f"http://localhost:{ports.ui}",
        "API__HOST": "127.0.0.1",
        "API__PORT": str(ports.ui),
        "API__WORKERS": "1",
        "API__SECRET_KEY": state.secret("api"),
        "API_AUTH__JWT_SECRET": state.secret("jwt", size=64),
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": IDLE_SLEEP,
        "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        # Tasks of a killed scheduler or worker are restarted within a minute instead of five.
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "DAG_PROCESSOR__PARSING_PROCESSES": "2",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        "DAG_PROCESSOR__PRINT_STATS_INTERVAL": "0",
        "WORKERS__EXECUTION_API_TIMEOUT": "60",  # a busy machine takes longer than the default of 5 s
        # A new month in the sample folder is found soon.
        "NYC_TAXI__ASK_INTERVAL": "30",
        "NYC_TAXI__DBT_PROGRAM": str(DBT),
    }


def _without_proxy(inherited: dict[str, str]) -> str:
    """Return the hosts that are reached without a proxy, including this machine."""
    given = inherited.get("NO_PROXY") or inherited.get("no_proxy") or ""
    return ",".join(filter(None, (given, "127.0.0.1", "localhost")))
