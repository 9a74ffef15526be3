"""How commands speak and end: sentences, no tracebacks, and an exit status that scripts can use."""

from __future__ import annotations

import os
import sys
from functools import wraps
from typing import TYPE_CHECKING, NoReturn

from airflow.sdk.exceptions import AirflowException
from airflow.utils.providers_configuration_loader import providers_configuration_loaded

from nyc_taxi.core.excerpt import printable_lines
from nyc_taxi.errors import InvalidCommand, TaxiError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

FAILED, MISUSED, INTERRUPTED = 1, 2, 130
"""Exit statuses: the command failed, it was called with wrong arguments, Ctrl-C."""


def say(sentence: str) -> None:
    """Write a line of the command's result, with terminal control characters escaped."""
    sys.stdout.write(f"{printable_lines(sentence)}\n")
    sys.stdout.flush()


def remark(sentence: str) -> None:
    """Write a line that is not part of the command's result to standard error, escaped like :func:`say`."""
    sys.stderr.write(f"{printable_lines(sentence)}\n")
    sys.stderr.flush()


def confirm(question: str) -> bool:
    """Return whether the user answers a question with yes; the end of the input means no."""
    sys.stderr.write(f"{printable_lines(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def command(run: Callable[[Namespace], None]) -> Callable[[Namespace], None]:
    """Make a function a command: an error becomes one sentence and an exit status.

    Connections are found as by ``airflow connections``: in the environment, in the secrets backend and in
    the metadata database. Outside a task Airflow skips the database unless the process declares itself part
    of the server.
    """

    @wraps(run)
    @providers_configuration_loaded
    def ended(args: Namespace) -> None:
        os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
        try:
            run(args)
        except InvalidCommand as error:
            _end(MISUSED, error)
        except (TaxiError, AirflowException) as error:
            _end(FAILED, error)
        except KeyboardInterrupt:
            _end(INTERRUPTED, "Stopped.")
        except BrokenPipeError:
            # The reader has seen enough. Closing standard output at exit must not fail once more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    return ended


def _end(status: int, message: object) -> NoReturn:
    remark(str(message).strip())
    raise SystemExit(status)
