"""The built wheel works in an Airflow environment that has nothing of this checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.environment import uv

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "hatchling", "build", "--target=wheel", f"--directory={folder}")
    subprocess.run(build, cwd=ROOT, check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def run(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a program of a clean environment that holds Airflow and the wheel."""
    home = tmp_path_factory.mktemp("clean")
    python = home / "env" / "bin" / "python"
    uv("venv", "--quiet", f"--python={sys.executable}", str(home / "env"))
    install = ("pip", "install", "--quiet", f"--python={python}")
    uv(*install, "--require-hashes", f"--requirements={ROOT}/requirements/airflow.txt")
    uv(*install, "--no-deps", str(wheel))
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "PYTHON"))
    }
    environment |= {"AIRFLOW_HOME": str(home / "airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        program = (str(python.with_name(command[0])), *command[1:])
        return subprocess.run(
            program, env=environment, cwd=home, capture_output=True, text=True, check=True, timeout=300
        )

    run("airflow", "db", "migrate")
    return run


def test_the_wheel_holds_the_package_with_its_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"nyc_taxi", f"{wheel.name.split('-py3')[0]}.dist-info"}
    sources = {path.relative_to(ROOT / "plugins").as_posix() for path in _data_files()}
    assert sources <= set(names)


def _data_files() -> list[Path]:
    package = ROOT / "plugins" / "nyc_taxi"
    return [path for path in package.rglob("*") if path.suffix in {".py", ".sql", ".yaml", ".json"}]


def test_a_clean_airflow_knows_the_provider(run: Run) -> None:
    command = ("airflow", "providers", "get", "airflow-provider-nyc-taxi", "--full", "--output=json")
    (provider,) = json.loads(run(*command).stdout)
    assert "nyc_tlc" in str(provider)
    hooks = json.loads(run("airflow", "providers", "hooks", "--output=json").stdout)
    assert "nyc_tlc" in {hook["connection_type"] for hook in hooks}


def test_a_clean_airflow_has_the_commands(run: Run) -> None:
    usage = run("airflow", "taxi", "--help").stdout
    for command in ("months", "load", "rejects", "sample", "backfill"):
        assert command in usage
    assert "--rerun-failed-tasks" in run("airflow", "dags", "backfill", "--help").stdout


def test_a_clean_airflow_imports_the_operators_and_registers_the_plugin_once(run: Run) -> None:
    run("python", "-W", "error::ImportWarning", "-c", "import nyc_taxi.operators.stage, nyc_taxi.plugin")
    plugins = json.loads(run("airflow", "plugins", "--output=json").stdout)
    assert [plugin["name"] for plugin in plugins].count("nyc_taxi") == 1
