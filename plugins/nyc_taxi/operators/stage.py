"""The first step of a load: bring a file into the warehouse, where nobody reads it yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from nyc_taxi import metrics, settings
from nyc_taxi.files.publication import Publication
from nyc_taxi.hooks.tlc import NycTlcHook
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.links import MonthLink, SourceFileLink
from nyc_taxi.progress import ProgressLog
from nyc_taxi.run_month import month_of_task

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airflow.sdk import Context

    from nyc_taxi.core.month import Month
    from nyc_taxi.files.download import File
    from nyc_taxi.load.stage import Staged

FRESH = timedelta(minutes=15)
"""The source is asked again when its answer is older than this."""


class StageMonthOperator(BaseOperator):
    """Downloads a month's file, and loads it into a table of this attempt alone.

    Nothing is downloaded when the month holds the same file already. A retried or cleared task asks the
    source again instead of trusting an old answer.

    :param publication: the answer of the publication sensor (templated). Airflow may lose it when its
        database fails at the wrong moment; then the source is asked
    :param dataset: name of the dataset (templated)
    :param month: the month as ``YYYY-MM`` (templated); the run's own month by default
    :param target: name of the warehouse
    :param force: load the file even if it is unchanged (templated: true or false)
    :param tlc_conn_id: connection that lists the sources
    :param warehouse_conn_id: connection of the warehouse; None for the target's own
    """

    template_fields: Sequence[str] = ("publication", "dataset", "month", "force")
    template_fields_renderers: ClassVar[dict[str, str]] = {"publication": "json"}
    operator_extra_links = (SourceFileLink(), MonthLink())
    ui_color = "#d9ecf7"
    upload_only: ClassVar[bool] = False

    def __init__(
        self,
        *,
        publication: dict[str, Any] | None,
        dataset: str,
        month: str | None = None,
        target: str,
        force: bool | str = False,
        tlc_conn_id: str = settings.TLC_CONN_ID,
        warehouse_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.publication = publication
        self.dataset = dataset
        self.month = month
        self.target = target
        self.force = force
        self.tlc_conn_id = tlc_conn_id
        self.warehouse_conn_id = warehouse_conn_id
        self.known_month: Month | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Stage the month, and return what was staged."""
        step = "upload" if self.upload_only else "stage"
        with metrics.timed(step, self.dataset, self.target):
            staged = self._stage(context)
        if staged.unchanged:
            self.log.info("%s %s already holds this file.", staged.dataset, staged.month)
        else:
            self.log.info(
                "%s %s: %s rows in the file, %s %s, %s rejected, in %.1f s.",
                staged.dataset,
                staged.month,
                f"{staged.rows_in_file:,}",
                f"{staged.rows_loaded:,}",
                "uploaded" if self.upload_only else "loaded",
                f"{staged.rows_rejected:,}",
                staged.seconds,
            )
        return staged.to_json()

    def _stage(self, context: Context) -> Staged:
        from nyc_taxi.files.download import download
        from nyc_taxi.load.stage import stage_month

        progress = ProgressLog(self.log.info)

        def fetch(publication: Publication, folder: Path) -> File:
            credentials = NycTlcHook(self.tlc_conn_id).sources().credentials
            return download(
                publication, folder, credentials=credentials, progress=partial(progress, "download")
            )

        return stage_month(
            warehouse(self.target, self.warehouse_conn_id),
            self._fresh(context),
            fetch=fetch,
            run_id=context["run_id"],
            force=str(self.force).lower() == "true",
            upload_only=self.upload_only,
            progress=progress,
        )

    def on_kill(self) -> None:
        """Stop at once, so that the copy is rolled back.

        :raises KeyboardInterrupt: always; Airflow continues the task when this method returns
        """
        raise KeyboardInterrupt("The task was stopped from outside.")

    def _fresh(self, context: Context) -> Publication:
        known = Publication.from_json(self.publication) if self.publication else None
        self.known_month = month = known.month if known is not None else month_of_task(self.month, context)
        is_retry = context["ti"].try_number > 1
        if known is not None and not is_retry and datetime.now(UTC) - known.asked_at < FRESH:
            return known
        publication = NycTlcHook(self.tlc_conn_id).ask(self.dataset, month)
        self.publication = publication.to_json()
        return publication.require()
