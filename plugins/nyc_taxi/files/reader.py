"""Reading a published file, whatever its format: batches of typed rows, and rejected rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from nyc_taxi.errors import TooManyRejects
from nyc_taxi.files.csv_reader import CsvReader
from nyc_taxi.files.parquet_reader import ParquetReader

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.core.month import Month
    from nyc_taxi.files.batch import Batch, RejectedRow
    from nyc_taxi.files.header import HeaderPlan

_PARQUET: Final = b"PAR1"
_GZIP: Final = b"\x1f\x8b"
_KEPT: Final = 1_000
"""Rejected rows that the error for too many of them carries."""
_SHOWN: Final = 3


def open_file(dataset: Dataset, path: Path, month: Month, *, whole: bool = False) -> Reader:
    """Open a file of a dataset; its first bytes decide whether it is parquet, gzip or plain CSV.

    Only the header is read. Memory does not grow with the file.

    :param month: the file's month, which decides what columns it should have
    :param whole: whether it is known that the file is not cut, as a length that the server has stated proves;
        a gzip file proves it by itself
    :raises NotTheFile: when it is not a file of trips
    :raises SchemaDrift: when the dataset's policy does not accept its columns
    :raises TruncatedFile: when it is cut or damaged
    """
    with path.open("rb") as file:
        start = file.read(len(_PARQUET))
    if start == _PARQUET:
        return Reader(dataset, path, ParquetReader(dataset, path, month))
    return Reader(dataset, path, CsvReader(dataset, path, month, whole=whole or start.startswith(_GZIP)))


class Reader:
    """The batches of an open file, in its order. It may be used by one thread at a time.

    Each row of the file is in exactly one batch, either typed or rejected.
    """

    def __init__(self, dataset: Dataset, path: Path, source: CsvReader | ParquetReader) -> None:
        self._dataset = dataset
        self._path = path
        self._source = source
        self._rejected = 0
        self._first: list[RejectedRow] = []
        self._batches = self._read()

    @property
    def plan(self) -> HeaderPlan:
        """What the file's header means."""
        return self._source.plan

    @property
    def rows(self) -> int:
        """How many rows have been read; after the last batch, those of the file."""
        return self._source.rows

    @property
    def unended(self) -> int:
        """Number of a last row without a line end, in a file that nothing proves to be whole; otherwise 0."""
        return self._source.unended

    @property
    def bytes(self) -> int:
        """Bytes of uncompressed content read so far."""
        return self._source.bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._batches.close()
        self._source.close()

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        """Return the next batch.

        :raises TruncatedFile: when the file turns out to be cut or damaged
        :raises TooManyRejects: after the last batch, when more rows were rejected than the dataset allows
        """
        return next(self._batches)

    def _read(self) -> Generator[Batch, None, None]:
        for batch in self._source:
            if batch.rejects:
                self._rejected += len(batch.rejects)
                self._first.extend(batch.rejects[: _KEPT - len(self._first)])
            yield batch
        limit = self._dataset.rejects
        most = min(limit.rows, limit.share * self.rows)
        if self._rejected - 1 <= most:
            self._source.check_end()
        if self._rejected > most:
            raise self._too_many()

    def _too_many(self) -> TooManyRejects:
        limit = self._dataset.rejects
        reasons = "; ".join(
            f"row {row.row_number}: {row.reason}"
            if row.line_number is None
            else f"line {row.line_number}: {row.reason}"
            for row in self._first[:_SHOWN]
        )
        return TooManyRejects(
            f"{self._rejected:,} of {self.rows:,} rows of {self._path} cannot be read. {self._dataset.name} "
            f"allows {limit.rows:,} rows and {limit.share:.1%} of a file. The first ones: {reasons}. Correct "
            f"the file, or the limit in {self._dataset.name}.yaml.",
            rows_in_file=self.rows,
            rejected=self._rejected,
            kept=tuple(self._first),
            header=self.plan.header,
            line_end=self.plan.line_end,
        )
