"""Months, ranges of months, and the month of a run."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nyc_taxi.core.month import Month, MonthRange, resolve_month
from nyc_taxi.errors import ContractError, InvalidMonth

MONTHS = st.builds(
    lambda year, month: Month(f"{year:04d}-{month:02d}"), st.integers(1900, 2099), st.integers(1, 12)
)


@pytest.mark.parametrize("text", ["1900-01", "2009-01", "2021-12", "2099-12"])
def test_a_month_is_its_text(text: str) -> None:
    assert str(Month(text)) == text
    assert Month(text).first_day == date.fromisoformat(f"{text}-01")


@pytest.mark.parametrize(
    "text",
    [
        "", "2021", "2021-1", "2021-00", "2021-13", "21-01", "1899-12", "2100-01", "2021-01-01", "2021/01",
        " 2021-01", "2021-01 ", "2021-01\n", "last", "2021-01'; drop table x; --", "../../2021-01",
        "20२१-01", "20２１-01",
    ],
)  # fmt: skip
def test_any_other_text_is_no_month(text: str) -> None:
    with pytest.raises(InvalidMonth, match=r"is not a month\. Write it as YYYY-MM"):
        Month(text)


@pytest.mark.parametrize("value", [None, 202101, date(2021, 1, 1), b"2021-01"])
def test_a_value_that_is_no_text_is_no_month(value: object) -> None:
    with pytest.raises(InvalidMonth, match="is not a month"):
        Month(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("day", "month"),
    [
        (date(2021, 1, 31), "2021-01"),
        (datetime(2020, 2, 29, 23, 59, 59, tzinfo=UTC), "2020-02"),
        (date(1900, 1, 1), "1900-01"),
    ],
)
def test_a_day_lies_in_its_month(day: date, month: str) -> None:
    assert Month.of(day) == Month(month)


@pytest.mark.parametrize("day", [date(3019, 1, 1), date(999, 1, 1)])
def test_a_day_beyond_all_months_lies_in_none(day: date) -> None:
    with pytest.raises(InvalidMonth):
        Month.of(day)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2021-01", 0, "2021-01"),
        ("2021-12", 1, "2022-01"),
        ("2021-01", -1, "2020-12"),
        ("2021-07", 30, "2024-01"),
        ("2021-07", -19, "2019-12"),
    ],
)
def test_months_can_be_counted_on(start: str, months: int, end: str) -> None:
    assert Month(start).plus(months) == Month(end)


def test_counting_on_beyond_all_months_is_an_error() -> None:
    with pytest.raises(InvalidMonth):
        Month("2099-12").next()
    with pytest.raises(InvalidMonth):
        Month("1900-01").plus(-1)


@given(MONTHS, MONTHS)
def test_months_are_ordered_as_their_days(one: Month, other: Month) -> None:
    assert (one < other) == (one.first_day < other.first_day)
    assert (one == other) == (hash(one) == hash(other)) == (one.first_day == other.first_day)


@given(MONTHS, st.integers(-300, 300))
def test_counting_on_and_back_is_where_it_began(month: Month, months: int) -> None:
    try:
        there = month.plus(months)
    except InvalidMonth:
        return

    assert there.plus(-months) == month


def test_a_month_survives_being_sent() -> None:
    assert pickle.loads(pickle.dumps(Month("2021-01"))) == Month("2021-01")


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("2021-01", ["2021-01"]),
        ("2021-01..2021-01", ["2021-01"]),
        (" 2020-11..2021-02 ", ["2020-11", "2020-12", "2021-01", "2021-02"]),
        ("2099-12", ["2099-12"]),
        ("2099-11..2099-12", ["2099-11", "2099-12"]),
    ],
)
def test_a_range_has_both_its_ends(text: str, months: list[str]) -> None:
    assert [str(month) for month in MonthRange.parse(text)] == months


def test_a_range_without_an_end_holds_all_later_months() -> None:
    months = MonthRange.parse("2013-08..")

    assert months == MonthRange(Month("2013-08"), None)
    assert Month("2013-08") in months
    assert Month("2099-12") in months
    assert Month("2013-07") not in months


def test_a_range_without_an_end_is_not_listed() -> None:
    with pytest.raises(InvalidMonth, match=r"2013-08\.\. has no end"):
        list(MonthRange.parse("2013-08.."))


@pytest.mark.parametrize(
    "text", ["", "..", "..2021-01", "2021-01-2021-03", "2021-01..03", "2021-01..2021-03.."]
)
def test_any_other_text_is_no_range(text: str) -> None:
    with pytest.raises(InvalidMonth, match="is not a month"):
        MonthRange.parse(text)


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidMonth, match=r"2021-02\.\.2021-01 is empty"):
        MonthRange.parse("2021-02..2021-01")


@pytest.mark.parametrize("text", ["2021-01", "2021-01..2021-03", "2021-01.."])
def test_a_range_is_written_as_it_is_read(text: str) -> None:
    assert str(MonthRange.parse(text)) == text


@given(MONTHS, MONTHS)
def test_a_range_lists_exactly_the_months_that_it_holds(one: Month, other: Month) -> None:
    first, last = min(one, other), max(one, other)
    months = MonthRange(first, last)

    listed = list(months)

    assert (listed[0], listed[-1]) == (first, last)
    assert all(month.next() == following for month, following in pairwise(listed))
    assert all(month in months for month in listed)


NEW_YORK_WINTER = timezone(timedelta(hours=-5))
JANUARY = datetime(2021, 1, 1, tzinfo=UTC)
TODAY = datetime(2026, 9, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("run_type", "param", "partition_key", "interval_start", "month"),
    [
        pytest.param("scheduled", None, None, JANUARY, "2021-01", id="scheduled"),
        pytest.param("backfill", None, None, JANUARY, "2021-01", id="backfill"),
        pytest.param("scheduled", "", None, JANUARY, "2021-01", id="scheduled, empty parameter"),
        pytest.param("backfill", "2021-01", None, JANUARY, "2021-01", id="backfill that says so twice"),
        pytest.param(
            "scheduled",
            None,
            None,
            datetime(2020, 12, 31, 19, tzinfo=NEW_YORK_WINTER),
            "2021-01",
            id="the interval's start counts in UTC",
        ),
        pytest.param("scheduled", "2021-01", None, None, "2021-01", id="scheduled without an interval"),
        pytest.param("scheduled", None, "green|2021-01", JANUARY, "2021-01", id="scheduled with its key"),
        pytest.param("manual", "2021-01", None, None, "2021-01", id="manual"),
        pytest.param("manual", "2021-01", None, TODAY, "2021-01", id="form: the logical date is now"),
        pytest.param("operator_triggered", "2021-01", None, TODAY, "2021-01", id="started by another DAG"),
        pytest.param("manual", None, "2021-01", TODAY, "2021-01", id="partition key"),
        pytest.param("asset_triggered", None, "green|2021-01", None, "2021-01", id="composite key"),
        pytest.param("manual", "2021-01", "green|2021-01", TODAY, "2021-01", id="key and parameter agree"),
    ],
)
def test_the_month_of_a_run(
    run_type: str, param: str | None, partition_key: str | None, interval_start: datetime | None, month: str
) -> None:
    found = resolve_month(
        run_type=run_type, param=param, partition_key=partition_key, interval_start=interval_start
    )

    assert found == Month(month)


@pytest.mark.parametrize(
    ("run_type", "param", "partition_key", "interval_start", "said"),
    [
        pytest.param(
            "manual", None, None, TODAY, "manual run names no month.*parameter month", id="form, empty"
        ),
        pytest.param("manual", "", None, None, "manual run names no month", id="manual, empty"),
        pytest.param("asset_triggered", None, None, None, "asset_triggered run names no month", id="asset"),
        pytest.param("scheduled", None, None, None, "scheduled run names no month", id="no interval"),
        pytest.param(
            "scheduled",
            "2021-02",
            None,
            JANUARY,
            "two months: 2021-02 in the parameter month and 2021-01 in the data interval",
            id="scheduled with another month",
        ),
        pytest.param(
            "backfill",
            "2021-02",
            None,
            JANUARY,
            "backfill run names two months",
            id="backfill of another month",
        ),
        pytest.param(
            "manual",
            "2021-02",
            "green|2021-01",
            None,
            "2021-02 in the parameter month and 2021-01 in the partition key",
            id="key and parameter differ",
        ),
    ],
)
def test_a_run_of_no_month_or_two_is_refused(
    run_type: str, param: str | None, partition_key: str | None, interval_start: datetime | None, said: str
) -> None:
    with pytest.raises(ContractError, match=said):
        resolve_month(
            run_type=run_type, param=param, partition_key=partition_key, interval_start=interval_start
        )


@pytest.mark.parametrize(("param", "partition_key"), [("January", None), (None, "green"), (None, "green|")])
def test_a_run_that_names_something_else_is_refused(param: str | None, partition_key: str | None) -> None:
    with pytest.raises(InvalidMonth):
        resolve_month(run_type="manual", param=param, partition_key=partition_key)


def test_an_interval_without_time_zone_is_refused() -> None:
    """Its month would depend on the time zone of the machine that runs the task."""
    with pytest.raises(ContractError, match="without a time zone"):
        resolve_month(run_type="scheduled", param=None, interval_start=datetime(2021, 1, 1))  # noqa: DTZ001
