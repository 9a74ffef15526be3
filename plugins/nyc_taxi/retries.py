"""When a task that failed is tried again, and what its log then says."""

from __future__ import annotations

from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any

from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowException

from nyc_taxi.errors import ContractError, SourceUnreachable, TaxiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import BaseOperator, Context


class TaskFailed(SystemExit):
    """Ends a task whose error is in its log; its cause is that error.

    Airflow logs a traceback for any other exception.
    """


class TaxiRetryPolicy(RetryPolicy):
    """Fails at once after a contract error, and doubles the delay with each try since the task was cleared.

    Airflow's own exponential delay counts all tries of a task: a month that was cleared a few times would
    wait for an hour after its first failure. A source that asks for more time gets it, up to the longest
    delay.

    :param retries: how often a task is retried
    :param delay: the delay before the first retry
    :param longest: the longest delay
    """

    def __init__(self, retries: int, delay: timedelta, longest: timedelta) -> None:
        self.retries = retries
        self.delay = delay
        self.longest = longest

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Return whether to try again, and when.

        :param try_number: the number of the try that failed, over all clears
        :param max_tries: the number of the last try but one; clearing a task raises it
        """
        error = exception.__cause__ if isinstance(exception, TaskFailed) else exception
        if isinstance(error, ContractError):
            return RetryDecision.fail("Trying again cannot help.")
        if try_number > max_tries:
            return RetryDecision.default()
        tries = min(max(self.retries - (max_tries - try_number), 1), 30)
        delay = max(min(self.delay * 2 ** (tries - 1), self.longest), self.delay)
        if isinstance(error, SourceUnreachable) and error.retry_after is not None:
            delay = max(delay, min(timedelta(seconds=error.retry_after), self.longest))
        return RetryDecision.retry(delay, f"Trying again in {delay.total_seconds():.0f} s.")


def one_sentence(task: BaseOperator, report: Callable[[Exception], None]) -> None:
    """Make a task report its error with :paramref:`report`; one of this package ends it without a traceback.

    Airflow's own exceptions, with which tasks skip and start runs, are not reported.
    """

    def reporting(run: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(run)
        def reported(*args: Any, **kwargs: Any) -> Any:
            try:
                return run(*args, **kwargs)
            except TaxiError as error:
                report(error)
                raise TaskFailed(1) from error
            except AirflowException:
                raise
            except Exception as error:
                report(error)
                raise

        return reported

    task.execute = reporting(task.execute)  # type: ignore[method-assign]
    task.resume_execution = reporting(task.resume_execution)  # type: ignore[method-assign]
