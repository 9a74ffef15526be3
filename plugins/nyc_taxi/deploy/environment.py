"""Settings from environment variables: ``NAME``, or the content of the file that ``NAME_FILE`` names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Mapping


def value(name: str, environment: Mapping[str, str]) -> str | None:
    """Return the value of a variable, or of the file that ``NAME_FILE`` names; None if it is empty.

    One line break at the end of a file is removed.

    :raises BootstrapFailed: if both are set, or the file cannot be read
    """
    given, path = environment.get(name), environment.get(f"{name}_FILE")
    if not path:
        return given or None
    if given:
        raise BootstrapFailed(f"Both {name} and {name}_FILE are set. Unset one of them.")
    try:
        content = Path(path).read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise BootstrapFailed(f"Cannot read {path}: {why}. Correct the file, or {name}_FILE.") from None
    return content.removesuffix("\n").removesuffix("\r") or None


def switch(name: str, environment: Mapping[str, str]) -> bool:
    """Return whether a variable is 1.

    :raises BootstrapFailed: if it is neither 1 nor 0
    """
    given = environment.get(name) or "0"
    if given not in {"0", "1"}:
        raise BootstrapFailed(f"{name} is neither 1 nor 0. Set it to one of them.")
    return given == "1"


def number(name: str, environment: Mapping[str, str], unit: str, default: float) -> float:
    """Return a variable's number of seconds or days.

    :raises BootstrapFailed: if its value is not one
    """
    try:
        given = float(environment.get(name) or default)
    except ValueError:
        given = -1
    if not 0 <= given < float("inf"):
        raise BootstrapFailed(f"{name} is not a number of {unit}. Set it to 0 or more.")
    return given
