"""The commands of ``entrypoint.sh``: ``init``, ``run`` for all that has to wait for it, and ``alive``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from nyc_taxi.deploy.output import remark
from nyc_taxi.errors import TaxiError

_DATABASE_WAIT = 60.0


def main(arguments: list[str] | None = None) -> int:
    """Prepare Airflow, or become one of its parts.

    :return: 0, or 1 after a sentence on standard error; it does not return when it becomes a part
    """
    options = _parser().parse_args(arguments)
    # The first process of a container ignores the signal unless it says what to do on it.
    signal.signal(signal.SIGTERM, _terminated)
    try:
        if options.command == "init":
            from nyc_taxi.deploy.init import init

            init(options.folder, options.wait, dict(os.environ))
        elif options.command == "alive":
            from nyc_taxi.deploy.alive import check_alive

            check_alive(options.part, dict(os.environ))
        else:
            from nyc_taxi.deploy.run import run

            run(options.arguments, dict(os.environ))
    except TaxiError as error:
        remark(str(error))
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nyc_taxi.deploy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", prog="entrypoint.sh init", help="prepare Airflow; can be run again")
    init.add_argument("folder", type=Path, help="folder of connections.yaml, pools.json, variables.json")
    init.add_argument(
        "--wait",
        type=float,
        default=_DATABASE_WAIT,
        metavar="SECONDS",
        help="time that each database gets to answer (60)",
    )
    alive = commands.add_parser("alive", prog="entrypoint.sh alive", help="whether a part is at work here")
    alive.add_argument("part", choices=("dag-processor", "scheduler", "triggerer"))
    run = commands.add_parser("run", prog="entrypoint.sh", help="wait for init, then become Airflow")
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="a command of Airflow")
    return parser


def _terminated(*_: object) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
