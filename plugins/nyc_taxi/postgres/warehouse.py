"""The Postgres warehouse: what the load asks of it, and the modules that do it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import Month
from nyc_taxi.postgres import attempts
from nyc_taxi.postgres.dbt_access import dbt_access
from nyc_taxi.postgres.dbt_models import record_dbt_checks, stale_months
from nyc_taxi.postgres.ledger import PostgresLedger
from nyc_taxi.postgres.publish import publish_month
from nyc_taxi.postgres.readers import grant_reading
from nyc_taxi.postgres.rights import require_rights
from nyc_taxi.postgres.schema import prepare
from nyc_taxi.postgres.sessions import Sessions
from nyc_taxi.postgres.statements import statement
from nyc_taxi.postgres.sweep import discard, remove_leftovers
from nyc_taxi.postgres.tables import count_months, count_rows, per_day
from nyc_taxi.postgres.unload import unload_month
from nyc_taxi.postgres.zones import count_zones, replace_zones

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

    import pandas as pd
    import psycopg

    from nyc_taxi.dbt.access import Access
    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication
    from nyc_taxi.load.attempt import Attempt, Key
    from nyc_taxi.load.warehouse import Finding, Progress, StageStats, StaleMonth


@dataclass(frozen=True, slots=True)
class PostgresWarehouse:
    """Implements :class:`~nyc_taxi.load.warehouse.Warehouse` in a Postgres database.

    :param open: opens a new connection; it must be a direct one, because locks last as long as it does
    :param name: what messages call the warehouse: the connection's id, never its URI
    :param streams: over how many connections a CSV file is copied; by default two when it is large and
        this machine has two cores
    """

    open: Callable[[], psycopg.Connection[Any]]
    name: str
    streams: int | None = None
    sessions: Sessions = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sessions", Sessions(self.open, self.name))

    @property
    def ledger(self) -> PostgresLedger:
        """Its ledger."""
        return PostgresLedger(self.sessions)

    def prepare(self) -> None:
        """Create or upgrade the schemas and tables; existing rows are never touched."""
        with self.sessions("prepare tables") as connection:
            prepare(connection, self.name)

    def check(self) -> str:
        """Return one sentence with the server's version, database and user.

        :raises WarehouseRefused: when months cannot be loaded there
        """
        with self.sessions("connection test") as connection:
            require_rights(connection, self.name)
            row = connection.execute(statement("check")).fetchone()
        version, database, user = row or ("?", "?", "?")
        return f"Postgres {version}, database {database}, user {user}."

    def address(self, table: str) -> tuple[str, str]:
        """Return the server and the qualified name of a table; a server on a socket is ``localhost``."""
        with self.sessions("name of a table") as connection:
            info = connection.info
            host = "localhost" if info.host.startswith("/") else info.host
            return f"postgres://{host}:{info.port}", f"{info.dbname}.{table}"

    def remove_leftovers(self, dataset: str, month: Month) -> Attempt | None:
        """Remove what earlier attempts at a month left, and return the attempt whose rows it holds."""
        with self.sessions(f"clean up {dataset} {month}") as connection:
            remove_leftovers(connection, dataset, month)
            return attempts.current(connection, dataset, month)

    @contextmanager
    def begin(self, publication: Publication, run_id: str) -> Iterator[Attempt]:
        """Record an attempt, and hold its lock in a session until the context ends."""
        with self.sessions(f"attempt {publication.dataset} {publication.month}") as connection:
            require_rights(connection, self.name)
            try:
                yield attempts.begin(connection, publication, run_id)
            finally:
                attempts.release(connection)

    def count(self, dataset: str, month: Month) -> int:
        """Return how many rows a reader sees for a month."""
        with self.sessions("count rows") as connection:
            return count_rows(connection, get_dataset(dataset), month)

    def counts(self, dataset: str) -> dict[Month, int]:
        """Return how many rows a reader sees for each month that has any."""
        with self.sessions("count rows") as connection:
            found = count_months(connection, get_dataset(dataset))
        return {Month.of(first_day): rows for first_day, rows in found.items()}

    def per_day(self, dataset: str, months: Sequence[Month]) -> dict[Month, dict[date, int]]:
        """Return how many trips of some months began on each day of their month."""
        with self.sessions("trips per day") as connection:
            return per_day(connection, get_dataset(dataset), months)

    def stage(self, attempt: Attempt, file: File, progress: Progress) -> StageStats:
        """Load a file into a stage table of its attempt."""
        from nyc_taxi.postgres.stage import stage_file

        return stage_file(self.sessions, attempt, file, progress, self.streams)

    def discard(self, attempt: Attempt) -> None:
        """Drop the stage table of an attempt and delete its rejected rows."""
        with self.sessions(f"discard attempt {attempt.id}") as connection:
            discard(connection, attempt)

    def publish(self, key: Key) -> Attempt:
        """Make an audited attempt what readers see of its month, unless another version won meanwhile."""
        return publish_month(self.sessions, key)

    def unload(self, dataset: str, month: Month) -> int:
        """Remove a month's rows in one transaction with the ledger."""
        return unload_month(self.sessions, dataset, month)

    def replace_zones(self, zones: pd.DataFrame) -> int:
        """Make the zone lookup hold exactly these zones."""
        with self.sessions("replace the zone lookup") as connection:
            return replace_zones(connection, zones)

    def count_zones(self) -> int:
        """Return how many zones the zone lookup has."""
        with self.sessions("count the zones") as connection:
            return count_zones(connection)

    def findings(self, *, clean: bool = False) -> list[Finding]:
        """Look for leftovers and for half detached partitions."""
        from nyc_taxi.postgres.doctor import findings

        with self.sessions("doctor") as connection:
            require_rights(connection, self.name)
            return findings(connection, clean=clean)

    def stale_months(self, target: str) -> list[StaleMonth]:
        """Return the months that dbt has to build."""
        with self.sessions("find stale months") as connection:
            return stale_months(connection, target)

    def record_dbt_checks(self, target: str) -> int:
        """Copy what dbt's checks have found to ``ops.quality_result``."""
        with self.sessions("record dbt's checks") as connection:
            return record_dbt_checks(connection, target)

    def dbt_access(self) -> Access:
        """Return what dbt needs to open a session like the warehouse's own."""
        with self.sessions("settings for dbt") as connection:
            require_rights(connection, self.name)
            return dbt_access(connection)

    def grant_reading(self, role: str) -> bool:
        """Let a role read the trips, the ledger and the marts."""
        return grant_reading(self.sessions, role)
