"""Airflow's pages make a link of an address in a log, including the punctuation that touches it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import nyc_taxi

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(nyc_taxi.__file__).parent
GLUED = (".", ",", ";", ":", ")", "'", "!", "?")


def glued() -> Iterator[str]:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.JoinedStr) or " " not in ast.unparse(node):
                continue
            for value, after in zip(node.values, node.values[1:], strict=False):
                if (
                    isinstance(value, ast.FormattedValue)
                    and isinstance(after, ast.Constant)
                    and str(after.value).startswith(GLUED)
                    and is_address(ast.unparse(value.value))
                ):
                    yield f"{path.relative_to(PACKAGE)}:{node.lineno} {ast.unparse(node)}"


def is_address(expression: str) -> bool:
    return expression.endswith(("url", "address")) or expression.startswith("shown(")


def test_no_punctuation_touches_an_address_in_a_message() -> None:
    assert [*glued()] == []
