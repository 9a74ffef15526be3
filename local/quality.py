"""The checks and tests behind ``make lint``, ``make test`` and ``make format``."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from local.environment import CHECKOUT

_PROGRAMS = Path(sys.executable).parent

_CHECKS: dict[str, tuple[str, ...]] = {
    "ruff check": ("ruff", "check"),
    "ruff format": ("ruff", "format", "--check"),
    "mypy": ("mypy",),
    "import contracts": ("lint-imports",),
    "yamllint": ("yamllint", "--strict", "."),
    "sqlfluff": ("sqlfluff", "lint", "--disable-progress-bar", "dbt_project"),
    "words": ("pre-commit", "run", "words", "--all-files"),
    "reference pages": ("python", "-m", "local.reference", "--check"),
    "actionlint": ("actionlint",),
    "zizmor": ("zizmor", "--offline", "--quiet", ".github"),
    "documentation": ("python", "-m", "local.site"),
}

TESTS: dict[str, str] = {
    "scheduler": "tests/scheduler",
    "postgres": "tests/postgres tests/faults tests/kills tests/rounds",
    "contract": "tests/contract",
    "unit": "tests/unit tests/files tests/samples tests/packaging tests/local tests/deploy tests/benchmarks",
    "dbt": "tests/dbt",
    "bigquery": "tests/bigquery",
    "dags": "tests/dags",
    "kubernetes": "tests/helm tests/kubernetes",
    "restarts": "tests/restarts",
    "cli": "tests/cli tests/ui",
}
"""Folders that share a process, because Airflow reads its settings once; the longest first."""


def lint() -> int:
    """Run every check, also after one has failed, and say which did.

    :return: 0 when all pass, else 1
    """
    failed = [name for name, command in _checks().items() if _run(name, command)]
    if failed:
        print(f"\nFailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def test(arguments: str) -> int:
    """Run every check and every test, as many groups at a time as the machine has cores.

    :param arguments: further arguments of pytest, as in a shell; with any, only the tests run
    :return: 0 when all pass
    """
    if arguments:
        return _run("pytest", ("pytest", *shlex.split(arguments)))
    groups = {name: (_program("pytest"), *folders.split()) for name, folders in TESTS.items()}
    results = run_side_by_side(
        {**groups, "checks": (sys.executable, "-m", "local", "lint")}, os.cpu_count() or 1
    )
    print("\n".join(("", *(f"{_outcome(one.code)}  {one.seconds:6.0f} s  {one.name}" for one in results))))
    print("not run            tests/compose: make test-compose runs them, with Docker")
    print("not run            tests/browser: make test-browser runs them, in Chromium")
    print("not run            tests/tutorial: make test-tutorial runs them, in a new clone")
    print("not run            tests/cluster: make test-kubernetes runs them, on a Kubernetes cluster")
    return 1 if any(one.code for one in results) else 0


@dataclass(frozen=True, slots=True)
class Result:
    """How a group of tests ended.

    :param code: its exit status
    :param seconds: how long it took
    """

    name: str
    code: int
    seconds: float


def run_side_by_side(commands: dict[str, tuple[str, ...]], lanes: int) -> list[Result]:
    """Run commands, so many at a time, and print the output of each one when it has ended.

    When this process is interrupted, so are the commands that run. What they have printed is printed, too.

    :param commands: name and arguments of each, the longest first
    :return: how they ended, in the order in which they ended
    """
    waiting, running, results = list(commands.items()), dict[str, _Running](), list[Result]()
    try:
        while waiting or running:
            while waiting and len(running) < lanes:
                name, command = waiting.pop(0)
                print(f"--- {name}: {' '.join(map(shlex.quote, command))}", flush=True)
                running[name] = _Running(command)
            for name, one in list(running.items()):
                if (code := one.process.poll()) is not None:
                    del running[name]
                    results.append(Result(name, code, time.monotonic() - one.began))
                    print(f"\n=== {name}, {results[-1].seconds:.0f} s\n{one.output()}", flush=True)
            time.sleep(0.1)
    finally:
        for one in running.values():
            one.process.send_signal(signal.SIGINT)
        for name, one in running.items():
            one.process.wait()
            print(f"\n=== {name}, interrupted\n{one.output()}", flush=True)
    return results


class _Running:
    """A command that has been started; its output waits in a file."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._output = TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            process_group=0,  # so that Ctrl-C reaches it once, from here
        )

    def output(self) -> str:
        """Return what the command has written."""
        with self._output as output:
            output.seek(0)
            return output.read()


def _outcome(code: int) -> str:
    return "failed" if code else "passed"


def format() -> int:
    """Sort imports and format all Python files."""
    return _run("imports", ("ruff", "check", "--select=I", "--fix")) or _run(
        "ruff format", ("ruff", "format")
    )


def _checks() -> dict[str, tuple[str, ...]]:
    scripts = (*CHECKOUT.glob("*.sh"), *CHECKOUT.glob("local/*.sh"), CHECKOUT / ".ci" / "run")
    images = (CHECKOUT / "Dockerfile", *CHECKOUT.glob("compose/*/Dockerfile"))
    terraform = ("terraform", "-chdir=include/terraform/gcp")
    there = shutil.which("terraform") is not None
    formatted = {"terraform fmt": (*terraform, "fmt", "-check", "-diff")} if there else {}
    # It needs the provider, which terraform init downloads.
    ready = there and (CHECKOUT / "include" / "terraform" / "gcp" / ".terraform").is_dir()
    valid = {"terraform validate": (*terraform, "validate")} if ready else {}
    return {
        **_CHECKS,
        **formatted,
        **valid,
        "shellcheck": ("shellcheck", *map(str, scripts)),
        "hadolint": ("hadolint", *map(str, images)),
    }


def _run(name: str, command: tuple[str, ...]) -> int:
    print(f"--- {name}", flush=True)
    return subprocess.run(
        (_program(command[0]), *command[1:]), cwd=CHECKOUT, env=_environment(), check=False
    ).returncode


def _program(name: str) -> str:
    path = _PROGRAMS / name
    return str(path) if path.exists() else name


def _environment() -> dict[str, str]:
    # What an interrupted command has printed is not lost in a buffer.
    return {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "PATH": os.pathsep.join((str(_PROGRAMS), os.environ.get("PATH", os.defpath))),
    }
