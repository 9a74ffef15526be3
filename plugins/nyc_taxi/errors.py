"""Every error that this package raises on purpose.

A message says what happened, where (dataset, month, URL or table) and what to do next. Two branches decide
about retries: a :class:`TransientError` may pass when the same thing is tried again, a
:class:`ContractError` will not. A subclass exists where code catches it, or where its name in the log of a
task says more than its branch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nyc_taxi.files.batch import RejectedRow


class TaxiError(Exception):
    """Root of the errors of this package."""


class TransientError(TaxiError):
    """Trying the same thing again later may succeed."""


class ContractError(TaxiError):
    """Trying again cannot help: an input, a file or a setting must change first."""


class InvalidMonth(ContractError, ValueError):
    """A text does not name a month, or a range of months is empty."""


class InvalidSource(ContractError, ValueError):
    """A source list, or the connection that holds it, contains something that is not a source."""


class InvalidCommand(ContractError):
    """The arguments of a command make no sense together, or cannot be followed now; nothing was changed."""


class NeverInSource(ContractError):
    """No configured source will ever have this month."""


class NotPublishedYet(TransientError):
    """The source covers this month but does not have its file yet."""


class SourceUnreachable(TransientError):
    """The source did not answer, or answered with a server error (5xx, 429).

    :param retry_after: seconds to wait before the next request, if the source said so
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SourceRefused(ContractError):
    """The source answered with a status that a retry will not change."""


class DownloadInterrupted(TransientError):
    """A transfer ended before its last byte, or took too long."""


class NotTheFile(ContractError):
    """The source sent something other than the expected kind of file (an error page, an archive, nothing)."""


class TruncatedFile(ContractError):
    """A file ends before its own end marks say that it should, or its checksum does not match."""


class SchemaDrift(ContractError):
    """A file's columns differ from the dataset's description in a way that its policy does not accept."""


class TooManyRejects(ContractError):
    """More rows of a file were rejected than the dataset allows.

    :param rows_in_file: number of rows in the file
    :param rejected: number of rows that cannot be read
    :param kept: the first 1,000 of those
    :param header: names of the file's columns
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


class AuditFailed(ContractError):
    """A staged month did not pass a check that guards its publication."""


class WarehouseUnreachable(TransientError):
    """The warehouse did not answer, or cannot accept connections now."""


class WarehouseRefused(ContractError):
    """The warehouse refused the user, the database or the request, or its version is not supported."""


class WarehouseNotSetUp(WarehouseRefused):
    """The warehouse answers, but lacks what a user has to create first: a bucket or a dataset."""


class WarehouseBusy(TransientError):
    """A lock in the warehouse was not granted in time."""


class DataTestFailed(ContractError):
    """Data failed a test of the dbt project; models that depend on them were not built.

    :param message: as for every error
    :param findings: the failed checks, each as ``green 2021-01, name of the check (error): what it found``
    """

    def __init__(self, message: str, findings: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class ConnectionNotFound(TransientError):
    """Airflow has no such connection, or could not look it up; only a retry can tell the two apart."""


class MetadataUnavailable(TransientError):
    """Airflow's own database did not answer, or has not been set up."""


class BootstrapFailed(ContractError):
    """Airflow could not be set up, or not in time."""
