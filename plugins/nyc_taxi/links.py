"""Buttons that the task page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class SourceFileLink(BaseOperatorLink):
    """A link to the file that a task staged; the worker stores it when the task is done."""

    name = "Source file"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """Return the file's address, or nothing when a browser could not open it."""
        publication = getattr(operator, "publication", None)
        url = publication.get("url", "") if isinstance(publication, dict) else ""
        return url if url.startswith(("http://", "https://")) else ""
