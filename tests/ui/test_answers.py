"""Asking warehouses without waiting for them, and not too often."""

from __future__ import annotations

import time
from threading import Event
from typing import TYPE_CHECKING

from nyc_taxi.errors import WarehouseUnreachable
from nyc_taxi.ui import answers
from nyc_taxi.ui.answers import Answer, Answers
from tests.waiting import HANGS

if TYPE_CHECKING:
    import pytest


def test_one_question_at_a_time_and_the_answer_before_meanwhile() -> None:
    found, go, asked = Answers(), Event(), []

    def slowly() -> str:
        asked.append(1)
        go.wait(HANGS)
        return "newer"

    found.ask("key", lambda: "older")
    assert found.get("key", HANGS).value == "older"
    found.ask("key", slowly)
    found.ask("key", slowly)
    known: Answer[str] = found.get("key", 0)
    assert (known.value, known.asking, known.why) == ("older", True, "")
    go.set()
    assert found.get("key", HANGS).value == "newer"
    assert len(asked) == 1


def test_a_warehouse_rests_in_proportion_to_what_it_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "REST", 1e9)
    found = Answers()

    def slowly() -> str:
        time.sleep(0.01)
        return "older"

    found.ask("key", slowly)
    assert found.get("key", HANGS).value == "older"
    found.ask("key", lambda: "newer")
    assert not found.get("key", 0).asking
    assert found.get("key", HANGS).value == "older"


def test_after_an_error_the_answer_before_is_kept_and_the_error_told() -> None:
    found = Answers()
    found.ask("key", lambda: "older")
    found.get("key", HANGS)

    def fail() -> str:
        raise WarehouseUnreachable("The warehouse is away.")

    def break_() -> str:
        raise ZeroDivisionError("a secret")

    found.ask("key", fail)
    known: Answer[str] = found.get("key", HANGS)
    assert (known.value, known.why) == ("older", "The warehouse is away.")
    found.ask("key", break_)
    why = found.get("key", HANGS).why
    assert "ZeroDivisionError" in why
    assert "secret" not in why
    found.ask("key", lambda: "newer")
    assert found.get("key", HANGS).why == ""


def test_old_questions_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "KEPT", 3)
    found = Answers()
    for number in range(9):
        found.ask(number, lambda: "answer")
        found.get(number, HANGS)
    assert len(found._known) == 3
