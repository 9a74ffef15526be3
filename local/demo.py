"""``make demo`` and ``make up``: from nothing to loaded months and a running Airflow."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
from rich.console import Console

from local import google_cloud, samples, tables
from local.checks import CheckFailed, check_port
from local.environment import CHECKOUT
from local.stack import Stack, StackFailed
from local.state import demo_state
from nyc_taxi.core.month import MonthRange
from nyc_taxi.errors import TaxiError
from nyc_taxi.files.publication import State as PublicationState
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from nyc_taxi.samples import USUAL_DATASETS
from nyc_taxi.targets import get_target, target_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.state import Settings
    from nyc_taxi.load.warehouse import Warehouse

    Say = Callable[[str], None]

_LOOK = {
    "postgres": "make psql                               the warehouse",
    "bigquery": "make exec CMD='airflow taxi doctor'     what lies around in BigQuery and in the bucket",
}

READER = "taxi_reader"
"""The role that people and tools read the warehouse with."""


def demo() -> int:
    """Start the stack, load the demo's months through the scheduler, and show them.

    What this call started is stopped again if it fails or is interrupted.

    :return: 0 if every month was loaded and its row counts add up, else 1
    """
    say = _timed_output()
    state = demo_state()
    remembered = state.settings()
    settings = chosen(remembered)
    _check_source(settings)
    stack = Stack(state.folder, settings)
    with stack.locked():
        starting = not stack.running()
        stack = on_its_ports(stack, remembered, "demo")
        try:
            state.remember(stack.settings)
            with _samples(stack, say):
                if starting:
                    stack.start(say)
                else:
                    say("The demo is running already")
                    if remembered != settings:
                        stack.init(say)
                        say(f"Source: {settings.source}")
            succeeded = _load(stack, say)
        except BaseException:
            if starting:
                stack.stop()
            raise
    print_next_steps(stack)
    return 0 if succeeded else 1


def up() -> int:
    """Start the stack again with its state."""
    state = demo_state()
    remembered = state.settings()
    stack = Stack(state.folder, chosen(remembered))
    with stack.locked():
        stack = on_its_ports(stack, remembered, "up")
        state.remember(stack.settings)
        stack.start(_timed_output())
    print_next_steps(stack)
    return 0


def chosen(settings: Settings) -> Settings:
    """Return the settings with those that the user passed to make: PORT, SOURCE, ROWS, MONTHS.

    :raises CheckFailed: if a value is invalid
    """
    try:
        port, rows, target = _number("PORT"), _number("ROWS"), os.environ.get("TARGET")
        months, source = os.environ.get("MONTHS"), os.environ.get("SOURCE")
        if port:
            settings = replace(settings, ports=replace(settings.ports, ui=port))
        if target:
            if target not in target_names():
                raise CheckFailed(f"TARGET={target} is not one of {', '.join(target_names())}.")
            settings = replace(settings, target=target)
        if rows:
            settings = replace(settings, rows=rows)
        if months:
            list(MonthRange.parse(months))
            settings = replace(settings, months=months)
        if source and source != "local":
            source = "mirror, tlc" if source == "mirror" else source
            SourceList.parse(source)
        return replace(settings, source=source) if source else settings
    except TaxiError as error:
        raise CheckFailed(str(error)) from error


def on_its_ports(stack: Stack, remembered: Settings, command: str) -> Stack:
    """Return the stack on ports that it can have; components that still run keep theirs.

    :param remembered: what the stack was started with the last time
    :param command: the make target that was called, for the messages
    :raises CheckFailed: if another program has the UI's port, or the stack runs on another port
    """
    port, running = stack.settings.ports.ui, remembered.ports.ui
    if stack.settings.target != remembered.target and Stack(stack.folder, remembered).any_running():
        raise CheckFailed(
            f"The demo runs with {remembered.target}. To change that: make down, then make {command} "
            f"TARGET={stack.settings.target}"
        )
    if not stack.any_running():
        check_port(port, command)
        return stack.on_free_ports()
    if port != running:
        raise CheckFailed(
            f"The demo runs on port {running}. To move it: make down, then make {command} PORT={port}"
        )
    if not stack.component("api-server").running():
        check_port(port, command)
    return stack


def print_next_steps(stack: Stack) -> None:
    """Print the UI's address, how to log in, and the next commands."""
    print(
        f"""
Airflow runs at {stack.url}
    user admin, password {stack.state.password()}   (kept in {stack.state.passwords})

    {_LOOK[stack.settings.target]}
    make exec CMD='airflow taxi months'     a command in this environment; make shell for more
    make down                               stop everything; make up starts it again""",
        flush=True,
    )


def _timed_output() -> Say:
    """Return a function that prints a step with the seconds since now."""
    started = time.monotonic()
    return lambda text: print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)


def _check_source(settings: Settings) -> None:
    """Ask a source other than the demo's own for the first month, before anything is started.

    :raises CheckFailed: if no source has it, or none answers
    """
    if settings.source == "local":
        return
    try:
        answer = SourceList.parse(settings.source).ask("green", MonthRange.parse(settings.months).first)
    except TaxiError as error:
        raise CheckFailed(str(error)) from error
    if answer.state is not PublicationState.PUBLISHED:
        raise CheckFailed(answer.detail)


