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
    "nyc_taxi.deploy.init",
    "nyc_taxi.deploy.preflight",
    "nyc_taxi.deploy.warehouse",
    "nyc_taxi.deployment",
    "nyc_taxi.hooks.postgres",
    "nyc_taxi.operators.dbt",
    "nyc_taxi.operators.dbt_docs",
    "nyc_taxi.operators.load_again",
    "nyc_taxi.operators.recheck",
    "nyc_taxi.operators.zones",
    "nyc_taxi.partitions",
    "nyc_taxi.pipelines",
    "nyc_taxi.postgres.warehouse",
    "airflow.api_fastapi.app",
    "airflow.jobs.job",
    "airflow.providers.postgres.hooks.postgres",
    "alembic.command",
    "mako.ext.pygmentplugin",
    "mako.template",
)
"""What an init imports on its way."""


def become_init(order: dict[str, Any], path: str) -> int:
    """Run init in this process as ``python -m`` would, with its output in a file."""
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(order["environment"])
    if any(name.startswith("AIRFLOW__NYC_TAXI") for name in order["environment"]):
        for name in [name for name in sys.modules if name.startswith("nyc_taxi")]:
            del sys.modules[name]  # they have read the options
    from nyc_taxi.deploy.__main__ import main

    try:
        return main(order["arguments"])
    except SystemExit as error:
        return int(str(error.code))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def serve() -> None:
    """Answer each order on standard input with the pids of its inits, then with their exit codes."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # Airflow's log goes to standard output
        from airflow.models import import_all_models
        from sqlalchemy.orm import configure_mappers

        for module in LOADED:
            importlib.import_module(module)
        import_all_models()  # type: ignore[no-untyped-call]
        configure_mappers()
        for line in sys.stdin:
            order = json.loads(line)
            pids = [forked(order, path) for path in order["outputs"]]
            answers.write(f"{json.dumps(pids)}\n")
            answers.flush()
            answers.write(
                f"{json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids])}\n"
            )
            answers.flush()


def forked(order: dict[str, Any], path: str) -> int:
    """Return the pid of a new process that becomes an init."""
    pid = os.fork()
    if not pid:
        code = 70
        try:
            code = become_init(order, path)
        finally:
            os._exit(code)
    return pid


if __name__ == "__main__":
    serve()
