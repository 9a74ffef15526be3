"""What a deployment needs besides Airflow, asked as its tasks would ask: sources, dbt, pod profiles."""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING, Final

from nyc_taxi import options, settings
from nyc_taxi.core.excerpt import printable
from nyc_taxi.errors import TaxiError
from nyc_taxi.load.warehouse import Finding
from nyc_taxi.pods.wiring import pod_profile, profiles_file, tasks_are_pods

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from nyc_taxi.targets import Target

PROFILES: Final = ("default", "sensor", "load", "dbt")
"""The pod profiles that the DAGs name."""

_log = logging.getLogger(__name__)


def findings(targets: Sequence[Target]) -> list[Finding]:
    """Return what tasks could not use, and how to mend it.

    :param targets: the warehouses
    """
    return [
        *attempted("source", settings.TLC_CONN_ID, _sources),
        *attempted("dbt", options.text("dbt_program"), lambda: _dbt(targets)),
        *attempted("pod profiles", str(profiles_file()), _profiles),
    ]


def attempted(what: str, where: str, check: Callable[[], Iterable[Finding] | None]) -> list[Finding]:
    """Return what a check finds; an error of the check is a finding itself.

    :param what: which kind of thing is checked
    :param where: its name
    """
    try:
        return [*(check() or ())]
    except TaxiError as error:
        return [Finding(what, where, None, None, str(error))]
    except Exception as error:
        _log.debug("The check of %s failed", where, exc_info=True)
        first, *_ = str(error).splitlines() or [""]
        reason = f"{type(error).__name__}: {printable(first)[:300]}".rstrip(": .")
        return [Finding(what, where, None, None, f"This could not be checked: {reason}. Repeat the command.")]


def _sources() -> Iterator[Finding]:
    from nyc_taxi.hooks.tlc import NycTlcHook

    for name, answered, text in NycTlcHook().answers():
        if not answered:
            yield Finding("source", name, None, None, f"{text}.")


def _dbt(targets: Sequence[Target]) -> None:
    """Check dbt where it is installed; only a deployment with DAGs lacks it elsewhere."""
    from nyc_taxi.dbt.version import require_version
    from nyc_taxi.hooks.dbt import project_folder

    program = options.text("dbt_program")
    if shutil.which(program) is not None:
        require_version(program, project_folder(), [target.name for target in targets])


def _profiles() -> None:
    if tasks_are_pods():
        for name in PROFILES:
            pod_profile(name)
