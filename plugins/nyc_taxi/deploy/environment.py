"""Values of environment variables, which may also be the content of a file: ``NAME``, or ``NAME_FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

_SWITCH = {"1": True, "true": True, "yes": True, "": False, "0": False, "false": False, "no": False}


def value(name: str, environment: Mapping[str, str]) -> str | None:
    """Return the value of a variable, or of the file that ``NAME_FILE`` names; None when it is empty.

    One line end at the end of a file is not part of the value.

    :raises BootstrapFailed: when the file cannot be read, or both are given
    """
    given, path = environment.get(name), environment.get(f"{name}_FILE")
    if not path:
        return given or None
    if given:
        raise BootstrapFailed(f"Both {name} and {name}_FILE are set. Take one of them away.")
    try:
        content = Path(path).read_bytes().decode()
    except OSError as error:
        raise BootstrapFailed(
            f"The file {path}, which {name}_FILE names, cannot be read: {error.strerror}. "
            "Create it, or correct the variable."
        ) from error
    except UnicodeDecodeError:
        raise BootstrapFailed(f"The file {path}, which {name}_FILE names, is not text in UTF-8.") from None
    return content.removesuffix("\n").removesuffix("\r") or None


def load_airflow() -> None:
    """Have Airflow read its settings, which it does at its first import.

    :raises BootstrapFailed: when it cannot; its own message may quote a setting, and is left out
    """
    try:
        import airflow.settings  # noqa: F401
    except Exception as error:
        raise BootstrapFailed(
            f"Airflow cannot read its settings ({type(error).__name__}). Correct "
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN, its form _CMD or _SECRET, or another AIRFLOW__ variable."
        ) from error


def switch(name: str, environment: Mapping[str, str]) -> bool:
    """Return whether a variable is switched on.

    :raises BootstrapFailed: when it is neither on nor off
    """
    try:
        return _SWITCH[environment.get(name, "").strip().lower()]
    except KeyError:
        raise BootstrapFailed(f"{name} is neither 1 nor 0. Set it to one of them.") from None


def seconds(name: str, environment: Mapping[str, str], default: float) -> float:
    """Return a variable's number of seconds.

    :raises BootstrapFailed: when it is none
    """
    try:
        number = float(environment.get(name) or default)
    except ValueError:
        number = -1
    if not 0 <= number < float("inf"):
        raise BootstrapFailed(f"{name} is not a number of seconds. Set it to 0 or more.")
    return number
