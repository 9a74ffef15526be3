"""A warehouse as the load sees it: the protocol that every adapter implements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import date, datetime

    import pandas as pd

    from nyc_taxi.core.month import Month
    from nyc_taxi.files.download import File
    from nyc_taxi.files.header import HeaderPlan
    from nyc_taxi.files.publication import Publication
    from nyc_taxi.load.attempt import Attempt, Key
    from nyc_taxi.load.ledger import Ledger
    from nyc_taxi.load.measures import Measures

    Progress = Callable[[str, int, int | None], None]
    """Called with the step (``download`` or ``copy``), the bytes done, and their total if it is known."""


@dataclass(frozen=True, slots=True)
class StageStats:
    """What staging a file came to.

    :param plan: what its header meant
    :param rows_in_file: data rows counted in the file itself
    :param rows_loaded: rows that the warehouse counted in the staging table; that were uploaded, of a file
        that is not loaded yet
    :param rows_rejected: rows that could not be loaded
    :param bytes_uncompressed: size of the file's content
    :param measures: what the staged rows add up to
    :param table: where the rows are, for people: the staging table, or the uploaded object
    """

    plan: HeaderPlan
    rows_in_file: int
    rows_loaded: int
    rows_rejected: int
    bytes_uncompressed: int
    measures: Measures
    table: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in the warehouse that is not as it should be.

    :param what: which kind of thing
    :param where: its name
    :param since: when it began or was last changed, with time zone, if that is known
    :param bytes: the space that it takes, if that is known
    :param to_do: what a person can do; empty when nothing is left to do
    :param done: what was done about it; empty when nothing was
    """

    what: str
    where: str
    since: datetime | None
    bytes: int | None
    to_do: str
    done: str = ""


@dataclass(frozen=True, slots=True)
class StaleMonth:
    """A month whose rows the marts do not hold as the ledger has them now.

    :param reason: ``new``, ``replaced``, ``unloaded``, ``other zones``, or ``no models`` for its dataset
    """

    dataset: str
    month: Month
    reason: str

    @property
    def can_be_built(self) -> bool:
        """Whether dbt has models for it."""
        return self.reason != "no models"

    def __str__(self) -> str:
        return f"{self.dataset} {self.month} ({self.reason})"


def new_months(published: Iterable[Attempt]) -> list[StaleMonth]:
    """Return every published month as one that dbt has to build, oldest first: it has not built any yet."""
    months = [StaleMonth(one.dataset, one.month, "new") for one in published]
    return sorted(months, key=lambda one: (one.month, one.dataset))


class Warehouse(Protocol):
    """Holds the months. Any number of processes may use it at once.

    Every method raises :class:`~nyc_taxi.errors.WarehouseUnreachable`,
    :class:`~nyc_taxi.errors.WarehouseRefused` or :class:`~nyc_taxi.errors.WarehouseBusy` when the warehouse
    cannot be used, and no error of its driver.
    """

    @property
    def name(self) -> str:
        """What messages call the warehouse: the id of its connection."""

    @property
    def ledger(self) -> Ledger:
        """Its ledger."""

    def prepare(self) -> None:
        """Create or upgrade what the load needs; one look when there is nothing to do."""

    def check(self) -> str:
        """Return one sentence about a warehouse that can be used, for a connection's Test button."""

    def address(self, table: str) -> tuple[str, str]:
        """Return the namespace and the name by which OpenLineage knows a table, such as ``raw.trips``."""

    def remove_leftovers(self, dataset: str, month: Month) -> Attempt | None:
        """Remove what earlier attempts at a month left, by the rules of :mod:`nyc_taxi.load.leftovers`.

        Best effort, and quick: what somebody reads is left for the next time. What a live process owns is
        never touched.

        :returns: the attempt whose rows the month holds
        """

    def begin(self, publication: Publication, run_id: str) -> AbstractContextManager[Attempt]:
        """Record an attempt, and prove until the context ends that its process lives.

        Ending the context records nothing.
        """

    def count(self, dataset: str, month: Month) -> int:
        """Return how many rows a reader sees for a month."""

    def counts(self, dataset: str) -> Mapping[Month, int]:
        """Return how many rows a reader sees for each month that has any."""

    def per_day(self, dataset: str, months: Sequence[Month]) -> Mapping[Month, Mapping[date, int]]:
        """Return how many trips of some months began on each day of their month; days without are missing."""

    def stage(self, attempt: Attempt, file: File, progress: Progress) -> StageStats:
        """Load a file into a table of its attempt alone, with its rejected rows: all of it or nothing.

        :raises TooManyRejects: from the reader; nothing was kept
        :raises ContractError: whatever else is wrong with the file; nothing was kept
        """

    def discard(self, attempt: Attempt) -> None:
        """Remove what an attempt has staged, if anything."""

    def publish(self, key: Key) -> Attempt:
        """Make an audited attempt what readers see of its month, unless another version won meanwhile.

        Readers see the month's old rows or its new rows, whole. Publishing again returns the outcome of the
        first time.

        :returns: the attempt, *published* or *superseded* (*replaced* when it is asked again later)
        :raises ContractError: when the attempt was not audited, failed, or lost what it had staged
        """

    def unload(self, dataset: str, month: Month) -> int:
        """Remove a month's rows in one transaction with the ledger, and return how many there were."""

    def replace_zones(self, zones: pd.DataFrame) -> int:
        """Make the zone lookup hold exactly these zones, and return how many there are."""

    def count_zones(self) -> int:
        """Return how many zones the zone lookup has."""

    def findings(self, *, clean: bool = False) -> list[Finding]:
        """Look for leftovers of dead attempts and for whatever else only this warehouse can have.

        :param clean: whether to remove the leftovers; what is removed has its ``done`` set, and no ``to_do``
        """

    def stale_months(self, target: str) -> list[StaleMonth]:
        """Return the months of which the marts lack the published version, oldest first.

        :param target: dbt's target, ``prod`` or ``dev``
        """

    def record_dbt_checks(self, target: str) -> int:
        """Copy what dbt's checks have found since the last time to the ledger; return how many are new."""

    def grant_reading(self, role: str) -> bool:
        """Let a role read the trips, the ledger and the marts, and return whether the role was created."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading an uploaded file came to.

    :param rows: rows that the warehouse counted in the staging table
    :param table: name of the staging table, for people
    """

    rows: int
    table: str


@runtime_checkable
class Uploading(Protocol):
    """A warehouse that loads from a bucket: staging is two steps, which may be taken in two processes.

    Between them nobody has to be alive. Rows that are uploaded are kept as long as staged ones.
    """

    def upload(self, attempt: Attempt, file: File, progress: Progress) -> StageStats:
        """Put a file and its typed rows into the bucket, and its rejected rows into the warehouse.

        :raises TooManyRejects: from the reader; nothing was kept
        :raises ContractError: whatever else is wrong with the file; nothing was kept
        """

    def load_uploaded(self, key: Key, patience: float | None) -> Loaded | None:
        """Load uploaded rows into the staging table of their attempt; again finds the job of the first time.

        :param patience: seconds to wait for the job; None for as long as it runs
        :returns: None when the job still runs
        """

    def is_loading(self, key: Key) -> bool:
        """Return whether the job that loads uploaded rows still runs."""
