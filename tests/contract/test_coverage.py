"""What the page of all months asks a warehouse."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nyc_taxi.core.check import Check
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.load.load import load_month
from tests.trips import MONTH, NEXT, green

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.conftest import Subject

BY_DBT = (
    Check("most_trips_cost", "accuracy", "error", 0.25, "at most 20%", "1."),
    Check("few_late", "timeliness", "warn", 0.25, "at most 20%", "2."),
    Check("all_trips_have_a_pickup", "completeness", "pass", 0, "none", "0."),
)


def test_checks_that_did_not_pass_and_trips_per_day_are_found_for_the_page(
    subject: Subject, tmp_path: Path
) -> None:
    warehouse = subject.warehouse
    assert warehouse.ledger.warnings() == {}
    green(tmp_path, 60, MONTH)
    load_month(warehouse, SourceList.parse(str(tmp_path)), "green", MONTH, run_id="r")
    (attempt,) = warehouse.ledger.overview()
    subject.measured_by_dbt(attempt.id, BY_DBT)
    names = warehouse.ledger.warnings()[attempt.id]
    assert {"few_late", "most_trips_cost"} <= set(names)
    assert names == tuple(sorted(names))
    assert "all_trips_have_a_pickup" not in names
    expected = Counter(
        row["lpep_pickup_datetime"].date()
        for row in subject.rows()
        if (row["lpep_pickup_datetime"].year, row["lpep_pickup_datetime"].month) == (2021, 1)
    )
    found = warehouse.per_day("green", [MONTH, NEXT])
    assert dict(found[MONTH]) == expected
    assert not found[NEXT]
    warehouse.unload("green", MONTH)
    assert warehouse.ledger.warnings() == {}
