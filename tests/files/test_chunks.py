"""Cutting a CSV body into records and chunks."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nyc_taxi.errors import NotTheFile
from nyc_taxi.files.chunks import Chunk, chunks, records

CUTS = st.lists(st.integers(0, 400), max_size=12)
CSV_LIKE = st.lists(
    st.sampled_from([b'"', b'""', b",", b"a", b"\n", b"\r\n", b"\r", b"\0", b"\xe9", b'"a"', b"a,b\n"]),
    max_size=120,
).map(b"".join)
LINE_ENDS = [b"\n", b"\r\n", b"\r"]


def cut(content: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(position, len(content)) for position in at), len(content)]
    return [content[start:end] for start, end in pairwise(edges)]


def numbered(found: list[Chunk], line_end: bytes) -> list[tuple[int, int, bytes]]:
    """Return the row number, line number and content of each record of some chunks."""
    rows: list[tuple[int, int, bytes]] = []
    for chunk in found:
        if chunk.irregular:
            own = [(record.line, record.content) for record in chunk.irregular]
        elif chunk.rows:
            lines = chunk.content.removesuffix(line_end[-1:]).split(line_end[-1:])
            own = [(n, line.removesuffix(line_end[:-1])) for n, line in enumerate(lines, chunk.first_line)]
        else:
            own = []
        assert len(own) == chunk.rows
        rows += [(chunk.first_row + n, *record) for n, record in enumerate(own)]
    return rows


def expected_rows(content: bytes, line_end: bytes) -> list[tuple[int, int, bytes]]:
    """Return the same of a whole body, record by record."""
    filled = [record for record in records(content, line_end) if record.content.strip(b"\r\n")]
    return [(row, record.line, record.content) for row, record in enumerate(filled, 1)]


@pytest.mark.parametrize("line_end", LINE_ENDS)
@given(content=st.one_of(CSV_LIKE, st.binary(max_size=400)), at=CUTS, size=st.integers(1, 100))
def test_chunks_are_the_records_of_the_body_wherever_blocks_end(
    line_end: bytes, content: bytes, at: list[int], size: int
) -> None:
    found = list(chunks(cut(content, at), line_end, size=size))

    assert b"".join(chunk.content for chunk in found) == content
    assert numbered(found, line_end) == expected_rows(content, line_end)


@pytest.mark.parametrize("line_end", LINE_ENDS)
@pytest.mark.parametrize(
    "line",
    ["1,2", '"1","2"', '"a""b",2', "é,2", '"",""'],
    ids=["digits", "quoted", "doubled", "UTF-8", "empty"],
)
def test_lines_of_well_formed_text_are_regular(line_end: bytes, line: str) -> None:
    body = (line.encode() + line_end) * 7
    for content in (body, body[: -len(line_end)]):
        (chunk,) = chunks([content], line_end)
        assert (chunk.first_row, chunk.first_line, chunk.rows, chunk.irregular) == (1, 1, 7, ())


@pytest.mark.parametrize("line_end", LINE_ENDS)
@pytest.mark.parametrize(
    "line",
    [b"", b"a\0b", b"\xff", b'a"b"', b'"a"b', b'"a', b'"a\nb",1', b"a\rb", b"\r", b'a,"b","c'],
)
def test_other_lines_are_looked_at_one_by_one(line_end: bytes, line: bytes) -> None:
    content = line_end.join([b"1,2", line, b"3,4", b""])
    (chunk,) = chunks([content], line_end)
    assert chunk.irregular or line_end == b"\r"
    assert numbered([chunk], line_end) == expected_rows(content, line_end)


def test_chunks_stay_small() -> None:
    body = b"1,2,3\n" * 10_000
    blocks = [body[start : start + 100] for start in range(0, len(body), 100)]
    sizes = [len(chunk.content) for chunk in chunks(blocks, b"\n", size=1000)]
    assert max(sizes) <= 1000 + 100
    assert min(sizes[:-1]) >= 1000 - 100


def test_line_numbers_start_where_the_body_does() -> None:
    found = list(chunks([b'a\r\n"b\r\nc"\r\n\r\nd'], b"\r\n", 3))
    assert numbered(found, b"\r\n") == [(1, 3, b"a"), (2, 4, b'"b\r\nc"'), (3, 7, b"d")]


def test_nothing_has_no_chunks() -> None:
    assert list(chunks([b"", b""], b"\n")) == []


def test_a_line_without_end_is_not_a_trip() -> None:
    block = b"x" * (1 << 23)
    with pytest.raises(NotTheFile, match="Line 1 has more than 67,108,864 bytes"):
        list(chunks((block for _ in range(100)), b"\n"))


def test_a_long_line_costs_a_small_multiple_of_its_length() -> None:
    size = 10 << 20
    block = b"x" * (1 << 20)
    tracemalloc.start()
    try:
        found = [chunk.rows for chunk in chunks((block for _ in range(10)), b"\n")]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found == [1]
    assert peak < 4 * size


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
def test_a_stray_quote_spoils_its_own_line_and_no_other(
    content: bytes, expected: list[tuple[int, bytes]]
) -> None:
    assert [(record.line, record.content) for record in records(content, b"\n")] == expected


def test_quotes_that_close_where_64_kib_end_are_judged_by_what_follows() -> None:
    opened = b'"' + b"\n" * ((1 << 16) - 2) + b'"'

    assert [record.content for record in records(opened + b"\na\n", b"\n")] == [opened, b"a"]
    assert b"\n".join(record.content for record in records(opened + b"x\na", b"\n")) == opened + b"x\na"


@pytest.mark.parametrize("line_end", [b"\n", b"\r"])
@given(content=st.one_of(CSV_LIKE, st.binary(max_size=400)))
def test_records_rejoined_are_the_input(line_end: bytes, content: bytes) -> None:
    found = list(records(content, line_end))

    rejoined = line_end.join(record.content for record in found)
    assert content in (rejoined, rejoined + line_end)
    lines = [1]
    for record in found[:-1]:
        lines.append(lines[-1] + 1 + record.content.count(line_end))
    assert [record.line for record in found] == lines[: len(found)]


@given(
    rows=st.lists(
        st.lists(st.text(st.sampled_from('a,"\n\r'), max_size=6), min_size=2, max_size=4),
        max_size=8,
    )
)
def test_records_of_well_formed_csv_are_its_rows(rows: list[list[str]]) -> None:
    written = [
        ",".join('"{}"'.format(field.replace('"', '""')) for field in fields).encode() for fields in rows
    ]
    assert [record.content for record in records(b"".join(row + b"\n" for row in written), b"\n")] == written
