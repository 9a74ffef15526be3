"""When a failed task is tried again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import AirflowSkipException

from nyc_taxi import listener, run_notes, settings
from nyc_taxi.errors import (
    ContractError,
    InvalidMonth,
    NeverInSource,
    SourceUnreachable,
    TaxiError,
    WarehouseBusy,
)
from nyc_taxi.retries import TaskFailed, TaxiRetryPolicy, one_sentence

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

POLICY = cast("TaxiRetryPolicy", settings.default_args()["retry_policy"])
"""The policy with the settings as shipped."""


def delay(try_number: int, max_tries: int) -> float | None:
    found = POLICY.evaluate(WarehouseBusy("x"), try_number, max_tries).retry_delay
    return found.total_seconds() if found else None


@pytest.mark.parametrize("earlier", [0, 1, 8, 100])
def test_the_delay_counts_tries_since_the_last_clear(earlier: int) -> None:
    """Airflow counts all tries, and raises the most of a task by its retries when it is cleared."""
    assert [delay(earlier + number, earlier + 3) for number in (1, 2, 3, 4)] == [30, 60, 120, None]


def test_a_delay_has_an_end() -> None:
    policy = TaxiRetryPolicy(1_000, settings.RETRY_DELAY, settings.MAX_RETRY_DELAY)
    longest = policy.evaluate(WarehouseBusy("x"), 999, 1_000).retry_delay
    assert longest is not None
    assert longest.total_seconds() == 600


@pytest.mark.parametrize(("asked", "delay"), [(None, 30), (5, 30), (45, 45), (86_400, 600)])
def test_a_source_that_asks_to_wait_gets_the_time(asked: float | None, delay: float) -> None:
    found = POLICY.evaluate(SourceUnreachable("x", retry_after=asked), 1, 3).retry_delay
    assert found is not None
    assert found.total_seconds() == delay


def test_a_task_whose_process_was_killed_is_tried_again_after_the_first_delay_always() -> None:
    """No policy sees a killed process: Airflow takes these."""
    arguments = settings.default_args()
    assert arguments["retry_delay"] == settings.RETRY_DELAY
    assert "retry_exponential_backoff" not in arguments


@pytest.mark.parametrize("error", [NeverInSource("x"), ContractError("x"), InvalidMonth("x")])
def test_a_contract_error_is_not_tried_again(error: TaxiError) -> None:
    ended = TaskFailed(1)
    ended.__cause__ = error
    for seen in (error, ended):
        assert POLICY.evaluate(seen, 1, 3).action is RetryAction.FAIL
    assert POLICY.evaluate(ConnectionError("x"), 1, 3).action is RetryAction.RETRY


def test_an_error_is_told_once_and_ends_a_task_without_a_traceback() -> None:
    """Airflow logs no traceback for a SystemExit."""
    reported: list[Exception] = []
    error = WarehouseBusy("The month is locked. Try again later.")

    def fail(*_: Any, **__: Any) -> None:
        raise error

    task = cast("BaseOperator", SimpleNamespace(execute=fail, resume_execution=fail))
    one_sentence(task, reported.append)
    for run in (task.execute, task.resume_execution):
        with pytest.raises(TaskFailed) as end:
            run()  # type: ignore[call-arg]
        assert isinstance(end.value, SystemExit)
        assert end.value.__cause__ is error
    assert reported == [error, error]


@pytest.mark.parametrize(("error", "told"), [(KeyError("secret"), True), (AirflowSkipException("x"), False)])
def test_an_unexpected_error_is_told_and_stays_what_it_is(error: Exception, told: bool) -> None:
    reported: list[Exception] = []

    def fail(*_: Any, **__: Any) -> None:
        raise error

    task = cast("BaseOperator", SimpleNamespace(execute=fail, resume_execution=fail))
    one_sentence(task, reported.append)
    with pytest.raises(type(error)):
        task.execute()  # type: ignore[call-arg]
    assert reported == ([error] if told else [])


def test_the_note_gets_the_kind_of_an_unexpected_error_and_no_text_that_may_be_secret() -> None:
    kept: dict[str, str] = {}

    def fail(*_: Any, **__: Any) -> None:
        raise KeyError("secret")

    task = SimpleNamespace(execute=fail, resume_execution=fail, retry_policy=POLICY)
    instance = SimpleNamespace(task=task, xcom_push=kept.__setitem__)
    listener.on_task_instance_running(None, cast("Any", instance))
    with pytest.raises(KeyError):
        task.execute()
    assert kept == {run_notes.REASON: "It ended with KeyError. Its log has the details."}
