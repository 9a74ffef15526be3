"""``make bench``: the groups of figures one after another, printed, and added to the history."""

from __future__ import annotations

import shutil
import tempfile
import time
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from benchmarks import (
    course,
    coverage,
    fhvhv,
    history,
    imports,
    load,
    machine,
    memory,
    months,
    scheduler,
    unchanged,
)
from benchmarks.history import Measured, Run, number
from benchmarks.sizes import TINY, USUAL
from local.errors import LocalError
from nyc_taxi.errors import TaxiError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.figure import Figure
    from benchmarks.sizes import Sizes


@dataclass(frozen=True, slots=True)
class Group:
    """Figures that are measured together.

    :param measure: yields them, one as soon as it is known; what it writes goes into the folder
    :param minutes: about how long that takes on two quiet cores
    """

    measure: Callable[[Sizes, Path], Iterator[Figure]]
    minutes: float


GROUPS = {
    "load": Group(load.measure, 3.5),
    "fhvhv": Group(fhvhv.measure, 3),
    "course": Group(course.measure, 3),
    "months": Group(months.measure, 1.5),
    "memory": Group(memory.measure, 2.5),
    "unchanged": Group(unchanged.measure, 0.3),
    "coverage": Group(coverage.measure, 1),
    "imports": Group(imports.measure, 0.7),
    "scheduler": Group(scheduler.measure, 5),
}


def main(arguments: Sequence[str]) -> int:
    """Measure the chosen groups, print them, and add them to the history.

    :param arguments: words of the command line
    :return: 1 when something could not be measured, or when a target is missed and ``--strict`` is given
    """
    options = _parsed(arguments)
    console = Console(highlight=False, width=None if Console().is_terminal else 160)
    history_file: Path = options.history
    if options.show:
        history.show(history_file, console)
        return 0
    if not options.tiny:
        machine.check_room(_folder(history_file))
    average = machine.load_average()
    names = options.groups or list(GROUPS)
    minutes = sum(GROUPS[name].minutes for name in names)
    sizes = TINY if options.tiny else USUAL
    about = machine.circumstances()
    console.print(f"{', '.join(names)}: about {minutes:.0f} minutes with the usual sizes on two quiet cores.")
    if average > machine.cores() * machine.QUIET / 100:
        console.print(f"The load average is {average:.1f}: this machine is busy, or was a moment ago.")
    measured = [_group(name, sizes, _folder(history_file), console) for name in names]
    run = Run(sizes.name, about, average, tuple(found for found, _ in measured))
    history.append(run, history_file)
    missed = [figure for found, _ in measured for figure in found.figures if figure.met is False]
    console.print(f"{_summary(len(missed))} Added to {history_file}; make bench-history compares.")
    return 1 if not all(whole for _, whole in measured) or (options.strict and missed) else 0


def _parsed(arguments: Sequence[str]) -> Namespace:
    parser = ArgumentParser(
        prog="make bench ARGS=…", description="Measure what docs/performance.md promises."
    )
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(GROUPS)}; all by default")
    parser.add_argument("--strict", action="store_true", help="fail when a target is missed")
    parser.add_argument("--tiny", action="store_true", help="small files: to see that all of it runs")
    parser.add_argument("--history", type=Path, default=history.FILE, help="file that runs are added to")
    parser.add_argument("--show", action="store_true", help="measure nothing, print the history")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.groups if name not in GROUPS]:
        parser.error(f"There is no group {unknown[0]}; choose from {', '.join(GROUPS)}.")
    return options


def _folder(history_file: Path) -> Path:
    """Return the folder that everything is written under; a system's temporary one may be memory."""
    folder = history_file.absolute().parent
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _group(name: str, sizes: Sizes, folder: Path, console: Console) -> tuple[Measured, bool]:
    """Measure a group and print it.

    :return: what was measured, and whether that is all
    """
    before = machine.busy(1.0)
    about = f"about {GROUPS[name].minutes:g} min; other programs use {before:.0f} % of the machine"
    console.print(f"\n{name}: {about}")
    figures: list[Figure] = []
    begun, why = time.monotonic(), ""
    # Not a TemporaryDirectory: where Postgres has another user, its files are gone already.
    scratch = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
    try:
        with console.status(f"{name}: {about}"):
            figures.extend(GROUPS[name].measure(sizes, scratch))
    except (LocalError, TaxiError) as error:
        why = str(error)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    seconds = time.monotonic() - begun
    others = max(before, machine.busy(1.0))
    found = Measured(name, round(others, 1), others <= machine.QUIET, round(seconds, 1), tuple(figures))
    console.print(_table(found))
    if why:
        console.print(f"The rest of {name} was not measured: {why}")
    return found, not why


def _table(found: Measured) -> Table:
    quiet = "" if found.quiet else "; the machine was busy: do not trust this"
    table = Table(title=f"{found.group}, {found.seconds:.0f} s{quiet}", title_justify="left")
    table.add_column("figure", no_wrap=True)
    for name in ("found", "at most", "met", "from – to"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("note")
    for figure in found.figures:
        spread = " – ".join(map(number, figure.spread or ()))
        met = {True: "yes", False: "NO", None: ""}[figure.met]
        value = f"{number(figure.value)} {figure.unit}".strip()
        table.add_row(figure.name, value, number(figure.target), met, spread, figure.note)
    return table


def _summary(missed: int) -> str:
    if not missed:
        return "\nAll targets are met."
    return f"\n{missed} target{'s are' if missed > 1 else ' is'} missed."
