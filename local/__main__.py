"""The commands behind the Makefile: ``python -m local COMMAND``.

Any Python that can build the environment may start it. Everything else runs inside the environment.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from local import environment
from local.checks import CheckFailed, check_machine
from local.environment import CHECKOUT, PYTHON
from local.errors import LocalError
from local.state import demo_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from local.stack import Stack

STATE = demo_state()


def demo() -> int:
    """Build what is missing, start everything and load the sample months."""
    check_machine(CHECKOUT, first=not PYTHON.exists())
    _prepare(os.environ.get("TARGET") or STATE.settings().target)
    from local import demo
    from nyc_taxi.errors import TaxiError

    try:
        return demo.demo()
    except TaxiError as error:
        raise LocalError(str(error)) from error


def up() -> int:
    """Start the demo again with its state."""
    if not STATE.exists():
        raise CheckFailed("There is no demo here yet. Start one with make demo.")
    check_machine(CHECKOUT, first=not PYTHON.exists())
    _prepare(STATE.settings().target)
    from local import demo

    return demo.up()


def _prepare(target: str) -> None:
    """Continue in the environment that the demo of a warehouse needs, and build the others."""
    if target == "bigquery":
        environment.ensure("emulators")
        inside("demo-bigquery")
        environment.ensure("dbt-bigquery")
    else:
        inside("demo")
        environment.ensure("dbt")


def down() -> int:
    """Stop the demo and keep its state."""
    if not STATE.exists():
        print("There is no demo here.")
        return 0
    inside()
    from local.stack import Stack

    stack = Stack(STATE.folder, STATE.settings())
    with stack.locked():
        stack.stop()
    print("The demo has stopped. make up starts it again, make clean removes its state.")
    return 0


def clean() -> int:
    """Stop the demo and remove its state."""
    if STATE.exists():
        inside()
        from local.stack import Stack

        stack = Stack(STATE.folder, STATE.settings())
        with stack.locked():
            stack.stop()
            stack.postgres.remove()
    shutil.rmtree(STATE.folder, ignore_errors=True)
    print("The demo's state has been removed. The Python environment .venv stays.")
    return 0


def run_command() -> int:
    """Run the shell command line in CMD inside the demo's environment, with its own output and exit code."""
    command = os.environ.get("CMD", "")
    if not command.strip():
        raise CheckFailed("Name a command to run, for example: make exec CMD='airflow dags list'")
    return _become(["sh", "-c", command])


def shell() -> int:
    """Open the user's shell inside the demo's environment."""
    return _become([os.environ.get("SHELL", "sh")])


def psql() -> int:
    """Open psql on the warehouse."""
    return _become(["psql"])


def dbt() -> int:
    """Run dbt with the arguments in CMD, on the demo's warehouse."""
    command = os.environ.get("CMD", "")
    if not command.strip():
        raise CheckFailed("Name a command of dbt, for example: make dbt CMD='build --target prod'")
    stack = _running_stack()
    from local import dbt

    return _become([dbt.program(), *shlex.split(command)], dbt.environment(stack.environment(), STATE.dbt))


def dbt_diff() -> int:
    """Show the differences between what dbt has built in dev and in prod, and fail if there are any."""
    stack = _running_stack()
    import psycopg

    from local import dbt_diff

    with psycopg.connect(stack.warehouse_uri) as connection:
        found, skipped = dbt_diff.differences(connection), dbt_diff.skipped(connection)
    dbt_diff.show(found, skipped)
    return 1 if found else 0


def test() -> int:
    """Run every check and every test."""
    inside("dev")
    environment.ensure("dbt-bigquery")
    environment.ensure("emulators")
    from local import quality

    return quality.test(os.environ.get("ARGS", ""))


def test_compose() -> int:
    """Run the tests that start the stack of docker-compose.yaml."""
    inside("dev")
    from local import quality

    return quality.test(f"tests/compose {os.environ.get('ARGS', '')}")


def up_kubernetes() -> int:
    """Install the chart on the user's cluster."""
    from local import kubernetes

    return kubernetes.up()


def test_kubernetes() -> int:
    """Run the tests that need a Kubernetes cluster."""
    inside("dev")
    from local import quality

    return quality.test(f"tests/cluster {os.environ.get('ARGS', '')}")


def test_browser() -> int:
    """Run the tests that use Airflow's UI in a browser."""
    inside("dev")
    from local import browser

    return browser.test(os.environ.get("ARGS", ""))


def test_tutorial() -> int:
    """Run the commands of the tutorial."""
    inside("dev")
    from local import quality

    return quality.test(f"tests/tutorial {os.environ.get('ARGS', '')}")


