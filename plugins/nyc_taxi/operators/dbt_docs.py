"""Publishing the documentation of the dbt project, which the page of its DAG links to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from nyc_taxi import settings
from nyc_taxi.links import DbtDocsLink

if TYPE_CHECKING:
    from airflow.sdk import Context


class PublishDbtDocsOperator(BaseOperator):
    """Lets dbt describe the project and its tables on one page, and stores it where the web server reads it.

    :param target: name of the warehouse
    :param warehouse_conn_id: its connection; None for the target's own
    """

    operator_extra_links = (DbtDocsLink(),)
    ui_color = "#fbe3d6"

    def __init__(self, *, target: str, warehouse_conn_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target = target
        self.warehouse_conn_id = warehouse_conn_id
        self.published = False

    def execute(self, context: Context) -> str:
        """Publish the page, and return its location."""
        from nyc_taxi.hooks.dbt_runs import DbtRuns

        folder = Path(settings.DBT_ARTIFACTS) / f"{self.dag_id}-docs"
        runs = DbtRuns(self.target, self.warehouse_conn_id, self.log.log)
        page = runs.publish_docs(context["params"]["target"], folder, self.dag_id)
        self.published = True
        return page
