"""Bad files and bad answers, one line each: what is served, what becomes of it, and what is said.

To add one, add a line: either with the rows that are loaded and rejected, or with the error that refuses
the file and a part of its message; the month then stays as it was.
"""

# ruff: noqa: E501 (a case is a line)

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nyc_taxi.core.month import Month
from nyc_taxi.errors import (
    AuditFailed,
    DownloadInterrupted,
    NotTheFile,
    SchemaDrift,
    SourceRefused,
    SourceUnreachable,
    TooManyRejects,
    TruncatedFile,
)
from tests.file_server import FAULTS, Reply
from tests.trips import lines, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nyc_taxi.errors import TaxiError

ROWS = 400
"""Data rows of the good file from which the bad ones are made; one in two hundred may be refused."""

HEADER, *TRIPS = lines(ROWS)
BODY = text([HEADER, *TRIPS], "\r\n")
PACKED = gzip.compress(BODY, mtime=0)

TOO_SLOW = "time limit for a whole file"
"""What is said of an answer that takes for ever."""


@dataclass(frozen=True)
class Case:
    """One bad file or answer.

    :param replies: what the server answers, one after another; the last one stays
    :param loaded: rows that the month holds afterwards; None when the file is refused
    :param rejected: rows that are kept as refused
    :param error: what the load ends with, when the file is refused
    :param says: part of the one message, a regular expression
    """

    name: str
    replies: Sequence[Reply]
    loaded: int | None = None
    rejected: int = 0
    error: type[TaxiError] | None = None
    says: str = ""


def packed(content: bytes) -> Reply:
    return Reply(gzip.compress(content, mtime=0), headers={"ETag": f'"{zlib.crc32(content)}"'})


def changed(number: int, old: str, new: str) -> bytes:
    """Return the body with a text replaced in one data row."""
    rows = list(TRIPS)
    assert old in rows[number]
    rows[number] = rows[number].replace(old, new, 1)
    return text([HEADER, *rows], "\r\n")


def header(old: str, new: str) -> bytes:
    assert old in HEADER
    return text([HEADER.replace(old, new, 1), *TRIPS], "\r\n")


def swapped() -> bytes:
    """Return the body with two columns exchanged, in the header and in every row."""
    table = [line.split(",") for line in (HEADER, *TRIPS)]
    for fields in table:
        fields[1], fields[2], fields[8], fields[9] = fields[2], fields[1], fields[9], fields[8]
    return text([",".join(fields) for fields in table])


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("green_tripdata_2021-01.csv", BODY)
    return buffer.getvalue()


def bomb() -> bytes:
    """Return a small gzip file with a gigabyte of zeros in it, and no end, which nobody should reach."""
    pack = zlib.compressobj(9, wbits=31)
    start = pack.compress(text([HEADER])) + pack.flush(zlib.Z_FULL_FLUSH)
    # After a full flush, the same bytes are compressed to the same bytes, so it is done once.
    zeros = pack.compress(bytes(1 << 20)) + pack.flush(zlib.Z_FULL_FLUSH)
    return start + 1024 * zeros


def fault(name: str) -> Reply:
    return FAULTS[name](Reply(PACKED, headers={"ETag": '"good"'}))


def line(position: int, new: str) -> bytes:
    return text([HEADER, *TRIPS[:position], new, *TRIPS[position:]], "\r\n")


