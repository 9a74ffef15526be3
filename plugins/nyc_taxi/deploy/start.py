"""Starts a command of Airflow once init has completed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NoReturn

from nyc_taxi.deploy import environment as env
from nyc_taxi.deploy.console import Retry
from nyc_taxi.deploy.metadata import why_not_completed
from nyc_taxi.deploy.passwords import write_admin_password
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_WAIT = 300.0
"""Seconds that a command waits for init."""

_AT_ONCE: Final = frozenset({"config", "db", "info", "providers", "version"})
"""Commands that need no database, or set it up themselves."""


def start(arguments: list[str], environment: Mapping[str, str]) -> NoReturn:
    """Replace this process by a command of Airflow once init has completed.

    :raises BootstrapFailed: if init did not complete in time
    """
    name = arguments[0] if arguments else "--help"
    if name not in _AT_ONCE and {"-h", "--help"}.isdisjoint(arguments or [name]):
        wait_for_init(environment)
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
    timeout = env.seconds("BOOTSTRAP_WAIT", environment, DEFAULT_WAIT)
    retry = Retry("entrypoint.sh init", timeout, pause=1)
    while timeout and (why := why_not_completed(environment)):
        if not retry.again(why):
            raise BootstrapFailed(
                f"entrypoint.sh init did not complete within {timeout:g} s: {why}. "
                "Run entrypoint.sh init, and check its output."
            )
