"""What the product declares is what it uses."""

from __future__ import annotations

import ast
import functools
import re
import sys
import tomllib
from importlib import metadata
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHIPPED = (ROOT / "plugins", ROOT / "dags")
PARTS_OF = {"apache-airflow": ("apache-airflow-core", "apache-airflow-task-sdk")}
"""Distributions that are only a name for others."""

NAMED = {"apache-airflow-providers-cncf-kubernetes"}
"""Distributions that no code imports: a setting names their executor."""

SHARED = {"google", "google.cloud"}
"""Packages that several distributions install modules into."""


@functools.cache
def declared() -> set[str]:
    """Names of all distributions in the dependencies and the extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = chain(project["dependencies"], *project["optional-dependencies"].values())
    return {re.split(r"[\[<>=!~; ]", text, maxsplit=1)[0].lower() for text in requirements}


@functools.cache
def modules_of(distribution: str) -> set[str]:
    """Dotted names of the modules that a distribution installs."""
    found = set()
    for name in (distribution, *PARTS_OF.get(distribution, ())):
        for file in metadata.files(name) or ():
            if file.suffix in {".py", ".so", ".pyi"}:
                parts = [*file.parts[:-1], file.name.split(".")[0]]
                found.add(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


@functools.cache
def imported() -> dict[str, str]:
    """Dotted names that shipped code imports from other distributions, each with a file that does."""
    found = {}
    for path in sorted(file for folder in SHIPPED for file in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
                if node.module in SHARED:
                    names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            for name in names:
                if name.split(".")[0] not in {*sys.stdlib_module_names, "nyc_taxi"}:
                    found[name] = str(path.relative_to(ROOT))
    return found


def test_every_declared_package_is_used_by_shipped_code() -> None:
    unused = [name for name in sorted(declared() - NAMED) if not imported().keys() & modules_of(name)]
    assert not unused, "nothing in plugins/ or dags/ imports them"


def test_every_package_used_by_shipped_code_is_declared() -> None:
    installed = set().union(*map(modules_of, declared()))
    missing = {module: file for module, file in imported().items() if module not in installed}
    assert not missing, "no declared distribution installs them"


def test_the_check_sees_an_unused_and_an_undeclared_package() -> None:
    assert not imported().keys() & modules_of("hypothesis")
    assert not [name for name in declared() if "hypothesis" in modules_of(name)]
