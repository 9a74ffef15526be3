"""What the doctor finds and removes, and that it touches nothing that is alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.doctor import examine
from tests.trips import MONTH, NEXT, fetch, green, load, published, stage, staged_and_audited

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication
    from nyc_taxi.load.warehouse import Finding, Warehouse
    from tests.contract.conftest import Subject


def test_a_sound_warehouse_has_nothing_to_find(warehouse: Warehouse, tmp_path: Path) -> None:
    assert examine(warehouse) == []
    load(warehouse, published(green(tmp_path)))
    load(warehouse, published(green(tmp_path, 50, NEXT), month=NEXT))
    waiting = staged_and_audited(warehouse, published(green(tmp_path / "new", 90)))
    assert examine(warehouse) == examine(warehouse, clean=True) == []
    assert warehouse.ledger.get(waiting).outcome is Outcome.AUDITED


def test_a_dead_attempt_is_found_and_removed(subject: Subject, tmp_path: Path) -> None:
    warehouse, file = subject.warehouse, published(green(tmp_path))
    warehouse.prepare()
    with warehouse.begin(file, "killed") as attempt:
        warehouse.stage(attempt, fetch(file, tmp_path / "copy"), lambda *_: None)
    (found,) = examine(warehouse)
    assert (found.what, found.where, found.done) == ("dead attempt", str(attempt), "")
    assert "--clean" in found.to_do
    assert subject.leftovers() == 1
    (cleaned,) = examine(warehouse, clean=True)
    assert (cleaned.done, cleaned.to_do) == ("removed", "")
    assert subject.leftovers() == 0
    assert examine(warehouse) == []
    dead = warehouse.ledger.get(attempt.key)
    assert (dead.outcome, dead.reason) == (Outcome.ABANDONED, "The process that staged it died.")


def test_a_live_attempt_is_neither_found_nor_removed(subject: Subject, tmp_path: Path) -> None:
    """At every step of staging, the rows being there and the ledger not saying so yet included."""
    warehouse = subject.warehouse
    seen: list[Finding] = []

    def looking(publication: Publication, folder: Path) -> File:
        seen.extend(examine(warehouse, clean=True))
        return fetch(publication, folder)

    file = published(green(tmp_path))
    stage(warehouse, file, fetch=looking)
    with warehouse.begin(file, "alive") as attempt:
        warehouse.stage(attempt, fetch(file, tmp_path / "copy"), lambda *_: None)
        seen.extend(examine(warehouse, clean=True))
        assert warehouse.ledger.update(attempt.key, Outcome.FAILED, only_from=[Outcome.STAGING])
        warehouse.discard(attempt)
    assert seen == []
    assert subject.leftovers() == 1


def test_months_that_differ_from_the_ledger_are_found_and_left(subject: Subject, tmp_path: Path) -> None:
    warehouse, file = subject.warehouse, published(green(tmp_path, 100))
    load(warehouse, file)
    load(warehouse, published(green(tmp_path, 50, NEXT), month=NEXT))
    subject.lose("green", MONTH)
    (found,) = examine(warehouse, clean=True)
    assert (found.what, found.where, found.done) == ("rows", f"green {MONTH}", "")
    assert "The month has 0 rows, and the ledger says 100." in found.to_do
    assert f"airflow taxi load green {MONTH}" in found.to_do
    load(warehouse, file)
    assert examine(warehouse) == []
