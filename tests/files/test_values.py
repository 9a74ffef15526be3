"""The rules for values, and that whole columns follow them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nyc_taxi.core.dataset import Column
from nyc_taxi.errors import SchemaDrift
from nyc_taxi.files.batch import TYPES
from nyc_taxi.files.casts import cast_column, check_type
from nyc_taxi.files.values import NULL_WORDS, BadValue, read_value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from nyc_taxi.core.dataset import ColumnType

BAD = object()
"""What stands for a value that breaks the rules."""

DAY = datetime.fromisoformat("2021-01-05")
EPOCH = datetime.fromisoformat("1970-01-01")
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("word", NULL_WORDS)
def test_null_words_are_null_in_every_column(type: ColumnType, word: str) -> None:
    assert read_value(word, type) is None


@pytest.mark.parametrize(
    ("type", "field", "value"),
    [
        ("integer", " 7 ", 7),
        ("integer", "+7", 7),
        ("integer", "-0", 0),
        ("integer", "007", 7),
        ("integer", "5.", 5),
        ("integer", "1e3", 1000),
        ("integer", "-2147483648", -(2**31)),
        ("integer", "  ", None),
        ("integer", " NULL\t", None),
        ("double", ".5", 0.5),
        ("double", "-1e-5", -1e-5),
        ("double", "0e999", 0.0),
        ("double", "1e-999", 0.0),
        ("timestamp", "3019-02-03 00:00:00", datetime.fromisoformat("3019-02-03")),
        ("timestamp", "2021-01-05T10:00:00", DAY + timedelta(hours=10)),
        ("timestamp", "2021-01-05 10:15", DAY + timedelta(hours=10, minutes=15)),
        ("timestamp", " 2021-01-05 00:00:00.5", DAY + timedelta(seconds=0.5)),
        ("timestamp", "2021-01-05 00:00:00.1234567", DAY + timedelta(microseconds=123_456)),
        ("text", " as it is ", " as it is "),
        ("text", "null and void", "null and void"),
    ],
)
def test_values_are_read(type: ColumnType, field: str, value: object) -> None:
    assert read_value(field, type) == value


@pytest.mark.parametrize(
    ("type", "field", "reason"),
    [
        ("integer", "1.5", "'1.5' is not a whole number"),
        ("integer", "2147483648", "'2147483648' does not fit into 32 bits"),
        ("integer", "٣", "is not a number"),
        ("integer", "1 2", "is not a number"),
        ("integer", "0x1F", "is not a number"),
        ("integer", "1_000", "is not a number"),
        ("double", "1,5", "is not a number"),
        ("double", ".", "is not a number"),
        ("double", "1e", "is not a number"),
        ("double", "-NaN", "is not a number"),
        ("double", "NAN", "is not a number"),
        ("double", "Infinity", "is not a number"),
        ("double", "1e999", "does not fit into a double"),
        ("double", "9" * 100, f"'{'9' * 56}... is not"),
        ("timestamp", "2021-01-01", "is not a time of the form YYYY-MM-DD HH:MM:SS"),
        ("timestamp", "2021-01-01 10", "is not a time"),
        ("timestamp", "2021-01-01T00:00:00Z", "is not a time"),
        ("timestamp", "2021-01-01 00:00:00+01", "is not a time"),
        ("timestamp", "2021/01/01 00:00:00", "is not a time"),
        ("timestamp", "01/05/2021 10:00", "is not a time"),
        ("timestamp", "21-01-01 00:00:00", "is not a time"),
        ("timestamp", "1609459200", "is not a time"),
        ("timestamp", "now", "is not a time"),
        ("timestamp", "2021-01-01 24:00:00", "is not in the calendar"),
        ("timestamp", "2021-01-01 23:59:60", "is not in the calendar"),
        ("timestamp", "2021-02-30 10:00", "is not in the calendar"),
        ("timestamp", "0000-01-01 00:00:00", "is not in the calendar"),
        ("text", "a\0b", "it contains a NUL byte"),
        ("text", b"B02\xa0512", "byte 4 of b'B02\\xa0512' is not UTF-8"),
    ],
)
def test_other_values_are_refused_with_a_reason(type: ColumnType, field: str, reason: str) -> None:
    if field == "9" * 100:
        field += "x"
    with pytest.raises(BadValue) as refused:
        read_value(field, type)
    assert reason in str(refused.value)


def scalar(values: Sequence[Any], type: ColumnType) -> list[Any]:
    """Read values one by one."""
    read: list[Any] = []
    for value in values:
        try:
            read.append(read_value(value, type))
        except BadValue:
            read.append(BAD)
    return read


def vectorised(values: pa.Array, type: ColumnType) -> list[Any]:
    """Read values as a whole column."""
    check_type(Column("c", type, "a column"), values.type, "c")
    converted, bad = cast_column(values, type)
    assert converted.type == TYPES[type]
    assert len(converted) == len(values)
    refused = [False] * len(values) if bad is None else bad.to_pylist()
    assert {*refused} <= {True, False}
    return [BAD if no else value for value, no in zip(converted.to_pylist(), refused, strict=True)]


def same(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Compare with the sign of zero."""
    return [repr(value) for value in one] == [repr(value) for value in other]


