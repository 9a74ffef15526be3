"""The commands of ``entrypoint.sh``: init, health, transform, and start for every command of Airflow."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from nyc_taxi.deploy.console import remark
from nyc_taxi.errors import TaxiError


def main(arguments: list[str] | None = None) -> int:
    """Run a command; ``start`` does not return, because Airflow replaces this process.

    :return: 0, or 1 after a sentence on standard error
    """
    options = _parser().parse_args(arguments)
    # The first process of a container ignores a signal unless it handles it.
    signal.signal(signal.SIGTERM, _terminate)
    try:
        if options.command == "init":
            from nyc_taxi.deploy.init import init

            init(options.folder, options.wait, dict(os.environ))
        elif options.command == "health":
            from nyc_taxi.deploy.health import check_health

            check_health(options.component, dict(os.environ))
        elif options.command == "transform":
            from nyc_taxi.deploy.transform import transform

            chosen = (options.dbt, options.target, options.dbt_target, options.folder)
            transform(*chosen, dict(os.environ))
        else:
            from nyc_taxi.deploy.start import start

            start(options.arguments, dict(os.environ))
    except TaxiError as error:
        remark(str(error))
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nyc_taxi.deploy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", prog="entrypoint.sh init", help="set up Airflow; may be repeated")
    init.add_argument("folder", type=Path, help="folder of connections.yaml, pools.json, variables.json")
    init.add_argument(
        "--wait", type=float, default=60.0, metavar="SECONDS", help="how long to wait for each database (60)"
    )
    health = commands.add_parser("health", prog="entrypoint.sh health", help="check a component of this host")
    health.add_argument("component", choices=("dag-processor", "scheduler", "triggerer"))
    transform = commands.add_parser(
        "transform", prog="entrypoint.sh transform", help="run dbt without Airflow's database"
    )
    transform.add_argument("folder", type=Path, help="folder of connections.yaml")
    transform.add_argument(
        "dbt", choices=("build", "docs", "freshness"), help="build: the months that are stale"
    )
    transform.add_argument("--target", default="postgres", help="the warehouse (postgres)")
    transform.add_argument("--dbt-target", default="prod", help="target of the dbt project (prod)")
    start = commands.add_parser("start", prog="entrypoint.sh", help="wait for init, then run Airflow")
    start.add_argument("arguments", nargs=argparse.REMAINDER, help="a command of Airflow")
    return parser


def _terminate(*_: object) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
