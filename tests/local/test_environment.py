"""The Python environment: built from locks, with the user's settings of pip."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

from local import environment
from local.environment import CHECKOUT, EnvironmentFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Builds nothing, and returns the steps that would have been taken."""
    steps: list[tuple[str, ...]] = []
    for name, folder in (("VENV", ".venv"), ("DBT_VENV", ".venv-dbt"), ("EMULATORS_VENV", ".venv-emulators")):
        (tmp_path / folder / "bin").mkdir(parents=True)
        monkeypatch.setattr(environment, name, tmp_path / folder)
    monkeypatch.setattr(environment, "_uv", lambda: "/tools/uv")
    monkeypatch.setattr(environment, "_run", lambda *command: steps.append(command))
    return steps


def stamp_file() -> Path:
    return environment._stamp(environment.VENV)


def test_an_environment_that_is_up_to_date_is_left_alone(built: list[tuple[str, ...]]) -> None:
    assert environment.ensure("demo")
    assert [step[1:3] for step in built] == [("venv", "--quiet"), ("pip", "sync"), ("pip", "install")]
    built.clear()
    assert not environment.ensure("demo")
    assert built == []


def test_an_environment_for_development_is_never_reduced(built: list[tuple[str, ...]]) -> None:
    environment.ensure("dev")
    built.clear()
    assert not environment.ensure("demo")
    assert built == []


def test_dbt_has_an_environment_of_its_own(built: list[tuple[str, ...]]) -> None:
    assert environment.ensure("demo")
    built.clear()
    assert environment.ensure("dbt")
    venv, sync = built
    assert (venv[1], venv[-1]) == ("venv", str(environment.DBT_VENV))
    assert (sync[-1], str(environment.DBT_VENV / "bin" / "python") in sync) == ("requirements/dbt.txt", True)
    assert not environment.ensure("dbt")
    assert not environment.ensure("demo")


def test_an_environment_with_both_adapters_is_never_reduced(built: list[tuple[str, ...]]) -> None:
    environment.ensure("dbt-bigquery")
    built.clear()
    assert not environment.ensure("dbt")
    assert built == []


@pytest.fixture
def pythons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Installs a Python that only says its version; no other one is on the PATH or in the home."""
    for name, folder in (("PATH", "bin"), ("HOME", "home")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    for name in ("PYTHON313", "PYENV_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))

    def install(place: str, version: str) -> str:
        python = tmp_path / place
        python.parent.mkdir(parents=True, exist_ok=True)
        python.write_text(f"#!/bin/sh\necho '{version} /usr/python of {place}'\n")
        python.chmod(0o755)
        return str(python)

    return install


def test_the_emulators_run_on_the_first_python_of_their_version(
    pythons: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = pythons("home/.local/share/uv/python/cpython-3.13.1-linux/bin/python3.13", "3.13")
    assert environment._emulators_python()[0] == uv
    pyenv = pythons("home/.pyenv/versions/3.13.0/bin/python3.13", "3.13")
    assert environment._emulators_python()[0] == pyenv
    pythons("bin/python3.13", "")  # as pyenv's is, while another version is chosen
    assert environment._emulators_python()[0] == pyenv
    on_the_path = pythons("bin/python3.13", "3.13")
    assert environment._emulators_python() == (on_the_path, "/usr/python of bin/python3.13")
    monkeypatch.setattr(sys, "executable", pythons("own/python", "3.12"))
    assert environment._emulators_python()[0] == on_the_path
    monkeypatch.setenv("PYTHON313", pythons("named/python", "3.13"))
    assert environment._emulators_python()[0].endswith("/named/python")


@pytest.mark.parametrize(
    ("named", "said"),
    [(None, "and none was found. Install one"), ("3.12", "named/python is not one. Install one")],
)
def test_a_machine_without_that_python_says_how_to_get_it(
    pythons: Callable[..., str], monkeypatch: pytest.MonkeyPatch, named: str | None, said: str
) -> None:
    if named:
        monkeypatch.setenv("PYTHON313", pythons("named/python", named))
    with pytest.raises(EnvironmentFailed, match=said) as caught:
        environment.ensure("emulators")
    assert "pyenv install 3.13" in str(caught.value)


def test_the_emulators_have_an_environment_of_their_own(
    built: list[tuple[str, ...]], pythons: Callable[..., str]
) -> None:
    python = pythons("bin/python3.13", "3.13")
    assert environment.ensure("emulators")
    venv, sync, ready = built
    assert (f"--python={python}" in venv, venv[-1]) == (True, str(environment.EMULATORS_VENV))
    assert sync[-1] == "requirements/gcp.txt"
    assert ready[:2] == ("env", f"HOME={environment.EMULATORS_VENV / 'home'}")
    assert not environment.ensure("emulators")


def test_a_changed_lock_is_installed(built: list[tuple[str, ...]]) -> None:
    environment.ensure("demo")
    built.clear()
    stamp = json.loads(stamp_file().read_text())
    stamp_file().write_text(json.dumps({**stamp, "lock": "of yesterday"}))
    assert environment.ensure("demo")
    assert any(step[1:3] == ("pip", "sync") for step in built)


def test_an_installation_that_broke_off_is_done_again(
    built: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*command: str) -> None:
        raise EnvironmentFailed("no network")

    environment.ensure("demo")
    stamp = json.loads(stamp_file().read_text())
    stamp_file().write_text(json.dumps({**stamp, "lock": "of yesterday"}))
    with monkeypatch.context() as patch:
        patch.setattr(environment, "_run", broken)
        with pytest.raises(EnvironmentFailed):
            environment.ensure("demo")
    built.clear()
    assert environment.ensure("demo")
    assert built


def test_an_environment_that_was_moved_is_built_anew(built: list[tuple[str, ...]]) -> None:
    environment.ensure("demo")
    built.clear()
    stamp = json.loads(stamp_file().read_text())
    stamp_file().write_text(json.dumps({**stamp, "place": "/elsewhere/.venv"}))
    environment.ensure("demo")
    assert built[0][1] == "venv"


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What pip is set to; nothing of the user's own is left."""
    settings: dict[str, str] = {}
    monkeypatch.setattr(environment, "_pip_settings", lambda: settings)
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_CONFIG_FILE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    return settings


