"""A cut that looks whole: the last row of a CSV file without a line end."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.core.dataset import RejectLimit
from nyc_taxi.errors import TooManyRejects, TruncatedFile
from nyc_taxi.files.reader import open_file
from tests.files.trips import lenient, read
from tests.trips import GREEN, MONTH, lines, row, text

if TYPE_CHECKING:
    from pathlib import Path

ANY = replace(lenient("green"), rejects=RejectLimit(rows=1000, share=1))
GOOD = [f"{row(number)}2.75" for number in range(20)]


def written(folder: Path, last: str, rows: list[str] = GOOD, header: str = GREEN) -> Path:
    """Write a file whose last row has no line end."""
    path = folder / "green.csv"
    path.write_bytes(text([header, *rows]) + last.encode())
    return path


def unended(path: Path, *, whole: bool = False) -> tuple[int, list[str]]:
    """Return the number of the last row if it is to be reported, and why rows were rejected."""
    with open_file(ANY, path, MONTH, whole=whole) as reader:
        reasons = [reject.reason for batch in reader for reject in batch.rejects]
        return reader.unended, reasons


def test_a_file_that_only_lacks_its_last_line_end_loads_and_is_reported_by_row(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD[0])
    assert unended(path) == (21, [])
    path.write_bytes(path.read_bytes() + b"\n")
    assert unended(path) == (0, [])


def test_a_length_that_the_server_stated_or_a_gzip_trailer_proves_the_file_whole(tmp_path: Path) -> None:
    path = written(tmp_path, f"{row(1)}2")
    assert unended(path, whole=True) == (0, [])
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert unended(path) == (0, [])


@pytest.mark.parametrize(
    ("header", "rows", "last", "reason"),
    [
        (GREEN, GOOD, row(1), "congestion_surcharge: it is empty, which it is in no row before"),
        (GREEN, GOOD, f"{row(1)}2", "'2' is shorter than the values before, such as '2.75'"),
        (GREEN, GOOD, f"{row(1)}2.", "'2.' is shorter"),
        (GREEN, GOOD, f"{row(1)}2.7", "'2.7' is shorter"),
        ("a,lpep_pickup_datetime", ["1,2021-01-01 10:00:00"], "1,2021-01-01 10:00", "10:00' is shorter"),
        ("lpep_pickup_datetime,base", ["2021-01-01 10:00,B001"], "2021-01-01 10:00,B0", "base: 'B0' is"),
    ],
)  # fmt: skip
def test_a_last_row_is_rejected_when_its_last_field_is_missing_or_odd_for_its_column(
    tmp_path: Path, header: str, rows: list[str], last: str, reason: str
) -> None:
    number, (why,) = unended(written(tmp_path, last, rows, header))
    assert number == len(rows) + 1
    assert reason in why
    assert why.endswith(", and the file ends there without a line end")


@pytest.mark.parametrize(
    ("rows", "last"),
    [
        ([row(number) for number in range(20)], row(20)),  # blank, as in the rows before
        ([*GOOD, f"{row(1)}0"], f"{row(1)}2"),  # no form that all values have
        ([*GOOD, f"{row(1)}2."], f"{row(1)}2."),
        (GOOD, f"{row(1)}12.75"),
        ([], f"{row(1)}2"),  # nothing to compare with
    ],
)
def test_a_last_row_of_the_form_of_the_others_is_kept(tmp_path: Path, rows: list[str], last: str) -> None:
    assert unended(written(tmp_path, last, rows)) == (len(rows) + 1, [])


@pytest.mark.parametrize("cut", ["2,2021-01-10 10", "2", f"{row(1)}x", '"', f'{row(1)}"2.7'])
def test_a_last_row_that_breaks_off_means_a_cut_file(tmp_path: Path, cut: str) -> None:
    path = written(tmp_path, cut, lines(400)[1:])
    with pytest.raises(TruncatedFile, match=r"ends in the middle of line 402 \(.*\)\. The file is cut"):
        read(path)


def test_unreadable_times_are_the_reason_also_without_a_last_line_end(tmp_path: Path) -> None:
    for rows in ([], ["01/02/2021 10:00,1"], ["01/02/2021 10:00,1"] * 400):
        path = written(tmp_path, "01/02/2021 10:00,1", rows, "lpep_pickup_datetime,extra")
        with pytest.raises(TooManyRejects, match=r"'01/02/2021 10:00' is not a time"):
            read(path, lenient("green"))
