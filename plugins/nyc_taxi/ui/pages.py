"""Pages under ``/nyc-taxi``, next to Airflow's, for users who are logged in."""

# Annotations must not be postponed here: FastAPI reads them when a page is defined.

import json
import time
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from typing import Annotated, Any, Final

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, get_user, requires_access_dag
from airflow.models import DagModel
from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.responses import HTMLResponse

from nyc_taxi.core.dataset import dataset_names, get_dataset
from nyc_taxi.core.month import Month
from nyc_taxi.errors import InvalidMonth
from nyc_taxi.hooks.dbt import docs_page
from nyc_taxi.options import configured_targets
from nyc_taxi.targets import Target
from nyc_taxi.ui import coverage, month, warehouses
from nyc_taxi.ui.answers import Answer, Answers
from nyc_taxi.ui.runs import find_runs, paused

MOMENT: Final = 0.05
"""Seconds for which the page of all months waits for a warehouse before it shows what was known before."""

PATIENCE: Final = 8.0
"""Seconds for which the page of one month waits for its warehouse."""

pages = FastAPI(
    title="NYC taxi", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(get_user)]
)
answers: Final = Answers()

_MayReadDag = Annotated[None, Depends(requires_access_dag("GET"))]
_MayReadRuns = Annotated[None, Depends(requires_access_dag("GET", DagAccessEntity.RUN))]


@pages.get("/dbt/{dag_id}")
def dbt_docs(dag_id: str, _: _MayReadDag) -> HTMLResponse:
    """Return the documentation of the dbt project that the DAG published last."""
    page = docs_page(dag_id)
    if not page.is_file():
        raise HTTPException(404, f"{dag_id} has not published its dbt documentation yet. Run it once.")
    return HTMLResponse(page.read_text(encoding="utf-8"))


@pages.get("/coverage.js")
def script() -> Response:
    """Return the script of the pages."""
    text = (files("nyc_taxi.ui") / "static" / "coverage.js").read_text("utf-8")
    return Response(text, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@pages.get("/coverage")
def all_months(user: GetUserDep, session: SessionDep) -> Response:
    """Return every month of every dataset and warehouse whose DAG the user may read.

    Whatever a warehouse does, the answer takes no longer than Airflow's own database and :data:`MOMENT`.
    """
    began = time.monotonic()
    targets = configured_targets()
    for target in targets:
        answers.ask(target.name, partial(warehouses.ask, target, coverage.recorded))
    grids = {target.dag_id(name): (target, name) for target in targets for name in dataset_names()}
    readable = get_auth_manager().filter_authorized_dag_ids(dag_ids=set(grids), user=user, method="GET")
    grids = {dag_id: one for dag_id, one in grids.items() if dag_id in readable}
    several = [target.dag_id("taxi") for target in targets]
    runs, known_dags = find_runs(session, list(grids), several), paused(session, list(grids))
    found: dict[str, Answer[coverage.Recorded]] = {
        one.name: answers.get(one.name, began + MOMENT - time.monotonic()) for one in targets
    }
    teams = DagModel.get_dag_id_to_team_name_mapping(list(grids), session=session)
    today = Month.of(datetime.now(UTC).date())
    return _json({
        "states": coverage.STATES,
        "due": str(coverage.due(today)),
        "last": str(today),
        "targets": [_target(one, found[one.name]) for one in targets],
        "grids": [
            {
                "dag_id": dag_id,
                "dataset": name,
                "title": get_dataset(name).title,
                "target": target.name,
                "first": str(get_dataset(name).first_month),
                "paused": known_dags.get(dag_id),
                "may_run": _may_run(dag_id, teams.get(dag_id), user),
                "months": coverage.months(
                    name, (dag_id, target.dag_id("taxi")), found[target.name].value, runs
                ),
            }
            for dag_id, (target, name) in grids.items()
        ],
    })  # fmt: skip


@pages.get("/months/{dag_id}/{name}")
def one_month(dag_id: str, name: str, session: SessionDep, _: _MayReadRuns) -> Response:
    """Return the attempts, checks and rejected rows of a month.

    :param dag_id: the DAG that loads its dataset into its warehouse
    :param name: the month
    """
    target, dataset, chosen = _chosen(dag_id, name)
    described = _answer(
        target,
        ("month", dag_id, chosen),
        partial(warehouses.ask, target, partial(month.describe, dataset=dataset, month=chosen)),
    )
    dag_ids = (dag_id, target.dag_id("taxi"))
    runs = find_runs(session, [dag_id], [dag_ids[1]])
    newest = runs.newest.get(dag_id, {}).get(chosen)
    return _json({
        "dag_id": dag_id,
        "dataset": dataset,
        "title": get_dataset(dataset).title,
        "target": target.title,
        "month": str(chosen),
        "docs": f"nyc-taxi/dbt/{target.dag_id('transform')}",
        "run": [newest.dag_id, newest.run_id, newest.state] if newest else None,
        **month.with_runs(described, runs, dag_ids),
    })  # fmt: skip


@pages.get("/months/{dag_id}/{name}/days")
def days(dag_id: str, name: str, _: _MayReadRuns) -> Response:
    """Return the trips per day of a month and its neighbours, which reads their rows."""
    target, dataset, chosen = _chosen(dag_id, name)
    return _json(
        _answer(
            target,
            ("days", dag_id, chosen),
            partial(warehouses.ask, target, partial(month.per_day, dataset=dataset, month=chosen)),
        )
    )


def _chosen(dag_id: str, name: str) -> tuple[Target, str, Month]:
    for target in configured_targets():
        for dataset in dataset_names():
            if target.dag_id(dataset) == dag_id:
                try:
                    return target, dataset, Month(name)
                except InvalidMonth as error:
                    raise HTTPException(404, str(error)) from None
    raise HTTPException(404, "No DAG of that name loads months. Choose a month on the page Month coverage.")


def _answer(target: Target, key: tuple[Any, ...], question: Any) -> dict[str, Any]:
    """Return what a warehouse answers now, or at least answered before."""
    answers.ask(key, question)
    found: Answer[dict[str, Any]] = answers.get(key, PATIENCE)
    if found.value is None:
        raise HTTPException(503, found.why or f"{target.title} has not answered yet. Try again in a moment.")
    return found.value


def _target(target: Target, found: Answer[Any]) -> dict[str, Any]:
    return {
        "name": target.name,
        "title": target.title,
        "docs": f"nyc-taxi/dbt/{target.dag_id('transform')}",
        "answered": found.value is not None,
        "asking": found.asking,
        "at": found.at.isoformat() if found.at else None,
        "why": found.why,
    }


def _may_run(dag_id: str, team: str | None, user: GetUserDep) -> bool:
    return get_auth_manager().is_authorized_dag(
        method="POST",
        access_entity=DagAccessEntity.RUN,
        details=DagDetails(id=dag_id, team_name=team),
        user=user,
    )


def _json(content: Any) -> Response:
    """Return values as JSON, without the search for models that FastAPI would make in all of them."""
    return Response(
        json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=str),
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
