"""The checkout's Python environments: for Airflow and this project, dbt, and Google's emulators and parser.

Each holds exactly what a lock file names. They are separate because dbt needs versions that conflict with
Airflow's providers, and the emulators run on Python 3.13 only.

This module uses only the standard library, and package registries, from which uv is installed, too. Settings
of pip (index, certificates) apply to uv as well.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from local.errors import LocalError

CHECKOUT = Path(__file__).resolve().parents[1]
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
DBT_VENV = CHECKOUT / ".venv-dbt"
DBT = DBT_VENV / "bin" / "dbt"
EMULATORS_VENV = CHECKOUT / ".venv-emulators"
ZETASQL_VENV = CHECKOUT / ".venv-zetasql"
BROWSER_VENV = CHECKOUT / ".venv-browser"
_TOOLS = CHECKOUT / ".venv-tools"

LOCKS = {
    "demo": "requirements/airflow.txt",
    "demo-bigquery": "requirements/airflow-gcp.txt",
    "dev": "requirements/dev.txt",
    "dbt": "requirements/dbt.txt",
    "dbt-bigquery": "requirements/dbt-bigquery.txt",
    "emulators": "requirements/gcp.txt",
    "zetasql": "requirements/zetasql.txt",
    "browser": "requirements/browser.txt",
}
"""The lock file of each kind of environment."""

_LARGER = {"demo": ("demo-bigquery", "dev"), "demo-bigquery": ("dev",), "dbt": ("dbt-bigquery",)}
"""The kinds that include a kind, and more."""

_AS_UV_HAS_IT = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "no-index": ("UV_NO_INDEX", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
}
"""Settings of pip, each with uv's variable and the separator of several values."""

_PROJECT = ("pyproject.toml", "--extra=duckdb", "--extra=metrics")

_CLOUD = ("--extra=gcp", "--extra=kubernetes")

_COMPILED = {
    "uv.txt": ("requirements/uv.in",),
    "airflow.txt": (*_PROJECT, "--group=local"),
    "airflow-gcp.txt": (*_PROJECT, "--extra=gcp", "--group=local"),
    "dev.txt": (*_PROJECT, *_CLOUD, "--group=local", "--group=test", "--group=lint"),
    "image.txt": (*_PROJECT, *_CLOUD, "--group=image"),
    "build.txt": ("--group=build",),
    "browser.txt": ("--group=browser",),
    "dbt.txt": ("--group=dbt",),
    "dbt-bigquery.txt": ("--group=dbt-bigquery",),
    "gcp.txt": ("requirements/gcp.in",),
    "zetasql.txt": ("requirements/zetasql.in",),
}

_TESTED = {
    "airflow-gcp.txt": "airflow.txt",
    "dev.txt": "airflow.txt",
    "image.txt": "dev.txt",
    "build.txt": "airflow.txt",
    "browser.txt": "airflow.txt",
}
"""The lock file whose versions another one has to have."""

_EMULATORS_PYTHON = "3.13"
"""The only Python that the BigQuery emulator runs on."""

_PYTHON = {"gcp.txt": _EMULATORS_PYTHON}
"""The oldest Python of a lock file that differs from the project's own."""


class EnvironmentFailed(LocalError):
    """The environment could not be built."""


def ensure(kind: str) -> bool:
    """Build or update an environment from its lock file, unless it is up to date.

    :param kind: one of :data:`LOCKS`; an environment of the larger of two kinds is never reduced
    :return: whether anything was changed
    :raises EnvironmentFailed: if a step failed; it has printed its own messages
    """
    venv = _folder(kind)
    stamp = _read_stamp(venv)
    if stamp.get("kind") in _LARGER.get(kind, ()):
        kind = stamp["kind"]
    python, prefix = _emulators_python() if kind == "emulators" else (sys.executable, sys.base_prefix)
    wanted = _stamp_of(kind, prefix)
    if stamp == wanted:
        return False
    print(f"Setting up {venv.name} from {LOCKS[kind]} (once; a few minutes if nothing is cached)", flush=True)
    uv = _uv()
    _stamp(venv).unlink(missing_ok=True)
    if not usable(venv, prefix):
        base = Path(python).resolve()  # not the one inside the folder that is rebuilt
        _run(uv, "venv", "--quiet", "--clear", "--no-python-downloads", f"--python={base}", str(venv))
    install = ("--python", str(venv / "bin" / "python"))
    quiet = () if sys.stderr.isatty() else ("--quiet",)
    # Few packages of the other environments are used. Python compiles those when it imports them.
    compiled = ("--compile-bytecode",) if venv == VENV else ()
    _run(uv, "pip", "sync", *install, *quiet, "--require-hashes", *compiled, LOCKS[kind])
    if venv == VENV:
        # The build tool is in the lock, so that this step needs no network.
        _run(
            uv, "pip", "install", *install, "--quiet", "--no-deps", "--no-build-isolation", "--editable", "."
        )
    if venv == EMULATORS_VENV:
        _run("env", f"HOME={venv / 'home'}", str(venv / "bin" / "python"), "compose/gcp/install.py")
    _stamp(venv).write_text(json.dumps(wanted))
    return True


