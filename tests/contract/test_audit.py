"""What the audit of a staged month finds, and what it keeps from being published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nyc_taxi.core.month import Month
from nyc_taxi.errors import AuditFailed, ContractError
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.audit import audit_month
from tests.trips import (
    GREEN,
    MONTH,
    NEXT,
    green,
    lines,
    load,
    published,
    row,
    stage,
    text,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.core.check import Check
    from nyc_taxi.load.warehouse import Warehouse
    from tests.contract.conftest import Subject


def by_name(checks: tuple[Check, ...]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_ordinary_month_passes_every_check_and_keeps_them(warehouse: Warehouse, tmp_path: Path) -> None:
    attempt = stage(warehouse, published(green(tmp_path))).attempt
    checks = audit_month(warehouse, attempt)
    assert {check.outcome for check in checks} == {"pass"}
    assert audit_month(warehouse, attempt) == warehouse.ledger.checks(attempt)["load"] == checks
    assert {check.dimension for check in checks} == {"completeness", "consistency", "timeliness", "validity"}
    warehouse.publish(attempt)
    assert audit_month(warehouse, attempt) == checks


def test_results_of_a_second_audit_replace_those_of_the_first(warehouse: Warehouse, tmp_path: Path) -> None:
    other = published(green(tmp_path, 100, NEXT), month=NEXT)
    attempt = stage(warehouse, published(green(tmp_path, 10))).attempt
    first = audit_month(warehouse, attempt)
    load(warehouse, other)  # a neighbour that is ten times as large
    second = warehouse.ledger.checks(attempt)["load"]
    assert second == first
    second = audit_month(warehouse, attempt)
    assert [new.name for old, new in zip(first, second, strict=True) if new != old] == ["volume"]
    assert warehouse.ledger.checks(attempt)["load"] == second


def test_file_without_rows_is_not_published(warehouse: Warehouse, tmp_path: Path) -> None:
    attempt = stage(warehouse, published(write(tmp_path, text([GREEN])))).attempt
    with pytest.raises(AuditFailed, match="no row that could be loaded"):
        audit_month(warehouse, attempt)
    with pytest.raises(ContractError, match="is failed: Audit"):
        warehouse.publish(attempt)
    assert warehouse.count("green", MONTH) == 0


def test_file_of_another_month_is_not_published_and_stays_to_be_looked_at(
    subject: Subject, warehouse: Warehouse, tmp_path: Path
) -> None:
    attempt = stage(warehouse, published(green(tmp_path, month=NEXT), month=MONTH)).attempt
    with pytest.raises(AuditFailed) as caught:
        audit_month(warehouse, attempt)
    said = str(caught.value)
    assert "100 of 100 pickups lie outside 2021-01 (from 2021-02-01" in said
    failed = warehouse.ledger.get(attempt)
    assert failed.outcome is Outcome.FAILED
    assert f"The staged rows are in {failed.stage_table}." in said
    assert subject.leftovers() == 1
    results = {check.name: check.outcome for check in warehouse.ledger.checks(attempt)["load"]}
    assert {"row accounting", "volume"} < results.keys()
    assert [name for name, outcome in results.items() if outcome == "error"] == ["pickups in the month"]
    with pytest.raises(ContractError, match="nothing to audit"):
        audit_month(warehouse, attempt)


def test_some_pickups_of_other_months_are_reported_only(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = [*lines(100), row(1, Month("2009-01")), row(2, NEXT)]
    attempt = stage(warehouse, published(write(tmp_path, text(rows)))).attempt
    check = by_name(audit_month(warehouse, attempt))["pickups in the month"]
    assert check.outcome == "warn"
    assert check.message == (
        "2 of 102 pickups lie outside 2021-01 (from 2009-01-02 10:01:00 to 2021-02-03 10:02:00)."
    )


def test_rejected_rows_and_unknown_columns_are_reported(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = [f"{line},1" for line in lines(200)]
    rows[0] = f"{GREEN},weather"
    attempt = stage(warehouse, published(write(tmp_path, text([*rows, "bad"])))).attempt
    checks = by_name(audit_month(warehouse, attempt))
    assert checks["rejected rows"].outcome == "warn"
    assert checks["rejected rows"].message.startswith("1 of 201 rows")
    assert checks["columns"].outcome == "warn"
    assert "unknown: weather" in checks["columns"].message
    assert checks["row accounting"].outcome == "pass"


@pytest.mark.parametrize(
    "found",
    [
        {"rows": 99, "ordinals": 5045},
        {"ordinals": 5051},
        {"rows": 101, "ordinals": 5055},
        {"first": 0, "ordinals": 5049},
        {"last": 101, "ordinals": 5050},
    ],
    ids=["one is missing", "one is double", "one is new", "before the first", "after the last"],
)
def test_rows_that_do_not_add_up_are_not_published(
    warehouse: Warehouse, tmp_path: Path, found: dict[str, int]
) -> None:
    attempt = stage(warehouse, published(green(tmp_path))).attempt
    measures = {**(warehouse.ledger.get(attempt).measures or {}), **found}
    warehouse.ledger.update(attempt, Outcome.STAGED, measures=measures)
    with pytest.raises(AuditFailed, match="row accounting"):
        audit_month(warehouse, attempt)


@pytest.mark.parametrize(("rows", "outcome"), [(100, "pass"), (300, "warn"), (10, "warn")])
def test_size_is_compared_with_the_neighbouring_months(
    warehouse: Warehouse, tmp_path: Path, rows: int, outcome: str
) -> None:
    """A month that fell by nine tenths is reported, and published all the same: April 2020 did."""
    for month in ("2020-11", "2020-12", "2021-02"):
        load(warehouse, published(green(tmp_path, 100, Month(month)), month=Month(month)))
    attempt = stage(warehouse, published(green(tmp_path, rows))).attempt
    check = by_name(audit_month(warehouse, attempt))["volume"]
    assert check.outcome == outcome
    assert check.value == rows / 100
    assert warehouse.publish(attempt).outcome is Outcome.PUBLISHED


def test_attempt_that_was_overtaken_before_its_audit_is_not_a_failure(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    file = published(green(tmp_path))
    late = stage(warehouse, file).attempt
    load(warehouse, file)
    audit_month(warehouse, late)
    assert warehouse.publish(late).outcome is Outcome.SUPERSEDED
