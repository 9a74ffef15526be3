"""The password of the UI's user ``admin``, for Airflow's simple auth manager."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from nyc_taxi.deploy.environment import value
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE = "NYC_TAXI_ADMIN_PASSWORD"
_FILE = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"


def write_admin_password(environment: Mapping[str, str]) -> None:
    """Write the password of ``admin`` into the password file, if the environment has one.

    Other users' passwords stay. Only the owner can read the file. Without a password in the environment,
    Airflow generates one if the file has none.

    :raises BootstrapFailed: if the file cannot be read or written
    """
    password = value(_VARIABLE, environment)
    if password is None:
        return
    home = environment.get("AIRFLOW_HOME") or "~/airflow"
    path = Path(environment.get(_FILE) or f"{home}/simple_auth_manager_passwords.json.generated").expanduser()
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        passwords = json.loads(path.read_text("utf-8") or "{}") if path.exists() else {}
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({**passwords, "admin": password}, file)
        unfinished.replace(path)
    except (ValueError, TypeError):
        raise BootstrapFailed(f"{path} is not a JSON object of passwords. Correct or remove it.") from None
    except OSError as error:
        raise BootstrapFailed(
            f"Cannot write the password file {path}: {error.strerror}. Set {_FILE}, or unset {_VARIABLE}."
        ) from error
