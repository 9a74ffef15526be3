"""The commands that this package adds to ``airflow``.

Every call of ``airflow`` imports this module, so it imports nothing heavy: the code of a command is loaded
when the command is called.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from airflow.cli.cli_config import (
    ARG_OUTPUT,
    ARG_VERBOSE,
    ActionCommand,
    CLICommand,
    GroupCommand,
    lazy_load_command,
)

from nyc_taxi.cli.arguments import (
    argument,
    count,
    dag_id,
    json_object,
    limit,
    month_of_date,
    months,
    names,
)

if TYPE_CHECKING:
    from argparse import Namespace

    from airflow.cli.cli_config import Arg

_log = logging.getLogger(__name__)


def _command(name: str, help: str, description: str, *args: Arg) -> ActionCommand:
    """Return the command that is implemented by the function of its name in the module of its name."""

    def run(args: Namespace) -> None:
        from nyc_taxi.cli.command import command

        # Loading the module is part of the command: an invalid setting ends it like any other failure.
        command(lazy_load_command(f"nyc_taxi.cli.{name}.{name}"))(args)

    return ActionCommand(name, help, run, (*args, ARG_VERBOSE), description)


_DATASET = argument("dataset", help="Dataset, for example green")
_MONTH = argument("month", help="Month, for example 2021-01", type=month_of_date)
_MONTHS = argument("month", help="Month or range of months, for example 2021-01..2021-03", type=months)
_TARGET = argument("--target", help="Warehouse (default: the first one in [nyc_taxi] warehouses)")
_CONN_ID = argument("--conn-id", help="Airflow connection of the warehouse (default: the target's own)")
_SOURCES = argument(
    "--tlc-conn-id",
    help="Airflow connection that lists the sources (default: %(default)s)",
    default="nyc_tlc_default",
)
_YES = argument("-y", "--yes", help="Do not ask for confirmation", action="store_true")

_COMMANDS = (
    _command(
        "months",
        "List the months in the warehouse",
        "List the months that the warehouse holds, one row per dataset and month, from its ledger. The table "
        "drops columns that do not fit the terminal; json, yaml and plain show every value in full.",
        argument("--dataset", help="List only the months of this dataset"),
        _TARGET,
        _CONN_ID,
        ARG_OUTPUT,
    ),
    _command(
        "show",
        "Show one month: its file and the results of its checks",
        "Show one month: its file, its row counts, and the result of each data quality check, measured when "
        "the month was loaded and when dbt built it. If a newer attempt failed, its failed checks come last.",
        _DATASET,
        _MONTH,
        _TARGET,
        _CONN_ID,
        ARG_OUTPUT,
    ),
    _command(
        "load",
        "Load months in the foreground, without a scheduler",
        "Download, stage, audit and publish months in the foreground, without a scheduler. Months are loaded "
        "one after another; the first one that fails ends the command. An unchanged month costs one request.",
        _DATASET,
        _MONTHS,
        argument(
            "--source",
            help="Folder, URL or source list to load from (default: the connection's)",
            metavar="SOURCE",
        ),
        argument(
            "--force",
            help="Load a month even if its file is unchanged, or has far fewer rows or values than before",
            action="store_true",
        ),
        _SOURCES,
        _TARGET,
        _CONN_ID,
    ),
    _command(
        "unload",
        "Remove months from the warehouse",
        "Remove the rows of months from the warehouse, each month in one transaction with the ledger. "
        "Queries that are already running still see the rows. The next run of a month loads it again.",
        _DATASET,
        _MONTHS,
        _YES,
        _TARGET,
        _CONN_ID,
    ),
    _command(
        "rejects",
        "Show or export the rejected rows of a month's file",
        "Show the rows of a month's file that were rejected: line number, reason, and the line with "
        "unprintable characters escaped. The table truncates long lines; json, yaml and plain show them in "
        "full. Or export all of them to a file, byte for byte.",
        _DATASET,
        _MONTH,
        argument(
            "--limit",
            help="Maximum number of rows, or all (default: %(default)s)",
            type=limit,
            default="100",
            metavar="N",
        ),
        argument(
            "--export",
            help="Write all rejected rows, byte for byte, to this file (- for standard output)",
            metavar="FILE",
        ),
        argument("--overwrite", help="Replace the export file if it exists", action="store_true"),
        _TARGET,
        _CONN_ID,
        ARG_OUTPUT,
    ),
    _command(
        "grant",
        "Let a role read the warehouse",
        "Let a role read the trips, the ledger, the rejected rows and the marts, now and in the future. The "
        "role cannot write. A role that does not exist is created without a login, as a group for the "
        "roles of people and tools.",
        argument("role", help="Role or account, for example taxi_reader or user:name@example.org"),
        _TARGET,
        _CONN_ID,
    ),
    _command(
        "doctor",
        "Find what keeps months from being loaded, leftovers of crashes, and contradictions",
        "Ask each source and each warehouse, and dbt for its version. Find what keeps the DAGs from running: "
        "a component or a pool that is missing, a paused DAG that others start, a DAG that Airflow cannot "
        "read. Find leftovers of crashed runs, and months whose row counts differ from the ledger. Each "
        "finding says what to do. The exit status is 0 only if nothing is left to do.",
        argument("--clean", help="Remove the leftovers of crashed runs", action="store_true"),
        _TARGET,
        _CONN_ID,
        ARG_OUTPUT,
    ),
    _command(
        "sample",
        "Generate months of made-up trips",
        "Generate months of made-up trips in the layout of the public mirror, with the kinds of dirt that "
        "real files have. The same arguments generate the same files.",
        argument(
            "--months",
            help="Month or range of months, for example 2021-01..2021-03",
            type=months,
            required=True,
            metavar="MONTHS",
        ),
        argument(
            "--rows", help="Rows per file (default: %(default)s)", type=count, default="50000", metavar="N"
        ),
        argument("--to", help="Folder to write to", required=True, metavar="DIR"),
        argument(
            "--edition",
            help="Another number generates other trips, like a republished file (default: %(default)s)",
            type=count,
            default="1",
            metavar="N",
        ),
        argument(
            "--datasets", help="Datasets, separated by commas (default: all)", type=names, metavar="NAMES"
        ),
    ),
)

_BACKFILL = _command(
    "backfill",
    "Run a monthly DAG for past months and wait for it",
    "Run a monthly DAG for past months through the scheduler, and wait until every month has finished. "
    "Months that already have a run are skipped. The exit status is 0 only if every month has succeeded.",
    argument("dag_id", help="Id of the DAG", type=dag_id),
    argument(
        "-s",
        "--start-date",
        help="First month: 2021-01, or any date in it (default: the last month)",
        type=month_of_date,
        metavar="MONTH",
    ),
    argument(
        "-e",
        "--end-date",
        help="Last month, inclusive: 2021-03, or any date in it (default: the first month)",
        type=month_of_date,
        metavar="MONTH",
    ),
    argument("-c", "--conf", help="Conf of the runs, as a JSON object", type=json_object, metavar="JSON"),
    argument("-n", "--dry-run", help="List the months and what would happen to them", action="store_true"),
    argument("-B", "--run-backwards", help="Start with the last month", action="store_true"),
    argument("--reset-dagruns", help="Run finished months again, after confirmation", action="store_true"),
    argument("--rerun-failed-tasks", help="Run failed months again", action="store_true"),
    _YES,
    argument(
        "--max-active-runs",
        help="Number of months that run at once (default: %(default)s)",
        type=count,
        default="10",
        metavar="N",
    ),
    argument("--no-wait", help="Return once the runs are created", action="store_true"),
    argument("--unpause", help="Unpause the DAG if it is paused", action="store_true"),
)


def get_taxi_cli_commands() -> list[CLICommand]:
    """Return the group ``airflow taxi``, and add ``backfill`` to ``airflow dags``."""
    try:
        _add_dags_backfill()
    except Exception as error:  # whatever changes in Airflow, the group must stay
        _log.warning("`airflow dags backfill` is not available, use `airflow taxi backfill`: %s", error)
    return [
        GroupCommand(
            name="taxi",
            help="Load months of NYC taxi trips and inspect them",
            subcommands=(*_COMMANDS, _BACKFILL),
        )
    ]


def _add_dags_backfill() -> None:
    """Add ``backfill`` to Airflow's ``dags`` group while Airflow's parser collects its commands.

    Airflow has no interface for this: a provider can only add groups. Its parser module is half imported
    when it calls the providers, and reads its own list of commands afterwards.
    """
    parser = sys.modules.get("airflow.cli.cli_parser")
    commands = getattr(parser, "airflow_commands", [])
    for position, command in enumerate(commands):
        if isinstance(command, GroupCommand) and command.name == "dags":
            subcommands = tuple(command.subcommands)
            if all(known.name != _BACKFILL.name for known in subcommands):
                commands[position] = command._replace(subcommands=(*subcommands, _BACKFILL))