@contextlib.contextmanager
def _samples(stack: Stack, say: Say) -> Iterator[None]:
    """Write missing sample months while the body runs."""
    rows, months = stack.settings.rows, MonthRange.parse(stack.settings.months)
    if stack.settings.source != "local" or not samples.missing(stack.state.samples, rows, months):
        yield
        return
    command = (sys.executable, "-m", "local.samples", str(stack.state.samples), str(rows), str(months))
    # In its own session, so that Ctrl-C reaches it through this process only.
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, start_new_session=True) as writer:
        try:
            yield
            failed = writer.wait()
        except BaseException:
            writer.terminate()
            raise
    if failed:
        raise StackFailed("The sample months could not be written. The reason is above.")
    say(f"Sample months {months}, {rows:,} rows per file")


def _load(stack: Stack, say: Say) -> bool:
    """Load the months, build the marts and show both; return whether everything succeeded."""
    target = get_target(stack.settings.target)
    zones_dag, transform_dag = target.dag_id("zones"), target.dag_id("transform")
    ingest = tuple(map(target.dag_id, USUAL_DATASETS))
    stack.wait_for_dags({zones_dag, transform_dag, *ingest})
    months = MonthRange.parse(stack.settings.months)
    warehouse: Warehouse
    if stack.emulators:
        google_cloud.set_up(stack, say)
        warehouse = google_cloud.warehouse(stack.emulators)
    else:
        warehouse = prepared_warehouse(stack)
    before = {attempt.id for attempt in warehouse.ledger.published()}
    zones = stack.api.trigger(zones_dag)
    stack.api.unpause(zones_dag)
    loaded = _backfill(stack, ingest, months, say)
    say("dbt builds the marts")
    ended = {zones_dag: stack.api.wait(zones_dag, zones), transform_dag: _transform(stack, transform_dag)}
    attempts = [one for one in warehouse.ledger.published() if one.month in months]
    say("All runs have ended")
    console = Console(highlight=False)
    console.print(tables.loaded_months(attempts, before))
    if stack.emulators:
        console.print(tables.objects(google_cloud.objects(stack.emulators)))
    if ended[transform_dag] == "success":
        with _marts(stack) as query:
            console.print(tables.trips(query, months), tables.top_zones(query, months))
    failed = [dag_id for dag_id, state in ended.items() if state != "success"]
    for dag_id in failed:
        print(f"The DAG {dag_id} failed. See its run in the UI.", file=sys.stderr)
    adds_up = all(rows == good + bad for rows, good, bad in map(tables.counts, attempts))
    return loaded and adds_up and not failed


@contextlib.contextmanager
def _marts(stack: Stack) -> Iterator[tables.Query]:
    """Give what runs a statement in the warehouse."""
    if stack.emulators:
        yield google_cloud.query(stack.emulators)
        return
    with psycopg.connect(stack.warehouse_uri, autocommit=True) as connection:
        yield lambda statement, values: connection.execute(statement, values)


def _backfill(stack: Stack, ingest: tuple[str, ...], months: MonthRange, say: Say) -> bool:
    """Run the product's own backfill commands, show their output, and return whether all succeeded."""
    commands = [
        ["airflow", "dags", "backfill", dag_id, "-s", str(months.first), "-e", str(months.last), "--unpause"]
        for dag_id in ingest
    ]
    for command in commands:
        # The runs of an interrupted demo can be watched, but not be run again before they have ended.
        runs = stack.api.get(f"dags/{command[3]}/dagRuns", state=["queued", "running"], run_type="backfill")
        if not runs["dag_runs"]:
            command += ["--reset-dagruns", "--yes"]
        say(" ".join(command))
    with subprocess.Popen(
        (sys.executable, "-m", "local.airflow_commands", json.dumps(commands)),
        cwd=CHECKOUT,
        env=stack.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        assert running.stdout  # noqa: S101
        try:
            for line in running.stdout:
                say(line.rstrip())
        except BaseException:
            running.terminate()
            raise
    return not running.returncode


def prepared_warehouse(stack: Stack) -> PostgresWarehouse:
    """Return the warehouse, with its tables and a role that may read them."""
    warehouse = PostgresWarehouse(lambda: psycopg.connect(stack.warehouse_uri), "postgres_taxi")
    warehouse.grant_reading(READER)
    return warehouse


def _transform(stack: Stack, dag_id: str) -> str:
    """Build the marts of all loaded months in one run, and return its state.

    Only then are the other DAGs unpaused: from now on, each month that is loaded starts a run by itself.
    """
    stack.api.unpause(dag_id)
    state = stack.api.wait(dag_id, stack.api.trigger(dag_id), seconds=900)
    stack.api.unpause()
    return state


def _number(name: str) -> int | None:
    """Return a number that the user passed to make.

    :raises CheckFailed: if it is not one
    """
    text = os.environ.get(name)
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise CheckFailed(f"{name}={text} is not a whole number above 0.")
    return int(text)
