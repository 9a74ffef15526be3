"""Finding months whose file was published again."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from nyc_taxi import settings
from nyc_taxi.errors import TaxiError
from nyc_taxi.files.publication import Publication, State
from nyc_taxi.hooks.tlc import NycTlcHook
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.targets import get_target

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nyc_taxi.files.source_list import SourceList
    from nyc_taxi.load.attempt import Attempt

AT_ONCE = 4
"""How many months the sources are asked about at the same time."""


class FindRepublishedOperator(BaseOperator):
    """Asks the sources about every loaded month, and returns one run to trigger per republished file.

    It costs one HEAD request per month. A month loaded from an address that the sources no longer use is
    skipped, because somebody chose that file. A run's id contains a hash of the file's version, so that
    the next recheck does not trigger the same version twice.

    :param target: name of the warehouse
    :param tlc_conn_id: connection that lists the sources
    :param warehouse_conn_id: connection of the warehouse; None for the target's own
    """

    ui_color = "#fdf3d0"

    def __init__(
        self,
        *,
        target: str,
        tlc_conn_id: str = settings.TLC_CONN_ID,
        warehouse_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target = target
        self.tlc_conn_id = tlc_conn_id
        self.warehouse_conn_id = warehouse_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:  # noqa: ARG002
        """Return the arguments of one triggered run for every republished month.

        :raises TaxiError: when not a single month could be asked about
        """
        from nyc_taxi.postgres import ledger

        store = warehouse(self.target, self.warehouse_conn_id)
        store.prepare()
        with store.session("rechecking") as connection:
            loaded = ledger.months(connection)
        answers = _ask_all(NycTlcHook(self.tlc_conn_id).sources(), loaded)
        failures = [answer for answer in answers if isinstance(answer, TaxiError)]
        for failure in failures:
            self.log.warning("A month was not checked: %s", failure)
        if failures and len(failures) == len(loaded):
            raise failures[0]
        runs = [
            self._run(answer)
            for attempt, answer in zip(loaded, answers, strict=True)
            if not isinstance(answer, TaxiError) and self._republished(attempt, answer)
        ]
        self.log.info("%d months are loaded; %d were published again.", len(loaded), len(runs))
        return runs

    def _republished(self, attempt: Attempt, answer: Publication) -> bool:
        if answer.state is not State.PUBLISHED:
            self.log.info("%s %s is not published any more; it stays.", attempt.dataset, attempt.month)
            return False
        if answer.url != attempt.url:
            self.log.info(
                "%s %s was loaded from %s, and the sources look at %s; it stays.",
                attempt.dataset,
                attempt.month,
                attempt.url,
                answer.url,
            )
            return False
        return not answer.same_file(
            url=attempt.url, etag=attempt.etag, last_modified=attempt.last_modified, bytes=attempt.bytes
        )

    def _run(self, answer: Publication) -> dict[str, Any]:
        version = f"{answer.url} {answer.etag} {answer.last_modified} {answer.bytes}"
        mark = hashlib.sha256(version.encode()).hexdigest()[:12]
        return {
            "load_dag_id": get_target(self.target).dag_id(answer.dataset),
            "load_run_id": f"recheck__{answer.dataset}_{answer.month}__{mark}",
            "conf": {"month": str(answer.month)},
        }


def _ask_all(sources: SourceList, loaded: list[Attempt]) -> list[Publication | TaxiError]:
    def ask(attempt: Attempt) -> Publication | TaxiError:
        try:
            return sources.ask(attempt.dataset, attempt.month)
        except TaxiError as error:
            return error

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(ask, loaded))
