"""The state of a month, from its attempt and from the runs of its DAG."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from nyc_taxi.core.month import Month
from nyc_taxi.load.attempt import Attempt, Outcome
from nyc_taxi.ui.coverage import STATES, due, state
from nyc_taxi.ui.runs import Run

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def attempt(outcome: str, **known: Any) -> Attempt:
    values: dict[str, Any] = dict.fromkeys(field.name for field in fields(Attempt))
    return Attempt(**{**values, "outcome": Outcome(outcome), "rows_rejected": 0, "finished": EARLY, **known})


def run(state: str, began: datetime | None = LATE) -> Run:
    return Run("green_postgres", "r", state, Month("2021-01"), began)


PUBLISHED = attempt("published")


@pytest.mark.parametrize(
    ("expected", "attempt", "run", "own", "stale"),
    [
        ("none", None, None, None, None),
        ("waiting", None, run("queued"), None, None),
        ("waiting", None, run("running"), None, None),
        ("failed", None, run("failed"), None, None),
        ("none", None, run("success"), None, None),
        ("loading", attempt("staging", finished=None), run("running"), run("running"), None),
        ("loading", attempt("audited", finished=None), None, None, None),
        ("failed", attempt("staged", finished=None), run("failed"), run("failed"), None),
        ("loaded", PUBLISHED, run("success", EARLY), run("success", EARLY), None),
        ("loaded", PUBLISHED, None, None, None),
        # The publishing run itself goes on for a moment after its month was published.
        ("loaded", PUBLISHED, run("running", datetime(2025, 12, 31, tzinfo=UTC)), None, None),
        ("waiting", PUBLISHED, run("running"), None, None),
        ("failed", PUBLISHED, run("failed"), None, None),
        ("stale", PUBLISHED, None, None, "new"),
        ("loaded", PUBLISHED, None, None, "no models"),
        ("rejects", attempt("published", rows_rejected=3), None, None, None),
        ("republished", attempt("published", replaced_id=1), None, None, None),
        ("failed", attempt("failed"), None, None, None),
        ("failed", attempt("abandoned"), None, None, None),
        ("none", attempt("unloaded"), run("success", EARLY), None, "unloaded"),
        ("waiting", attempt("unloaded"), run("running"), None, None),
    ],
)
def test_what_needs_a_user_is_shown_before_what_does_not(
    expected: str, attempt: Attempt | None, run: Run | None, own: Run | None, stale: str | None
) -> None:
    assert state(attempt, run, own, stale, asked=True) == expected
    assert expected in STATES


@pytest.mark.parametrize(
    ("expected", "run"),
    [
        ("none", None),
        ("waiting", run("queued")),
        ("loading", run("running")),
        ("loaded", run("success")),
        ("failed", run("failed")),
    ],
)
def test_while_a_warehouse_does_not_answer_its_runs_are_all_that_is_known(
    expected: str, run: Run | None
) -> None:
    assert state(None, run, None, None, asked=False) == expected


def test_a_month_is_due_two_months_after_its_end() -> None:
    assert due(Month("2026-11")) == Month("2026-08")