def bench() -> int:
    """Measure the figures of docs/performance.md on this machine."""
    inside("demo")
    from benchmarks import runner

    return runner.main(shlex.split(os.environ.get("ARGS", "")))


def bench_history() -> int:
    """Print the figures of all runs."""
    inside("demo")
    from benchmarks import runner

    return runner.main(["--show", *shlex.split(os.environ.get("ARGS", ""))])


def lint() -> int:
    """Run every check except the tests."""
    inside("dev")
    from local import quality

    return quality.lint()


def test_gcp_live() -> int:
    """Load months into the real Google Cloud, and remove everything again."""
    inside("demo-bigquery")
    environment.ensure("dbt-bigquery")
    from local import gcp_live

    return gcp_live.main()


def lint_bigquery() -> int:
    """Parse every statement for BigQuery with Google's own parser."""
    inside("dev")
    environment.ensure("dbt-bigquery")
    from local import googlesql

    return googlesql.main()


def format() -> int:
    """Format the Python files and sort their imports."""
    inside("dev")
    from local import quality

    return quality.format()


def docs_reference() -> int:
    """Write the reference pages of the commands and the settings anew."""
    inside("dev")
    from local import reference

    return reference.main()


def docs() -> int:
    """Build the documentation site."""
    inside("dev")
    from local import site

    return site.main()


def lock() -> int:
    """Update the lock files; with UPGRADE=1, to the newest versions that fit."""
    environment.lock(upgrade=bool(os.environ.get("UPGRADE")))
    return 0


def wheel() -> int:
    """Build the provider's wheel into dist/."""
    inside("demo")
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=CHECKOUT, check=False
    ).returncode


def chart() -> int:
    """Package the Helm chart into dist/."""
    inside("dev")
    from local import release

    release.package_chart()
    return 0


def release() -> int:
    """Publish a release on GitHub: the wheel, the chart, their checksums and the notes."""
    inside("dev")
    from local import release

    return release.main(os.environ.get("TAG", ""))


COMMANDS: dict[str, Callable[[], int]] = {
    "demo": demo, "up": up, "down": down, "clean": clean, "exec": run_command, "shell": shell, "psql": psql,
    "dbt": dbt, "dbt-diff": dbt_diff, "up-kubernetes": up_kubernetes, "test": test,
    "test-compose": test_compose, "test-kubernetes": test_kubernetes, "test-browser": test_browser,
    "test-tutorial": test_tutorial, "test-gcp-live": test_gcp_live,
    "bench": bench, "bench-history": bench_history, "lint": lint, "lint-bigquery": lint_bigquery,
    "format": format, "docs": docs, "docs-reference": docs_reference, "lock": lock, "wheel": wheel,
    "chart": chart, "release": release,
}  # fmt: skip


def inside(kind: str | None = None) -> None:
    """Continue in the checkout's environment, which is updated first if a kind is named.

    If this process runs elsewhere, it is replaced by one that runs there.
    """
    here = Path(sys.prefix).resolve() == environment.VENV.resolve()
    if kind is None and not here and not environment.usable():
        kind = "demo"
    changed = kind is not None and environment.ensure(kind)
    if changed or not here:
        os.execv(PYTHON, [str(PYTHON), "-m", "local", *sys.argv[1:]])


def _running_stack() -> Stack:
    """Return the demo's stack.

    :raises CheckFailed: if no demo is running
    """
    if not (STATE.exists() and PYTHON.exists()):
        raise CheckFailed("There is no demo here yet. Start one with make demo.")
    inside()
    from local.stack import Stack

    stack = Stack(STATE.folder, STATE.settings())
    if not stack.running():
        raise CheckFailed("The demo is not running. Start it with make up.")
    return stack


def _become(command: list[str], its_environment: dict[str, str] | None = None) -> NoReturn:
    """Replace this process by a command in the demo's environment.

    :param its_environment: environment variables of the command, instead of the demo's
    :raises CheckFailed: if no demo is running
    """
    environment = its_environment or _running_stack().environment()
    program = shutil.which(command[0], path=environment["PATH"])
    if program is None:
        raise CheckFailed(f"There is no program {command[0]} on the PATH.")
    os.execve(program, command, environment)


def main() -> int:
    """Run the command that the first argument names; an error is one sentence."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        return COMMANDS[sys.argv[1]]()
    except KeyboardInterrupt:
        print("Interrupted. What this command had started has been stopped.", file=sys.stderr)
        return 130
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
