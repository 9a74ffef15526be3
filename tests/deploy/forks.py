"""Runs init again and again but loads Airflow once: a process that forks for each."""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

LOADED = (
    "nyc_taxi.deploy.database",
    "nyc_taxi.deploy.current",
    "nyc_taxi.deploy.preflight",
    "nyc_taxi.deploy.warehouse",
    "nyc_taxi.pipelines",
    "nyc_taxi.postgres.warehouse",
    "airflow.api_fastapi.app",
    "airflow.providers.postgres.hooks.postgres",
)
"""What an init imports on its way."""


def become_init(order: dict[str, Any]) -> int:
    """Run init in this process as ``python -m`` would, with its output in a file."""
    from nyc_taxi.deploy.__main__ import main

    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(order["environment"])
    try:
        return main(order["arguments"])
    except SystemExit as error:
        return int(str(error.code))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def serve() -> None:
    """Answer each order on standard input with the pid of its init, then with its exit code."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # Airflow's log goes to standard output
        for module in LOADED:
            importlib.import_module(module)
        for line in sys.stdin:
            pid = os.fork()
            if not pid:
                code = 70
                try:
                    code = become_init(json.loads(line))
                finally:
                    os._exit(code)
            answers.write(f"{pid}\n")
            answers.flush()
            answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
            answers.flush()


if __name__ == "__main__":
    serve()
