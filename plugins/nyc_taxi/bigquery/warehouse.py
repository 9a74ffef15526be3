"""The BigQuery warehouse: what the load asks of it, and the modules that do it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nyc_taxi.bigquery import attempts
from nyc_taxi.bigquery.dbt_models import record_dbt_checks, stale_months
from nyc_taxi.bigquery.jobs import Jobs
from nyc_taxi.bigquery.lease import LEASE, Life, new_owner
from nyc_taxi.bigquery.ledger import BigQueryLedger
from nyc_taxi.bigquery.leftovers import remove_leftovers
from nyc_taxi.bigquery.publish import publish_month
from nyc_taxi.bigquery.schema import prepare
from nyc_taxi.bigquery.sweep import discard
from nyc_taxi.bigquery.tables import count_month, count_months, per_day
from nyc_taxi.bigquery.unload import unload_month
from nyc_taxi.bigquery.zones import count_zones, replace_zones

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    import pandas as pd

    from nyc_taxi.bigquery.place import Place
    from nyc_taxi.core.month import Month
    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication
    from nyc_taxi.load.attempt import Attempt, Key
    from nyc_taxi.load.warehouse import Finding, Loaded, Progress, StageStats, StaleMonth


@dataclass(frozen=True, slots=True)
class BigQueryWarehouse:
    """Implements :class:`~nyc_taxi.load.warehouse.Warehouse` in BigQuery and a bucket of Cloud Storage.

    :param place: the project, its bucket and its datasets
    :param name: what messages call the warehouse: the connection's id
    :param lease: seconds for which a process that stages is taken to be alive after its last sign of life
    """

    place: Place
    name: str
    lease: int = LEASE
    _staging: dict[int, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def jobs(self) -> Jobs:
        """Its statements and load jobs."""
        return Jobs(self.place, self.name)

    @property
    def ledger(self) -> BigQueryLedger:
        """Its ledger."""
        return BigQueryLedger(self.jobs, self._staging)

    def prepare(self) -> None:
        """Create the tables that are missing, and add columns; existing rows are never touched."""
        prepare(self.jobs)

    def check(self) -> str:
        """Return one sentence with project, location and bucket.

        :raises WarehouseRefused: when months cannot be loaded there
        """
        from nyc_taxi.bigquery.check import check

        return check(self.jobs)

    def address(self, table: str) -> tuple[str, str]:
        """Return ``bigquery`` and the full name of a table."""
        return "bigquery", f"{self.place.project}.{self.place.prefix}{table}"

    def remove_leftovers(self, dataset: str, month: Month) -> Attempt | None:
        """Remove what earlier attempts at a month left, finish what was begun, and return what it holds."""
        return remove_leftovers(self.jobs.about(dataset, month), dataset, month)

    @contextmanager
    def begin(self, publication: Publication, run_id: str) -> Iterator[Attempt]:
        """Record an attempt, and renew its lease in the ledger until the context ends."""
        jobs = self.jobs.about(publication.dataset, publication.month)
        owner = new_owner()
        attempt = attempts.begin(jobs, publication, run_id, owner, self.lease)
        self._staging[attempt.id] = ""
        life = Life(jobs, attempt, owner, self.lease)
        try:
            with life.shown():
                yield attempt
        finally:
            if attempt.id in self._staging:
                del self._staging[attempt.id]
                life.end()

    def count(self, dataset: str, month: Month) -> int:
        """Return how many rows a reader sees for a month."""
        return count_month(self.jobs, dataset, month)

    def counts(self, dataset: str) -> dict[Month, int]:
        """Return how many rows a reader sees for each month that has any."""
        return count_months(self.jobs, dataset)

    def per_day(self, dataset: str, months: Sequence[Month]) -> dict[Month, dict[date, int]]:
        """Return how many trips of some months began on each day of their month."""
        return per_day(self.jobs, dataset, months)

    def stage(self, attempt: Attempt, file: File, progress: Progress) -> StageStats:
        """Upload a file, and load its rows into a staging table of its attempt."""
        stats = self.upload(attempt, file, progress)
        loaded = self.load_uploaded(attempt.key, None)
        return replace(stats, rows_loaded=loaded.rows, table=loaded.table) if loaded else stats

    def upload(self, attempt: Attempt, file: File, progress: Progress) -> StageStats:
        """Put a file and its typed rows into the bucket, and its rejected rows into ``ops.rejected_rows``."""
        from nyc_taxi.bigquery.stage import upload

        stats, self._staging[attempt.id] = upload(self._about(attempt.key), attempt, file, progress)
        return stats

    def load_uploaded(self, key: Key, patience: float | None) -> Loaded | None:
        """Load uploaded rows into the staging table of their attempt, or find the job that does."""
        from nyc_taxi.bigquery.stage import load

        return load(self._about(key), key, patience)

    def is_loading(self, key: Key) -> bool:
        """Return whether the job that loads uploaded rows still runs."""
        from nyc_taxi.bigquery.stage import load_job

        return self.jobs.is_running(load_job(key))

    def discard(self, attempt: Attempt) -> None:
        """Remove the staging table of an attempt and its rejected rows."""
        discard(self._about(attempt.key), attempt)

    def publish(self, key: Key) -> Attempt:
        """Make an audited attempt what readers see of its month, unless another version won meanwhile."""
        return publish_month(self.jobs, key)

    def unload(self, dataset: str, month: Month) -> int:
        """Remove a month's rows, and let the ledger say so."""
        return unload_month(self.jobs, dataset, month)

    def replace_zones(self, zones: pd.DataFrame) -> int:
        """Make the zone lookup hold exactly these zones."""
        return replace_zones(self.jobs, zones)

    def count_zones(self) -> int:
        """Return how many zones the zone lookup has."""
        return count_zones(self.jobs)

    def findings(self, *, clean: bool = False) -> list[Finding]:
        """Look for leftovers in the ledger, in the staging dataset and in the bucket."""
        from nyc_taxi.bigquery.doctor import findings

        return findings(self.jobs, clean=clean)

    def stale_months(self, target: str) -> list[StaleMonth]:
        """Return the months that dbt has to build."""
        return stale_months(self.jobs, target)

    def record_dbt_checks(self, target: str) -> int:
        """Copy what dbt's checks have found to ``ops.quality_result``."""
        return record_dbt_checks(self.jobs, target)

    def grant_reading(self, role: str) -> bool:
        """Let an account or a group read the trips, the ledger and the marts; none is ever created."""
        from nyc_taxi.bigquery.readers import grant_reading

        grant_reading(self.jobs, role)
        return False

    def _about(self, key: Key) -> Jobs:
        return self.jobs.about(key.dataset, key.month, key.id)