def lock(*, upgrade: bool) -> None:
    """Update the lock files, with the versions that they name unless upgrading.

    :raises EnvironmentFailed: if no set of versions fits
    """
    uv = _uv()
    for name, inputs in _COMPILED.items():
        print(f"requirements/{name}", flush=True)
        limits = ["--constraint=requirements/constraints.in"] if "pyproject.toml" in inputs else []
        if name in _TESTED:
            limits.append(f"--constraint=requirements/{_TESTED[name]}")
        if name == "dbt-bigquery.txt":
            limits.append("--override=requirements/dbt-overrides.in")
        python = _PYTHON.get(name, "3.11")
        _run(
            uv, "pip", "compile", *inputs, *limits, *(["--upgrade"] if upgrade else []),
            "--universal", f"--python-version={python}", "--generate-hashes", "--no-emit-index-url",
            "--quiet", "--custom-compile-command=make lock", f"--output-file=requirements/{name}",
        )  # fmt: skip


def _folder(kind: str) -> Path:
    """Return the folder of a kind of environment."""
    own = {"emulators": EMULATORS_VENV, "zetasql": ZETASQL_VENV, "browser": BROWSER_VENV}
    if kind in own:
        return own[kind]
    return DBT_VENV if kind.startswith("dbt") else VENV


def _stamp(venv: Path) -> Path:
    """Return the file that says what an environment was built from."""
    return venv / "synced.json"


def _stamp_of(kind: str, python: str) -> dict[str, str]:
    """Return what an environment is built from.

    :param python: the folder of its Python
    """
    stamp = {
        "kind": kind,
        "lock": hashlib.sha256((CHECKOUT / LOCKS[kind]).read_bytes()).hexdigest(),
        "place": str(_folder(kind)),
        "python": python,
    }
    if _folder(kind) == VENV:  # the others do not hold the project itself
        stamp["project"] = hashlib.sha256((CHECKOUT / "pyproject.toml").read_bytes()).hexdigest()
    return stamp


def _read_stamp(venv: Path) -> dict[str, str]:
    try:
        stamp: dict[str, str] = json.loads(_stamp(venv).read_text())
    except (OSError, ValueError):
        return {}
    return stamp


def usable(venv: Path | None = None, prefix: str = sys.base_prefix) -> bool:
    """Whether an environment works, uses the right Python, and was not moved.

    :param venv: its folder; by default, the one of Airflow
    :param prefix: the folder of the right Python; by default, the one of this process
    """
    venv = venv or VENV
    python = venv / "bin" / "python"
    if _read_stamp(venv).get("place", str(venv)) != str(venv) or not python.exists():
        return False
    return _version(str(python))[1:] == (prefix,)


def _emulators_python() -> tuple[str, str]:
    """Return a Python for the emulators, and its folder: the first of the right version.

    PYTHON313 names one. Without it, this process's own is tried, then the PATH, pyenv's and uv's.

    :raises EnvironmentFailed: if there is none
    """
    name, home = f"python{_EMULATORS_PYTHON}", Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    places = (
        pyenv.glob(f"versions/{_EMULATORS_PYTHON}.*/bin/{name}"),
        home.glob(f".local/share/uv/python/cpython-{_EMULATORS_PYTHON}.*/bin/{name}"),
    )
    named = os.environ.get("PYTHON313")
    found = (sys.executable, name, *(str(path) for place in places for path in sorted(place, reverse=True)))
    for python in (named,) if named else found:
        version, *prefix = _version(python)
        if version == _EMULATORS_PYTHON:
            return shutil.which(python) or python, prefix[0]
    raise EnvironmentFailed(
        f"The emulators of Google Cloud need Python {_EMULATORS_PYTHON}, and "
        + (f"PYTHON313={named} is not one. " if named else "none was found. ")
        + f"Install one, for example with pyenv install {_EMULATORS_PYTHON} or uv python install "
        f"{_EMULATORS_PYTHON}, or name it: PYTHON313=/path/to/{name}."
    )


def _version(python: str) -> tuple[str, ...]:
    """Return a Python's version and folder, or an empty version if it cannot be run."""
    ask = (python, "-c", "import sys; print('%d.%d' % sys.version_info[:2], sys.base_prefix)")
    try:
        said = subprocess.run(ask, capture_output=True, text=True, check=False).stdout
    except OSError:
        said = ""
    return tuple(said.strip().split(" ", 1))


def uv(*arguments: str) -> None:
    """Run the locked uv, with the user's settings for package registries.

    :raises EnvironmentFailed: if it fails; it has printed its own messages
    """
    _run(_uv(), *arguments)


def _uv() -> str:
    """Return the path of the locked uv, which is installed first if it is missing."""
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
    """Return the environment of uv: the user's own, with pip's settings where uv has none."""
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
    """Run one step, whose messages go to the terminal."""
    settings = _settings() if command[0].endswith("/uv") else None
    try:
        done = subprocess.run(command, cwd=CHECKOUT, env=settings, stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        raise EnvironmentFailed(f"{command[0]} cannot be run: {error}") from error
    if done.returncode:
        raise EnvironmentFailed(
            f"Setting up the Python environment failed (exit code {done.returncode}, messages above). "
            "Run the same command again; downloaded packages are cached."
        )
