"""Becomes a command of Airflow, once init is complete."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NoReturn

from nyc_taxi.deploy import environment as env
from nyc_taxi.deploy.completion import missing
from nyc_taxi.deploy.output import Patience
from nyc_taxi.deploy.passwords import write_admin_password
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_WAIT = 300.0
"""Seconds that a command waits for init."""

_AT_ONCE: Final = frozenset({"config", "db", "info", "providers", "version"})
"""Commands that need no database, or prepare it themselves."""

_HELP: Final = frozenset({"-h", "--help"})

_PARTS: Final = frozenset({"api-server", "dag-processor", "scheduler", "triggerer"})


def run(arguments: list[str], environment: Mapping[str, str]) -> NoReturn:
    """Replace this process by a command of Airflow, once init is complete.

    :param arguments: the command and its arguments
    :raises BootstrapFailed: when init was not complete in time
    """
    name = arguments[0] if arguments else "--help"
    if name not in _AT_ONCE and _HELP.isdisjoint(arguments or [name]):
        wait_for_init(environment)
    if name == "api-server":
        write_admin_password(environment)
    program = ["airflow", *arguments]
    if name in _PARTS and env.switch("NYC_TAXI_RELOAD", environment):
        from nyc_taxi.deploy.reload import watched

        program = watched(program, environment)
    try:
        os.execvp(program[0], program)  # noqa: S606  # the user's own command
    except FileNotFoundError:
        raise BootstrapFailed(
            f"There is no program {program[0]} on the PATH. Install Airflow, or correct the PATH."
        ) from None


def wait_for_init(environment: Mapping[str, str]) -> None:
    """Return once init of the installed versions is complete, within BOOTSTRAP_WAIT seconds.

    :raises BootstrapFailed: when it was not by then
    """
    seconds = env.seconds("BOOTSTRAP_WAIT", environment, DEFAULT_WAIT)
    if not seconds:
        return
    patience = Patience("entrypoint.sh init", seconds, pause=1)
    while why := missing(environment):
        if not patience.again(why):
            raise BootstrapFailed(
                f"entrypoint.sh init was not complete after {seconds:g} s: {why}. "
                "Run entrypoint.sh init, and look at what it says."
            )
