"""Buttons on the page of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from airflow.sdk import BaseOperatorLink

from nyc_taxi.targets import get_target

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


class MonthLink(BaseOperatorLink):
    """A link to the page of the month that a task loads, with the attempts that the ledger has of it."""

    name = "Month"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """Return the address of the month's page; empty when the task ended before it knew its month."""
        month = getattr(operator, "known_month", None)
        if month is None:
            return ""
        dag_id = get_target(str(getattr(operator, "target", ""))).dag_id(getattr(operator, "dataset", ""))
        return _page("plugin/month-coverage?", dag=dag_id, month=str(month))


class DbtDocsLink(BaseOperatorLink):
    """A link to the documentation of the models that a task published."""

    name = "dbt docs"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address of the page; empty when the task did not publish it."""
        return _page(f"nyc-taxi/dbt/{ti_key.dag_id}") if getattr(operator, "published", False) else ""


class StartedRunLink(BaseOperatorLink):
    """A link to the run that a task started."""

    name = "Started run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """Return the address of the run's page."""
        from airflow.utils.helpers import build_airflow_dagrun_url

        dag_id, run_id = (str(getattr(operator, name, "")) for name in ("load_dag_id", "load_run_id"))
        return build_airflow_dagrun_url(dag_id=dag_id, run_id=run_id)


def _page(path: str, **query: str) -> str:
    """Return the address of a page of this deployment."""
    from airflow.sdk.configuration import conf

    return f"{conf.get('api', 'base_url', fallback='/').rstrip('/')}/{path}{urlencode(query)}"
