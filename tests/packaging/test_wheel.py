"""The built wheel works in an Airflow environment that has nothing of this checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from local.environment import uv

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "hatchling", "build", "--target=wheel", f"--directory={folder}")
    subprocess.run(build, cwd=ROOT, check=True)
    return next(folder.glob("*.whl"))


ASK = """
import json, warnings
warnings.simplefilter("error", ImportWarning)
import nyc_taxi.operators.stage, nyc_taxi.plugin
from importlib.resources import files
from airflow import plugins_manager
from airflow.cli.cli_parser import get_parser
from airflow.providers_manager import ProvidersManager
from nyc_taxi.core.dataset import dataset_names, get_dataset
from nyc_taxi.ui.pages import pages

def usage(*words):
    parser = get_parser()
    for word in words:
        (commands,) = (one for one in parser._actions if one.choices and hasattr(one, "_name_parser_map"))
        parser = commands.choices[word]
    return parser.format_help()

print(json.dumps({
    "provider": ProvidersManager().providers["airflow-provider-nyc-taxi"].data,
    "hooks": list(ProvidersManager().hooks),
    "plugins": [plugin["name"] for plugin in plugins_manager.get_plugin_info()],
    "package": nyc_taxi.__file__,
    "apps": [app["bundle_url"] for app in nyc_taxi.plugin.NycTaxiPlugin.react_apps],
    "routes": [route.path for route in pages.routes],
    "script": (files("nyc_taxi.ui") / "static" / "coverage.js").stat().st_size,
    "links": list(ProvidersManager().extra_links_class_names),
    "datasets": [get_dataset(name).table for name in dataset_names()],
    "airflow taxi": usage("taxi"),
    "airflow dags backfill": usage("dags", "backfill"),
}, default=str))
"""
"""Asks an Airflow, in one process, what it knows of the provider."""


@pytest.fixture(scope="module")
def answers(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an Airflow knows in a clean environment that holds only it and the wheel."""
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
    done = subprocess.run(
        (str(python), "-c", ASK), env=environment, cwd=home, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_wheel_holds_the_package_with_its_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"nyc_taxi", f"{wheel.name.split('-py3')[0]}.dist-info"}
    sources = {path.relative_to(ROOT / "plugins").as_posix() for path in _data_files()}
    assert sources <= set(names)


def _data_files() -> list[Path]:
    package = ROOT / "plugins" / "nyc_taxi"
    return [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def test_a_clean_airflow_knows_the_provider(answers: dict[str, Any]) -> None:
    assert "nyc_tlc" in str(answers["provider"])
    assert "nyc_tlc" in answers["hooks"]


def test_a_clean_airflow_has_the_commands(answers: dict[str, Any]) -> None:
    for command in ("months", "load", "rejects", "sample", "doctor"):
        assert command in answers["airflow taxi"]
    assert "--rerun-failed-tasks" in answers["airflow dags backfill"]


def test_a_clean_airflow_registers_the_plugin_once(answers: dict[str, Any]) -> None:
    assert answers["plugins"].count("nyc_taxi") == 1


def test_a_clean_airflow_has_the_pages_their_script_and_the_datasets(answers: dict[str, Any]) -> None:
    assert "site-packages" in answers["package"]
    assert {"/coverage", "/coverage.js", "/months/{dag_id}/{name}"} <= set(answers["routes"])
    assert len(answers["apps"]) == 2
    assert answers["script"] > 1_000
    assert "green_tripdata" in answers["datasets"]


def test_a_clean_airflow_has_the_fields_of_the_connection_forms(answers: dict[str, Any]) -> None:
    types = {one["connection-type"]: one for one in answers["provider"]["connection-types"]}
    assert {"sources", "token", "secret_headers"} <= types["nyc_tlc"]["conn-fields"].keys()
    assert {"project", "bucket", "key_path"} <= types["nyc_taxi_bigquery"]["conn-fields"].keys()


def test_a_clean_airflow_has_the_links_of_operators(answers: dict[str, Any]) -> None:
    assert any(name.startswith("nyc_taxi.links.") for name in answers["links"])
