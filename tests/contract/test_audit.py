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
    attempt = stage(warehouse, published(green(tmp_path))).key
    checks = audit_month(warehouse, attempt)
    assert {check.outcome for check in checks} == {"pass"}
    assert audit_month(warehouse, attempt) == warehouse.ledger.checks(attempt)["load"] == checks
    assert {check.dimension for check in checks} == {"completeness", "consistency", "timeliness", "validity"}
    warehouse.publish(attempt)
    assert audit_month(warehouse, attempt) == checks


def test_results_of_a_second_audit_replace_those_of_the_first(warehouse: Warehouse, tmp_path: Path) -> None:
    other = published(green(tmp_path, 100, NEXT), month=NEXT)
    attempt = stage(warehouse, published(green(tmp_path, 10))).key
    first = audit_month(warehouse, attempt)
    load(warehouse, other)  # a neighbour that is ten times as large
    second = warehouse.ledger.checks(attempt)["load"]
    assert second == first
    second = audit_month(warehouse, attempt)
    changed = [new.name for old, new in zip(first, second, strict=True) if new != old]
    assert [name for name in changed if not name.startswith("blank ")] == ["volume"]
    assert warehouse.ledger.checks(attempt)["load"] == second


def test_file_without_rows_is_not_published(warehouse: Warehouse, tmp_path: Path) -> None:
    attempt = stage(warehouse, published(write(tmp_path, text([GREEN])))).key
    with pytest.raises(AuditFailed, match="no row that could be loaded"):
        audit_month(warehouse, attempt)
    with pytest.raises(ContractError, match="is failed: Audit"):
        warehouse.publish(attempt)
    assert warehouse.count("green", MONTH) == 0


def test_file_of_another_month_is_not_published_and_stays_to_be_looked_at(
    subject: Subject, warehouse: Warehouse, tmp_path: Path
) -> None:
    attempt = stage(warehouse, published(green(tmp_path, month=NEXT), month=MONTH)).key
    with pytest.raises(AuditFailed) as caught:
        audit_month(warehouse, attempt)
    said = str(caught.value)
    assert "100 of 100 pickups (100%) outside 2021-01 (all pickups are from 2021-02-01" in said
    failed = warehouse.ledger.get(attempt)
    assert failed.outcome is Outcome.FAILED
    assert f"The staged rows are in {failed.stage_table}." in said
    assert subject.leftovers() == 1
    results = {check.name: check.outcome for check in warehouse.ledger.checks(attempt)["load"]}
    assert {"row accounting", "volume"} < results.keys()
    assert [name for name, outcome in results.items() if outcome == "error"] == ["pickups in the month"]
    with pytest.raises(ContractError, match="nothing to audit"):
        audit_month(warehouse, attempt)


@pytest.mark.parametrize(("strays", "outcome"), [(1, "pass"), (2, "warn")])
def test_more_pickups_of_other_months_than_real_files_have_are_reported(
    warehouse: Warehouse, tmp_path: Path, strays: int, outcome: str
) -> None:
    rows = [*lines(100 - strays), row(1, Month("2009-01")), row(2, NEXT)][:101]
    attempt = stage(warehouse, published(write(tmp_path, text(rows)))).key
    check = by_name(audit_month(warehouse, attempt))["pickups in the month"]
    assert (check.outcome, check.threshold) == (outcome, "at most 1%")
    assert check.message.startswith(
        f"{strays} of 100 pickups ({strays}%) outside 2021-01 (all pickups are from 2009-01-02 10:01:00 to "
    )


