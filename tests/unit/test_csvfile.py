"""Blocks, counts and records of CSV files."""

from __future__ import annotations

import gzip
import tracemalloc
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nyc_taxi.errors import NotTheFile, TruncatedFile
from nyc_taxi.files.csvfile import RecordCounter, blocks, records

if TYPE_CHECKING:
    from pathlib import Path

BODY = b"".join(b"%d,2021-01-01 00:00:%02d,%d.5\r\n" % (n, n % 60, n * 7919) for n in range(5000))
PACKED = gzip.compress(BODY)

CUTS = st.lists(st.integers(0, 400), max_size=12)
CSV_LIKE = st.lists(st.sampled_from([b'"', b'""', b",", b"a", b"\n", b"\r\n", b"\r"]), max_size=120).map(
    b"".join
)


def cut(content: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(position, len(content)) for position in at), len(content)]
    return [content[start:end] for start, end in pairwise(edges)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "green_tripdata_2021-01.csv.gz"


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(BODY, id="plain"),
        pytest.param(PACKED, id="gzip"),
        pytest.param(gzip.compress(BODY[:7]) + gzip.compress(BODY[7:]), id="two members"),
        pytest.param(gzip.compress(b"") + PACKED + gzip.compress(b""), id="empty members"),
        pytest.param(
            b"".join(gzip.compress(BODY[at : at + 100]) for at in range(0, len(BODY), 100)), id="many members"
        ),
    ],
)
@pytest.mark.parametrize("size", [1, 4096, 1 << 20])
def test_blocks_are_the_content_in_pieces_of_one_size(file: Path, stored: bytes, size: int) -> None:
    file.write_bytes(stored)

    pieces = list(blocks(file, size))

    assert b"".join(pieces) == BODY
    assert {len(piece) for piece in pieces[:-1]} <= {size}


