"""Publishing the documentation of the dbt project, where the page of its DAG links to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from nyc_taxi import settings

if TYPE_CHECKING:
    from airflow.sdk import Context


class PublishDbtDocsOperator(BaseOperator):
    """Has dbt describe the project and its tables in one page, and puts it where the web server finds it.

    :param postgres_conn_id: connection of the warehouse
    """

    ui_color = "#fbe3d6"

    def __init__(self, *, postgres_conn_id: str = settings.POSTGRES_CONN_ID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.postgres_conn_id = postgres_conn_id

    def execute(self, context: Context) -> str:
        """Publish the page, and return where it is."""
        from nyc_taxi.dbt.invocation import Command, Invocation
        from nyc_taxi.hooks.dbt import dbt, docs_page

        described = Invocation(Command.DOCS, target=context["params"]["target"], threads=settings.DBT_THREADS)
        folder = Path(settings.DBT_ARTIFACTS) / f"{self.dag_id}-docs"
        dbt(folder, self.postgres_conn_id).run(described, self.log.log)
        page = docs_page(self.dag_id)
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text((folder / "static_index.html").read_text("utf-8"), encoding="utf-8")
        self.log.info("The documentation is at %s.", page)
        return str(page)
