"""Progress on standard error: bars on a terminal, lines anywhere else."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nyc_taxi.cli.command import remark
from nyc_taxi.progress import ProgressLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress, ProgressColumn, TaskID

    Tally = Callable[[int, int, str], None]
    """Called with how many of several things are done, how many there are, and what else there is to say."""

    Steps = Callable[[str, int, int | None], None]
    """Called with the name of a step, the bytes done, and their total if it is known."""


@contextmanager
def tally(title: str) -> Iterator[Tally]:
    """Show how many of several things are done, as long as the context lasts."""
    if sys.stderr.isatty():
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

        text, words = TextColumn("{task.description}"), TextColumn("{task.fields[words]}")
        with _bars(text, BarColumn(), MofNCompleteColumn(), words, TimeElapsedColumn()) as bars:
            bar = bars.add_task(title, total=None, words="")
            yield lambda done, total, words: bars.update(bar, completed=done, total=total, words=words)
        return
    last = ""

    def show(done: int, total: int, words: str) -> None:
        nonlocal last
        line = f"{title}: {done} of {total}, {words}"
        if line != last:
            remark(line)
            last = line

    yield show


@contextmanager
def steps(title: str) -> Iterator[Steps]:
    """Show how many bytes of each step are done, as long as the context lasts."""
    if not sys.stderr.isatty():
        yield ProgressLog(lambda line: remark(f"{title} {line}"))
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn

    text = TextColumn("{task.description}")
    with _bars(text, BarColumn(), DownloadColumn(), TransferSpeedColumn(), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(step: str, done: int, total: int | None) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(f"{title} {step}", total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield show


def _bars(*columns: ProgressColumn, transient: bool = False) -> Progress:
    from rich.console import Console
    from rich.progress import Progress as Bars

    return Bars(*columns, console=Console(stderr=True), transient=transient)
