"""Where a warehouse may be named: in the registry, in its adapter and in the adapter's hook, nowhere else."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.targets import target_names

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "plugins" / "nyc_taxi"
ALLOWED = (
    PACKAGE / "targets.py",
    PACKAGE / "deploy",
    ROOT / "dags" / "setup_gcp.py",  # of Google Cloud alone
    *(PACKAGE / name for name in target_names()),
    *(PACKAGE / "hooks" / f"{name}.py" for name in target_names()),
)
WAREHOUSE = rf"(?:{'|'.join(target_names())})(?![a-z])"  # not postgresql, a dialect of Airflow's database
DRIVERS = {"psycopg", "google"}
FILES = [
    path
    for folder in (PACKAGE, ROOT / "dags")
    for path in sorted(folder.rglob("*.py"))
    if not any(allowed in (path, *path.parents) for allowed in ALLOWED)
]


def named(tree: ast.AST) -> Iterator[str]:
    """Yield every warehouse that code names in a text, except in docstrings, and every driver it imports."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in prose:
                yield from re.findall(WAREHOUSE, text, re.IGNORECASE)
            case ast.Import(names=names):
                yield from (name.name for name in names if name.name.split(".")[0] in DRIVERS)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in DRIVERS:
                yield module


def test_no_file_above_or_below_the_adapters_names_a_warehouse() -> None:
    found = {str(path.relative_to(ROOT)): [*named(ast.parse(path.read_text("utf-8")))] for path in FILES}

    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "code", ['x = "postgres_load"', "import psycopg", "from psycopg import sql", 'f"{x} POSTGRES"']
)
def test_the_check_sees_a_warehouse(code: str) -> None:
    assert list(named(ast.parse(code)))


def test_the_check_leaves_prose_alone() -> None:
    assert not list(named(ast.parse('"""Like postgres."""\n# postgres')))
