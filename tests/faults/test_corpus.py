"""Every bad file and answer ends as its line in the corpus says, and nothing is lost or half done."""

from __future__ import annotations

import tempfile
import uuid
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import psycopg
import pytest

from nyc_taxi.errors import AuditFailed
from nyc_taxi.files.download import Limits, download
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.load.attempt import Key, Outcome
from nyc_taxi.load.audit import audit_month
from nyc_taxi.load.stage import stage_month
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.contract.conftest import InMemory, InPostgres
from tests.contract.memory import MemoryWarehouse
from tests.extent import LONG
from tests.faults.corpus import CASES, ROWS, TOO_SLOW, WHOLE, Case
from tests.trips import MONTH, green, load, published

if TYPE_CHECKING:
    from pathlib import Path

    from local.postgres import EmbeddedPostgres
    from nyc_taxi.load.warehouse import Warehouse
    from tests.contract.conftest import Subject
    from tests.file_server import FileServer, Reply

PATH = "green/green_tripdata_2021-01.csv.gz"
QUICK = Limits(total=60, pause=0.01)
BEFORE = 25
"""Rows that the month holds before the bad file comes."""

IN_POSTGRES = ("cut in the middle", "half of it unreadable", "another month", "quoted line end", "nul byte")
"""Cases that run in Postgres, too, where a file is refused at another point of its transaction each time."""


@pytest.fixture(scope="module")
def postgres(postgres_server: EmbeddedPostgres) -> InPostgres:
    """A warehouse that the cases share, one after another."""
    name = f"corpus_{uuid.uuid4().hex[:12]}"
    postgres_server.create_database(name)
    uri = postgres_server.uri(name)
    warehouse = PostgresWarehouse(lambda: psycopg.connect(uri), "corpus")
    warehouse.prepare()
    return InPostgres(warehouse, uri)


def attempt(warehouse: Warehouse, server: FileServer, replies: list[Reply], limits: Limits = QUICK) -> int:
    """Load the month from the server, and return the attempt's number."""
    server.answer(PATH, WHOLE)
    publication = SourceList.parse(server.url).ask("green", MONTH)
    server.answer(PATH, *replies)
    fetch = partial(download, limits=limits)
    staged = stage_month(warehouse, publication, fetch=fetch, run_id="corpus", force=True)
    audit_month(warehouse, staged.key)
    return warehouse.publish(staged.key).id


def test_there_are_many_cases_and_no_two_of_one_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60
    assert {case.name for case in CASES}.issuperset(IN_POSTGRES)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_bad_file_or_answer(
    file_server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    check(InMemory(MemoryWarehouse()), file_server, tmp_path, monkeypatch, case)


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if LONG or case.name in IN_POSTGRES],
    ids=lambda case: case.name,
)
def test_bad_file_or_answer_in_postgres(
    postgres: InPostgres,
    file_server: FileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    case: Case,
) -> None:
    check(postgres, file_server, tmp_path, monkeypatch, case)


def check(
    subject: Subject, server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    """Load a good file, the case, and a good file again, and look at the month after each."""
    warehouse = subject.warehouse
    limits = replace(QUICK, total=3) if case.says == TOO_SLOW else QUICK
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    load(warehouse, published(green(folder / "before", BEFORE)), force=True)
    before = subject.rows()
    assert len(before) == BEFORE
    if case.error is None:
        number = attempt(warehouse, server, list(case.replies), limits)
        assert len(subject.rows()) == case.loaded
    else:
        with pytest.raises(case.error, match=case.says) as caught:
            attempt(warehouse, server, list(case.replies), limits)
        said = str(caught.value)
        assert "\n" not in said
        assert f"{server.url}/{PATH}" in said
        assert len(said) < 2_000
        assert subject.rows() == before
        number = warehouse.ledger.history("green", MONTH)[-1].id
    tried = warehouse.ledger.get(Key("green", MONTH, number))
    rejects = list(warehouse.ledger.rejects(tried)) if case.rejected else []
    if case.error is None:
        assert tried.outcome is Outcome.PUBLISHED
        assert (tried.rows_loaded, tried.rows_rejected) == (case.loaded, case.rejected)
        assert len(rejects) == case.rejected
        assert tried.rows_in_file == (tried.rows_loaded or 0) + (tried.rows_rejected or 0)
        assert subject.leftovers() == 0
    else:
        assert tried.outcome is Outcome.FAILED
        assert tried.reason
        assert subject.leftovers() == (case.error is AuditFailed)
    assert list(folder.glob("nyc-taxi-*")) == []
    attempt(warehouse, server, [WHOLE])
    assert len(subject.rows()) == ROWS
    assert subject.leftovers() == 0
