"""The commands that this package adds to ``airflow``.

Every call of ``airflow`` imports this module, so it imports nothing heavy: what a command does is
loaded when it is called.
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
    role,
)
from nyc_taxi.cli.retired import retired_arguments

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

_log = logging.getLogger(__name__)


def _lazy(name: str) -> Callable[[Namespace], None]:
    """Return the command that the module of this name holds; it is loaded when it is called.

    Loading it is part of the command: a setting that cannot be used is told like any other failure.
    """

    def run(args: Namespace) -> None:
        from nyc_taxi.cli.command import command

        command(lazy_load_command(f"nyc_taxi.cli.{name}.{name}"))(args)

    return run


_DATASET = argument("dataset", help="The dataset, for example green")
_MONTHS = argument("month", help="A month as 2021-01, or several as 2021-01..2021-03", type=months)
_MONTH = argument("month", help="The month, as 2021-01", type=month_of_date)
_WAREHOUSE = argument(
    "--postgres-conn-id",
    help="The Airflow connection of the warehouse (default: %(default)s)",
    default="postgres_taxi",
)

_SOURCES = argument(
    "--tlc-conn-id",
    help="The Airflow connection of the sources (default: %(default)s)",
    default="nyc_tlc_default",
)

_MONTHS_COMMAND = ActionCommand(
    name="months",
    help="List the months that the warehouse holds",
    description="List the months that the warehouse holds, one row a dataset and month, from its ledger. "
    "json, yaml and plain hold every value in full.",
    func=_lazy("months"),
    args=(
        argument("--dataset", help="Only this dataset's months"),
        _WAREHOUSE,
        ARG_OUTPUT,
        ARG_VERBOSE,
    ),
)

_LOAD_COMMAND = ActionCommand(
    name="load",
    help="Load months into the warehouse, here and now",
    description="Load months into the warehouse in the foreground, without a scheduler: download and stage, "
    "audit, publish. Several months are loaded one after another, and the first that fails ends the command.",
    func=_lazy("load"),
    args=(
        _DATASET,
        _MONTHS,
        argument(
            "--source",
            help="Where the files come from: a folder, a URL or a source list "
            "(default: what the connection says)",
            metavar="DIR|URL",
        ),
        argument("--force", help="Load a month again even if its file is unchanged", action="store_true"),
        _SOURCES,
        _WAREHOUSE,
        ARG_VERBOSE,
    ),
)

_SHOW_COMMAND = ActionCommand(
    name="show",
    help="Show one month: its file, and what the checks found in it",
    description="Show one month: the file that it holds, its rows, and what each check of its quality found, "
    "when it was loaded and when dbt built it. Of a newer attempt that failed, the failing checks come last.",
    func=_lazy("show"),
    args=(
        _DATASET,
        _MONTH,
        _WAREHOUSE,
        ARG_OUTPUT,
        ARG_VERBOSE,
    ),
)

_REJECTS_COMMAND = ActionCommand(
    name="rejects",
    help="Show the rows of a month's file that the warehouse refused",
    description="Show the rows of a month's file that the warehouse refused: line number, reason and the "
    "line, in which a backslash marks what cannot be shown. The table cuts long lines; json, yaml and plain "
    "hold them whole. Or write all of them to a file, byte for byte.",
    func=_lazy("rejects"),
    args=(
        _DATASET,
        _MONTH,
        argument(
            "--limit",
            help="How many rows at most, or all (default: %(default)s)",
            type=limit,
            default="100",
            metavar="N",
        ),
        argument(
            "--export",
            help="Write all of them, byte for byte, to this file, or to standard output if it is -",
            metavar="FILE",
        ),
        argument("--overwrite", help="Replace the file that is exported to", action="store_true"),
        _WAREHOUSE,
        ARG_OUTPUT,
        ARG_VERBOSE,
    ),
)

_UNLOAD_COMMAND = ActionCommand(
    name="unload",
    help="Take months out of the warehouse again",
    description="Take the rows of months out of the warehouse, in one transaction a month with the ledger. "
    "Readers that began before go on seeing them; the next run of a month loads it again.",
    func=_lazy("unload"),
    args=(
        _DATASET,
        _MONTHS,
        argument("--yes", help="Do not ask", action="store_true"),
        _WAREHOUSE,
        ARG_VERBOSE,
    ),
)

_GRANT_COMMAND = ActionCommand(
    name="grant",
    help="Let a role read the warehouse",
    description="Let a role read the warehouse: the trips, the ledger, the refused rows and the marts, those "
    "that are there and those to come. It can write nothing. A role that does not exist is created, without "
    "a login; people's own roles are then put into it.",
    func=_lazy("grant"),
    args=(
        argument("role", help="The role, for example taxi_reader", type=role),
        _WAREHOUSE,
        ARG_VERBOSE,
    ),
)

_SAMPLE_COMMAND = ActionCommand(
    name="sample",
    help="Make sample months, laid out as the public mirror is",
    description="Make sample months of made-up trips, with the dirt that real files have, laid out as the "
    "public mirror is. The same arguments make the same files.",
    func=_lazy("sample"),
    args=(
        argument(
            "--months",
            help="The months, as 2021-01..2021-03",
            type=months,
            required=True,
            metavar="MONTHS",
        ),
        argument(
            "--rows",
            help="Rows a file (default: %(default)s)",
            type=count,
            default="50000",
            metavar="N",
        ),
        argument("--to", help="The folder to make them in", required=True, metavar="DIR"),
        argument(
            "--edition",
            help="Another number gives other trips, as if TLC had published again (default: %(default)s)",
            type=count,
            default="1",
            metavar="N",
        ),
        argument(
            "--datasets",
            help="The datasets, separated by commas (default: all)",
            type=names,
            metavar="NAMES",
        ),
        ARG_VERBOSE,
    ),
)

_DOCTOR_COMMAND = ActionCommand(
    name="doctor",
    help="Find what dead runs left behind, and months that are not as the ledger says",
    description="Find what dead runs left behind in the warehouse and, of this user, on this machine; months "
    "whose rows are not as many as the ledger says; and partitions that are half detached. The exit status "
    "is 0 only if nothing is left to do.",
    func=_lazy("doctor"),
    args=(
        argument("--clean", help="Remove what dead runs left behind", action="store_true"),
        _WAREHOUSE,
        ARG_OUTPUT,
        ARG_VERBOSE,
    ),
)

_CONFIG_COMMAND = ActionCommand(
    name="config",
    help="Show every setting with the value that is in force here, and where it comes from",
    description="Show every setting with the value that is in force for this process, and where it comes "
    "from: the options of the section [nyc_taxi], the connections, the datasets' specs, and the defaults of "
    "the DAGs' forms. No password and no value of a connection's extra is shown. The exit status is 0 only "
    "if every setting can be used.",
    func=_lazy("config"),
    args=(
        argument(
            "--products-conn-id",
            help="The Airflow connection of the products API (default: %(default)s)",
            default="products_api",
        ),
        _SOURCES,
        _WAREHOUSE,
        ARG_OUTPUT,
        ARG_VERBOSE,
    ),
)

_BACKFILL_COMMAND = ActionCommand(
    name="backfill",
    help="Run a monthly DAG for past months, and wait for it",
    description="Run a monthly DAG for past months through the scheduler, and wait until every month is "
    "done. Months that have a run already are left out. The exit status is 0 only if every month succeeded.",
    epilog="Of -s and -e, one alone means that one month.",
    func=_lazy("backfill"),
    args=(
        argument("dag_id", help="The id of the DAG", type=dag_id),
        argument(
            "-s",
            "--start-date",
            help="The first month: 2021-01, or any date in it",
            type=month_of_date,
            metavar="MONTH",
        ),
        argument(
            "-e",
            "--end-date",
            help="The last month, included: 2021-03, or any date in it",
            type=month_of_date,
            metavar="MONTH",
        ),
        argument("-c", "--conf", help="JSON that becomes the runs' conf", type=json_object, metavar="JSON"),
        argument("-n", "--dry-run", help="Say which months would run, and run none", action="store_true"),
        argument("-B", "--run-backwards", help="Start with the last month", action="store_true"),
        argument(
            "--reset-dagruns",
            help="Run months again whose run has finished (asks first)",
            action="store_true",
        ),
        argument("--rerun-failed-tasks", help="Run months again whose run has failed", action="store_true"),
        argument("-y", "--yes", help="Do not ask", action="store_true"),
        argument(
            "--max-active-runs",
            help="How many of the months run at once (default: %(default)s)",
            type=count,
            default="10",
            metavar="N",
        ),
        argument("--no-wait", help="Return once the runs are created", action="store_true"),
        argument("--unpause", help="Unpause the DAG if it is paused", action="store_true"),
        *retired_arguments(),
    ),
)


def get_taxi_cli_commands() -> list[CLICommand]:
    """Return the group ``airflow taxi``, and give ``airflow dags`` its ``backfill`` back."""
    try:
        _restore_dags_backfill()
    except Exception as error:  # whatever has changed in Airflow, the other commands must stay
        _log.warning("`airflow dags backfill` is not there, use `airflow taxi backfill`: %s", error)
    return [
        GroupCommand(
            name="taxi",
            help="Load NYC taxi months and look at what is loaded",
            subcommands=(
                _MONTHS_COMMAND,
                _SHOW_COMMAND,
                _LOAD_COMMAND,
                _UNLOAD_COMMAND,
                _REJECTS_COMMAND,
                _GRANT_COMMAND,
                _DOCTOR_COMMAND,
                _CONFIG_COMMAND,
                _SAMPLE_COMMAND,
                _BACKFILL_COMMAND,
            ),
        )
    ]


def _restore_dags_backfill() -> None:
    """Add ``backfill`` to Airflow's ``dags`` group while Airflow's parser collects its commands.

    Airflow has no interface for this: a provider can only add groups. Its parser module is half
    imported when it asks the providers, and reads its own list of commands after that.
    """
    parser = sys.modules.get("airflow.cli.cli_parser")
    commands = getattr(parser, "airflow_commands", [])
    for position, command in enumerate(commands):
        if isinstance(command, GroupCommand) and command.name == "dags":
            subcommands = tuple(command.subcommands)
            if all(known.name != _BACKFILL_COMMAND.name for known in subcommands):
                commands[position] = command._replace(subcommands=(*subcommands, _BACKFILL_COMMAND))
