"""The checkout's Python environments: ``.venv`` for Airflow and the project itself, ``.venv-dbt`` for dbt.

Each holds exactly what a lock file names. dbt needs versions that Airflow's providers do not go with.

Only the standard library is used, and only package registries are asked: uv, which does the work,
comes from there too. Settings of pip (index, certificates) hold for uv as well.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from local.told import Told

CHECKOUT = Path(__file__).resolve().parents[1]
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
DBT_VENV = CHECKOUT / ".venv-dbt"
DBT = DBT_VENV / "bin" / "dbt"
_TOOLS = CHECKOUT / ".venv-tools"

LOCKS = {
    "demo": "requirements/airflow.txt",
    "dev": "requirements/dev.txt",
    "dbt": "requirements/dbt.txt",
    "dbt-bigquery": "requirements/dbt-bigquery.txt",
}
"""What each kind of environment holds: ``dev`` all of ``demo`` and more, ``dbt-bigquery`` all of ``dbt``."""

_LARGER = {"demo": "dev", "dbt": "dbt-bigquery"}

_AS_UV_HAS_IT = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "no-index": ("UV_NO_INDEX", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
}
"""Pip's settings: uv's variable for each, and what it puts between several values."""

_PROJECT = ("pyproject.toml", "--extra=duckdb", "--extra=metrics")

_COMPILED = {
    "uv.txt": ("requirements/uv.in",),
    "airflow.txt": (*_PROJECT, "--group=local"),
    "dev.txt": (*_PROJECT, "--group=local", "--group=reload", "--group=test", "--group=lint"),
    "image.txt": (*_PROJECT, "--group=reload"),
    "build.txt": ("--group=build",),
    "dbt.txt": ("--group=dbt",),
    "dbt-bigquery.txt": ("--group=dbt-bigquery",),
    "gcp.txt": ("requirements/gcp.in",),
}

_PYTHON = {"gcp.txt": "3.13"}
"""The oldest Python that a lock file is for, where that is not the project's own."""


class EnvironmentFailed(Told):
    """The environment could not be built."""


def ensure(kind: str) -> bool:
    """Bring an environment to what its lock file says; nothing happens when it is there already.

    :param kind: one of :data:`LOCKS`; an environment that holds the larger of two kinds is never reduced
    :return: whether anything was changed
    :raises EnvironmentFailed: when a step of building it failed, after that step's own messages
    """
    venv = _folder(kind)
    stamp = _read_stamp(venv)
    larger = _LARGER.get(kind, kind)
    if stamp.get("kind") == larger:
        kind = larger
    wanted = _stamp_of(kind)
    if stamp == wanted:
        return False
    print(
        f"Setting up {venv.name} from {LOCKS[kind]} (once; a few minutes when nothing is cached)", flush=True
    )
    uv = _uv()
    _stamp(venv).unlink(missing_ok=True)
    if not usable(venv):
        base = Path(sys.executable).resolve()  # not the one inside the folder that is made anew
        _run(uv, "venv", "--quiet", "--clear", "--no-python-downloads", f"--python={base}", str(venv))
    install = ("--python", str(venv / "bin" / "python"))
    quiet = () if sys.stderr.isatty() else ("--quiet",)
    _run(uv, "pip", "sync", *install, *quiet, "--require-hashes", "--compile-bytecode", LOCKS[kind])
    if venv == VENV:
        # The build tool is in the lock, so that this step needs no network.
        _run(
            uv, "pip", "install", *install, "--quiet", "--no-deps", "--no-build-isolation", "--editable", "."
        )
    _stamp(venv).write_text(json.dumps(wanted))
    return True


def lock(*, upgrade: bool) -> None:
    """Write the lock files anew, keeping the versions that they name unless asked to upgrade.

    :raises EnvironmentFailed: when no set of versions fits
    """
    uv = _uv()
    for name, inputs in _COMPILED.items():
        print(f"requirements/{name}", flush=True)
        limits = ["--constraint=requirements/constraints.in"] if "pyproject.toml" in inputs else []
        if name in {"dev.txt", "image.txt", "build.txt"}:
            limits.append("--constraint=requirements/airflow.txt")
        python = _PYTHON.get(name, "3.11")
        _run(
            uv, "pip", "compile", *inputs, *limits, *(["--upgrade"] if upgrade else []),
            "--universal", f"--python-version={python}", "--generate-hashes", "--no-emit-index-url",
            "--quiet", "--custom-compile-command=make lock", f"--output-file=requirements/{name}",
        )  # fmt: skip


