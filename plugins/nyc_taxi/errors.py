"""Every error that this package raises on purpose.

A message says what happened, where (dataset, month, URL or table) and what to do next.
Two branches decide about retries: a :class:`TransientError` may pass if the same thing is tried
again, a :class:`ContractError` will not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nyc_taxi.files.batch import RejectedRow


class TaxiError(Exception):
    """Root of the errors of this package."""


class TransientError(TaxiError):
    """Trying the same thing again later may succeed."""


class ContractError(TaxiError):
    """Trying again cannot help: an input, a file or a setting has to change first."""


class InvalidMonth(ContractError, ValueError):
    """A text does not name a month, or a range of months is empty."""


class UnresolvedMonth(ContractError):
    """A run does not say which month it is for, or says two different ones."""


class UnknownDataset(ContractError, ValueError):
    """No dataset of that name is described by this package."""


class InvalidSpec(ContractError):
    """A dataset's YAML description breaks its schema or contradicts itself."""


class InvalidSetting(ContractError, ValueError):
    """An option of Airflow's configuration has a value that it may not have."""


class InvalidSource(ContractError, ValueError):
    """A source list, or the connection that holds it, names nothing that files can come from."""


class NeverInSource(ContractError):
    """No configured source will ever hold this month."""


class NotPublishedYet(TransientError):
    """The source covers this month but does not serve its file so far."""


class WaitedTooLong(ContractError):
    """The source did not publish the month within the time that a run waits for it."""


class SourceUnreachable(TransientError):
    """The source did not answer, or answered with a server error (5xx, 429).

    :param retry_after: seconds that it wants to be left alone for, if it said so
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DownloadInterrupted(TransientError):
    """A transfer ended before all bytes had arrived, or took too long."""


class DiskFull(TransientError):
    """There is no room left for a file; it may be made while the task waits to be tried again."""


class SourceRefused(ContractError):
    """The source answered, with a status that asking again will not change."""


class NotTheFile(ContractError):
    """What was served is not a file of the expected kind (an error page, an archive, nothing)."""


class TruncatedFile(ContractError):
    """A file ends before its own end marks say that it should, or its checksum does not match."""


class SchemaDrift(ContractError):
    """A file's columns differ from the dataset's description in a way its policy does not accept."""


class TooManyRejects(ContractError):
    """More rows of a file were rejected than the dataset allows.

    :param rows_in_file: how many rows it has
    :param rejected: how many of them cannot be read
    :param kept: the first 1,000 of those
    :param header: the names of its columns
    :param line_end: how its rows end; empty for parquet
    """

    def __init__(
        self,
        message: str,
        *,
        rows_in_file: int,
        rejected: int,
        kept: tuple[RejectedRow, ...],
        header: tuple[str, ...] = (),
        line_end: bytes = b"",
    ) -> None:
        super().__init__(message)
        self.rows_in_file = rows_in_file
        self.rejected = rejected
        self.kept = kept
        self.header = header
        self.line_end = line_end


class RowCountMismatch(ContractError):
    """Rows in the file, rows loaded and rows rejected do not add up."""


class AuditFailed(ContractError):
    """A staged month did not pass a check that guards publication."""


class WarehouseUnreachable(TransientError):
    """The warehouse refused or did not answer the connection."""


class WarehouseRefused(ContractError):
    """The warehouse answered, and turned the user, the database or the request down."""


class WarehouseTooOld(ContractError):
    """The warehouse is a version that this package does not support."""


class WarehouseBusy(TransientError):
    """A lock was not granted in time."""


class DbtFailed(TransientError):
    """dbt did not end well for a reason that may pass, such as a warehouse that was restarted."""


class DbtRefused(ContractError):
    """A dbt project or one of its contracts is at fault; trying again cannot help."""


class DataTestFailed(ContractError):
    """Data did not pass a test of the dbt project; what depends on them was not built."""


class MissingColumn(ContractError, ValueError):
    """A table lacks a column that the next step needs."""


class MissingExtra(ContractError):
    """A feature needs a package that is installed only with one of this distribution's extras."""


class InvalidCommand(ContractError):
    """The arguments of a command are each valid and make no sense together."""


class MetadataUnavailable(TransientError):
    """Airflow's own database did not answer, or has not been set up."""


class ConnectionNotFound(TransientError):
    """Airflow has no such connection, or could not look it up; which of the two, only a retry can tell."""


class BootstrapFailed(ContractError):
    """Airflow could not be prepared, or was not in time; what is missing has to be provided first."""


class BackfillRefused(ContractError):
    """A backfill cannot be made as it was asked for; nothing was changed."""


class BackfillFailed(TaxiError):
    """At least one month of a backfill did not succeed."""


class LeftToDo(TaxiError):
    """Something was found that a person has to do, or to allow."""
