"""Runs commands of Airflow side by side: forks of one process, which imports Airflow once."""

from __future__ import annotations

import json
import multiprocessing
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


def main(commands: list[list[str]]) -> int:
    """Run the commands, and return 0 if all of them have succeeded, else 1.

    SIGTERM ends those that run.

    :param commands: arguments of each, beginning with ``airflow``
    """
    import airflow.cli.cli_parser

    import nyc_taxi.cli.backfill  # noqa: F401

    airflow.cli.cli_parser.get_parser()
    fork = multiprocessing.get_context("fork")
    running = [fork.Process(target=_become, args=(command,)) for command in commands]
    for one in running:
        one.start()

    def end(_number: int, _frame: FrameType | None) -> None:
        for one in running:
            one.terminate()

    signal.signal(signal.SIGTERM, end)
    for one in running:
        one.join()
    return int(any(one.exitcode for one in running))


def _become(command: list[str]) -> None:
    from airflow.__main__ import main

    sys.argv = command
    main()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
