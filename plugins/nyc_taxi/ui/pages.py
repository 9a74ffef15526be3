"""Pages under ``/nyc-taxi``, next to Airflow's."""

# Annotations must not be postponed here: FastAPI reads them when a page is defined.

from typing import Annotated

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse

from nyc_taxi.hooks.dbt import docs_page

pages = FastAPI(title="NYC taxi", docs_url=None, redoc_url=None, openapi_url=None)

_MayReadDag = Annotated[None, Depends(requires_access_dag("GET"))]


@pages.get("/dbt/{dag_id}")
def dbt_docs(dag_id: str, _: _MayReadDag) -> HTMLResponse:
    """Return the documentation of the dbt project that the DAG published last."""
    page = docs_page(dag_id)
    if not page.is_file():
        raise HTTPException(404, f"{dag_id} has not published its dbt documentation yet. Run it once.")
    return HTMLResponse(page.read_text(encoding="utf-8"))