def test_gzip_is_recognised_by_its_bytes_not_by_the_name(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.csv.gz", tmp_path / "packed.csv"
    plain.write_bytes(BODY)
    packed.write_bytes(PACKED)

    assert list(blocks(plain)) == list(blocks(packed)) == [BODY]


def test_gzip_of_nothing_has_no_blocks(file: Path) -> None:
    file.write_bytes(gzip.compress(b""))

    assert list(blocks(file)) == []


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        pytest.param(PACKED[:2], "ends before its end mark, after 0 bytes", id="in the first header"),
        pytest.param(PACKED[: len(PACKED) // 2], "ends before its end mark", id="in the middle"),
        pytest.param(PACKED[:-8], "ends before its end mark", id="before the trailer"),
        pytest.param(PACKED[:-1], "ends before its end mark", id="one byte short"),
        pytest.param(PACKED + PACKED[:5], "ends before its end mark", id="in the second header"),
        pytest.param(PACKED + PACKED[:1], "ends before its end mark", id="one byte of the second header"),
        pytest.param(PACKED + PACKED[:-4], "ends before its end mark", id="in the second trailer"),
        pytest.param(
            PACKED[:-8] + bytes([PACKED[-8] ^ 1]) + PACKED[-7:], "incorrect data check", id="wrong checksum"
        ),
        pytest.param(PACKED[:-4] + b"\0\0\0\0", "incorrect length check", id="wrong length"),
        pytest.param(PACKED[:40] + b"\xff" * 40 + PACKED[80:], "cannot be decompressed", id="damaged"),
        pytest.param(
            PACKED + b"garbage", r"goes on after its end with b'garbage', after [\d,]+ bytes", id="garbage"
        ),
        pytest.param(PACKED + b"\0" * 512, "goes on after its end", id="zeros"),
    ],
)
def test_cut_or_damaged_gzip_is_refused(file: Path, stored: bytes, reason: str) -> None:
    file.write_bytes(stored)

    with pytest.raises(TruncatedFile, match=reason) as refused:
        list(blocks(file))

    assert str(file) in str(refused.value)
    assert "fetch it again" in str(refused.value)


def test_cut_gzip_says_how_much_content_came_before_the_cut(file: Path) -> None:
    packed = gzip.compress(bytes(1000)) + gzip.compress(bytes(500))
    file.write_bytes(packed[:-1])

    with pytest.raises(TruncatedFile, match=r"after 1,500 bytes of content"):
        list(blocks(file))


@pytest.mark.parametrize(
    ("stored", "kind"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04rest", "is a zip archive"),
        (b"PAR1rest", "is a parquet file"),
        (b"BZh91AY", "is a bzip2 archive"),
        (b"\xfd7zXZ\x00", "is an xz archive"),
        (b"\x28\xb5\x2f\xfd", "is a zstd archive"),
        (b"\n <!DOCTYPE html><title>Not found</title>", "is a page of HTML or XML"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied', "is a page of HTML or XML"),
    ],
)
def test_a_file_of_another_kind_is_refused(file: Path, stored: bytes, kind: str) -> None:
    file.write_bytes(stored)

    with pytest.raises(NotTheFile, match=kind) as refused:
        list(blocks(file))

    assert str(file) in str(refused.value)


def test_memory_does_not_grow_with_the_file(file: Path) -> None:
    # Zeros are packed a thousandfold, so that one read of the file is far more than a block.
    with gzip.open(file, "wb") as packed:
        for _ in range(64):
            packed.write(bytes(1 << 20))
    tracemalloc.start()
    try:
        total = sum(len(block) for block in blocks(file))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert total == 64 << 20
    assert peak < 6 << 20


def naive_count(content: bytes, line_end: bytes) -> int:
    """Count records as one reads them: byte by byte."""
    count, quoted, pending = 0, False, False
    for byte in content:
        pending = True
        if byte == ord('"'):
            quoted = not quoted
        elif byte == line_end[-1] and not quoted:
            count, pending = count + 1, False
    return count + pending


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@given(content=st.one_of(CSV_LIKE, st.binary(max_size=400)), at=CUTS)
def test_counter_agrees_with_reading_byte_by_byte(line_end: bytes, content: bytes, at: list[int]) -> None:
    counter = RecordCounter(line_end)
    for block in cut(content, at):
        counter.feed(block)

    assert counter.finish() == naive_count(content, line_end)


@pytest.mark.parametrize(
    ("content", "line_end", "count", "ended"),
    [
        (b"", b"\n", 0, True),
        (b"a,b\n", b"\n", 1, True),
        (b"a,b", b"\n", 1, False),
        (b"a,b\nc,d", b"\n", 2, False),
        (b"a,b\r\nc,d\r\n", b"\r\n", 2, True),
        (b"a,b\rc,d\r", b"\r", 2, True),
        (b'"a\nb",c\n', b"\n", 1, True),
        (b'"a""\nb",c\n', b"\n", 1, True),
        (b'"a","b"\r\n"c","d"\r\n', b"\r\n", 2, True),
        (b'"never closed\na\nb\n', b"\n", 1, False),
        (b"a,b\n\nc,d\n", b"\n", 3, True),
    ],
)
def test_counter_counts_line_ends_outside_quotes(
    content: bytes, line_end: bytes, count: int, ended: bool
) -> None:
    for size in (1, 2, 1000):
        counter = RecordCounter(line_end)
        for at in range(0, len(content), size):
            counter.feed(content[at : at + size])

        assert (counter.finish(), counter.ends_in_newline) == (count, ended)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"a\nb\n", [(1, b"a"), (2, b"b")], id="lines"),
        pytest.param(b"a\nb", [(1, b"a"), (2, b"b")], id="last line without end"),
        pytest.param(b"a\n\nb\n", [(1, b"a"), (2, b""), (3, b"b")], id="blank line"),
        pytest.param(b"a\r\nb\n", [(1, b"a\r"), (2, b"b")], id="CRLF among LF"),
        pytest.param(b'"a","b"\nc\n', [(1, b'"a","b"'), (2, b"c")], id="quoted"),
        pytest.param(b'a,"b\n\nc",d\ne\n', [(1, b'a,"b\n\nc",d'), (4, b"e")], id="line ends in quotes"),
        pytest.param(b'"a""\nb"\nc\n', [(1, b'"a""\nb"'), (3, b"c")], id="doubled quotes"),
        pytest.param(b'"a\r\nb"\r\nc\n', [(1, b'"a\r\nb"\r'), (3, b"c")], id="CRLF in quotes"),
        pytest.param(b'"a\nb"', [(1, b'"a\nb"')], id="quotes close at the very end"),
        pytest.param(b'a,"b\nc\nd\n', [(1, b'a,"b'), (2, b"c"), (3, b"d")], id="quote never closed"),
        pytest.param(
            b'a,b"\nc\nd,"e"\n', [(1, b'a,b"'), (2, b"c"), (3, b'd,"e"')], id="quote within a field"
        ),
        pytest.param(
            b'a,"b\nc\nd,x"e\nf\n',
            [(1, b'a,"b'), (2, b"c"), (3, b'd,x"e'), (4, b"f")],
            id="two stray quotes that are no quoted field",
        ),
        pytest.param(
            b'a,"b\nc"d\ne\n', [(1, b'a,"b'), (2, b'c"d'), (3, b"e")], id="text after a closing quote"
        ),
        pytest.param(
            b'a,"' + b"b\n" * (1 << 15) + b'c",d\n',
            [(1, b'a,"b'), *((n, b"b") for n in range(2, (1 << 15) + 1)), ((1 << 15) + 1, b'c",d')],
            id="quotes further apart than 64 KiB",
        ),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_a_stray_quote_spoils_its_own_line_and_no_other(
    content: bytes, expected: list[tuple[int, bytes]], size: int
) -> None:
    if size < 3 and len(content) > 1000:
        size = 1000
    pieces = [content[at : at + size] for at in range(0, len(content), size)]

    assert list(records(pieces, b"\n")) == expected


def test_quotes_that_close_where_64_kib_end_are_judged_by_what_follows() -> None:
    opened = b'"' + b"\n" * ((1 << 16) - 2) + b'"'

    assert [record for _, record in records([opened, b"\na\n"], b"\n")] == [opened, b"a"]
    assert b"\n".join(record for _, record in records([opened, b"x\na"], b"\n")) == opened + b"x\na"


def test_line_numbers_start_where_the_body_does() -> None:
    assert list(records([b'a\r\n"b\r\nc"\r\nd'], b"\r\n", start_line=3)) == [
        (3, b"a"),
        (4, b'"b\r\nc"'),
        (6, b"d"),
    ]


def test_records_of_a_file_with_bare_carriage_returns() -> None:
    assert list(records([b'a\rb,"c\rd"\re'], b"\r")) == [(1, b"a"), (2, b'b,"c\rd"'), (4, b"e")]


@pytest.mark.parametrize("line_end", [b"\n", b"\r"])
@given(content=st.one_of(CSV_LIKE, st.binary(max_size=400)), at=CUTS)
def test_records_rejoined_are_the_input(line_end: bytes, content: bytes, at: list[int]) -> None:
    found = list(records(cut(content, at), line_end))

    rejoined = line_end.join(record for _, record in found)
    assert content in (rejoined, rejoined + line_end)
    lines = [1]
    for _, record in found[:-1]:
        lines.append(lines[-1] + 1 + record.count(line_end))
    assert [line for line, _ in found] == lines[: len(found)]


@given(
    lines=st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"").rstrip(b"\r"))), at=CUTS
)
def test_records_rejoined_are_the_input_with_crlf(lines: list[bytes], at: list[int]) -> None:
    content = b"".join(line + b"\r\n" for line in lines)

    found = list(records(cut(content, at), b"\r\n"))

    assert b"".join(record + b"\r\n" for _, record in found) == content


