"""``make test-browser``: a stack with sample months, and the tests that use its UI in Chromium.

The tests run in a separate environment, which has the program that drives the browser. All that they
know of the stack is its address, its users and what its months hold.
"""

from __future__ import annotations

import gzip
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from local import environment, samples
from local.checks import CheckFailed
from local.environment import BROWSER_VENV, CHECKOUT
from local.stack import Stack
from local.state import Ports, Settings
from nyc_taxi.core.dataset import dataset_names
from nyc_taxi.core.month import MonthRange

ROWS: Final = 1_000
MONTHS: Final = "2021-01..2021-04"
MARKUP: Final = "<img src=x onerror=document.title='taken over'>"
"""What a row of green 2021-03 has in place of a number."""

_PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")


def test(arguments: str) -> int:
    """Start a stack, run the tests, and stop it again.

    :param arguments: further arguments of pytest, as in a shell
    :return: 0 when all pass
    :raises CheckFailed: when there is no Chromium
    """
    chromium = find_chromium()
    environment.ensure("browser")
    with TemporaryDirectory(prefix="nyc-taxi-browser-") as folder:
        stack = Stack(
            Path(folder),
            Settings(Ports.free(), rows=ROWS, months=MONTHS),
            {
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,visitor:viewer",
                "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
            },
        )
        samples.write(stack.state.samples, ROWS, MonthRange.parse(MONTHS))
        _spoil(stack.state.samples / "green" / "green_tripdata_2021-03.csv.gz")
        stack.state.remember(stack.settings)
        try:
            stack.start(print)
            names = [f"{name}_postgres" for name in dataset_names()]
            stack.wait_for_dags(names)
            for name in names:
                stack.api.unpause(name)
            return _run(stack, chromium, shlex.split(arguments))
        finally:
            stack.api.close()
            stack.stop()
            stack.postgres.remove()


def find_chromium() -> str:
    """Return the program of Chromium: the one that ``CHROMIUM`` names, or one on the PATH.

    :raises CheckFailed: when there is none
    """
    named = os.environ.get("CHROMIUM")
    for program in [named] if named else _PROGRAMS:
        if found := shutil.which(program):
            return found
    what = (
        f"There is no program {named}, which CHROMIUM names."
        if named
        else "There is no Chromium on the PATH."
    )
    raise CheckFailed(
        f"{what} Install one, for example with apt-get install chromium on Debian, or set CHROMIUM to the "
        "path of Chromium or Chrome."
    )


def _spoil(file: Path) -> None:
    """Add a row to a month of green taxis that cannot be loaded, and whose reason quotes markup."""
    rows = gzip.decompress(file.read_bytes())
    cells = rows.splitlines()[1].split(b",")
    cells[7] = MARKUP.encode()  # the number of passengers
    file.write_bytes(gzip.compress(rows.rstrip(b"\n") + b"\n" + b",".join(cells) + b"\n"))


def _run(stack: Stack, chromium: str, arguments: list[str]) -> int:
    """Run the tests against a stack."""
    known = {
        "url": stack.url,
        "chromium": chromium,
        "passwords": json.loads(stack.state.passwords.read_text()),
        "markup": MARKUP,
    }
    command = (str(BROWSER_VENV / "bin" / "python"), "-m", "pytest", "--confcutdir=tests/browser")
    return subprocess.run(
        (*command, *(arguments or ["tests/browser"])),
        env={**os.environ, "NYC_TAXI_STACK": json.dumps(known)},
        cwd=CHECKOUT,
        check=False,
    ).returncode
