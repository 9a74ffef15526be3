"""The content of CSV files, in blocks."""

from __future__ import annotations

import gzip
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.errors import NotTheFile, TruncatedFile
from nyc_taxi.files.csvfile import blocks

if TYPE_CHECKING:
    from pathlib import Path

BODY = b"".join(b"%d,2021-01-01 00:00:%02d,%d.5\r\n" % (n, n % 60, n * 7919) for n in range(5000))
PACKED = gzip.compress(BODY)


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
