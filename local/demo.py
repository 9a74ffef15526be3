"""``make demo``: from nothing to loaded months and a running Airflow."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg

from local import marts, samples
from local.checks import CheckFailed, check_port
from local.environment import CHECKOUT
from local.loads import Load, Loads
from local.show import Teller, adds_up, loaded_table
from local.stack import Stack, StackFailed
from local.state import Settings, State, demo_state
from nyc_taxi.core.month import MonthRange
from nyc_taxi.errors import TaxiError
from nyc_taxi.files.publication import State as PublicationState
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from nyc_taxi.samples import SAMPLE_DATASETS

if TYPE_CHECKING:
    from collections.abc import Iterator

READER = "taxi_reader"
"""The role of the warehouse that people and tools read it with."""

_ZONES = "zones_postgres"
_TRANSFORM = "transform_postgres"
_DAGS = {_ZONES, *(f"{dataset}_postgres" for dataset in SAMPLE_DATASETS)}


def demo() -> int:
    """Start the stack, load the demo's months through the scheduler and show them.

    Whatever this call started is stopped again when it fails or is interrupted.

    :return: 0 when every month was loaded and adds up, else 1
    """
    teller = Teller()
    state = demo_state()
    settings = chosen(state.settings())
    _ask_source(settings)
    stack = Stack(state.folder, settings)
    with stack.alone():
        began = not stack.running()
        if not began:
            _keep_port(state.settings(), settings)
            teller.say("The demo runs already")
        else:
            stack = _on_its_ports(stack, "demo")
        try:
            _start(stack, state, teller, configure=not began and state.settings() != settings)
            well = _load(stack, teller)
        except BaseException:
            if began:
                stack.stop()
            raise
    how_to_go_on(stack)
    return 0 if well else 1


def up() -> int:
    """Start the stack again with the state that it has."""
    teller = Teller()
    state = demo_state()
    stack = Stack(state.folder, chosen(state.settings()))
    with stack.alone():
        if stack.running():
            _keep_port(state.settings(), stack.settings)
        else:
            stack = _on_its_ports(stack, "up")
            state.remember(stack.settings)
        stack.start(teller.say)
    how_to_go_on(stack)
    return 0


def chosen(settings: Settings) -> Settings:
    """Return the settings with what the user gave to make: PORT, SOURCE, ROWS, MONTHS.

    :raises CheckFailed: when a value makes no sense
    """
    try:
        return _chosen(settings)
    except TaxiError as error:
        raise CheckFailed(str(error)) from error


def _chosen(settings: Settings) -> Settings:
    port, rows = (_number(name) for name in ("PORT", "ROWS"))
    months, source = os.environ.get("MONTHS"), os.environ.get("SOURCE")
    if port:
        settings = replace(settings, ports=replace(settings.ports, ui=port))
    if rows:
        settings = replace(settings, rows=rows)
    if months:
        list(MonthRange.parse(months))
        settings = replace(settings, months=months)
    if source and source != "local":
        source = "mirror, tlc" if source == "mirror" else source
        SourceList.parse(source)
    return replace(settings, source=source) if source else settings


def how_to_go_on(stack: Stack) -> None:
    """Print the UI's address, how to log in, and the next commands."""
    print(
        f"""
Airflow runs at {stack.url}
    user admin, password {stack.state.password()}   (kept in {stack.state.passwords})

    make psql                               the warehouse
    make exec CMD='airflow taxi months'     one command in this environment; make shell for more
    make down                               stop it all; make up starts it again""",
        flush=True,
    )


def _ask_source(settings: Settings) -> None:
    """Ask a source that is not the demo's own for the first month, before anything is started.

    :raises CheckFailed: when no source has it, or none answers
    """
    if settings.source == "local":
        return
    try:
        answer = SourceList.parse(settings.source).ask("green", MonthRange.parse(settings.months).first)
    except TaxiError as error:
        raise CheckFailed(str(error)) from error
    if answer.state is not PublicationState.PUBLISHED:
        raise CheckFailed(answer.detail)


def _start(stack: Stack, state: State, teller: Teller, *, configure: bool) -> None:
    """Start what does not run, the sample months being written meanwhile."""
    state.remember(stack.settings)
    with _samples(stack, teller):
        if not stack.running():
            stack.start(teller.say)
        elif configure:
            stack.bootstrap(teller.say)
            teller.say(f"Source: {stack.settings.source}")