NUMBERS = st.one_of(
    st.integers(-(2**33), 2**33).map(str),
    st.floats().map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.text("0123456789+-.eE", max_size=8),
)
TIMES = st.one_of(
    st.datetimes().map(str),
    st.datetimes().map(lambda time: time.isoformat(timespec="seconds")),
    st.datetimes().map(lambda time: time.isoformat(" ", timespec="minutes")),
    st.datetimes().map(lambda time: time.isoformat(timespec="hours")),
    st.datetimes().map(lambda time: f"{time.isoformat()}Z"),
    st.dates().map(str),
    st.from_regex(
        r"\A[0-9]{4}-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-6][0-9]"
        r"(:[0-6][0-9](\.[0-9]{1,9})?)?([+-]0[0-9])?\Z"
    ),
)
ODD = st.sampled_from(
    [
        *NULL_WORDS, "0x1F", "1_0", "inf", "-inf", "Infinity", "NAN", "nan(1)", "1f", "1d", "now", "epoch",
        "\0", "é", "٣",
    ]
)  # fmt: skip
WORDS = st.one_of(NUMBERS, TIMES, ODD, st.text(max_size=6))


@st.composite
def padded_or_altered(draw: st.DrawFn) -> str:
    """A text with blanks around it, or another character in it."""
    text = draw(WORDS)
    if draw(st.booleans()):
        blank = draw(st.sampled_from([" ", "\t", "\v", "\xa0", "\u2009", "\x1f", ""]))
        return f"{blank}{text}{blank}"
    at = draw(st.integers(0, len(text)))
    other: str = draw(st.sampled_from([*"0:-+ .,eE_xXT\0", ""]))
    return text[:at] + other + text[at + draw(st.integers(0, 1)) :]


TEXTS = st.one_of(st.none(), WORDS, padded_or_altered())


@pytest.mark.parametrize("type", TYPES)
@given(
    values=st.one_of(st.lists(TEXTS, max_size=4), st.lists(NUMBERS, max_size=4), st.lists(TIMES, max_size=4))
)
@example(values=["1e-999", "4.9e-324", "-1e-999", "1.7976931348623159e308", "0" * 400 + "1", "1" * 400])
@example(values=["-0", "-0.0", "0.1", "1e22", "123456789012345678901234567890"])
def test_columns_of_text_follow_the_rules(type: ColumnType, values: list[str | None]) -> None:
    expected = scalar(values, type)
    for arrow in (pa.string(), pa.large_string(), pa.binary()):
        assert same(vectorised(pa.array(values, arrow), type), expected)
    assert same(vectorised(pa.array(values, pa.string()).dictionary_encode(), type), expected)


@pytest.mark.parametrize("type", TYPES)
@given(values=st.lists(st.one_of(st.none(), WORDS.map(str.encode), st.binary(max_size=4))))
def test_bytes_follow_the_rules(type: ColumnType, values: list[bytes | None]) -> None:
    raw = pa.array(values, pa.binary())
    expected = scalar(values, type)
    assert same(vectorised(raw, type), expected)
    assert same(vectorised(raw.view(pa.string()), type), expected)
    assert same(vectorised(raw.dictionary_encode(), type), expected)


