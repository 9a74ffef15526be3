"""What the demo shows in the terminal: lines, live progress and the table of what was loaded."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from local.api import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.loads import Load
    from nyc_taxi.load.attempt import Attempt

_COLOURS = {"success": "green", "failed": "red", "running": "yellow"}


class Teller:
    """Prints the steps of a command with the seconds since its start."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """Print one finished step."""
        self.console.print(Text(f"{time.monotonic() - self._started:6.1f} s  {text}"), soft_wrap=True)

    @contextmanager
    def progress(self) -> Iterator[Callable[[list[Load]], None]]:
        """Show the state of loads: a table that changes in a terminal, else a line when one has ended."""
        if not self.console.is_terminal:
            yield self._ends()
            return
        with Live(console=self.console, refresh_per_second=4, transient=True) as live:
            yield lambda loads: live.update(progress_table(loads))

    def _ends(self) -> Callable[[list[Load]], None]:
        seen: set[Load] = set()

        def show(loads: list[Load]) -> None:
            for load in loads:
                if load.state in ENDED and load not in seen:
                    seen.add(load)
                    self.say(f"{load.dataset:6} {load.month}  {load.state} {load.task}".rstrip())

        return show


def progress_table(loads: list[Load]) -> Table:
    """Return the loads as a grid: a line per dataset, a column per month."""
    months = sorted({load.month for load in loads})
    table = Table(box=None, padding=(0, 2))
    table.add_column("")
    for month in months:
        table.add_column(str(month), min_width=22)
    for dataset in dict.fromkeys(load.dataset for load in loads):
        cells = [
            _cell(load)
            for month in months
            for load in loads
            if (load.dataset, load.month) == (dataset, month)
        ]
        table.add_row(dataset, *cells)
    return table


def _cell(load: Load) -> Text:
    text = load.state if load.state in {"success", "queued"} else f"{load.state} {load.task}"
    return Text(text, style=_COLOURS.get(load.state, "dim"))


def loaded_table(attempts: list[Attempt], before: set[int]) -> Table:
    """Return what the ledger says about months, and their sums.

    :param attempts: the months' current attempts
    :param before: ids of the attempts that were there before
    """
    table = Table(title="Loaded months, from the ledger in the warehouse", title_justify="left")
    for name in ("dataset", "month"):
        table.add_column(name)
    for name in ("rows in file", "loaded", "rejected", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("this time")
    for one in attempts:
        table.add_row(
            one.dataset,
            str(one.month),
            *(f"{number:,}" for number in _counts(one)),
            f"{one.seconds or 0:.1f}",
            "unchanged" if one.id in before else "loaded",
        )
    table.add_section()
    sums = [sum(column) for column in zip(*map(_counts, attempts), strict=True)] or [0, 0, 0]
    table.add_row("together", "", *(f"{number:,}" for number in sums), "", "")
    return table


def adds_up(attempts: list[Attempt]) -> bool:
    """Whether for every month the rows in the file are those loaded and those rejected."""
    return all(in_file == loaded + rejected for in_file, loaded, rejected in map(_counts, attempts))


def _counts(attempt: Attempt) -> tuple[int, int, int]:
    return attempt.rows_in_file or 0, attempt.rows_loaded or 0, attempt.rows_rejected or 0
