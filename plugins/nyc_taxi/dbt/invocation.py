"""What is asked of dbt, as arguments of a process: nothing of it ever passes through a shell."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Self

from nyc_taxi.core.month import Month
from nyc_taxi.errors import InvalidCommand

SELECTION_PATTERN: Final = r"[A-Za-z0-9_*@+][A-Za-z0-9_.:*@+,/ -]*"
"""How a selection of nodes is written: names, methods, graph operators, unions and intersections."""

TARGETS: Final = ("prod", "dev")
"""The project's targets; those of ``dev`` write to schemas with a prefix."""


class Command(StrEnum):
    """What dbt can be told to do."""

    BUILD = "build"
    RUN = "run"
    TEST = "test"
    DEBUG = "debug"
    FRESHNESS = "freshness"
    DOCS = "docs"


_WORDS: Final[dict[Command, tuple[str, ...]]] = {
    Command.BUILD: ("build",),
    Command.RUN: ("run",),
    Command.TEST: ("test",),
    Command.DEBUG: ("debug",),
    Command.FRESHNESS: ("source", "freshness"),
    Command.DOCS: ("docs", "generate", "--static"),
}

_WRITES: Final = frozenset({Command.BUILD, Command.RUN})
_SELECTS: Final = frozenset({Command.BUILD, Command.RUN, Command.TEST, Command.FRESHNESS, Command.DOCS})


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of dbt.

    :param command: what to do
    :param months: the file months that the incremental models build; none for what needs no months
    :param full_refresh: build everything anew from all months
    :param select: nodes to work on, as dbt's ``--select`` takes them; empty for all
    :param target: target of the profile
    :param threads: how many nodes dbt works on at once
    :raises InvalidCommand: when the parts make no sense together, or are not what they should be
    """

    command: Command = Command.BUILD
    months: tuple[Month, ...] = ()
    full_refresh: bool = False
    select: str = ""
    target: str = TARGETS[0]
    threads: int = 2

    def __post_init__(self) -> None:
        if self.full_refresh and self.command not in _WRITES:
            raise InvalidCommand(
                f"dbt {self.command} builds nothing, so it cannot do a full refresh. Choose build or run."
            )
        if self.full_refresh and self.months:
            raise InvalidCommand("A full refresh builds every month: leave the months empty.")
        if self.select and self.command not in _SELECTS:
            raise InvalidCommand(f"dbt {self.command} selects no nodes: leave the selection empty.")
        if self.select and not re.fullmatch(SELECTION_PATTERN, self.select):
            raise InvalidCommand(
                f"{self.select!r} is no selection of nodes. Write names as dbt does, for example "
                "fct_trips+ or stg_green_tripdata tag:nightly."
            )
        if self.target not in TARGETS:
            raise InvalidCommand(f"{self.target!r} is no target. Choose one of: {', '.join(TARGETS)}.")
        if self.threads < 1:
            raise InvalidCommand(f"dbt cannot work with {self.threads} threads. Write a number from 1.")

    def arguments(self) -> list[str]:
        """Return the arguments of the ``dbt`` program, all but those that say where things are."""
        words = [*_WORDS[self.command], "--target", self.target]
        if self.command is Command.BUILD:
            # They check the models, not the data: a change of the project runs them.
            words += ["--exclude-resource-type", "unit_test"]
        if self.command is not Command.DEBUG:
            words += ["--threads", str(self.threads)]
        if self.months:
            words += ["--vars", json.dumps({"months": [str(month) for month in self.months]})]
        if self.full_refresh:
            words.append("--full-refresh")
        if self.select:
            words += ["--select", *self.select.split()]
        return words

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values, for XCom."""
        return {**asdict(self), "command": str(self.command), "months": [str(month) for month in self.months]}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Rebuild it from :meth:`to_json`."""
        months = tuple(Month(text) for text in values["months"])
        return cls(**{**values, "command": Command(values["command"]), "months": months})
