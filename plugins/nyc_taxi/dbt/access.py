"""How dbt reaches a warehouse."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Access:
    """What dbt's profile and the warehouse's driver read; a log and the list of processes show none of it.

    :param environment: variables by name
    :param files: contents by the name of the variable that holds the file's path; a file exists only while
        dbt runs, and only its user can read it
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
