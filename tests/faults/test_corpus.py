"""Every bad file and answer ends as its line in the corpus says, and nothing is lost or half done."""

from __future__ import annotations

import tempfile
import uuid
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import psycopg
import pytest

from nyc_taxi.files.download import Limits, download
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.audit import audit_month
from nyc_taxi.load.stage import stage_month
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.faults.corpus import CASES, ROWS, TOO_SLOW, WHOLE, Case
from tests.trips import MONTH, content, counts, green, leftovers, load, published

if TYPE_CHECKING:
    from pathlib import Path

    from local.postgres import EmbeddedPostgres
    from tests.file_server import FileServer, Reply

PATH = "green/green_tripdata_2021-01.csv.gz"
QUICK = Limits(total=60, pause=0.01)
BEFORE = 25
"""Rows that the month holds before the bad file comes."""


@pytest.fixture(scope="module")
def corpus_uri(postgres_server: EmbeddedPostgres) -> str:
    """A warehouse that the cases share, one after another."""
    name = f"corpus_{uuid.uuid4().hex[:12]}"
    postgres_server.create_database(name)
    return postgres_server.uri(name)


@pytest.fixture
def shared_warehouse(corpus_uri: str) -> PostgresWarehouse:
    warehouse = PostgresWarehouse(lambda: psycopg.connect(corpus_uri), "corpus")
    warehouse.prepare()
    return warehouse


def attempt(
    warehouse: PostgresWarehouse,
    server: FileServer,
    replies: list[Reply],
    limits: Limits = QUICK,
) -> int:
    """Load the month from the server, and return the attempt's number."""
    server.answer(PATH, WHOLE)
    publication = SourceList.parse(server.url).ask("green", MONTH)
    server.answer(PATH, *replies)
    fetch = partial(download, limits=limits)
    staged = stage_month(warehouse, publication, fetch=fetch, run_id="corpus", force=True)
    audit_month(warehouse, staged.attempt)
    return warehouse.publish(staged.attempt).id


def test_there_are_many_cases_and_no_two_of_one_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_bad_file_or_answer(
    shared_warehouse: PostgresWarehouse,
    corpus_uri: str,
    file_server: FileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    case: Case,
) -> None:
    warehouse = shared_warehouse
    limits = replace(QUICK, total=3) if case.says == TOO_SLOW else QUICK
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with psycopg.connect(corpus_uri, autocommit=True) as reader:
        if list(counts(reader).values()) != [BEFORE]:  # a file that was refused left it as it was
            load(warehouse, published(green(tmp_path / "before", BEFORE)), force=True)
        before = content(reader)
        assert before[0][1] == BEFORE
        if case.error is None:
            number = attempt(warehouse, file_server, list(case.replies), limits)
            assert content(reader)[0][1] == case.loaded
        else:
            with pytest.raises(case.error, match=case.says) as caught:
                attempt(warehouse, file_server, list(case.replies), limits)
            said = str(caught.value)
            assert "\n" not in said
            assert f"{file_server.url}/{PATH}" in said
            assert len(said) < 2_000
            assert content(reader) == before
            number = reader.execute("select max(id) from ops.file_ledger").fetchone()[0]  # type: ignore[index]
        tried = warehouse.ledger.get(number)
        rejects = list(warehouse.ledger.rejects(tried)) if case.rejected else []
        if case.error is None:
            assert tried.outcome is Outcome.PUBLISHED
            assert (tried.rows_loaded, tried.rows_rejected) == (case.loaded, case.rejected)
            assert len(rejects) == case.rejected
            assert tried.rows_in_file == (tried.rows_loaded or 0) + (tried.rows_rejected or 0)
        else:
            assert tried.outcome is Outcome.FAILED
            assert tried.reason
        kept = [tried.stage_table.removeprefix("stage.")] if tried.stage_table else []
        assert leftovers(reader) == kept
        assert list(tmp_path.glob("nyc-taxi-*")) == []
        attempt(warehouse, file_server, [WHOLE])
        assert content(reader)[0][1] == ROWS
        assert leftovers(reader) == []
