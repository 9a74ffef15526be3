"""Runs dbt without Airflow's database, as the CronJob of the Helm chart does."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from nyc_taxi.deploy.console import say
from nyc_taxi.deploy.desired import read_desired
from nyc_taxi.deploy.last_applied import CONNECTION, Resource
from nyc_taxi.errors import BootstrapFailed
from nyc_taxi.targets import get_target

if TYPE_CHECKING:
    from collections.abc import Mapping


def transform(
    command: str, target: str, dbt_target: str, folder: Path, environment: Mapping[str, str]
) -> None:
    """Run dbt on a warehouse; ``build`` builds the months of which the marts lack the ledger's version.

    The warehouse is reached as the environment says, by the same variables from which init makes connections.

    :param command: ``build``, ``docs`` or ``freshness``
    :param target: name of the warehouse
    :param dbt_target: target of the project, ``prod`` or ``dev``
    :param folder: holds ``connections.yaml``
    :raises TaxiError: in one sentence, if dbt fails, or a variable is missing
    """
    _offer_connection(get_target(target).conn_id, folder, environment)
    from nyc_taxi import settings
    from nyc_taxi.dbt.invocation import Invocation
    from nyc_taxi.hooks.dbt import resolve_work
    from nyc_taxi.hooks.dbt_runs import DbtRuns

    dag_id = get_target(target).dag_id("transform")
    artifacts = Path(settings.DBT_ARTIFACTS) / f"{dag_id}-{command}"
    artifacts.mkdir(parents=True, exist_ok=True)
    runs = DbtRuns(target, None, lambda _, text: say(text))
    if command == "docs":
        runs.publish_docs(dbt_target, artifacts, dag_id)
        return
    form = {"command": command, "months": None, "full_refresh": False, "select": None, "target": dbt_target}
    work = resolve_work(form, target)
    if work is None:
        say("Every month of the ledger is already built.")
        return
    invocation = Invocation.from_json(work)
    if invocation.months:
        say(f"Building {', '.join(map(str, invocation.months))}.")
    runs.run(invocation, artifacts / "target")


def _offer_connection(conn_id: str, folder: Path, environment: Mapping[str, str]) -> None:
    """Let this process find a connection that is made of the environment, and not its children's."""
    desired, skipped = read_desired(folder, environment)
    resource = Resource(CONNECTION, conn_id)
    if why := skipped.get(resource):
        raise BootstrapFailed(f"{why} Set it.")
    if resource not in desired:
        raise BootstrapFailed(f"{folder} has no connection {conn_id}. Add it to connections.yaml.")
    given = {name: value for name, value in desired[resource].items() if value is not None}
    os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(given)
