"""Starts a command of Airflow once init has completed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NoReturn

from nyc_taxi.deploy import environment as env
from nyc_taxi.deploy.console import Retry
from nyc_taxi.deploy.leftovers import remove_leftovers
from nyc_taxi.deploy.metadata import why_not_completed
from nyc_taxi.deploy.passwords import write_admin_password
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_WAIT = 300.0
"""Seconds that a command waits for init."""

_API: Final = "AIRFLOW__CORE__EXECUTION_API_SERVER_URL"
_FIRST_ANSWER: Final = 60.0
"""Seconds that a busy machine has to build the API of tasks."""

_AT_ONCE: Final = frozenset({"config", "db", "info", "providers", "version"})
"""Commands that need no database, or set it up themselves."""


def start(arguments: list[str], environment: Mapping[str, str]) -> NoReturn:
    """Replace this process by a command of Airflow once init has completed.

    :raises BootstrapFailed: if init did not complete in time, or the API does not answer a scheduler
    """
    name = arguments[0] if arguments else "--help"
    if name not in _AT_ONCE and {"-h", "--help"}.isdisjoint(arguments or [name]):
        wait_for_init(environment)
        if name == "scheduler":
            wait_for_api(environment)
            remove_leftovers(environment)
    if name == "api-server":
        write_admin_password(environment)
    try:
        os.execvp("airflow", ["airflow", *arguments])  # noqa: S606, S607
    except FileNotFoundError:
        raise BootstrapFailed(
            "There is no program airflow on the PATH. Install Airflow, or set PATH."
        ) from None


def wait_for_init(environment: Mapping[str, str]) -> None:
    """Return once init has completed for the installed versions, within BOOTSTRAP_WAIT seconds.

    :raises BootstrapFailed: if it did not
    """
    timeout = env.number("BOOTSTRAP_WAIT", environment, "seconds", DEFAULT_WAIT)
    retry = Retry("entrypoint.sh init", timeout, pause=1)
    while timeout and (why := why_not_completed(environment)):
        if not retry.again(why):
            raise BootstrapFailed(
                f"entrypoint.sh init did not complete within {timeout:g} s: {why}. "
                "Run entrypoint.sh init, and check its output."
            )


def wait_for_api(environment: Mapping[str, str]) -> None:
    """Return once the API of tasks answers, if the environment names it, within BOOTSTRAP_WAIT seconds.

    Tasks that start earlier fail. The first request makes Airflow build that API, which takes seconds.

    :raises BootstrapFailed: if it did not answer
    """
    address = environment.get(_API)
    timeout = env.number("BOOTSTRAP_WAIT", environment, "seconds", DEFAULT_WAIT)
    if not (address and timeout):
        return
    retry = Retry("the API server", timeout, pause=1)
    while why := _why_no_answer(f"{address.rstrip('/')}/health"):
        if not retry.again(why):
            raise BootstrapFailed(
                f"The API server {address} did not answer within {timeout:g} s: {why}. "
                f"Start entrypoint.sh api-server, or correct {_API}."
            )


def _why_no_answer(url: str) -> str:
    """Return why a server does not answer, as a clause; empty if it does, be it with a refusal."""
    from http.client import HTTPException
    from ssl import SSLError
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    try:
        urlopen(url, timeout=_FIRST_ANSWER).close()  # noqa: S310 # the deployment's own setting
    except HTTPError as error:
        return f"it answers with status {error.code}" if error.code >= 500 else ""
    except URLError as error:
        # Whom to trust is for Airflow to decide.
        return "" if isinstance(error.reason, SSLError) else _why(error.reason)
    except (OSError, HTTPException, ValueError) as error:
        return _why(error)
    return ""


def _why(error: object) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
