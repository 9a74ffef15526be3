"""How a command speaks and ends: sentences, no tracebacks, and an exit status that scripts can use."""

from __future__ import annotations

import os
import sys
from functools import wraps
from typing import TYPE_CHECKING, NoReturn

from airflow.sdk.exceptions import AirflowException
from airflow.utils.providers_configuration_loader import providers_configuration_loaded

from nyc_taxi.core.excerpt import printable
from nyc_taxi.errors import InvalidCommand, TaxiError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

FAILED, MISUSED, INTERRUPTED = 1, 2, 130
"""Exit statuses: it did not work, it was called wrongly, Ctrl-C."""


def say(sentence: str) -> None:
    """Write a line of the command's result, with nothing in it that a terminal would act upon."""
    sys.stdout.write(f"{_plain(sentence)}\n")
    sys.stdout.flush()


def remark(sentence: str) -> None:
    """Write a line that is not part of the command's result, as plain as :func:`say` does."""
    sys.stderr.write(f"{_plain(sentence)}\n")
    sys.stderr.flush()


def _plain(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def command(run: Callable[[Namespace], None]) -> Callable[[Namespace], None]:
    """Make a function a command: what goes wrong in it becomes one sentence and an exit status.

    Connections are found as Airflow's own ``airflow connections`` finds them: in the environment, in
    the secrets backend, in the metadata database. Outside of a task Airflow leaves the last one out
    unless the process says that it is on the server's side.
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
            # The reader has seen enough; closing stdout at exit must not fail once more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    return ended


def _end(status: int, message: object) -> NoReturn:
    remark(str(message).strip())
    raise SystemExit(status)