@given(content=CSV_LIKE, at=CUTS)
def test_records_do_not_depend_on_where_blocks_end(content: bytes, at: list[int]) -> None:
    assert list(records(cut(content, at), b"\n")) == list(records([content], b"\n"))


@given(
    rows=st.lists(
        st.lists(st.text(st.sampled_from('a,"\n\r'), max_size=6), min_size=2, max_size=4),
        max_size=8,
    ),
    at=CUTS,
)
def test_records_of_well_formed_csv_are_its_rows_and_the_counter_agrees(
    rows: list[list[str]], at: list[int]
) -> None:
    written = [
        ",".join('"{}"'.format(field.replace('"', '""')) for field in fields).encode() for fields in rows
    ]
    content = b"".join(row + b"\n" for row in written)
    counter = RecordCounter(b"\n")
    for block in cut(content, at):
        counter.feed(block)

    assert [record for _, record in records(cut(content, at), b"\n")] == written
    assert counter.finish() == len(written)


def test_a_long_line_costs_a_small_multiple_of_its_length() -> None:
    size = 10 << 20
    block = b"x" * (1 << 20)
    tracemalloc.start()
    try:
        found = [len(record) for _, record in records((block for _ in range(10)), b"\n")]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found == [size]
    assert peak < 4 * size


def test_a_line_without_end_is_no_trip() -> None:
    block = b"x" * (1 << 23)

    with pytest.raises(NotTheFile, match="Line 1 has more than 67,108,864 bytes"):
        list(records((block for _ in range(100)), b"\n"))
