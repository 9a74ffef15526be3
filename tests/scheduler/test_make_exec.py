"""`make exec` gives a command the demo's environment, and gives its output and status back unchanged."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from local.stack import Stack

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[2]


def make(stack: Stack, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ("make", *arguments),
        cwd=CHECKOUT,
        env={**os.environ, "NYC_TAXI_DEMO": str(stack.folder), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_standard_output_is_the_command_s_own(running_stack: Stack) -> None:
    done = make(running_stack, "exec", "CMD=psql -Atc 'select current_database()'")
    assert (done.stdout, done.stderr, done.returncode) == ("taxi\n", "", 0)


def test_dollars_and_quotes_reach_the_command_as_typed(running_stack: Stack) -> None:
    done = make(running_stack, "exec", """CMD=echo "$PGDATABASE" '$(x)' "it's" $((1 + 1)) '#'""")
    assert done.stdout == "taxi $(x) it's 2 #\n"


def test_airflow_knows_the_demo_s_connections(running_stack: Stack) -> None:
    done = make(running_stack, "exec", "CMD=airflow connections get nyc_tlc_default -o plain")
    assert done.returncode == 0
    assert running_stack.files_url in done.stdout


def test_a_command_that_fails_makes_make_fail(running_stack: Stack) -> None:
    done = make(running_stack, "exec", "CMD=echo out; exit 7")
    assert done.returncode != 0
    assert done.stdout == "out\n"
    assert "Error 7" in done.stderr


def test_psql_opens_the_warehouse(running_stack: Stack) -> None:
    done = subprocess.run(
        ("make", "psql"),
        cwd=CHECKOUT,
        env={**os.environ, "NYC_TAXI_DEMO": str(running_stack.folder)},
        input="select 'here' as where_am_i;\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "here" in done.stdout


def test_a_second_demo_beside_a_running_one_is_told_about_its_port(running_stack: Stack) -> None:
    done = make(running_stack, "up", "PORT=1024")
    assert done.returncode != 0
    assert f"The demo runs on port {running_stack.settings.ports.ui}." in done.stderr