SNAKE = (
    HEADER.replace("VendorID", "vendor_id")
    .replace("RatecodeID", "rate_code_id")
    .replace("PULocationID", "pu_location_id")
)
WHOLE = Reply(PACKED, headers={"ETag": '"good"'})
CUT = Reply(PACKED, headers={"ETag": '"good"'}, cut=len(PACKED) // 2)
LONG = "x" * 10_000_000

CASES: tuple[Case, ...] = (
    # Not the file
    Case("page for gzip", [fault("page")], error=NotTheFile, says="is a page"),
    Case("page in disguise", [fault("page in disguise")], error=NotTheFile, says="page"),
    Case("xml error", [fault("xml error")], error=NotTheFile, says="NoSuchKey"),
    Case("empty", [Reply(b"")], error=NotTheFile, says="is empty"),
    Case("gzip of nothing", [packed(b"")], error=NotTheFile, says="is empty"),
    Case("zip", [Reply(zipped())], error=NotTheFile, says="is a zip archive"),
    Case("csv under a gzip name", [Reply(BODY)], loaded=ROWS),
    Case("gzip of a page", [packed(b"<html><title>Log in</title></html>")], error=NotTheFile, says="page"),
    Case("gzip of a gzip", [packed(PACKED)], loaded=ROWS),
    # Cut or damaged
    Case("cut in the gzip header", [Reply(PACKED[:9])], error=TruncatedFile, says="ends before"),
    Case("cut in the middle", [Reply(PACKED[: len(PACKED) // 2])], error=TruncatedFile, says="ends before"),
    Case("cut in the trailer", [Reply(PACKED[:-4])], error=TruncatedFile, says="ends before"),
    Case("wrong checksum", [Reply(PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:])], error=TruncatedFile, says="check"),
    Case("wrong length", [Reply(PACKED[:-4] + b"\0\0\0\1")], error=TruncatedFile, says="length"),
    Case("flipped bit", [Reply(PACKED[:3000] + bytes([PACKED[3000] ^ 8]) + PACKED[3001:])], error=TruncatedFile, says="cannot be decompressed"),
    Case("garbage at the end", [Reply(PACKED + b"garbage")], error=TruncatedFile, says="goes on after its end"),
    Case("two members", [Reply(gzip.compress(BODY[:5000]) + gzip.compress(BODY[5000:]))], loaded=ROWS),
    Case("last row cut", [packed(BODY[:-30])], error=TruncatedFile, says="ends in the middle of line 401"),
    Case("no final line end", [packed(BODY[:-2])], loaded=ROWS),
    # Columns
    Case("swapped columns", [packed(swapped())], loaded=ROWS),
    Case("renamed, and mostly blank", [packed(header("ehail_fee", "hail"))], error=SchemaDrift, says="lacks ehail_fee, which every green file of 2021-01 has. If they are called hail in it"),
    Case("renamed by a tool", [packed(text([SNAKE, *TRIPS]))], loaded=ROWS),
    Case("comma after the header", [packed(text([f"{HEADER},", *TRIPS]))], loaded=ROWS),
    Case("renamed, needed", [packed(header("lpep_pickup_datetime", "began"))], error=SchemaDrift, says="lpep_pickup"),
    Case("column twice", [packed(header("ehail_fee", "Extra"))], error=SchemaDrift, says="more than one column for extra"),
    Case("unknown column twice", [packed(text([f"{HEADER},moon,moon", *(f"{trip},," for trip in TRIPS)]))], loaded=ROWS),
    Case("quoted header", [packed(header("VendorID", '"VendorID"'))], loaded=ROWS),
    Case("byte order mark", [packed(b"\xef\xbb\xbf" + BODY)], loaded=ROWS),
    Case("utf-16", [packed(BODY.decode().encode("utf-16"))], error=NotTheFile, says="not UTF-8 at byte 1"),
    Case("header only", [packed(text([HEADER]))], error=AuditFailed, says="no row"),
    Case("header twice", [packed(line(0, HEADER))], loaded=ROWS, rejected=1),
    Case("no header", [packed(text(TRIPS))], error=NotTheFile, says="none of these is the name of a column"),
    Case("name of 1 MB", [packed(header("ehail_fee", "e" * 1_000_000))], error=NotTheFile, says="first line is longer than 65,536 bytes"),
    # Values
    Case("1.0 is an integer", [packed(changed(7, "2,2021", "2.0,2021"))], loaded=ROWS),
    Case("1e3 is a number", [packed(changed(7, ",10.5,", ",1e3,"))], loaded=ROWS),
    Case("word in a number", [packed(changed(7, ",10.5,", ",ten,"))], loaded=ROWS - 1, rejected=1),
    Case("now is no time", [packed(changed(0, "2021-01-01 10:00:00", "now"))], loaded=ROWS - 1, rejected=1),
    Case("infinity is no time", [packed(changed(0, "2021-01-01 10:00:00", "infinity"))], loaded=ROWS - 1, rejected=1),
    Case("T for a space", [packed(changed(0, "2021-01-01 10", "2021-01-01T10"))], loaded=ROWS),
    Case("time in UTC", [packed(changed(0, "10:00:00,", "10:00:00Z,"))], loaded=ROWS - 1, rejected=1),
    Case("time with an offset", [packed(changed(0, "10:00:00,", "10:00:00.5+02,"))], loaded=ROWS - 1, rejected=1),
    Case("time west of Greenwich", [packed(changed(0, "10:00:00,", "10:00:00-05,"))], loaded=ROWS - 1, rejected=1),
    Case("time with minutes of offset", [packed(changed(0, "10:00:00,", "10:00:00.25 -05:00,"))], loaded=ROWS - 1, rejected=1),
    Case("year of two digits", [packed(changed(0, "2021-01-01 10", "21-01-01 10"))], loaded=ROWS - 1, rejected=1),
    Case("time of the afternoon", [packed(changed(0, "10:00:00,", "10:00:00 PM,"))], loaded=ROWS - 1, rejected=1),
    Case("time of a zone", [packed(changed(0, "10:00:00,", "10:00:00 EST,"))], loaded=ROWS - 1, rejected=1),
    Case("0x1F is no number", [packed(changed(7, "2,2021", "0x1F,2021"))], loaded=ROWS - 1, rejected=1),
    Case("1_000 is no number", [packed(changed(7, "2,2021", "1_000,2021"))], loaded=ROWS - 1, rejected=1),
    Case("30 February", [packed(changed(0, "2021-01-01 11", "2021-02-30 11"))], loaded=ROWS - 1, rejected=1),
    Case("year 3019", [packed(changed(0, "2021-01-01 11", "3019-01-01 11"))], loaded=ROWS),
    Case("nul byte", [packed(changed(7, ",N,", ",\0,"))], loaded=ROWS - 1, rejected=1),
    Case("invalid utf-8", [packed(changed(7, ",N,", ",é,").replace("é".encode(), b"\xff"))], loaded=ROWS - 1, rejected=1),
    Case("too large a number", [packed(changed(7, "2,2021", "99999999999,2021"))], loaded=ROWS - 1, rejected=1),
    Case("half of it unreadable", [packed(BODY.replace(b",42,", b",x,", ROWS // 2))], error=TooManyRejects, says="cannot be read"),
    # Lines
    Case("quoted line end", [packed(changed(7, ",N,", ',"N\r\n",'))], loaded=ROWS),
    Case("stray quote", [packed(changed(7, ",N,", ',"N,'))], loaded=ROWS - 1, rejected=1),
    Case("too few fields", [packed(line(7, "2,2021-01-02 10:00:00"))], loaded=ROWS, rejected=1),
    Case("too many fields", [packed(line(7, TRIPS[7] + ",1,2"))], loaded=ROWS, rejected=1),
    Case("end-of-data mark", [packed(line(7, "\\."))], loaded=ROWS, rejected=1),
    Case("blank lines", [packed(line(7, "\r\n"))], loaded=ROWS),
    Case("LF among CRLF", [packed(BODY.replace(b"\r\n", b"\n", 50))], loaded=ROWS),
    Case("CR only", [packed(BODY.replace(b"\r\n", b"\r"))], loaded=ROWS),
    Case("line of 10 MB", [packed(line(7, LONG))], loaded=ROWS, rejected=1),
    Case("bomb of zeros", [Reply(bomb())], error=NotTheFile, says="more than"),
    # Months and datasets
    Case("another month", [packed(text(lines(ROWS, Month("2021-02"))))], error=AuditFailed, says="outside 2021-01"),
    Case("another dataset", [packed(text(["dispatching_base_num,pickup_datetime", "B1,2021-01-01 00:00:00"]))], error=SchemaDrift, says="looks like a file of fhv"),
    # Answers
    Case("401", [Reply(status=401)], error=SourceRefused, says="401"),
    Case("403 after it was there", [Reply(status=403)], error=SourceUnreachable, says="now answers 403"),
    Case("404 after it was there", [Reply(status=404)], error=SourceUnreachable, says="now answers 404"),
    Case("429, then the file", [Reply(status=429, headers={"Retry-After": "0"}), WHOLE], loaded=ROWS),
    Case("429 for an hour", [Reply(status=429, headers={"Retry-After": "3600"})], error=SourceUnreachable, says="3600"),
    Case("500 for ever", [Reply(status=500)], error=SourceUnreachable, says="answered GET with 500"),
    Case("502 in the middle", [CUT, Reply(status=502), WHOLE], loaded=ROWS),
    Case("cut, then the rest", [CUT, WHOLE], loaded=ROWS),
    Case("cut, then 503 for ever", [CUT, Reply(status=503)], error=SourceUnreachable, says="answered GET with 503"),
    Case("cut for ever", [replace(CUT, ranges=False)], error=DownloadInterrupted, says="ended after"),
    Case("cut and denied", [CUT, Reply(status=401)], error=SourceRefused, says="401"),
    Case("cut, then another version", [CUT, packed(text([HEADER, *TRIPS[:300]]))], loaded=300),
    Case("reset, then the rest", [FAULTS["reset"](WHOLE), WHOLE], loaded=ROWS),
    Case("shorter than announced", [Reply(PACKED, length=len(PACKED) + 9, ranges=False)], error=DownloadInterrupted, says="ended after"),
    Case("longer than announced", [Reply(PACKED, length=len(PACKED) - 9)], error=TruncatedFile, says="ends before"),
    Case("slow drip", [Reply(PACKED, piece=1, pause=0.05)], error=DownloadInterrupted, says=TOO_SLOW),
    Case("redirect loop", [Reply(status=302, headers={"Location": "?again"})], error=SourceRefused, says="redirects more than"),
    Case("redirect that goes on for ever", [Reply(LONG.encode(), status=302, headers={"Location": "?again"}, piece=1, pause=0.05), WHOLE], loaded=ROWS),
    Case("redirect to a file", [Reply(status=302, headers={"Location": "file:///etc/passwd"})], error=SourceRefused, says="not a web address"),
)  # fmt: skip
