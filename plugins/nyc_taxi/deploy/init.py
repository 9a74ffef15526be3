"""Prepares Airflow: database, provider, pools, connections, variables, DAG files, warehouse."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nyc_taxi.deploy import environment as env
from nyc_taxi.deploy.completion import INCOMPLETE, complete, versions
from nyc_taxi.deploy.entry import VARIABLE, Content, Entry
from nyc_taxi.deploy.output import say
from nyc_taxi.deploy.plan import decide, unreadable
from nyc_taxi.deploy.record import NAME, Record
from nyc_taxi.deploy.run import DEFAULT_WAIT
from nyc_taxi.deploy.wanted import read_wanted
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy.orm import Session

_RECORD = Entry(VARIABLE, NAME)


def init(folder: Path, wait: float, environment: Mapping[str, str]) -> None:
    """Bring Airflow to what the folder's files and the environment say, and mark it complete.

    Wherever it was killed, running it again completes it. Any number may run at once.

    :param folder: holds ``pools.json``, ``connections.yaml`` and ``variables.json``
    :param wait: seconds that each database gets to answer
    :raises TaxiError: in one sentence, when something is missing
    """
    overwrite = env.switch("BOOTSTRAP_OVERWRITE", environment)
    patience = env.seconds("BOOTSTRAP_WAIT", environment, DEFAULT_WAIT)
    wanted, left_out = read_wanted(folder, environment)
    # Connections are found where Airflow's server finds them; and no address holds libpq up for minutes.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    os.environ.setdefault("PGCONNECT_TIMEOUT", "10")

    env.load_airflow()
    from airflow.sdk.exceptions import AirflowException
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    from nyc_taxi.deploy import database, installed

    try:
        database.wait_for_database(wait)
        with database.alone(patience):
            database.migrate()
            installed.check_provider()
            # It reads settings that have their defaults from the provider.
            from nyc_taxi.deploy.warehouse import prepare_warehouse

            installed.check_hooks()
            with create_session() as session:
                report = bring_in(session, wanted, overwrite=overwrite)
            for sentence in (*left_out, *report):
                say(sentence)
            installed.check_dag_files()
            prepare_warehouse(wait)
            with create_session() as session:
                mark_complete(session)
    except SQLAlchemyError as error:
        raise BootstrapFailed(
            f"Airflow's database failed in the middle of it: {database.reason(error)}. Run init again."
        ) from error
    except AirflowException as error:  # a Fernet key that is none, a connection that cannot be read
        raise BootstrapFailed(
            f"Airflow refused: {str(error).rstrip('.')}. Correct its settings, then run init again."
        ) from error
    say(f"Init is complete for {versions()}.")


def bring_in(session: Session, wanted: Mapping[Entry, Content], *, overwrite: bool) -> list[str]:
    """Write the entries that no person looks after, and the record of them, in the session's transaction.

    :return: a sentence for each entry that was written, or that is not as the files want it
    """
    from nyc_taxi.deploy import holdings

    held = holdings.read(session, [_RECORD])
    before = _record(held, overwrite=overwrite)
    present = holdings.read(session, {*wanted, *before.entries()})
    plan = decide(wanted, present, before, overwrite=overwrite)
    holdings.write(session, plan.write)
    after = before.updated(plan.remember, plan.forget)
    if after != before or not held:
        description = (held.get(_RECORD) or {}).get("description") or INCOMPLETE
        _keep(session, after, description)
    return plan.report


def mark_complete(session: Session) -> None:
    """Let the commands go on that wait for init of these versions."""
    from nyc_taxi.deploy import holdings

    content = holdings.read(session, [_RECORD]).get(_RECORD)
    if content and content["description"] != complete():
        _keep(session, Record.parse(content["value"]), complete())


def _record(held: Mapping[Entry, Content | None], *, overwrite: bool) -> Record:
    if _RECORD not in held:
        return Record.new()
    content = held[_RECORD]
    if content is not None:
        return Record.parse(content["value"])
    if overwrite:
        return Record.new()
    raise unreadable(_RECORD)


def _keep(session: Session, record: Record, description: str) -> None:
    from nyc_taxi.deploy import holdings

    holdings.write(session, {_RECORD: {"value": record.text(), "description": description}})
