"""Unloading a month, and what may come after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from nyc_taxi.load.attempt import Outcome
from tests.trips import MONTH, green, load, published, staged_and_audited

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.load.warehouse import Warehouse
    from tests.contract.conftest import Subject

OLD = datetime(2021, 3, 1, tzinfo=UTC)


def test_unloaded_month_is_empty_and_loads_again(subject: Subject, tmp_path: Path) -> None:
    warehouse, file = subject.warehouse, published(green(tmp_path, 100))
    first = load(warehouse, file)
    assert warehouse.unload("green", MONTH) == 100
    assert (subject.rows(), warehouse.ledger.current("green", MONTH)) == ([], None)
    assert warehouse.ledger.get(first.key).outcome is Outcome.UNLOADED
    assert warehouse.unload("green", MONTH) == 0
    again = load(warehouse, file)
    assert again.outcome is Outcome.PUBLISHED
    assert (again.base_id, again.replaced_id) == (first.id, None)
    assert len(subject.rows()) == 100


def test_month_that_was_never_loaded_is_nothing_to_unload(warehouse: Warehouse) -> None:
    warehouse.prepare()
    assert warehouse.unload("fhv", MONTH) == 0


def test_attempt_that_was_staged_before_is_published_after(warehouse: Warehouse, tmp_path: Path) -> None:
    load(warehouse, published(green(tmp_path, 100)))
    attempt = staged_and_audited(warehouse, published(green(tmp_path, 120)))
    warehouse.unload("green", MONTH)
    assert warehouse.publish(attempt).outcome is Outcome.PUBLISHED
    assert warehouse.count("green", MONTH) == 120


def test_an_older_file_does_not_come_back_after_a_newer_one_came_and_went(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    old = staged_and_audited(warehouse, published(green(tmp_path, 100), modified=OLD))
    load(warehouse, published(green(tmp_path, 120), modified=OLD + timedelta(days=1)))
    warehouse.unload("green", MONTH)
    assert warehouse.publish(old).outcome is Outcome.SUPERSEDED
    assert warehouse.count("green", MONTH) == 0