@contextlib.contextmanager
def _samples(stack: Stack, teller: Teller) -> Iterator[None]:
    """Write missing sample months while the body runs."""
    rows, months = stack.settings.rows, MonthRange.parse(stack.settings.months)
    if stack.settings.source != "local" or not samples.missing(stack.state.samples, rows, months):
        yield
        return
    command = (sys.executable, "-m", "local.samples", str(stack.state.samples), str(rows), str(months))
    # In a session of its own, so that Ctrl-C reaches it through this process only.
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, start_new_session=True) as writer:
        try:
            yield
            failed = writer.wait()
        except BaseException:
            writer.terminate()
            raise
    if failed:
        raise StackFailed("The sample months could not be written; the reason is above.")
    teller.say(f"Sample months {months}, {rows:,} rows in each file")


def _load(stack: Stack, teller: Teller) -> bool:
    """Load the months and show them; return whether all is well."""
    stack.wait_for_dags({*_DAGS, _TRANSFORM})
    warehouse = prepared_warehouse(stack)
    before = {attempt.id for attempt in warehouse.ledger.published()}
    zones = stack.api.trigger(_ZONES)
    loads = Loads(stack.api, stack.metadata_uri, SAMPLE_DATASETS, MonthRange.parse(stack.settings.months))
    loads.start()
    # Not before: what runs already would make creating the rest slow.
    for dag_id in sorted(_DAGS):
        stack.api.unpause(dag_id)
    teller.say("Airflow's scheduler loads the months")
    with teller.progress() as show:
        done = loads.watch(show)
    zones_state = stack.api.wait(_ZONES, zones)
    teller.say("All months are loaded, and dbt builds the marts")
    built = _build(stack)
    attempts = [one for one in warehouse.ledger.published() if one.month in loads.months]
    teller.say("All runs have ended")
    teller.console.print(loaded_table(attempts, before))
    if built:
        with psycopg.connect(stack.warehouse_uri, autocommit=True) as connection:
            teller.console.print(marts.trips(connection, loads.months))
            teller.console.print(marts.top_zones(connection, loads.months))
    failed = [load for load in done if load.state != "success"]
    _complain(stack, failed, zones_state, built)
    return not failed and zones_state == "success" and built and adds_up(attempts)


def prepared_warehouse(stack: Stack) -> PostgresWarehouse:
    """Return the warehouse, with its tables and a role that may read them."""
    warehouse = PostgresWarehouse(lambda: psycopg.connect(stack.warehouse_uri), "postgres_taxi")
    warehouse.grant_reading(READER)
    return warehouse


def _build(stack: Stack) -> bool:
    """Build the marts of all that was loaded in one run, and return whether that succeeded.

    Only then are the other DAGs unpaused: from now on every month that arrives starts a run by itself.
    """
    stack.api.unpause(_TRANSFORM)
    state = stack.api.wait(_TRANSFORM, stack.api.trigger(_TRANSFORM), seconds=900)
    stack.api.unpause()
    return state == "success"


def _complain(stack: Stack, failed: list[Load], zones_state: str, built: bool) -> None:
    """Say which loads failed, and where the reasons are."""
    for load in failed:
        where = stack.state.airflow / "logs" / f"dag_id={load.dataset}_postgres"
        print(
            f"{load.dataset} {load.month} failed ({load.task}): see its run in the UI, or {where}",
            file=sys.stderr,
        )
    if zones_state != "success":
        print(f"The zones were not loaded: see the DAG {_ZONES} in the UI.", file=sys.stderr)
    if not built:
        print(f"The marts were not built: see the DAG {_TRANSFORM} in the UI.", file=sys.stderr)


def _on_its_ports(stack: Stack, command: str) -> Stack:
    """Return a stack that does not run, or not whole, on ports that it can have.

    :raises CheckFailed: when the UI's port is taken, also by a part of the stack that runs
    """
    ports = stack.settings.ports
    check_port(ports.ui, command)
    if not stack.anything_running():
        return stack.on_free_ports()
    if ports.ui in {ports.postgres, ports.files}:
        raise CheckFailed(
            f"Port {ports.ui} belongs to another part of this demo, of which something still runs. "
            f"Move it with make down, then make {command} PORT={ports.ui}"
        )
    return stack


def _keep_port(running: Settings, wanted: Settings) -> None:
    if running.ports.ui != wanted.ports.ui:
        raise CheckFailed(
            f"The demo runs on port {running.ports.ui}. "
            f"To move it: make down, then make up PORT={wanted.ports.ui}"
        )


def _number(name: str) -> int | None:
    """Return a number that the user gave to make.

    :raises CheckFailed: when it is not one
    """
    text = os.environ.get(name)
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise CheckFailed(f"{name}={text} is not a number from 1.")
    return int(text)
