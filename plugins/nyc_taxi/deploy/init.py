"""Sets up Airflow: its database, pools, connections and variables, the DAG files and the warehouse."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nyc_taxi.deploy import environment as env
from nyc_taxi.deploy.console import ATTENTION, say
from nyc_taxi.deploy.desired import read_desired
from nyc_taxi.deploy.last_applied import (
    CONNECTION,
    NAME,
    POOL,
    VARIABLE,
    Fields,
    LastApplied,
    Resource,
)
from nyc_taxi.deploy.metadata import completed, load_airflow, versions
from nyc_taxi.deploy.plan import make_plan, undecryptable
from nyc_taxi.deploy.start import DEFAULT_WAIT
from nyc_taxi.errors import BootstrapFailed
from nyc_taxi.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from sqlalchemy.orm import Session

    from nyc_taxi.targets import Target

INCOMPLETE = "Written by entrypoint.sh init, which has not completed yet."
_LAST_APPLIED = Resource(VARIABLE, NAME)
_STAYS = frozenset({"dbt", "paused DAG", "pool"})
"""Findings that hold while no component runs; init is often the first."""


def init(folder: Path, timeout: float, environment: Mapping[str, str]) -> None:
    """Set up Airflow as the folder's files and the environment say, and record that this has completed.

    If it is killed, running it again completes it. Several may run at the same time.

    :param folder: holds ``pools.json``, ``connections.yaml`` and ``variables.json``
    :param timeout: seconds to wait for each database
    :raises TaxiError: in one sentence, if something is missing
    """
    overwrite = env.switch("BOOTSTRAP_OVERWRITE", environment)
    patience = env.number("BOOTSTRAP_WAIT", environment, "seconds", DEFAULT_WAIT)
    desired, skipped = read_desired(folder, environment)
    # Look connections up as Airflow's server does, and do not wait minutes for one address of a host.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    os.environ.setdefault("PGCONNECT_TIMEOUT", "10")

    load_airflow()
    from airflow.sdk.exceptions import AirflowException
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    from nyc_taxi.deploy import database, preflight

    try:
        database.wait_for_database(timeout)
        with database.exclusive(patience):
            database.migrate()
            preflight.check_provider()
            # Both read options, whose defaults come from the provider. An invalid option is an error here.
            import nyc_taxi.settings  # noqa: F401
            from nyc_taxi.deploy.warehouse import prepare_warehouses
            from nyc_taxi.deployment import findings
            from nyc_taxi.options import configured_targets

            unused = _of_warehouses() - _of_warehouses(configured_targets())
            with create_session() as session:
                used = {resource: fields for resource, fields in desired.items() if resource not in unused}
                report = apply(session, used, overwrite=overwrite)
            why = (sentence for resource, sentence in skipped.items() if resource not in unused)
            for sentence in (*why, *report):
                say(sentence)
            preflight.check_dag_files()
            prepare_warehouses(timeout)
            with create_session() as session:
                mark_completed(session)
            for finding in findings():
                if finding.what in _STAYS:
                    say(f"{ATTENTION} {finding.where}: {finding.to_do}")
    except SQLAlchemyError as error:
        raise BootstrapFailed(
            f"Airflow's database failed: {database.reason(error)}. Run init again."
        ) from error
    except AirflowException as error:  # for example an invalid Fernet key
        raise BootstrapFailed(f"Airflow failed: {str(error).rstrip('.')}. Correct its settings.") from error
    say(f"Init has completed for {versions()}.")


def apply(session: Session, desired: Mapping[Resource, Fields], *, overwrite: bool) -> list[str]:
    """Apply the desired resources that no person has changed, in the session's transaction.

    :return: a sentence per resource that was applied, or that differs from the files
    """
    from nyc_taxi.deploy import current

    stored = current.read(session, [_LAST_APPLIED])
    before = _last_applied(stored, overwrite=overwrite)
    plan = make_plan(desired, current.read(session, {*desired, *before.hashes}), before, overwrite=overwrite)
    current.write(session, plan.apply)
    if plan.last_applied != before or not stored:
        description = (stored.get(_LAST_APPLIED) or {}).get("description") or INCOMPLETE
        fields = {"value": plan.last_applied.to_json(), "description": description}
        current.write(session, {_LAST_APPLIED: fields})
    return plan.report


def mark_completed(session: Session) -> None:
    """Record that init has completed for the installed versions, which other commands wait for."""
    from nyc_taxi.deploy import current

    fields = current.read(session, [_LAST_APPLIED])[_LAST_APPLIED]
    if fields and fields["description"] != completed():
        current.write(session, {_LAST_APPLIED: {**fields, "description": completed()}})


def _of_warehouses(targets: Iterable[Target] = TARGETS) -> set[Resource]:
    """Return the pools and connections of warehouses; by default, of all."""
    return {
        resource
        for target in targets
        for resource in (Resource(POOL, target.pool), Resource(CONNECTION, target.conn_id))
    }


def _last_applied(stored: Mapping[Resource, Fields | None], *, overwrite: bool) -> LastApplied:
    fields = stored.get(_LAST_APPLIED)
    if fields:
        return LastApplied.from_json(fields["value"])
    if _LAST_APPLIED in stored and not overwrite:
        raise undecryptable(_LAST_APPLIED)
    return LastApplied.none()
