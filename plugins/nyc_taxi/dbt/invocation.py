"""A call of dbt as arguments of a process, which never pass through a shell."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self

from nyc_taxi.core.chosen_months import read_months
from nyc_taxi.core.dataset import dataset_names
from nyc_taxi.core.month import Month
from nyc_taxi.errors import InvalidCommand

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

SELECTION_PATTERN: Final = r"[A-Za-z0-9_*@+][A-Za-z0-9_.:*@+,/ -]*"
"""The syntax of a selection: names, methods, graph operators, unions and intersections."""

TARGETS: Final = ("prod", "dev")
"""The project's targets; ``dev`` writes to schemas with a prefix."""


class Command(StrEnum):
    """The commands of dbt that can be called."""

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


@dataclass(frozen=True, slots=True, order=True)
class DatasetMonth:
    """A month of a dataset, which is what the marts are built by; as text ``green 2021-01``."""

    month: Month
    dataset: str

    def __str__(self) -> str:
        return f"{self.dataset} {self.month}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what a text names.

        :raises InvalidMonth: when its last word is not a month
        """
        dataset, _, month = text.rpartition(" ")
        return cls(Month(month), dataset)


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of dbt.

    :param months: the datasets' file months that the incremental models build
    :param full_refresh: rebuild everything from all months
    :param select: nodes to run, as for dbt's ``--select``; empty for all
    :param target: target of the profile
    :param threads: how many nodes dbt runs at once
    :raises InvalidCommand: when a value is invalid, or does not fit the command
    """

    command: Command = Command.BUILD
    months: tuple[DatasetMonth, ...] = ()
    full_refresh: bool = False
    select: str = ""
    target: str = TARGETS[0]
    threads: int = 2

    def __post_init__(self) -> None:
        if self.full_refresh and self.command not in _WRITES:
            raise InvalidCommand(
                f"dbt {self.command} builds nothing, so it takes no full refresh. Choose build or run."
            )
        if self.full_refresh and self.months:
            raise InvalidCommand("A full refresh rebuilds every month. Leave the months empty.")
        if self.select and self.command not in _SELECTS:
            raise InvalidCommand(f"dbt {self.command} does not select nodes. Leave the selection empty.")
        if self.select and not re.fullmatch(SELECTION_PATTERN, self.select):
            raise InvalidCommand(
                f"{self.select!r} is not a selection of nodes. Write it as for dbt's --select, for example "
                "fct_trips+ or stg_green_tripdata tag:nightly."
            )
        if self.target not in TARGETS:
            raise InvalidCommand(f"{self.target!r} is not a target. Choose one of: {', '.join(TARGETS)}.")
        if self.threads < 1:
            raise InvalidCommand(f"dbt cannot run with {self.threads} threads. Choose 1 or more.")

    def arguments(self) -> list[str]:
        """Return the arguments of the ``dbt`` program, except those for its folders."""
        words = [*_WORDS[self.command], "--target", self.target]
        if self.command is Command.BUILD:
            # Unit tests check the models, not the data.
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
        months = tuple(map(DatasetMonth.parse, values["months"]))
        return cls(**{**values, "command": Command(values["command"]), "months": months})

    @classmethod
    def of_form(cls, form: Mapping[str, Any], stale: Collection[DatasetMonth], threads: int) -> Self | None:
        """Return what a trigger form asks for; None when every month is built already.

        Months in the form are built, for every dataset, whether they are stale or not. An empty field means
        the stale ones.

        :param form: ``command``, ``months``, ``full_refresh``, ``select`` and ``target``
        :param stale: months of which the marts do not have the ledger's version
        :raises InvalidMonth: when the form's months cannot be read
        :raises InvalidCommand: when the form's values do not fit together
        """
        command = Command(form["command"])
        select = (form["select"] or "").strip()
        named = read_months(form["months"]) if form["months"] else ()
        chosen = [DatasetMonth(month, dataset) for month in named for dataset in dataset_names()]
        missing = stale if command in _WRITES and not form["full_refresh"] else ()
        months = tuple(sorted(chosen or missing))
        if command in _WRITES and not (months or form["full_refresh"] or select):
            return None
        return cls(command, months, form["full_refresh"], select, form["target"], threads)
