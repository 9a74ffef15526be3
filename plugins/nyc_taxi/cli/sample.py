"""``airflow taxi sample``: generate months of made-up trips."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from nyc_taxi.cli.command import say
from nyc_taxi.cli.progress import tally
from nyc_taxi.core.numerals import counted
from nyc_taxi.errors import InvalidCommand
from nyc_taxi.samples import USUAL_DATASETS, write_sample

if TYPE_CHECKING:
    from argparse import Namespace


def sample(args: Namespace) -> None:
    """Generate sample months and the zone lookup, and say where they are.

    :raises InvalidCommand: when the folder cannot be written
    """
    datasets = args.datasets or USUAL_DATASETS
    files = len(datasets) * len(list(args.months))
    lock, done, started = Lock(), 0, time.monotonic()

    def written(path: Path, rows: int) -> None:
        nonlocal done
        with lock:
            done += 1
            show(done, files, f"{path.name}, {_speed(done * rows, started)}")

    try:
        with tally("sample months") as show:
            paths = write_sample(
                args.months, args.rows, Path(args.to), datasets, written, edition=args.edition
            )
    except OSError as error:
        raise InvalidCommand(
            f"{args.to} cannot be written: {error.strerror or error}. Name another folder."
        ) from error
    rows = files * args.rows
    made = f"{counted(len(paths), 'file')} with {counted(rows, 'trip')}"
    say(f"Wrote {made} to {args.to}, at {_speed(rows, started)}.")
    say(f"To load them: airflow taxi load {datasets[0]} {args.months} --source {args.to}")


def _speed(rows: int, started: float) -> str:
    return f"{rows / max(time.monotonic() - started, 0.001):,.0f} rows/s"
