"""Runs init again and again but loads Airflow once: a process that forks for each."""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def become_init(order: dict[str, Any]) -> int:
    """Run init in this process as ``python -m`` would, with its output in a file."""
    from nyc_taxi.bootstrap.__main__ import main

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
    from nyc_taxi.bootstrap import database, holdings, installed, warehouse  # noqa: F401

    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            code = 70
            try:
                code = become_init(json.loads(line))
            finally:
                os._exit(code)
        answer(pid)
        answer(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def answer(number: int) -> None:
    """Write a line of an answer."""
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve()
