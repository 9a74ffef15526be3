from __future__ import annotations

import pytest

from nyc_taxi.core.chosen_months import chosen_months
from nyc_taxi.errors import InvalidMonth


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("2021-01", ["2021-01"]),
        ("2021-03, 2021-01", ["2021-01", "2021-03"]),
        ("2020-11..2021-02", ["2020-11", "2020-12", "2021-01", "2021-02"]),
        ("2021-01 2021-01..2021-02,\n2021-02", ["2021-01", "2021-02"]),
    ],
)
def test_months_are_read_once_each_and_in_order(text: str, months: list[str]) -> None:
    assert [chosen["month"] for chosen in chosen_months(["green"], text)] == months


def test_every_dataset_gets_every_month_once() -> None:
    assert chosen_months(["green", "fhv", "green"], "2021-01..2021-02") == [
        {"dataset": "green", "month": "2021-01"},
        {"dataset": "fhv", "month": "2021-01"},
        {"dataset": "green", "month": "2021-02"},
        {"dataset": "fhv", "month": "2021-02"},
    ]


@pytest.mark.parametrize("text", ["", " , ", "2021", "2021-01..", "2021-02..2021-01", "1999-01..2020-12"])
def test_what_is_no_choice_of_months_is_refused(text: str) -> None:
    with pytest.raises(InvalidMonth):
        chosen_months(["green"], text)