FLOATS = st.one_of(st.floats(), st.integers(-(2**33), 2**33).map(float))
NATIVE: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "null": (pa.null(), st.none()),
    **{
        f"{sign}int{bits}": (
            getattr(pa, f"{sign}int{bits}")(),
            st.integers(0 if sign else -(2 ** (bits - 1)), 2 ** (bits if sign else bits - 1) - 1),
        )
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
    "float": (pa.float32(), st.floats(width=32)),
    "double": (pa.float64(), FLOATS),
    "decimal": (pa.decimal128(38, 3), st.decimals(-(10**30), 10**30, places=3)),
    "wide decimal": (pa.decimal256(60, 2), st.decimals(-(10**50), 10**50, places=2)),
}


@pytest.mark.parametrize("type", ["integer", "double", "text"])
@given(data=st.data())
def test_columns_of_numbers_follow_the_rules(type: ColumnType, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([name for name in NATIVE if type != "text" or "decimal" not in name]))
    arrow, strategy = NATIVE[name]
    values = pa.array(data.draw(st.lists(st.one_of(st.none(), strategy), max_size=4)), arrow)
    expected = scalar(values.to_pylist(), type)
    assert same(vectorised(values, type), expected)
    if not pa.types.is_null(arrow):
        assert same(vectorised(values.dictionary_encode(), type), expected)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@given(ticks=st.lists(st.one_of(st.none(), st.integers(-(2**33), 2**33)), max_size=4))
def test_columns_of_times_follow_the_rules(unit: str, ticks: list[int | None]) -> None:
    values = pa.array([tick and tick * PER_SECOND[unit] for tick in ticks], pa.timestamp(unit))
    assert vectorised(values, "timestamp") == scalar(
        [None if tick is None else EPOCH + timedelta(seconds=tick) for tick in ticks], "timestamp"
    )


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_nanoseconds_are_cut_off_as_in_text(nanoseconds: int) -> None:
    values = pa.array([nanoseconds], pa.timestamp("ns"))
    assert vectorised(values, "timestamp") == scalar([values.cast(pa.string())[0].as_py()], "timestamp")


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize("beyond", [-62_135_596_801, 253_402_300_800, 2**62])
def test_times_beyond_the_calendar_are_refused(unit: str, beyond: int) -> None:
    seconds = [-62_135_596_800, 253_402_300_799, beyond]
    ticks = [min(second * PER_SECOND[unit], 2**63 - 1) for second in seconds]
    read = vectorised(pa.array(ticks, pa.timestamp(unit)), "timestamp")
    assert [str(time) for time in read[:2]] == ["0001-01-01 00:00:00", "9999-12-31 23:59:59"]
    assert read[2] is BAD


def test_times_of_new_york_keep_their_wall_clock() -> None:
    zone = pa.timestamp("us", "America/New_York")
    begun = pa.array([DAY + timedelta(hours=5)]).cast(pa.timestamp("us", "UTC")).cast(zone)
    assert vectorised(begun, "timestamp") == [DAY]


@pytest.mark.parametrize(
    ("type", "arrow"),
    [
        ("timestamp", pa.int64()),
        ("timestamp", pa.float64()),
        ("timestamp", pa.date32()),
        ("timestamp", pa.time64("us")),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("timestamp", pa.timestamp("us", "+08:00")),
        ("timestamp", pa.dictionary(pa.int32(), pa.int64())),
        ("integer", pa.bool_()),
        ("integer", pa.timestamp("us")),
        ("double", pa.date64()),
        ("double", pa.list_(pa.float64())),
        ("text", pa.bool_()),
        ("text", pa.timestamp("us")),
        ("text", pa.struct([("a", pa.string())])),
    ],
)
def test_columns_of_a_type_that_never_fits_are_refused_by_name(type: ColumnType, arrow: pa.DataType) -> None:
    with pytest.raises(SchemaDrift, match=r"The column Its_Name .*[Cc]onvert the column"):
        check_type(Column("c", type, "a column"), arrow, "Its_Name")


@given(st.one_of(st.integers(), FLOATS, st.decimals(allow_infinity=False, allow_nan=False, places=3)))
def test_a_number_means_what_its_text_means(value: float | Decimal) -> None:
    for type in ("integer", "double"):
        assert same(scalar([value], type), scalar([str(value).replace("inf", "1e999")], type))
