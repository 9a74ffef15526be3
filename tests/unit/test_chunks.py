from __future__ import annotations

import random

import pytest

from nyc_taxi.files.chunks import LONGEST, NoRecordEnd, chunks
from nyc_taxi.files.csvfile import RecordCounter


def pieces(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("last_line_ends", [True, False])
@pytest.mark.parametrize("block", [1, 3, 7, 64, 1000])
@pytest.mark.parametrize("size", [1, 10, 50, 10_000])
def test_chunks_are_the_body_cut_at_records(
    line_end: bytes, last_line_ends: bool, block: int, size: int
) -> None:
    draw = random.Random(f"{line_end!r} {block} {size}")
    rows = [
        draw.choice([b"1,2", b"", b'"a' + line_end + b'b",2', b'"a""b",', b'""', b"x" * 40])
        for _ in range(60)
    ]
    body = line_end.join(rows) + (line_end if last_line_ends else b"")
    found = list(chunks(pieces(body, block), line_end, size))
    assert b"".join(part for chunk in found for part in chunk.parts) == body
    whole = RecordCounter(line_end)
    whole.feed(body)
    assert sum(chunk.rows for chunk in found) == whole.finish()
    first = 1
    for chunk in found:
        assert chunk.first == first
        first += chunk.rows
        own = RecordCounter(line_end)
        own.feed(b"".join(chunk.parts))
        assert own.ends_in_newline or chunk is found[-1]
        assert own.finish() == chunk.rows > 0


def test_chunks_stay_small() -> None:
    body = b"1,2,3\n" * 10_000
    sizes = [sum(map(len, chunk.parts)) for chunk in chunks(pieces(body, 100), b"\n", 1000)]
    assert max(sizes) <= 1000 + 100
    assert min(sizes[:-1]) >= 1000 - 100


def test_nothing_has_no_chunks() -> None:
    assert list(chunks([b"", b""], b"\n")) == []


def test_quote_that_is_never_closed_cannot_be_cut() -> None:
    body = [b'1,"2\n', *[b"3,4\n" * 250_000] * (LONGEST // 1_000_000 + 1)]
    with pytest.raises(NoRecordEnd, match="from row 1 on"):
        list(chunks(body, b"\n"))
