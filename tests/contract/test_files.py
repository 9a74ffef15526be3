"""One set of rules: a warehouse holds what a slow reading of the file, field by field, finds in it."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import Month
from tests.files import naive
from tests.files.test_formats_agree import MUTATIONS, real_lines
from tests.trips import lines, load, published, text, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.conftest import Subject


def check(subject: Subject, folder: Path, content: bytes, dataset: str, month: Month) -> int:
    """Load a month, compare it with the slow reading, and return how many rows were rejected."""
    expected = naive.read_csv(get_dataset(dataset), content, month)
    path = write(folder, content, f"{dataset}_tripdata_{month}.csv")
    attempt = load(subject.warehouse, published(path, dataset=dataset, month=month))
    assert attempt.rows_in_file == len(expected.rows) + len(expected.rejects)
    assert (attempt.rows_loaded, attempt.rows_rejected) == (len(expected.rows), len(expected.rejects))
    assert list(map(filled, subject.rows(dataset, month))) == list(map(filled, expected.rows))
    rejects = subject.warehouse.ledger.rejects(attempt)
    assert [(row.row_number, row.line_number, row.line) for row in rejects] == expected.rejects
    return len(expected.rejects)


def filled(row: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a row that are not null, and what its JSON means."""
    return {
        name: json.loads(value) if name == "unmapped" else value
        for name, value in row.items()
        if value is not None
    }


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in real_lines()
        if name.startswith(("yellow_tripdata_2009", "yellow_tripdata_2016", "fhv_tripdata_2018"))
    ],
)
def test_lines_of_several_schema_versions(subject: Subject, tmp_path: Path, name: str) -> None:
    dataset, _, month = name.removesuffix(".csv").split("_")
    check(subject, tmp_path, real_lines()[name], dataset, Month(month))


@pytest.mark.parametrize("seed", range(3))
def test_mutated_rows(subject: Subject, tmp_path: Path, seed: int) -> None:
    """Unknown columns, and thirty rows in four thousand with something odd in them."""
    draw = random.Random(seed)
    header, *rows = lines(4_000)
    rows = [f"{row},{'' if number % 3 else 'wet'}" for number, row in enumerate(rows)]
    content = bytearray(text([f"{header},weather", *rows], draw.choice(["\n", "\r\n"])))
    for _ in range(30):
        at = draw.randrange(1_000, len(content) - 1)
        content[at : at + draw.choice([0, 1, 3])] = draw.choice(MUTATIONS)
    assert 0 < check(subject, tmp_path, bytes(content), "green", Month("2021-01")) <= 40