def test_uv_goes_where_pip_would_go(pip: dict[str, str]) -> None:
    pip |= {
        "index-url": "https://registry.example/simple",
        "extra-index-url": "https://one.example https://two.example",
        "cert": "/etc/ca.pem",
    }
    settings = environment._settings()
    assert settings["UV_DEFAULT_INDEX"] == "https://registry.example/simple"
    assert settings["UV_INDEX"] == "https://one.example https://two.example"
    assert settings["SSL_CERT_FILE"] == "/etc/ca.pem"


def test_settings_of_uv_win_over_those_of_pip(pip: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.example/simple")
    pip["index-url"] = "https://pip.example/simple"
    assert environment._settings()["UV_DEFAULT_INDEX"] == "https://uv.example/simple"


def test_without_settings_no_registry_is_named(pip: dict[str, str]) -> None:
    assert not {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL"} & environment._settings().keys()


def test_the_locks_name_versions_and_hashes_but_no_host() -> None:
    for lock in sorted((CHECKOUT / "requirements").glob("*.txt")):
        text = lock.read_text()
        pinned = re.findall(r"^\S+==\S+", text, re.MULTILINE)
        assert pinned
        assert text.count("--hash=sha256:") >= len(pinned)
        assert "://" not in text
        assert "--index" not in text


def test_the_environment_for_development_has_the_versions_of_the_demo() -> None:
    def versions(lock: str) -> set[tuple[str, ...]]:
        pins = re.findall(r"^(\S+)==(\S+)(.*) \\$", (CHECKOUT / lock).read_text(), re.MULTILINE)
        return {(name, version) for name, version, _ in pins}

    assert versions(environment.LOCKS["demo"]) <= versions(environment.LOCKS["dev"])


def test_dbt_has_the_same_versions_with_one_adapter_and_with_both() -> None:
    def versions(lock: str) -> set[str]:
        return set(re.findall(r"^(?:dbt|agate|jinja2)\S*==\S+", (CHECKOUT / lock).read_text(), re.MULTILINE))

    assert versions(environment.LOCKS["dbt"]) <= versions(environment.LOCKS["dbt-bigquery"])
