"""The checks and tests behind ``make lint``, ``make test`` and ``make format``."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from local.environment import CHECKOUT

_PROGRAMS = Path(sys.executable).parent

_CHECKS: dict[str, tuple[str, ...]] = {
    "ruff check": ("ruff", "check"),
    "ruff format": ("ruff", "format", "--check"),
    "mypy": ("mypy",),
    "import contracts": ("lint-imports",),
    "yamllint": ("yamllint", "--strict", "."),
    "sqlfluff": ("sqlfluff", "lint", "--disable-progress-bar", "dbt_project"),
}

_TESTS = (
    "tests/unit tests/packaging tests/local tests/deploy tests/postgres tests/faults tests/kills "
    "tests/rounds tests/benchmarks",
    "tests/dbt",
    "tests/cli",
    "tests/dags",
    "tests/scheduler",
    "tests/restarts",
)
"""Folders that share a process: Airflow reads its settings once, and these tests differ in them."""


def lint() -> int:
    """Run every check, also after one has failed, and say which did.

    :return: 0 when all pass, else 1
    """
    failed = [name for name, command in _checks().items() if _run(name, command)]
    if failed:
        print(f"\nFailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def test(arguments: str) -> int:
    """Run every check, then every test.

    :param arguments: further arguments of pytest, as in a shell; with any, only the tests run
    :return: 0 when all pass
    """
    if arguments:
        return _run("pytest", ("pytest", *shlex.split(arguments)))
    checked = lint()
    told = []
    failed = False
    for folders in _TESTS:
        began = time.monotonic()
        code = _run(f"pytest {folders}", ("pytest", *folders.split()))
        failed = failed or code != 0
        told.append(f"{'failed' if code else 'passed'}  {time.monotonic() - began:6.0f} s  {folders}")
    told.append("not run            tests/compose: make test-compose runs them, with Docker")
    print("\n".join(("", f"{'failed' if checked else 'passed'}            the checks", *told)))
    return 1 if checked or failed else 0


def format() -> int:
    """Sort imports and format all Python files."""
    return _run("imports", ("ruff", "check", "--select=I", "--fix")) or _run(
        "ruff format", ("ruff", "format")
    )


def _checks() -> dict[str, tuple[str, ...]]:
    scripts = (*CHECKOUT.glob("*.sh"), *CHECKOUT.glob("local/*.sh"), CHECKOUT / ".ci" / "run")
    images = (CHECKOUT / "Dockerfile", *CHECKOUT.glob("compose/*/Dockerfile"))
    return {
        **_CHECKS,
        "shellcheck": ("shellcheck", *map(str, scripts)),
        "hadolint": ("hadolint", *map(str, images)),
    }


def _run(name: str, command: tuple[str, ...]) -> int:
    print(f"--- {name}", flush=True)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((str(_PROGRAMS), os.environ.get("PATH", os.defpath))),
    }
    return subprocess.run(
        (str(_PROGRAMS / command[0]), *command[1:]), cwd=CHECKOUT, env=environment, check=False
    ).returncode
