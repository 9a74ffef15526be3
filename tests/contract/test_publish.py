"""Publishing: who wins, what readers see, and what becomes of the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.errors import ContractError
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.audit import audit_month
from tests.trips import MONTH, green, load, published, stage, staged_and_audited

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.load.warehouse import Warehouse
    from tests.contract.conftest import Subject

OLD = datetime(2021, 3, 1, tzinfo=UTC)
NEW = OLD + timedelta(days=30)


def outcomes(warehouse: Warehouse) -> list[str]:
    return [str(attempt.outcome) for attempt in warehouse.ledger.history("green", MONTH)]


def test_a_month_is_replaced_and_the_ledger_says_by_what(subject: Subject, tmp_path: Path) -> None:
    warehouse = subject.warehouse
    first = load(warehouse, published(green(tmp_path, 100)))
    second = load(warehouse, published(green(tmp_path, 120)))
    assert (first.base_id, first.replaced_id) == (None, None)
    assert (second.base_id, second.replaced_id) == (first.id, first.id)
    assert outcomes(warehouse) == ["replaced", "published"]
    assert len(subject.rows()) == warehouse.count("green", MONTH) == 120
    assert warehouse.counts("green") == {MONTH: 120}
    assert subject.leftovers() == 0


def test_attempt_whose_base_was_replaced_meanwhile_is_superseded(subject: Subject, tmp_path: Path) -> None:
    warehouse = subject.warehouse
    file = published(green(tmp_path, 100), modified=OLD)
    late = staged_and_audited(warehouse, file)
    first = staged_and_audited(warehouse, file)
    assert warehouse.publish(first).outcome is Outcome.PUBLISHED
    before = subject.rows()
    done = warehouse.publish(late)
    assert (done.outcome, done.reason) == (Outcome.SUPERSEDED, f"Attempt {first.id} was published first.")
    assert warehouse.publish(late) == done
    assert subject.rows() == before
    assert subject.leftovers() == 0


@pytest.mark.parametrize("order", [("old", "new"), ("new", "old")])
def test_of_an_older_and_a_newer_file_the_newer_wins_in_either_order(
    warehouse: Warehouse, tmp_path: Path, order: tuple[str, str]
) -> None:
    old = staged_and_audited(warehouse, published(green(tmp_path, 100), modified=OLD))
    new = staged_and_audited(warehouse, published(green(tmp_path, 120), modified=NEW))
    for which in order:
        warehouse.publish({"old": old, "new": new}[which])
    assert warehouse.count("green", MONTH) == 120
    expected = {("old", "new"): ["replaced", "published"], ("new", "old"): ["superseded", "published"]}
    assert outcomes(warehouse) == expected[order]


def test_newer_file_of_another_address_does_not_replace_a_version_that_it_did_not_see(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    here = staged_and_audited(warehouse, published(green(tmp_path / "here", 100), modified=OLD))
    there = staged_and_audited(warehouse, published(green(tmp_path / "there", 120), modified=NEW))
    warehouse.publish(here)
    assert warehouse.publish(there).outcome is Outcome.SUPERSEDED
    assert warehouse.count("green", MONTH) == 100


def test_publishing_again_changes_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    first = load(warehouse, published(green(tmp_path, 100)))
    assert warehouse.publish(first.key) == first
    assert audit_month(warehouse, first.key)
    second = load(warehouse, published(green(tmp_path, 120)))
    assert warehouse.publish(first.key).outcome is Outcome.REPLACED
    assert warehouse.publish(second.key) == second
    assert warehouse.count("green", MONTH) == 120


def test_only_an_audited_attempt_is_published(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.prepare()
    attempt = stage(warehouse, published(green(tmp_path))).key
    with pytest.raises(ContractError, match=r"is staged.*load the month again"):
        warehouse.publish(attempt)
    warehouse.ledger.update(attempt, Outcome.FAILED, reason="The moon was full.")
    with pytest.raises(ContractError, match=r"is failed: The moon was full\.\. Only"):
        warehouse.publish(attempt)
    with pytest.raises(ContractError, match="no attempt 99"):
        warehouse.publish(replace(attempt, id=99))
    assert warehouse.count("green", MONTH) == 0


def test_leftovers_of_other_attempts_are_removed_when_the_month_is_published(
    subject: Subject, tmp_path: Path
) -> None:
    warehouse = subject.warehouse
    failed = staged_and_audited(warehouse, published(green(tmp_path, 90)))
    warehouse.ledger.update(failed, Outcome.FAILED, reason="audit")
    file = published(green(tmp_path, 100))
    forgotten = staged_and_audited(warehouse, file)
    assert subject.leftovers() == 2
    load(warehouse, file)
    assert subject.leftovers() == 0
    assert outcomes(warehouse) == ["failed", "superseded", "published"]
    assert warehouse.publish(forgotten).outcome is Outcome.SUPERSEDED
