"""The text of a run's note; that it is written is tested where DAGs run."""

from __future__ import annotations

import re

import pytest

from nyc_taxi.run_notes import HEADING, LONGEST_NOTE, _file, merged
from tests.faults.hostile import HOSTILE

OURS = f"{HEADING} (manual run)"


def test_an_empty_note_becomes_the_paragraph() -> None:
    assert merged("", OURS, ["a", "b"]) == f"{OURS}\n* a\n* b"


def test_what_people_wrote_is_kept_before_and_after_and_the_paragraph_is_renewed() -> None:
    note = f"Loaded for Ann.\n\n{HEADING} (manual run)\n* old\n\nChecked by Bob."

    assert merged(note, OURS, ["new"]) == f"Loaded for Ann.\n\nChecked by Bob.\n\n{OURS}\n* new"


def test_a_note_is_cut_to_the_room_that_there_is() -> None:
    lines = [f"green 2021-{month:02d}: {'x' * 80}" for month in range(1, 13)]

    note = merged("My own note.", OURS, lines)

    assert len(note) <= LONGEST_NOTE
    assert note.startswith("My own note.\n\n")
    assert note.endswith(" more")
    shown = note.count("green")
    assert f"* and {12 - shown} more" in note
    assert 5 < shown < 12


def test_a_full_note_of_somebody_is_left_alone() -> None:
    full = "x" * LONGEST_NOTE

    assert merged(full, OURS, ["a"]) == full


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(
    "url", ["TEXT", "http://host/TEXT", "http://host/TEXT/file.csv.gz", "javascript:TEXT//f"]
)
def test_a_hostile_file_name_is_neither_a_link_of_its_own_nor_markup(text: str, url: str) -> None:
    shown = _file(url.replace("TEXT", text), linked=True)
    assert len(shown) < 500
    assert not set("<>`*|&") & set(shown)
    if "(" in shown:
        assert re.fullmatch(r"\[[^]\[()]*\]\(http://host/[^]\[()\s]*\)", shown)


def test_an_ordinary_file_is_a_link() -> None:
    url = "https://host/a/green_tripdata_2021-01.csv.gz"
    assert _file(url, linked=True) == f"[green_tripdata_2021-01.csv.gz]({url})"
    assert _file(url, linked=False) == "green_tripdata_2021-01.csv.gz"
