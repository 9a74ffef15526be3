"""Reading whole files: rows that are typed, rows that are rejected, and files that are refused."""

from __future__ import annotations

import gzip
import json
import struct
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nyc_taxi.core.dataset import RejectLimit, get_dataset
from nyc_taxi.errors import NotTheFile, TooManyRejects, TruncatedFile
from nyc_taxi.files.batch import batch_schema
from nyc_taxi.files.reader import open_file
from nyc_taxi.files.values import NULL_WORDS
from tests.files.trips import lenient, read
from tests.trips import GREEN, MONTH, lines, row, text

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 400
DAY = datetime.fromisoformat("2021-01-01 10:00:00")
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
    "too few fields": Case(b"2,2021-01-10 10:09:00\n", rejected=((11, 12, "it has 2 fields instead of 20"),)),
    "too many fields": Case(f"{GOOD},1\n".encode(), rejected=((11, 12, "it has 21 fields instead of 20"),)),
    "empty surplus fields": Case(f"{GOOD},,\n".encode()),
    "1.0 in an integer": Case(f"{field(7, '1.0')}\n".encode()),
    "1.5 in an integer": Case(
        f"{field(7, '1.5')}\n".encode(), rejected=((11, 12, "passenger_count: '1.5' is not a whole number"),)
    ),
    "1e3 in an integer": Case(f"{field(7, '1e3')}\n".encode()),
    "0x1F in an integer": Case(
        f"{field(7, '0x1F')}\n".encode(), rejected=((11, 12, "'0x1F' is not a number"),)
    ),
    "1_000 in an integer": Case(
        f"{field(7, '1_000')}\n".encode(), rejected=((11, 12, "'1_000' is not a number"),)
    ),
    "beyond 32 bits": Case(
        f"{field(7, '2147483648')}\n".encode(), rejected=((11, 12, "does not fit into 32 bits"),)
    ),
    "a word in a double": Case(
        f"{field(9, 'much')}\n".encode(), rejected=((11, 12, "fare_amount: 'much' is not a number"),)
    ),
    "NaN in a double": Case(f"{field(9, 'NaN')}\n".encode()),
    "infinity in a double": Case(
        f"{field(9, '-Infinity')}\n".encode(), rejected=((11, 12, "'-Infinity' is not a number"),)
    ),
    "beyond a double": Case(
        f"{field(9, '1e999')}\n".encode(), rejected=((11, 12, "does not fit into a double"),)
    ),
    "below a double": Case(f"{field(9, '1e-999')}\n".encode()),
    "now as a time": Case(
        f"{field(1, 'now')}\n".encode(), rejected=((11, 12, "lpep_pickup_datetime: 'now' is not a time"),)
    ),
    "infinity as a time": Case(
        f"{field(1, 'infinity')}\n".encode(), rejected=((11, 12, "'infinity' is not a time"),)
    ),
    "today as a time": Case(f"{field(2, 'TODAY')}\n".encode(), rejected=((11, 12, "'TODAY' is not a time"),)),
    "a day that is none": Case(
        f"{field(1, '2021-02-30 10:00:00')}\n".encode(), rejected=((11, 12, "is not in the calendar"),)
    ),
    "a cut time": Case(f"{field(1, '2021-0')}\n".encode(), rejected=((11, 12, "'2021-0' is not a time"),)),
    "NUL byte": Case(f"{field(3, chr(0))}\n".encode(), rejected=((11, 12, "NUL byte"),)),
    "invalid UTF-8": Case(field(3, "N").encode() + b"\xff\xfe\n", rejected=((11, 12, "is not UTF-8"),)),
    "a stray quote": Case(
        f"{field(3, chr(34) + 'N')}\n".encode(), rejected=((11, 12, "quotes do not match"),)
    ),
    "a quoted line end": Case(f"{field(3, chr(34) + 'N' + chr(10) + 'Y' + chr(34))}\n".encode(), rejected=()),
    "a blank line": Case(b"\n", records=0),
    "blank lines and a bad row": Case(b"\r\n\n\nbad\n", rejected=((11, 15, "it has 1 field instead of 20"),)),
    "CRLF among LF": Case(f"{GOOD}\r\n".encode()),
    "LF among CRLF": Case(f"{GOOD}\n".encode(), line_end="\r\n"),
    "blank LF line among CRLF": Case(b"\n", records=0, line_end="\r\n"),
    "a backslash and a dot": Case(b"\\.\n", rejected=((11, 12, "it has 1 field instead of 20"),)),
    "the header again": Case(f"{GREEN}\n".encode(), rejected=((11, 12, "vendorid: 'VendorID' is not"),)),
    "a very long line": Case(b"9" * 300_000 + b"\n", rejected=((11, 12, "it has 1 field instead of 20"),)),
    "bad rows one after another": Case(
        b"a\nb\nc\n", records=3, rejected=((11, 12, "1 field"), (12, 13, "1 field"), (13, 14, "1 field"))
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_rows_are_rejected_with_their_place_and_all_others_typed(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    good = lines(ROWS)
    path = tmp_path / "green.csv"
    path.write_bytes(text(good[:11], case.line_end) + case.put + text(good[11:], case.line_end))

    rows, rejects = read(path)

    assert len(rows) + len(rejects) == ROWS + case.records
    assert [(reject.row_number, reject.line_number) for reject in rejects] == [
        (ordinal, line) for ordinal, line, _ in case.rejected
    ]
    for reject, (_, _, words) in zip(rejects, case.rejected, strict=True):
        assert words in reject.reason
        assert reject.line + b"\n" in case.put
    gaps = {*range(1, ROWS + case.records + 1)} - {row["row_number"] for row in rows}
    assert gaps == {ordinal for ordinal, _, _ in case.rejected}
    assert rows[-1]["pulocationid"] == (ROWS - 1) % 263 + 1


def test_a_batch_has_the_schema_of_its_dataset_whatever_the_file_lacks(tmp_path: Path) -> None:
    path = tmp_path / "green.csv"
    path.write_bytes(b"lpep_pickup_datetime\n2021-01-01 00:00:00\n")
    with open_file(lenient("green"), path, MONTH) as reader:
        (batch,) = reader
    assert batch.rows.schema == batch_schema(get_dataset("green"))
    assert batch.rows.column("fare_amount").null_count == 1


@pytest.mark.parametrize("good", [True, False])
def test_rows_do_not_depend_on_a_bad_one(real_data: Path, tmp_path: Path, good: bool) -> None:
    whole = (real_data / "real" / "yellow_tripdata_2020-01.head999.csv").read_bytes()
    path = tmp_path / "yellow.csv"
    path.write_bytes(whole)
    expected, _ = read(path, "yellow")
    path.write_bytes(whole + (b"" if good else b"bad\r\n"))
    rows, rejects = read(path, "yellow")
    assert rows == expected
    assert len(rejects) == (not good)


def test_unknown_columns_are_kept_as_json(tmp_path: Path) -> None:
    path = tmp_path / "green.csv"
    path.write_bytes(
        text(
            [
                f"{GREEN},weather,Größe",
                *(f'{row(n)},"wet, ""very""\t\\ß",' for n in range(9)),
                f"{row(1)},NULL,",
            ]
        )
    )
    rows, _ = read(path)
    assert [json.loads(row["unmapped"]) for row in rows[:-1]] == [{"weather": 'wet, "very"\t\\ß'}] * 9
    assert "unmapped" not in rows[-1]


def test_a_last_line_without_its_end_is_typed_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "green.csv"
    path.write_bytes(text(lines(3)) + GOOD.encode())
    rows, rejects = read(path)
    assert (len(rows), rejects) == (4, [])


def test_a_file_of_rows_that_cannot_be_read_is_not_called_cut(tmp_path: Path) -> None:
    path = tmp_path / "green.csv"
    path.write_bytes(text(lines(ROWS)).replace(b"2021-01-", b"01.2021-").rstrip(b"\n"))
    with pytest.raises(TooManyRejects, match="400 of 400 rows"):
        read(path)


@pytest.mark.parametrize("limit", [RejectLimit(rows=9, share=1), RejectLimit(rows=1000, share=9.5 / ROWS)])
def test_too_many_rejects_are_an_error_after_the_last_batch(tmp_path: Path, limit: RejectLimit) -> None:
    dataset = replace(get_dataset("green"), rejects=limit)
    path = tmp_path / "green.csv"
    table = lines(ROWS)
    table[5:14] = ["bad"] * 9
    path.write_bytes(text(table))
    assert len(read(path, dataset)[1]) == 9

    table[20] = "worse"
    path.write_bytes(text(table))
    with open_file(dataset, path, MONTH) as reader:
        assert next(reader).rows.num_rows == ROWS - 10
        with pytest.raises(TooManyRejects) as refused:
            next(reader)
    assert (refused.value.rows_in_file, refused.value.rejected) == (ROWS, 10)
    assert [reject.line_number for reject in refused.value.kept] == [*range(6, 15), 21]
    assert refused.value.header == tuple(GREEN.split(","))
    assert refused.value.line_end == b"\n"
    assert f"10 of 400 rows of {path} cannot be read" in str(refused.value)
    assert "line 6: it has 1 field instead of 20; line 7" in str(refused.value)


def test_the_error_carries_the_first_thousand_rejects(tmp_path: Path) -> None:
    path = tmp_path / "green.csv"
    path.write_bytes(text([GREEN, *["bad"] * 2000]))
    with open_file(get_dataset("green"), path, MONTH) as reader, pytest.raises(TooManyRejects) as refused:
        list(reader)
    assert refused.value.rejected == 2000
    assert [reject.row_number for reject in refused.value.kept] == [*range(1, 1001)]


def test_the_first_bytes_decide_the_format(tmp_path: Path) -> None:
    body = text(lines(5))
    expected = [{**row, "row_number": n} for n, row in enumerate(read_bytes(tmp_path, body), 1)]
    assert read_bytes(tmp_path, gzip.compress(body)) == expected
    assert read_bytes(tmp_path, gzip.compress(body[:300]) + gzip.compress(body[300:])) == expected
    schema = batch_schema(get_dataset("green"))
    table = pa.Table.from_pylist(expected, schema).drop_columns(["row_number", "unmapped"])
    pq.write_table(table, tmp_path / "green")
    assert read(tmp_path / "green") == (expected, [])


def read_bytes(folder: Path, content: bytes) -> list[dict[str, object]]:
    (folder / "green").write_bytes(content)
    return read(folder / "green")[0]


def test_the_header_is_known_before_the_first_batch_and_the_size_after_the_last(tmp_path: Path) -> None:
    body = text(lines(100_000))
    path = tmp_path / "green.csv"
    path.write_bytes(body)
    with open_file(get_dataset("green"), path, MONTH) as reader:
        assert reader.plan.header == tuple(GREEN.split(","))
        assert reader.rows == 0
        sizes = [batch.rows.num_rows for batch in reader]
        assert (reader.rows, reader.bytes) == (100_000, len(body))
    assert len(sizes) > 1


@pytest.mark.parametrize("part", ["header", "middle", "footer"])
def test_a_cut_parquet_file_is_truncated(tmp_path: Path, real_data: Path, part: str) -> None:
    whole = (real_data / "real" / "green_tripdata_2021-01.parquet").read_bytes()
    path = tmp_path / "green.parquet"
    path.write_bytes(whole[: {"header": 4, "middle": len(whole) // 2, "footer": -1}[part]])
    with pytest.raises(TruncatedFile, match="cut or damaged"):
        read(path)


def test_an_empty_file_is_not_a_file_of_trips(tmp_path: Path) -> None:
    (tmp_path / "green.csv").touch()
    with pytest.raises(NotTheFile, match="is empty"):
        read(tmp_path / "green.csv")


def test_rows_of_parquet_are_rejected_one_by_one(tmp_path: Path) -> None:
    begun = [datetime.fromisoformat(f"2021-01-01 0{hour}:00:00") for hour in range(10)]
    table = pa.table(
        {
            "lpep_pickup_datetime": pa.array(begun, pa.timestamp("us")),
            "passenger_count": pa.array([1.0, 1.5, None, float("nan"), 2.0**40, *[1.0] * 5]),
            "store_and_fwd_flag": pa.array([*[b"N"] * 5, b"\xa0", b"\0", *[b"N"] * 3]).view(pa.string()),
            "weather": pa.array([*[b"wet"] * 7, b"\0", b"\xa0", b"NULL"]).view(pa.string()),
        }
    )
    pq.write_table(table, tmp_path / "green.parquet")
    rows, rejects = read(tmp_path / "green.parquet", replace(lenient("green"), rejects=RejectLimit(10, 1)))
    assert [(reject.row_number, reject.line_number, reject.reason) for reject in rejects] == [
        (2, None, "passenger_count: 1.5 is not a whole number"),
        (5, None, "passenger_count: 1099511627776.0 does not fit into 32 bits"),
        (6, None, r"store_and_fwd_flag: byte 1 of b'\xa0' is not UTF-8"),
        (7, None, "store_and_fwd_flag: it contains a NUL byte"),
        (8, None, "weather: it contains a NUL byte"),
        (9, None, r"weather: byte 1 of b'\xa0' is not UTF-8"),
    ]
    assert json.loads(rejects[2].line)["store_and_fwd_flag"] == r"\xa0"
    assert [row["row_number"] for row in rows] == [1, 3, 4, 10]
    assert [row.get("passenger_count") for row in rows] == [1, None, None, 1]
    assert [row.get("unmapped") for row in rows] == ['{"weather": "wet"}'] * 3 + [None]


def test_int96_times_far_away_stay_what_they_are_or_are_rejected(tmp_path: Path) -> None:
    seconds = [1_600_000_000, 33_110_000_000, -1, 18_448_344_073_709, 2**46, None]  # the fourth wraps to 2020
    pickups = pa.array([1_600_000_000] * len(seconds), pa.timestamp("s"))
    dropoffs = pa.array(seconds, pa.timestamp("s"))
    path = tmp_path / "green.parquet"
    table = pa.table({"lpep_pickup_datetime": pickups, "lpep_dropoff_datetime": dropoffs})
    pq.write_table(table, path, use_deprecated_int96_timestamps=True)
    rows, rejects = read(path, replace(lenient("green"), rejects=RejectLimit(10, 1)))
    assert [str(row.get("lpep_dropoff_datetime")) for row in rows] == [
        "2020-09-13 12:26:40",
        "3019-03-20 14:13:20",
        "1969-12-31 23:59:59",
        "None",
    ]
    assert [reject.row_number for reject in rejects] == [4, 5]


def test_null_words_are_null_in_both_formats(tmp_path: Path) -> None:
    table = [GREEN.split(","), *([word, "2021-01-01 10:00:00", *[word] * 18] for word in NULL_WORDS)]
    expected = [
        {"row_number": number, "lpep_pickup_datetime": datetime.fromisoformat("2021-01-01 10:00:00")}
        for number, _ in enumerate(NULL_WORDS, 1)
    ]
    assert read_bytes(tmp_path, text([",".join(fields) for fields in table])) == expected
    columns = {name: list(values) for name, *values in zip(*table, strict=True)}
    pq.write_table(pa.table(columns), tmp_path / "green")
    assert read(tmp_path / "green") == (expected, [])


def test_a_damaged_page_is_found_where_the_file_has_checksums(tmp_path: Path) -> None:
    path = tmp_path / "green.parquet"
    table = pa.table({"lpep_pickup_datetime": pa.array([DAY] * 9, pa.timestamp("us")), "extra": [1.5] * 9})
    pq.write_table(table, path, write_page_checksum=True, compression="none", use_dictionary=False)
    whole = path.read_bytes()
    at = whole.index(struct.pack("<d", 1.5) * 9)
    path.write_bytes(whole[:at] + bytes(72) + whole[at + 72 :])
    with pytest.raises(TruncatedFile, match=r"cut or damaged \(.*CRC checksum.*\)\. Fetch it again"):
        read(path, lenient("green"))


MIXED = [f"{row(number)},{'Yellow' if number % 2 else 'green'}" for number in range(10)]


def test_yellow_and_green_mixed_in_one_file_are_refused_by_the_column_that_tells_them_apart(
    tmp_path: Path,
) -> None:
    path = tmp_path / "green.csv"
    path.write_bytes(text([f"{GREEN},color", *MIXED]))
    with pytest.raises(TooManyRejects, match=r"5 of 10 rows .* color: 'Yellow' is another dataset's trip"):
        read(path)
    path.write_bytes(text([f"{GREEN},Taxi_Type", *MIXED[::2]]))
    rows, rejects = read(path)
    assert (len(rows), rejects) == (5, [])
    names = [*GREEN.split(","), "color"]
    columns = zip(*(line.split(",") for line in MIXED), strict=True)
    pq.write_table(pa.table(dict(zip(names, map(list, columns), strict=True))), path)
    with pytest.raises(TooManyRejects, match=r"row 2: color: 'Yellow' is another dataset's trip"):
        read(path)
