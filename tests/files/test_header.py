"""Headers of CSV files: line ends, marks, fields beyond the header, and what is no header."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nyc_taxi.errors import NotTheFile, SchemaDrift
from nyc_taxi.files.csvfile import blocks
from nyc_taxi.files.header import HeaderPlan, plan_csv
from tests.files.trips import lenient
from tests.trips import MONTH

if TYPE_CHECKING:
    from pathlib import Path

YELLOW, GREEN, FHV = map(lenient, ("yellow", "green", "fhv"))

NAMES = b"pickup_datetime,dispatching_base_num"


def names(plan: HeaderPlan) -> list[str]:
    return [field.name for field in plan.fields]


def unmapped(plan: HeaderPlan) -> list[str]:
    return [field.name for field in plan.fields if field.column is None]


@pytest.mark.parametrize(
    ("content", "line_end", "data"),
    [
        pytest.param(NAMES + b"\nt,B1\nt,B2\n", b"\n", b"t,B1\nt,B2\n", id="LF"),
        pytest.param(NAMES + b"\r\nt,B1\r\n", b"\r\n", b"t,B1\r\n", id="CRLF"),
        pytest.param(NAMES + b"\rt,B1\rt,B2\r", b"\r", b"t,B1\rt,B2\r", id="CR"),
        pytest.param(NAMES + b"\nt,B1\r\nt,B2\r\n", b"\r\n", b"t,B1\r\nt,B2\r\n", id="rows decide, CRLF"),
        pytest.param(NAMES + b"\r\nt,B1\nt,B2\n", b"\n", b"t,B1\nt,B2\n", id="rows decide, LF"),
        pytest.param(NAMES + b'\nt,"B\n1"\r\n', b"\r\n", b't,"B\n1"\r\n', id="not in quotes"),
        pytest.param(NAMES + b'\nt,"B1\r\nt,B2\r\n', b"\r\n", b't,"B1\r\nt,B2\r\n', id="a stray quote"),
        pytest.param(NAMES + b"\r\nt,B1", b"\r\n", b"t,B1", id="one row without end"),
        pytest.param(NAMES + b"\r\n", b"\r\n", b"", id="no rows"),
        pytest.param(NAMES, b"\n", b"", id="a header without end"),
        pytest.param(NAMES + b"\n\r\nt,B1\n", b"\n", b"t,B1\n", id="blank second line"),
        pytest.param(NAMES + b"\n\n\r\nt,B1\n", b"\n", b"t,B1\n", id="two blank lines"),
        pytest.param(NAMES + b"\r\r\nt,B1\n", b"\n", b"t,B1\n", id="CR CR LF"),
        pytest.param(b"\r\n" + NAMES + b"\nt,B1\n", b"\n", b"t,B1\n", id="blank first line"),
        pytest.param(b"\xef\xbb\xbf" + NAMES + b"\nt,B1\n", b"\n", b"t,B1\n", id="byte order mark"),
        pytest.param(
            b'\xef\xbb\xbf"pickup_datetime","dispatching_base_num"\nt,B1\n',
            b"\n",
            b"t,B1\n",
            id="byte order mark and quotes",
        ),
        pytest.param(
            b' "Pickup_DateTime" ,\tDispatching_base_num \nt,B1\n', b"\n", b"t,B1\n", id="padded quotes"
        ),
    ],
)
def test_line_ends_blank_lines_and_marks(content: bytes, line_end: bytes, data: bytes) -> None:
    plan = plan_csv(FHV, content, MONTH)

    assert names(plan) == ["pickup_datetime", "dispatching_base_num"]
    assert unmapped(plan) == []
    assert plan.line_end == line_end
    assert content[plan.data_offset :] == data


@pytest.mark.parametrize(
    ("header", "rows", "expected"),
    [
        pytest.param("tpep_pickup_datetime", [], [], id="no rows"),
        pytest.param(
            "tpep_pickup_datetime,extra", ["t,1,,", "t,2,,"], ["surplus_1", "surplus_2"], id="always"
        ),
        pytest.param("tpep_pickup_datetime,extra", ["t,1,,"], ["surplus_1", "surplus_2"], id="one row"),
        pytest.param("tpep_pickup_datetime,extra", ["t,1", "t,1,,,", "t,1"], [], id="one row of many"),
        pytest.param("tpep_pickup_datetime,extra", ["t", "t,1,", "t,1,"], ["surplus_1"], id="one short row"),
        pytest.param("tpep_pickup_datetime,extra", ["t,1,", "t,1"], [], id="as many with as without"),
        pytest.param(
            "tpep_pickup_datetime,extra", ["", "t,1,", "", "", "t,1,"], ["surplus_1"], id="blank lines"
        ),
        pytest.param("tpep_pickup_datetime,extra", ['t,"1,2"', 't,"3,4"'], [], id="commas in quotes"),
        pytest.param("tpep_pickup_datetime,extra", ['"t","1",""', '"t","1",""'], ["surplus_1"], id="quoted"),
        pytest.param("tpep_pickup_datetime,extra", ["t,\xe9,", "t,\xe9,"], ["surplus_1"], id="not ASCII"),
        pytest.param(
            "tpep_pickup_datetime,surplus_1",
            ["t,1,2", "t,1,2"],
            ["surplus_1", "surplus_1_2"],
            id="name taken",
        ),
        pytest.param("tpep_pickup_datetime,extra,", ["t,1,2", "t,1,2"], ["unnamed_3"], id="empty name"),
    ],
)
def test_fields_beyond_the_header_are_kept(header: str, rows: list[str], expected: list[str]) -> None:
    plan = plan_csv(YELLOW, "".join(f"{line}\n" for line in [header, *rows]).encode("utf-8"), MONTH)

    assert unmapped(plan) == expected


@pytest.mark.parametrize(
    ("header", "rows", "fields", "unknown"),
    [
        ("tpep_pickup_datetime,extra,", ["t,1"], ["tpep_pickup_datetime", "extra"], ()),
        ("tpep_pickup_datetime,extra,,", ["t,1", "t,1"], ["tpep_pickup_datetime", "extra"], ()),
        (",tpep_pickup_datetime,extra", ["t,1"], ["tpep_pickup_datetime", "extra"], ()),
        (",tpep_pickup_datetime,", ["1,t"], ["unnamed_1", "tpep_pickup_datetime"], ("unnamed_1",)),
        ("tpep_pickup_datetime,extra,", ["t,1,"], ["tpep_pickup_datetime", "extra", "unnamed_3"], ()),
        (",tpep_pickup_datetime", ["0,t", "1,t"], ["unnamed_1", "tpep_pickup_datetime"], ("unnamed_1",)),
        ("tpep_pickup_datetime", ["t,7"], ["tpep_pickup_datetime", "surplus_1"], ("surplus_1",)),
    ],
    ids=["comma", "commas", "index", "index and comma", "empty column", "column", "value beyond the header"],
)  # fmt: skip
def test_a_nameless_column_is_ignored_without_values_and_otherwise_kept_under_a_stated_name(
    header: str, rows: list[str], fields: list[str], unknown: tuple[str, ...]
) -> None:
    plan = plan_csv(YELLOW, "".join(f"{line}\n" for line in [header, *rows]).encode(), MONTH)

    assert names(plan) == fields
    assert plan.unknown == unknown


def test_a_row_that_the_block_cuts_says_nothing_about_surplus_fields() -> None:
    plan = plan_csv(YELLOW, b"tpep_pickup_datetime,extra\nt,1,,\nt,1", MONTH)

    assert unmapped(plan) == ["surplus_1", "surplus_2"]


def test_fields_beyond_the_header_are_not_reported_as_unknown_columns() -> None:
    plan = plan_csv(YELLOW, b"tpep_pickup_datetime,New_Fee\nt,1,\nt,2,\n", MONTH)

    assert unmapped(plan) == ["new_fee", "surplus_1"]
    assert plan.unknown == ("new_fee",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\r\n\r\n", "is empty"),
        (b"2,2020-04-01 00:44:02,2020-04-01 00:52:23,N,1,42\r\n", "2020-04-01 00:44:02"),
        (b"<!DOCTYPE html>\n<title>404</title>\n", "<!doctype html>"),
        (b"PK\x03\x04\x14\x00rest\n", r"is not text.*b'PK\\x03"),
        (b"\x1f\x8b\x08\x00\n", r"is not UTF-8 at byte 2.*b'\\x1f\\x8b"),
        (b"\xff\xfeV\x00e\x00n\x00d\x00o\x00r\x00\n\x00", "is not UTF-8 at byte 1"),
        (b'VendorID,"lpep_pickup_datetime\r\n2,2020\r\n', "is not CSV"),
        (b"VendorID,lpep_pickup_datetime" + b"," * (1 << 16) + b"\n", "is longer than 65,536 bytes"),
        (b"x" * (1 << 20), "is longer than 65,536 bytes"),
        (b"VendorID;lpep_pickup_datetime;fare_amount\n", "vendorid;lpep_pickup_datetime"),
        (b"brand,price\n", "brand, price"),
    ],
)
def test_what_is_no_header_is_refused_with_an_excerpt(content: bytes, said: str) -> None:
    with pytest.raises(NotTheFile, match=said) as refused:
        plan_csv(GREEN, content, MONTH)

    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400
    assert "green" in str(refused.value)


def test_a_plan_says_in_json_what_the_file_said() -> None:
    plan = plan_csv(YELLOW, "\ufefftpep_pickup_datetime, VendorID ,Größe\n".encode(), MONTH)

    assert plan.header == ("tpep_pickup_datetime", " VendorID ", "Größe")
    assert json.loads(json.dumps([plan.header, plan.missing, plan.unknown, plan.schema_version]))[0] == list(
        plan.header
    )


@given(st.binary(max_size=300))
def test_any_bytes_are_a_plan_or_one_of_two_errors(content: bytes) -> None:
    with suppress(NotTheFile, SchemaDrift):
        plan = plan_csv(FHV, NAMES + content, MONTH)

        assert len(NAMES) <= plan.data_offset <= len(NAMES) + len(content)
    with suppress(NotTheFile, SchemaDrift):
        plan_csv(FHV, content, MONTH)


def test_a_file_has_the_same_plan_compressed_or_not(tmp_path: Path) -> None:
    content = NAMES + b"\r\n2020-01-01 00:00:00,B1\r\n"
    plain, packed = tmp_path / "fhv.csv", tmp_path / "fhv.csv.gz"
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content))

    assert plan_csv(FHV, next(blocks(plain)), MONTH) == plan_csv(FHV, next(blocks(packed)), MONTH)
