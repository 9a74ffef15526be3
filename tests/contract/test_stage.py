"""Staging: what is recorded of it, whatever happens."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.errors import ContractError, DownloadInterrupted, TooManyRejects, TruncatedFile
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.stage import Staged, stage_month, staged_in_run
from tests.trips import (
    GREEN,
    MONTH,
    fetch,
    green,
    lines,
    load,
    published,
    refused,
    row,
    stage,
    text,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication
    from nyc_taxi.load.warehouse import Warehouse
    from tests.contract.conftest import Subject


def history(warehouse: Warehouse) -> list[str]:
    return [str(attempt.outcome) for attempt in warehouse.ledger.history("green", MONTH)]


def test_staged_rows_are_hidden_from_readers_and_measured(subject: Subject, tmp_path: Path) -> None:
    warehouse = subject.warehouse
    staged = stage(warehouse, published(write(tmp_path, text(lines(250)))))
    attempt = warehouse.ledger.get(staged.key)
    assert attempt.outcome is Outcome.STAGED
    assert (attempt.rows_in_file, attempt.rows_loaded, attempt.rows_rejected) == (250, 250, 0)
    assert (attempt.line_end, attempt.header) == ("\n", tuple(GREEN.split(",")))
    assert attempt.measures == {
        "rows": 250,
        "first": 1,
        "last": 250,
        "ordinals": 250 * 251 // 2,
        "outside": 0,
        "earliest": "2021-01-01 10:00:00",
        "latest": "2021-01-27 10:53:00",
        "blank": dict.fromkeys(get_dataset("green").filled, 0),
        "unended": 0,
    }
    assert (subject.rows(), subject.leftovers()) == ([], 1)
    assert Staged.from_json(json.loads(json.dumps(staged.to_json()))) == staged


def test_unchanged_month_is_recognised_from_what_the_source_says_alone(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    def no_download(publication: Publication, folder: Path) -> File:
        raise AssertionError("The file was downloaded.")

    file = published(green(tmp_path))
    loaded = load(warehouse, file)
    staged = stage(warehouse, file, fetch=no_download)
    assert (staged.unchanged, staged.attempt, staged.rows_loaded) == (True, loaded.id, 100)
    assert history(warehouse) == ["published"]


def test_file_that_was_only_touched_is_unchanged_and_known_by_its_new_description(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    path = green(tmp_path)
    first = load(warehouse, published(path))
    touched = published(path, modified=datetime(2022, 1, 1, tzinfo=UTC))
    assert stage(warehouse, touched).unchanged
    current = warehouse.ledger.current("green", MONTH)
    assert current is not None
    assert (current.id, current.last_modified) == (first.id, touched.last_modified)
    assert history(warehouse) == ["published"]


def test_month_whose_rows_are_gone_is_not_unchanged(subject: Subject, tmp_path: Path) -> None:
    file = published(green(tmp_path))
    load(subject.warehouse, file)
    subject.lose("green", MONTH)
    assert not stage(subject.warehouse, file).unchanged


def test_force_loads_an_unchanged_file_again(subject: Subject, tmp_path: Path) -> None:
    file = published(green(tmp_path))
    first = load(subject.warehouse, file)
    before = subject.rows()
    assert load(subject.warehouse, file, force=True).id != first.id
    assert subject.rows() == before


def test_failed_download_leaves_its_reason_and_nothing_else(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def broken(publication: Publication, folder: Path) -> File:
        (folder / "half").write_bytes(b"half a file")
        raise DownloadInterrupted("The transfer ended after 11 bytes.")

    with pytest.raises(DownloadInterrupted):
        stage_month(subject.warehouse, published(green(tmp_path / "source")), fetch=broken, run_id="r")
    (failed,) = subject.warehouse.ledger.history("green", MONTH)
    said = (failed.outcome, failed.reason, failed.run_id)
    assert said == (Outcome.FAILED, "The transfer ended after 11 bytes.", "r")
    assert list(tmp_path.glob("nyc-taxi-*")) == []
    assert subject.leftovers() == 0


def test_damaged_file_is_named_by_its_address_and_leaves_nothing(subject: Subject, tmp_path: Path) -> None:
    load(subject.warehouse, published(green(tmp_path, 100)))
    before = subject.rows()
    path = green(tmp_path / "cut", 5_000)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TruncatedFile, match=path.as_uri()):
        stage(subject.warehouse, published(path))
    assert subject.rows() == before
    assert subject.leftovers() == 0
    assert history(subject.warehouse) == ["published", "failed"]


def test_too_many_rejected_rows_fail_the_attempt_and_stay_visible(subject: Subject, tmp_path: Path) -> None:
    warehouse = subject.warehouse
    load(warehouse, published(green(tmp_path, 300)))
    rows = [GREEN, *(row(number) if number % 2 else "cut" for number in range(3_000))]
    path = write(tmp_path / "bad", text(rows))
    with pytest.raises(TooManyRejects, match=rf"1,500 of 3,000 rows of {path.as_uri()}.*line 2: .*; line 4:"):
        stage(warehouse, published(path))
    newest = warehouse.ledger.history("green", MONTH)[-1]
    assert newest.outcome is Outcome.FAILED
    assert (newest.rows_in_file, newest.rows_rejected) == (3_000, 1_500)
    assert len(refused(warehouse)) == 1_000
    assert (warehouse.count("green", MONTH), subject.leftovers()) == (300, 0)


def test_attempt_of_a_dead_process_is_abandoned_by_the_next_run_and_a_live_one_is_not(
    subject: Subject, tmp_path: Path
) -> None:
    warehouse, file = subject.warehouse, published(green(tmp_path))

    def in_the_middle(publication: Publication, folder: Path) -> File:
        # This attempt is alive while another one comes and goes.
        load(warehouse, published(green(tmp_path / "other", 50)))
        assert history(warehouse) == ["abandoned", "staging", "published"]
        return fetch(publication, folder)

    warehouse.prepare()
    with warehouse.begin(file, "killed"):
        pass
    assert history(warehouse) == ["staging"]
    assert not stage(warehouse, file, fetch=in_the_middle).unchanged
    assert history(warehouse) == ["abandoned", "staged", "published"]


def test_what_a_dead_process_had_staged_is_removed_with_its_rejected_rows(
    subject: Subject, tmp_path: Path
) -> None:
    """It died after the rows were in the warehouse, and before the ledger said so."""
    warehouse = subject.warehouse
    file = published(write(tmp_path, text([*lines(200), "cut"])))
    warehouse.prepare()
    with warehouse.begin(file, "killed") as attempt:
        warehouse.stage(attempt, fetch(file, tmp_path / "copy"), lambda *_: None)
        assert (subject.leftovers(), len(refused(warehouse))) == (1, 1)
        warehouse.remove_leftovers("green", MONTH)
        assert (subject.leftovers(), len(refused(warehouse))) == (1, 1)
    warehouse.remove_leftovers("green", MONTH)
    assert (subject.leftovers(), refused(warehouse)) == (0, [])
    assert history(warehouse) == ["abandoned"]


def test_attempt_that_was_taken_for_dead_publishes_nothing(subject: Subject, tmp_path: Path) -> None:
    warehouse, file = subject.warehouse, published(green(tmp_path))

    def taken_away(publication: Publication, folder: Path) -> File:
        (attempt,) = warehouse.ledger.history("green", MONTH)
        warehouse.ledger.update(attempt.key, Outcome.ABANDONED)
        return fetch(publication, folder)

    with pytest.raises(ContractError, match=r"took it for dead"):
        stage(warehouse, file, fetch=taken_away)
    assert history(warehouse) == ["abandoned"]
    assert subject.leftovers() == 0


def test_progress_is_reported_in_bytes_of_content(warehouse: Warehouse, tmp_path: Path) -> None:
    body = text(lines(20_000))
    reported: list[tuple[str, int]] = []
    file = published(write(tmp_path, body, "green_tripdata_2021-01.csv.gz"))
    stage_month(
        warehouse, file, fetch=fetch, run_id="r", progress=lambda step, done, _: reported.append((step, done))
    )
    assert reported[-1] == ("copy", len(body))


def test_what_a_run_has_staged_is_in_the_ledger(warehouse: Warehouse, tmp_path: Path) -> None:
    file = published(green(tmp_path, 20))
    staged = stage(warehouse, file)
    run_id = warehouse.ledger.get(staged.key).run_id

    found = staged_in_run(warehouse, "green", MONTH, run_id)

    assert replace(found, seconds=staged.seconds) == staged
    with pytest.raises(ContractError, match="another has staged nothing of green 2021-01"):
        staged_in_run(warehouse, "green", MONTH, "another")
    loaded = load(warehouse, file)
    found = staged_in_run(warehouse, "green", MONTH, "another")
    assert (found.unchanged, found.attempt) == (True, loaded.id)
