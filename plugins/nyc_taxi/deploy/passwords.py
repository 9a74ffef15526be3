"""The password of the UI's user ``admin``, for Airflow's simple auth manager."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from nyc_taxi.deploy.environment import value
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE = "NYC_TAXI_ADMIN_PASSWORD"


def write_admin_password(environment: Mapping[str, str]) -> None:
    """Bring the password of ``admin`` into the file of passwords, where the environment has one.

    Other users' passwords in it stay. Without a password in the environment nothing is done, and Airflow
    makes one up where the file has none. Only the file's owner can read it.

    :raises BootstrapFailed: when the file cannot be read or written
    """
    password = value(_VARIABLE, environment)
    if password is None:
        return
    path = _path(environment)
    try:
        text = path.read_text("utf-8") if path.exists() else ""
        passwords = json.loads(text or "{}")
        if passwords.get("admin") != password:
            _replace(path, json.dumps({**passwords, "admin": password}) + "\n")
        elif path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except (ValueError, AttributeError):
        raise BootstrapFailed(
            f"The file of passwords {path} is not a JSON object of users. Correct or remove it."
        ) from None
    except OSError as error:
        raise BootstrapFailed(
            f"The file of passwords {path} cannot be written: {error.strerror}. Name another one in "
            f"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE, or do without {_VARIABLE}."
        ) from error


def _path(environment: Mapping[str, str]) -> Path:
    named = environment.get("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE")
    home = environment.get("AIRFLOW_HOME") or "~/airflow"
    return Path(named or f"{home}/simple_auth_manager_passwords.json.generated").expanduser()


def _replace(path: Path, text: str) -> None:
    """Write a file as a whole, readable by its owner only from the first byte on."""
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
