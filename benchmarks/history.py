"""The runs so far, one line of JSON per run, and how each figure developed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from rich.table import Table

from benchmarks.figure import Figure
from benchmarks.machine import Circumstances
from local.environment import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

FILE = CHECKOUT / ".bench" / "history.jsonl"
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of a group.

    :param group: the group's name
    :param busy: percent of all cores that other programs used just before or just after, the larger one
    :param quiet: whether that is little enough to trust the figures
    :param seconds: how long it took
    :param figures: what it found
    """

    group: str
    busy: float
    quiet: bool
    seconds: float
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    :param sizes: name of the sizes that it was done with
    :param circumstances: under which it was done
    :param load_average: the machine's, when it began
    :param groups: what was measured
    """

    sizes: str
    circumstances: Circumstances
    load_average: float
    groups: tuple[Measured, ...]

    @property
    def comparable(self) -> tuple[str, ...]:
        """What two runs must have in common for their figures to be compared."""
        about = self.circumstances
        return (about.machine, f"Python {about.python}", f"Postgres {about.postgres}", f"{self.sizes} sizes")

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values, with whether each target was met."""
        found = asdict(self)
        for group, measured in zip(found["groups"], self.groups, strict=True):
            for values, figure in zip(group["figures"], measured.figures, strict=True):
                values["met"] = figure.met
        return found

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Rebuild it from :meth:`to_json`."""
        groups = tuple(
            Measured(**{**group, "figures": tuple(map(_figure, group["figures"]))})
            for group in values["groups"]
        )
        return cls(**{**values, "circumstances": Circumstances(**values["circumstances"]), "groups": groups})


def append(run: Run, file: Path) -> None:
    """Add a run to the history."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as history:
        history.write(json.dumps(run.to_json()) + "\n")


def read(file: Path) -> list[Run]:
    """Return the runs of a history, oldest first; none when there is no such file."""
    if not file.exists():
        return []
    return [Run.from_json(json.loads(line)) for line in file.read_text().splitlines()]


def show(file: Path, console: Console) -> None:
    """Print how each figure developed: a table for all runs that can be compared with one another."""
    runs = read(file)
    if not runs:
        console.print(f"There is no run in {file} yet: make bench adds one.")
    for circumstances in dict.fromkeys(run.comparable for run in runs):
        console.print(_table([run for run in runs if run.comparable == circumstances]))
    if runs:
        console.print("~ the machine was busy   ! the target was missed   + with changes after the commit")


def _figure(values: dict[str, Any]) -> Figure:
    spread = values["spread"]
    return Figure(
        **{name: value for name, value in values.items() if name != "met"}
        | {"spread": tuple(spread) if spread else None}
    )


def _table(runs: list[Run]) -> Table:
    """Return the last runs as columns, the figures as lines."""
    shown = runs[-_SHOWN:]
    table = Table(title="; ".join(runs[0].comparable), title_justify="left")
    table.add_column("figure", no_wrap=True)
    table.add_column("at most", justify="right")
    for run in shown:
        about = run.circumstances
        table.add_column(f"{about.date[:16].replace('T', ' ')}\n{about.commit}", justify="right")
    found = [
        {figure.name: (figure, group) for group in run.groups for figure in group.figures} for run in shown
    ]
    for name, (last, _) in {name: both for run in found for name, both in run.items()}.items():
        cells = [_cell(*run[name]) if name in run else "" for run in found]
        table.add_row(name, number(last.target), *cells)
    return table


def _cell(figure: Figure, group: Measured) -> str:
    marks = ("" if group.quiet else "~") + ("!" if figure.met is False else "")
    return f"{marks}{number(figure.value)} {figure.unit}".strip()


def number(value: float | None) -> str:
    """Return a value with three digits that count; empty when there is none."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
