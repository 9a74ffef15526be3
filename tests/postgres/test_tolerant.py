"""Files with bad rows: each row is loaded, or kept with its line number and the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from nyc_taxi.errors import TruncatedFile
from nyc_taxi.files.old_values import BadValue, read_value
from tests.postgres.trips import (
    GREEN,
    content,
    leftovers,
    lines,
    load,
    published,
    refused,
    row,
    stage,
    text,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from nyc_taxi.core.dataset import ColumnType
    from nyc_taxi.postgres.warehouse import PostgresWarehouse

ROWS = 400
GOOD = row(7)
FIELDS = GOOD.split(",")


def field(position: int, value: str) -> str:
    """Return a good line with another value in one place."""
    return ",".join([*FIELDS[:position], value, *FIELDS[position + 1 :]])


class Case(NamedTuple):
    """A file of 400 good rows into which something is put before its row 11, which is line 12.

    :param put: the bytes put there, line end included
    :param records: data rows that they count as
    :param rejected: for every row refused, its ordinal, its line and words of the reason
    :param line_end: how the good rows end
    """

    put: bytes
    records: int = 1
    rejected: tuple[tuple[int, int, str], ...] = ()
    line_end: str = "\n"


CASES = {
    "too few fields": Case(b"2,2021-01-10 10:09:00\n", rejected=((11, 12, "2 fields where 20 belong"),)),
    "too many fields": Case(f"{GOOD},1\n".encode(), rejected=((11, 12, "21 fields where 20 belong"),)),
    "empty surplus fields": Case(f"{GOOD},,\n".encode()),
    "1.0 in an integer": Case(f"{field(7, '1.0')}\n".encode()),
    "1.5 in an integer": Case(
        f"{field(7, '1.5')}\n".encode(), rejected=((11, 12, "passenger_count: '1.5' is not a whole number"),)
    ),
    "1e3 in an integer": Case(
        f"{field(7, '1e3')}\n".encode(), rejected=((11, 12, "passenger_count: '1e3' is not a whole number"),)
    ),
    "0x1F in an integer": Case(
        f"{field(7, '0x1F')}\n".encode(), rejected=((11, 12, "'0x1F' is not a whole number"),)
    ),
    "1_000 in an integer": Case(
        f"{field(7, '1_000')}\n".encode(), rejected=((11, 12, "'1_000' is not a whole number"),)
    ),
    "beyond 32 bits": Case(
        f"{field(7, '2147483648')}\n".encode(), rejected=((11, 12, "does not fit into 32 bits"),)
    ),
    "a word in a double": Case(
        f"{field(9, 'much')}\n".encode(), rejected=((11, 12, "fare_amount: 'much' is not a number"),)
    ),
    "NaN in a double": Case(f"{field(9, 'NaN')}\n".encode(), rejected=((11, 12, "'NaN' is not a number"),)),
    "infinity in a double": Case(
        f"{field(9, '-Infinity')}\n".encode(), rejected=((11, 12, "'-Infinity' is not a number"),)
    ),
    "beyond a double": Case(
        f"{field(9, '1e999')}\n".encode(), rejected=((11, 12, "does not fit into a double"),)
    ),
    "below a double": Case(
        f"{field(9, '1e-999')}\n".encode(), rejected=((11, 12, "does not fit into a double"),)
    ),
    "now as a time": Case(
        f"{field(1, 'now')}\n".encode(), rejected=((11, 12, "lpep_pickup_datetime: 'now' is not a time"),)
    ),
    "infinity as a time": Case(
        f"{field(1, 'infinity')}\n".encode(), rejected=((11, 12, "'infinity' is not a time"),)
    ),
    "today as a time": Case(f"{field(2, 'TODAY')}\n".encode(), rejected=((11, 12, "'TODAY' is not a time"),)),
    "a day that is none": Case(
        f"{field(1, '2021-02-30 10:00:00')}\n".encode(), rejected=((11, 12, "is no time of the calendar"),)
    ),
    "a cut time": Case(f"{field(1, '2021-0')}\n".encode(), rejected=((11, 12, "'2021-0' is not a time"),)),
    "NUL byte": Case(f"{field(3, chr(0))}\n".encode(), rejected=((11, 12, "NUL byte"),)),
    "invalid UTF-8": Case(field(3, "N").encode() + b"\xff\xfe\n", rejected=((11, 12, "is not UTF-8"),)),
    "a stray quote": Case(
        f"{field(3, chr(34) + 'N')}\n".encode(), rejected=((11, 12, "quotes do not match"),)
    ),
    "a quoted line end": Case(f"{field(3, chr(34) + 'N' + chr(10) + 'Y' + chr(34))}\n".encode(), rejected=()),
    "a blank line": Case(b"\n", records=0),
    "blank lines and a bad row": Case(b"\r\n\n\nbad\n", rejected=((11, 15, "1 fields where 20 belong"),)),
    "CRLF among LF": Case(f"{GOOD}\r\n".encode()),
    "LF among CRLF": Case(f"{GOOD}\n".encode(), line_end="\r\n"),
    "blank LF line among CRLF": Case(b"\n", records=0, line_end="\r\n"),
    "a backslash and a dot": Case(b"\\.\n", rejected=((11, 12, "1 fields where 20 belong"),)),
    "the header again": Case(f"{GREEN}\n".encode(), rejected=((11, 12, "vendorid: 'VendorID' is not"),)),
    "a very long line": Case(b"9" * 300_000 + b"\n", rejected=((11, 12, "1 fields where 20 belong"),)),
    "bad rows one after another": Case(
        b"a\nb\nc\n", records=3, rejected=((11, 12, "1 fields"), (12, 13, "1 fields"), (13, 14, "1 fields"))
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_rows_are_kept_and_all_others_loaded(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    good = lines(ROWS)
    body = text(good[:11], case.line_end) + case.put + text(good[11:], case.line_end)
    done = load(taxi_warehouse, published(write(tmp_path, body)))

    assert done.rows_in_file == ROWS + case.records
    assert done.rows_rejected == len(case.rejected)
    assert done.rows_loaded == ROWS + case.records - len(case.rejected)
    rejected = refused(taxi_warehouse)
    assert [(reject.row_number, reject.line_number) for reject in rejected] == [
        (ordinal, line) for ordinal, line, _ in case.rejected
    ]
    for reject, (_, _, words) in zip(rejected, case.rejected, strict=True):
        assert words in reject.reason
        assert reject.line + b"\n" in case.put
    gaps = reader.execute(
        "select generate_series(1, %s) as n except select row_number from raw.green_tripdata order by n",
        (done.rows_in_file,),
    ).fetchall()
    assert gaps == [(ordinal,) for ordinal, _, _ in case.rejected]
    last = reader.execute("select pulocationid from raw.green_tripdata order by row_number desc limit 1")
    assert last.fetchone() == ((ROWS - 1) % 263 + 1,)


def test_tolerant_reading_gives_the_rows_that_the_fast_one_gives(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, real_data: Path, tmp_path: Path
) -> None:
    """One good file, and the same with a bad row at its end."""
    whole = (real_data / "real" / "yellow_tripdata_2020-01.head999.csv").read_bytes()
    fast = stage(taxi_warehouse, published(write(tmp_path, whole), dataset="yellow"))
    slow = stage(taxi_warehouse, published(write(tmp_path, whole + b"bad\r\n"), dataset="yellow"))
    assert (fast.rows_rejected, slow.rows_rejected) == (0, 1)
    tables = [f"stage.yellow_tripdata_2021_01_{staged.attempt}" for staged in (fast, slow)]
    hashes = [
        reader.execute(f"select count(*), md5(string_agg(t::text, '' order by row_number)) from {table} as t")
        for table in tables
    ]
    assert hashes[0].fetchone() == hashes[1].fetchone()


def test_unknown_columns_are_kept_by_the_tolerant_reading_too(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    rows = [f"{GREEN},weather", *(f'{row(n)},"wet, ""very""\t\\ß"' for n in range(200)), f"{row(1)},", "bad"]
    load(taxi_warehouse, published(write(tmp_path, text(rows))))
    query = "select unmapped, count(*) from raw.green_tripdata group by unmapped order by 2"
    assert reader.execute(query).fetchall() == [(None, 1), ({"weather": 'wet, "very"\t\\ß'}, 200)]


@pytest.mark.parametrize("cut", [b"2,2021-01-10 10", b"2", field(19, "x").encode(), b'"'])
def test_last_record_that_breaks_off_means_a_truncated_file(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path, cut: bytes
) -> None:
    with pytest.raises(TruncatedFile, match="ends in the middle of line 402"):
        stage(taxi_warehouse, published(write(tmp_path, text(lines(ROWS)) + cut)))
    assert content(reader) == []
    assert leftovers(reader) == []


def test_last_line_without_its_end_is_loaded_when_it_is_whole(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    done = load(taxi_warehouse, published(write(tmp_path, text(lines(ROWS)) + GOOD.encode())))
    assert (done.rows_in_file, done.rows_rejected) == (ROWS + 1, 0)


@pytest.mark.parametrize(
    ("type", "field", "value"),
    [
        ("integer", " 7 ", "7"),
        ("integer", "+7", "7"),
        ("integer", "-0", "0"),
        ("integer", "007", "7"),
        ("integer", "5.", "5"),
        ("integer", "", None),
        ("integer", "  ", None),
        ("double", ".5", ".5"),
        ("double", "-1e-5", "-1e-5"),
        ("double", "0e999", "0e999"),
        ("timestamp", "3019-02-03 00:00:00", "3019-02-03 00:00:00"),
        ("timestamp", "2021-01-01 23:59:59.123456", "2021-01-01 23:59:59.123456"),
        ("text", " as it is ", " as it is "),
        ("text", "", None),
    ],
)
def test_values_are_read_as_written(type: ColumnType, field: str, value: str | None) -> None:
    assert read_value(field, type) == value


@pytest.mark.parametrize(
    ("type", "field"),
    [
        ("integer", "٣"),
        ("integer", "1 2"),
        ("integer", "-"),
        ("integer", ".0"),
        ("double", "1,5"),
        ("double", "."),
        ("double", "1e"),
        ("double", "nan"),
        ("timestamp", "2021-01-01"),
        ("timestamp", "2021-01-01 24:00:00"),
        ("timestamp", "2021-01-01T00:00:00Z"),
        ("timestamp", "2021-01-01 00:00:00+01"),
        ("timestamp", "0000-01-01 00:00:00"),
    ],
)
def test_values_that_are_none_are_refused(type: ColumnType, field: str) -> None:
    with pytest.raises(BadValue):
        read_value(field, type)
