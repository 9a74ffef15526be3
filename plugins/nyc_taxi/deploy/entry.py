"""The words of the bootstrap: an entry is a pool, connection or variable; its content, what is compared."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

POOL: Final = "pool"
CONNECTION: Final = "connection"
VARIABLE: Final = "variable"

Content: TypeAlias = dict[str, Any]
"""The fields of an entry. Two contents are equal when a user of Airflow would call them so."""


class Entry(NamedTuple):
    """One pool, connection or variable.

    :param kind: one of :data:`POOL`, :data:`CONNECTION`, :data:`VARIABLE`
    :param name: the name by which Airflow knows it
    """

    kind: str
    name: str

    def __str__(self) -> str:
        """Return the entry as messages call it."""
        return f"{self.kind} {self.name}"