def _folder(kind: str) -> Path:
    """Return the environment that a kind is for."""
    return DBT_VENV if kind.startswith("dbt") else VENV


def _stamp(venv: Path) -> Path:
    """Return the file that says what an environment was brought to."""
    return venv / "synced.json"


def _stamp_of(kind: str) -> dict[str, str]:
    """Return what tells one state of an environment from another."""
    return {
        "kind": kind,
        "lock": hashlib.sha256((CHECKOUT / LOCKS[kind]).read_bytes()).hexdigest(),
        "project": hashlib.sha256((CHECKOUT / "pyproject.toml").read_bytes()).hexdigest(),
        "place": str(_folder(kind)),
        "python": sys.base_prefix,
    }


def _read_stamp(venv: Path) -> dict[str, str]:
    try:
        stamp: dict[str, str] = json.loads(_stamp(venv).read_text())
    except (OSError, ValueError):
        return {}
    return stamp


def usable(venv: Path | None = None) -> bool:
    """Whether an environment runs, on the Python that runs this, and sits where it was made.

    :param venv: its folder; the one of Airflow when left out
    """
    venv = venv or VENV
    python = venv / "bin" / "python"
    if _read_stamp(venv).get("place", str(venv)) != str(venv) or not python.exists():
        return False
    ask = (str(python), "-c", "import sys; print(sys.base_prefix)")
    return subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip() == sys.base_prefix


def uv(*arguments: str) -> None:
    """Run the locked uv, with the user's settings for package registries.

    :raises EnvironmentFailed: when it fails, after its own messages
    """
    _run(_uv(), *arguments)


def _uv() -> str:
    """Return the path of the locked uv, installed from the package registry when it is not there."""
    lock = CHECKOUT / "requirements" / "uv.txt"
    uv, stamp = _TOOLS / "bin" / "uv", _TOOLS / "uv.txt"
    if not (uv.exists() and stamp.exists() and stamp.read_bytes() == lock.read_bytes()):
        shutil.rmtree(_TOOLS, ignore_errors=True)
        _run(str(Path(sys.executable).resolve()), "-m", "venv", str(_TOOLS))
        pip = (str(_TOOLS / "bin" / "python"), "-m", "pip", "--disable-pip-version-check")
        _run(*pip, "install", "--quiet", "--require-hashes", "-r", str(lock))
        stamp.write_bytes(lock.read_bytes())
    return str(uv)


def _settings() -> dict[str, str]:
    """Return the environment for uv: the user's own, with pip's settings where uv has none."""
    settings = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    settings.setdefault("UV_SYSTEM_CERTS", "true")
    if {"UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_CONFIG_FILE"} & settings.keys():
        return settings
    for name, value in _pip_settings().items():
        if name in _AS_UV_HAS_IT and value:
            ours, separator = _AS_UV_HAS_IT[name]
            settings.setdefault(ours, separator.join(value.split()))
    return settings


def _pip_settings() -> dict[str, str]:
    """Return pip's settings for installing, from its files and its environment variables."""
    pip = (str(_TOOLS / "bin" / "python"), "-m", "pip", "config", "list")
    listed = subprocess.run(pip, capture_output=True, text=True, check=False).stdout
    found: dict[str, str] = {}
    for scope in ("global", "install", ":env:"):  # as pip has it: the later one wins
        for line in listed.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(f"{scope}."):
                found[name.removeprefix(f"{scope}.")] = value.strip().strip("'\"").replace("\\n", " ")
    return found


def _run(*command: str) -> None:
    """Run one step, its messages straight to the terminal."""
    settings = _settings() if command[0].endswith("/uv") else None
    try:
        done = subprocess.run(command, cwd=CHECKOUT, env=settings, stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        raise EnvironmentFailed(f"{command[0]} does not run: {error}") from error
    if done.returncode:
        raise EnvironmentFailed(
            f"Setting up the Python environment failed (exit code {done.returncode}, messages above). "
            "Run the same command again: what was fetched is kept."
        )
