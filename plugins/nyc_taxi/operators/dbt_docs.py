"""Publishing the documentation of the dbt project, which the page of its DAG links to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from nyc_taxi import settings

if TYPE_CHECKING:
    from airflow.sdk import Context


class PublishDbtDocsOperator(BaseOperator):
    """Lets dbt describe the project and its tables on one page, and stores it where the web server reads it.

    :param target: name of the warehouse
    :param warehouse_conn_id: its connection; None for the target's own
    """

    ui_color = "#fbe3d6"

    def __init__(self, *, target: str, warehouse_conn_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target = target
        self.warehouse_conn_id = warehouse_conn_id

    def execute(self, context: Context) -> str:
        """Publish the page, and return its location."""
        from nyc_taxi.dbt.invocation import Command, Invocation
        from nyc_taxi.hooks.dbt import dbt, docs_page

        described = Invocation(Command.DOCS, target=context["params"]["target"], threads=settings.DBT_THREADS)
        folder = Path(settings.DBT_ARTIFACTS) / f"{self.dag_id}-docs"
        dbt(folder, self.target, self.warehouse_conn_id).run(described, self.log.log)
        page = docs_page(self.dag_id)
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text((folder / "static_index.html").read_text("utf-8"), encoding="utf-8")
        self.log.info("The documentation is at %s", page)
        return str(page)
