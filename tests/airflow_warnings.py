"""Warnings that Airflow itself gives rise to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_AIRFLOWS_OWN = (
    # Airflow reads .airflowignore with a class that a newer pathspec has renamed.
    "ignore:GitWildMatchPattern:DeprecationWarning",
    # Its API, which dag.test also talks to, imports its test client.
    "ignore:Using `httpx` with `starlette:starlette.exceptions.StarletteDeprecationWarning",
)


def let_airflows_own_pass(items: Iterable[pytest.Item], folder: Path) -> None:
    """Let Airflow's own warnings pass, in the tests of a folder only."""
    for item in items:
        if folder in item.path.parents:
            for warning in _AIRFLOWS_OWN:
                item.add_marker(pytest.mark.filterwarnings(warning))
