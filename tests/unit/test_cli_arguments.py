from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any

import pytest

from nyc_taxi.cli import arguments
from nyc_taxi.core.month import Month, MonthRange

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("2021-03", "2021-03"),
        (" 2021-03 ", "2021-03"),
        ("2021-03-01", "2021-03"),
        ("2021-03-31", "2021-03"),
        ("2020-02-29", "2020-02"),
        ("20210331", "2021-03"),
        ("2021-03-01T00:00:00", "2021-03"),
        ("2021-03-01T00:00:00Z", "2021-03"),
        ("2021-03-01T00:00:00+02:00", "2021-03"),
        ("2021-03-31T23:59:59-05:00", "2021-03"),
    ],
)
def test_a_month_is_named_by_itself_or_by_any_date_in_it(text: str, month: str) -> None:
    assert arguments.month_of_date(text) == Month(month)


@pytest.mark.parametrize("text", ["", "2021", "2021-13", "2021-02-30", "March", "2021/03", "0021-01-01"])
def test_what_names_no_month_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="is not a month; write 2021-01"):
        arguments.month_of_date(text)


def test_months_are_one_or_a_range_with_both_ends() -> None:
    assert arguments.months("2021-01") == MonthRange(Month("2021-01"), Month("2021-01"))
    assert arguments.months("2021-01..2021-03") == MonthRange(Month("2021-01"), Month("2021-03"))


@pytest.mark.parametrize("text", ["2021-01..", "2021-03..2021-01", "2021-1", "..", "2021-01,2021-02"])
def test_months_without_an_end_or_in_the_wrong_order_are_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=r"[^.]$"):
        arguments.months(text)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (arguments.json_object, '{"force": true}', {"force": True}),
        (arguments.count, "3", 3),
        (arguments.limit, "100", 100),
        (arguments.limit, "all", None),
        (arguments.names, "green, fhv,", ("green", "fhv")),
    ],
)
def test_values_are_read(read: Callable[[str], Any], text: str, value: Any) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (arguments.json_object, "{force: true}"),
        (arguments.json_object, "[1]"),
        (arguments.count, "0"),
        (arguments.count, "-1"),
        (arguments.count, "two"),
        (arguments.limit, "none"),
        (arguments.names, " , "),
    ],
)
def test_values_of_another_form_are_refused(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        read(text)
