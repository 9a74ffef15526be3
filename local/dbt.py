"""dbt on one machine: its program, its project, and the folder of its output."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from local.environment import CHECKOUT, DBT, DBT_VENV
from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PROJECT = CHECKOUT / "dbt_project"


def program() -> str:
    """Return the path of dbt.

    :raises LocalError: if its environment was never built
    """
    if not DBT.exists():
        raise LocalError(f"There is no {DBT_VENV.name} here yet. Set it up with make demo or make test.")
    return str(DBT)


def environment(base: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the environment in which dbt finds the project, and writes nothing into the checkout.

    :param base: environment with the warehouse's address, the variables ``NYC_TAXI_WAREHOUSE_…``
    :param folder: where compiled statements, results, documentation and logs go
    """
    return {
        **base,
        "DBT_PROJECT_DIR": str(PROJECT),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }


def compile_for_bigquery(folder: Path, months: Sequence[str] = (), dbt: str | None = None) -> Path:
    """Compile the project for BigQuery, and return the folder of its statements. No request is sent.

    :param folder: where everything goes that dbt writes
    :param months: the run's months; without any, the statements rebuild all months
    :param dbt: path of dbt, unless it is the checkout's
    :raises LocalError: if the project does not compile
    """
    base = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    profile = {
        "DBT_PROFILE": "bigquery",
        "DBT_TARGET": "prod",
        "NYC_TAXI_BIGQUERY_PROJECT": "no-project",
        # With a token, which is never used, dbt looks for no credentials.
        "NYC_TAXI_BIGQUERY_METHOD": "oauth-secrets",
        "NYC_TAXI_BIGQUERY_TOKEN": "none",
    }
    variables = ("--vars", json.dumps({"months": list(months)})) if months else ()
    done = subprocess.run(
        (dbt or program(), "compile", "--no-populate-cache", "--no-introspect", *variables),
        env=environment({**base, **profile}, folder),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LocalError(f"The dbt project does not compile for BigQuery:\n{done.stdout}{done.stderr}")
    return folder / "target" / "compiled"
