"""Progress on stderr: bars on a terminal, and a few lines anywhere else."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from nyc_taxi.cli.command import remark
from nyc_taxi.progress import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress, ProgressColumn, TaskID

_LINE_EVERY = 10.0
"""Seconds between two lines about the same step."""


class Tally(Protocol):
    """Shows how many of several things are done."""

    def __call__(self, done: int, total: int, words: str) -> None:
        """Show it anew.

        :param done: how many are done
        :param total: how many there are
        :param words: what else there is to say, such as where each of them stands
        """


class Steps(Protocol):
    """Shows how far the steps of one piece of work are."""

    def __call__(self, step: str, done: int, total: int | None) -> None:
        """Show how far a step is.

        :param step: name of the step
        :param done: how many bytes of it are done
        :param total: how many there are, if that is known
        """


@contextmanager
def tally(title: str) -> Iterator[Tally]:
    """Show how many of several things are done, for as long as the context lasts."""
    if not sys.stderr.isatty():
        yield _LineTally(title)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

    text, words = TextColumn("{task.description}"), TextColumn("{task.fields[words]}")
    with _bars(text, BarColumn(), MofNCompleteColumn(), words, TimeElapsedColumn()) as progress:
        yield _BarTally(progress, progress.add_task(title, total=None, words=""))


@contextmanager
def steps(title: str) -> Iterator[Steps]:
    """Show how far the steps of one piece of work are, for as long as the context lasts."""
    if not sys.stderr.isatty():
        yield _LineSteps(title)
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn

    text = TextColumn("{task.description}")
    with _bars(text, BarColumn(), DownloadColumn(), TransferSpeedColumn(), transient=True) as progress:
        yield _BarSteps(progress, title)


def _bars(*columns: ProgressColumn, transient: bool = False) -> Progress:
    from rich.console import Console
    from rich.progress import Progress as Bars

    return Bars(*columns, console=Console(stderr=True), transient=transient)


class _BarTally:
    def __init__(self, progress: Progress, bar: TaskID) -> None:
        self._progress = progress
        self._bar = bar

    def __call__(self, done: int, total: int, words: str) -> None:
        self._progress.update(self._bar, completed=done, total=total, words=words)


class _LineTally:
    def __init__(self, title: str) -> None:
        self._title = title
        self._last = ""

    def __call__(self, done: int, total: int, words: str) -> None:
        line = f"{self._title}: {done} of {total}, {words}"
        if line != self._last:
            remark(line)
            self._last = line


class _BarSteps:
    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._title = title
        self._bars: dict[str, TaskID] = {}

    def __call__(self, step: str, done: int, total: int | None) -> None:
        if step not in self._bars:
            self._bars[step] = self._progress.add_task(f"{self._title} {step}", total=total)
        self._progress.update(self._bars[step], completed=done, total=total)


class _LineSteps:
    def __init__(self, title: str) -> None:
        self._title = title
        self._step = ""
        self._ended = False
        self._started = self._written = self._called = time.monotonic()

    def __call__(self, step: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if step != self._step:
            self._step, self._started, self._written = step, self._called, now
            self._ended = False
        self._called = now
        if self._ended:
            return
        self._ended = done == total
        if self._ended or now - self._written >= _LINE_EVERY:
            self._written = now
            remark(f"{self._title} {describe(step, done, total, now - self._started)}")
