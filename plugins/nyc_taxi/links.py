"""Buttons on the page of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class SourceFileLink(BaseOperatorLink):
    """A link to the file that a task staged; stored when the task is done."""

    name = "Source file"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """Return the file's address; empty when a browser could not open it."""
        publication = getattr(operator, "publication", None)
        url = publication.get("url", "") if isinstance(publication, dict) else ""
        return url if url.startswith(("http://", "https://")) else ""


class StartedRunLink(BaseOperatorLink):
    """A link to the run that a task started."""

    name = "Started run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """Return the address of the run's page."""
        from airflow.utils.helpers import build_airflow_dagrun_url

        dag_id, run_id = (str(getattr(operator, name, "")) for name in ("load_dag_id", "load_run_id"))
        return build_airflow_dagrun_url(dag_id=dag_id, run_id=run_id)
