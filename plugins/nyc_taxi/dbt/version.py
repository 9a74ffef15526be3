"""Whether the dbt program of a deployment can run the project: its version, and its adapter."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Final

import yaml

from nyc_taxi.dbt.process import inherited
from nyc_taxi.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_PATIENCE: Final = 60.0
"""Seconds that dbt gets to print its version."""

_BOUND: Final = re.compile(r"\s*(>=|<)\s*([\d.]+)\s*")


def require_version(program: str, project: Path, adapters: Iterable[str]) -> None:
    """Ask dbt for its version, and compare it with what the project requires.

    :param program: path or name of ``dbt``
    :param project: folder of ``dbt_project.yml``
    :param adapters: the adapters that the deployment's warehouses need, such as ``postgres``
    :raises ContractError: when there is no project, dbt cannot be started, its version is not supported, or
        an adapter is missing
    """
    supported = _supported(project)
    output = _output(program)
    version = re.search(r"\d+\.\d+[\w.+-]*", output)
    if version is None:
        raise ContractError(
            f"{program} --version does not print a version. Set dbt_program in the section [nyc_taxi] to the "
            "path of dbt."
        )
    if not all(_within(version[0], bound) for bound in supported):
        raise ContractError(
            f"{program} is dbt {version[0]}, and the project needs {', '.join(supported)}. Install another "
            f"version in its environment: pip install 'dbt-core{','.join(supported)}'"
        )
    present = set(re.findall(r"^\s*- (\w+):", output, re.MULTILINE))
    if missing := [f"dbt-{name}" for name in adapters if name not in present]:
        raise ContractError(
            f"{program} lacks {' and '.join(missing)}. Install it in the environment of dbt: "
            f"pip install {' '.join(missing)}"
        )


def _supported(project: Path) -> list[str]:
    """Return the bounds of the versions that a project requires, such as ``>=1.12.0``."""
    file = project / "dbt_project.yml"
    try:
        content = yaml.safe_load(file.read_text("utf-8"))
        required = content.get("require-dbt-version", [])
    except (OSError, yaml.YAMLError, AttributeError):
        raise ContractError(
            f"There is no dbt project in {project}. Set dbt_project in the section [nyc_taxi] to its folder."
        ) from None
    return [required] if isinstance(required, str) else list(required)


def _within(version: str, bound: str) -> bool:
    found = _BOUND.fullmatch(bound)
    if found is None:
        return True
    has, limit = ([int(number) for number in re.findall(r"\d+", text)][:2] for text in (version, found[2]))
    return has >= limit if found[1] == ">=" else has < limit


def _output(program: str) -> str:
    """Return what dbt prints about its version, without the look for newer ones on the internet."""
    try:
        return subprocess.run(
            [program, "--version"],
            env={**inherited(), "HTTPS_PROXY": "http://127.0.0.1:9"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ContractError(
            f"{program} --version failed: {_why(error)}. Install dbt again in its own environment, and set "
            "dbt_program in the section [nyc_taxi] to its path."
        ) from None


def _why(error: Exception) -> str:
    """Return the last line that a program printed before it failed, or what else went wrong."""
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it did not answer within {_PATIENCE:.0f} s"
    printed = (getattr(error, "stdout", None) or "").strip()
    if printed:
        return str(printed.splitlines()[-1][:200]).rstrip(".")
    return getattr(error, "strerror", None) or f"exit code {getattr(error, 'returncode', '?')}"
