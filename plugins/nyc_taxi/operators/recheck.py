"""Finding months whose file was republished."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from nyc_taxi import settings
from nyc_taxi.hooks.tlc import NycTlcHook
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.targets import get_target

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nyc_taxi.files.publication import Publication


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

        :raises TaxiError: when not a single month could be checked
        """
        from nyc_taxi.load.recheck import find_republished

        sources = NycTlcHook(self.tlc_conn_id).sources()
        found = find_republished(warehouse(self.target, self.warehouse_conn_id), sources)
        for failure in found.failures:
            self.log.warning("A month was not checked: %s", failure)
        for remark in found.remarks:
            self.log.info("%s", remark)
        self.log.info("%d months are loaded; %d were republished.", found.loaded, len(found.republished))
        return [self._run(answer) for answer in found.republished]

    def _run(self, answer: Publication) -> dict[str, Any]:
        version = f"{answer.url} {answer.etag} {answer.last_modified} {answer.bytes}"
        digest = hashlib.sha256(version.encode()).hexdigest()[:12]
        return {
            "load_dag_id": get_target(self.target).dag_id(answer.dataset),
            "load_run_id": f"recheck__{answer.dataset}_{answer.month}__{digest}",
            "conf": {"month": str(answer.month)},
        }