def test_rejected_rows_and_unknown_columns_are_reported(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = [f"{line},1" for line in lines(200)]
    rows[0] = f"{GREEN},weather"
    attempt = stage(warehouse, published(write(tmp_path, text([*rows, "bad"])))).key
    checks = by_name(audit_month(warehouse, attempt))
    assert checks["rejected rows"].outcome == "warn"
    assert checks["rejected rows"].message.startswith("1 of 201 rows rejected.")
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
    attempt = stage(warehouse, published(green(tmp_path))).key
    measures = {**(warehouse.ledger.get(attempt).measures or {}), **found}
    warehouse.ledger.update(attempt, Outcome.STAGED, measures=measures)
    with pytest.raises(AuditFailed, match="row accounting"):
        audit_month(warehouse, attempt)


@pytest.mark.parametrize(("rows", "outcome"), [(100, "pass"), (300, "warn"), (10, "warn")])
def test_size_is_compared_with_the_neighbouring_months(
    warehouse: Warehouse, tmp_path: Path, rows: int, outcome: str
) -> None:
    """A month that fell by nine tenths is reported, and published all the same: April 2020 did."""
    for month in ("2014-01", "2020-11", "2020-12", "2021-02"):
        file = green(tmp_path, 9 if month < "2015" else 100, Month(month))
        load(warehouse, published(file, month=Month(month)))
    attempt = stage(warehouse, published(green(tmp_path, rows))).key
    check = by_name(audit_month(warehouse, attempt))["volume"]
    assert check.outcome == outcome
    assert check.value == rows / 100
    assert check.message == (
        f"{rows} rows, {rows}% of the usual 100 (median of 3 months around it)."  # without that of 2014
    )
    assert warehouse.publish(attempt).outcome is Outcome.PUBLISHED


def test_month_that_is_alone_in_its_year_is_compared_with_no_other(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    load(warehouse, published(green(tmp_path, 100, Month("2014-01")), month=Month("2014-01")))
    attempt = stage(warehouse, published(green(tmp_path, 1))).key
    checks = by_name(audit_month(warehouse, attempt))
    assert checks["volume"].message == "No month within a year to compare with."
    assert checks["not empty"].message == "1 row loaded."
    assert checks["row accounting"].message == "1 row in the file, 1 loaded, 0 rejected."


def test_replacing_a_month_by_far_fewer_rows_fails_the_audit_unless_forced(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    load(warehouse, published(green(tmp_path, 100)))
    part = published(green(tmp_path / "part", 89))
    with pytest.raises(AuditFailed) as caught:
        load(warehouse, part)
    said = str(caught.value)
    assert "89 rows in place of 100 (89%): the file may be a part of the month, or cut." in said
    assert said.endswith(
        'if the file is meant, load it with --force or with "Load again" in the DAG\'s form.'
    )
    assert warehouse.count("green", MONTH) == 100
    assert load(warehouse, published(green(tmp_path / "less", 90))).outcome is Outcome.PUBLISHED
    forced = load(warehouse, published(green(tmp_path / "part", 45)), force=True)
    assert (forced.outcome, warehouse.count("green", MONTH)) == (Outcome.PUBLISHED, 45)
    check = by_name(warehouse.ledger.checks(forced.key)["load"])["rows replaced"]
    assert (check.outcome, check.value, check.threshold) == ("warn", 0.5, "at least 90%")


def without(column: str, rows: int, blank: int) -> bytes:
    """Return a green file whose first rows have no value in a column."""
    header, *body = lines(rows)
    place = header.split(",").index(column)
    for number, line in enumerate(body[:blank]):
        cells = line.split(",")
        body[number] = ",".join([*cells[:place], "", *cells[place + 1 :]])
    return text([header, *body])


@pytest.mark.parametrize(
    ("column", "blank", "outcome"),
    [("VendorID", 10, "pass"), ("PULocationID", 30, "warn"), ("payment_type", 100, "error")],
)
def test_share_of_nulls_of_a_column_that_matters_is_compared_with_its_history(
    warehouse: Warehouse, tmp_path: Path, column: str, blank: int, outcome: str
) -> None:
    load(warehouse, published(green(tmp_path, 100, NEXT), month=NEXT))
    file = published(write(tmp_path, without(column, 100, blank)))
    attempt = stage(warehouse, file).key
    if outcome == "error":
        with pytest.raises(AuditFailed, match="100 of 100 rows without payment_type"):
            audit_month(warehouse, attempt)
    else:
        audit_month(warehouse, attempt)
    checks = by_name(warehouse.ledger.checks(attempt)["load"])
    check = checks[f"blank {column.lower()}"]
    assert (check.outcome, check.value, check.threshold) == (outcome, blank / 100, "at most 10%")
    assert check.message.startswith(
        f"{blank} of 100 rows without {column.lower()} ({blank}%); at most 0% in the 1 month around it."
    )
    assert {one.outcome for one in checks.values() if one is not check} == {"pass"}
    if outcome == "error":
        assert load(warehouse, file, force=True).outcome is Outcome.PUBLISHED


def test_column_without_any_value_is_reported_for_the_first_month_too(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    attempt = stage(warehouse, published(write(tmp_path, without("DOLocationID", 50, 50)))).key
    check = by_name(audit_month(warehouse, attempt))["blank dolocationid"]
    assert (check.outcome, check.message) == ("warn", "50 of 50 rows without dolocationid (100%).")


def test_attempt_that_was_overtaken_before_its_audit_is_not_a_failure(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    file = published(green(tmp_path))
    late = stage(warehouse, file).key
    load(warehouse, file)
    audit_month(warehouse, late)
    assert warehouse.publish(late).outcome is Outcome.SUPERSEDED
