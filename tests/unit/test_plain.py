"""Which bytes the fast reading hands on without a look at each row."""

from __future__ import annotations

import pytest

from nyc_taxi.postgres.csv_copy import _plain
from nyc_taxi.postgres.streams import NotPlain
from tests.postgres.trips import row, text

BODY = text([row(number, fare=-2.5) for number in range(20)], "\r\n")


def passed(*blocks: bytes) -> bytes:
    return b"".join(_plain(iter(blocks)))


def test_ordinary_rows_pass_wherever_blocks_are_cut() -> None:
    for cut in range(len(BODY)):
        assert passed(BODY[:cut], BODY[cut:]) == BODY


@pytest.mark.parametrize(
    "time",
    ["2021-01-05 10:00:00-05", "2021-01-05 10:00:00.5 -05:00", "21-01-05 10:00:00", "121-1-05 10:00:00"],
)
def test_times_of_ordinary_bytes_that_are_none_end_it_wherever_blocks_are_cut(time: str) -> None:
    strange = BODY.replace(b"2021-01-02 10:01:00", time.encode())
    assert strange != BODY
    for cut in range(len(strange)):
        with pytest.raises(NotPlain):
            passed(strange[:cut], strange[cut:])
