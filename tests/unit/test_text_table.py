from __future__ import annotations

from nyc_taxi.core.text_table import text_table


def test_columns_stand_below_each_other() -> None:
    table = text_table([("model", "rows", "tests"), ("fct_trips", "1,234", "4 pass"), ("dim", "", "")], (1,))

    assert table.splitlines() == [
        "model       rows  tests",
        "fct_trips  1,234  4 pass",
        "dim",
    ]
