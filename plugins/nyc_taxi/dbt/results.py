"""The results of a call of dbt, node by node, from its artifacts."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tabulate import tabulate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

BAD: Final = frozenset({"error", "fail", "runtime error", "partial success"})
"""Statuses of nodes that failed."""

_BUILDS: Final = frozenset({"model", "seed", "snapshot"})
TESTS: Final = frozenset({"test", "unit_test"})
"""Kinds of nodes that test."""


@dataclass(frozen=True, slots=True)
class Node:
    """The result of one node of a dbt project.

    :param kind: dbt's resource type: ``model``, ``seed``, ``test``, ``unit_test``, …
    :param status: dbt's status: ``success``, ``pass``, ``warn``, ``error``, ``fail``, …
    :param rows: rows that it wrote, if the warehouse reports them
    :param failures: rows that a test found
    :param message: the warehouse's or the test's message
    :param of: the model that a test is about, if it is about one
    :param compiled: the file with the statement, if there is one
    """

    name: str
    kind: str
    status: str
    seconds: float
    rows: int | None = None
    failures: int | None = None
    message: str = ""
    of: str | None = None
    compiled: Path | None = None


def read_results(folder: Path) -> tuple[Node, ...]:
    """Return the nodes of the last call that wrote to a folder; none when it failed before the first one."""
    try:
        results = json.loads((folder / "run_results.json").read_text("utf-8"))["results"]
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    except FileNotFoundError:
        return ()
    known = {**manifest["nodes"], **manifest["unit_tests"], **manifest["sources"]}
    return tuple(_node(result, known, folder) for result in results)


def _node(result: dict[str, Any], known: dict[str, Any], folder: Path) -> Node:
    id: str = result["unique_id"]
    about = known.get(id, {})
    rows = result.get("adapter_response", {}).get("rows_affected", -1)
    kind = id.split(".", 1)[0]
    return Node(
        name=about.get("name", id),
        kind=kind,
        status=result["status"],
        seconds=result["execution_time"],
        rows=rows if kind in _BUILDS and isinstance(rows, int) and rows >= 0 else None,
        failures=result.get("failures"),
        message=result.get("message") or "",
        of=_tested(about, known),
        compiled=_compiled(about, folder) if result.get("compiled") else None,
    )


def _tested(about: dict[str, Any], known: dict[str, Any]) -> str | None:
    """Return the model or source that a test is attached to, or else the first one that it reads."""
    if about.get("resource_type") not in TESTS:
        return None
    candidates = [about.get("attached_node"), about.get("tested_node_unique_id")]
    candidates += about.get("depends_on", {}).get("nodes", [])
    return next((known[id]["name"] for id in candidates if id in known), None)


def _compiled(about: dict[str, Any], folder: Path) -> Path | None:
    """Return the file with the statement of a node, below the folder of the artifacts."""
    if "original_file_path" not in about:
        return None
    path = folder / "compiled" / about["package_name"] / about["original_file_path"]
    nested = path / about.get("path", "").rpartition("/")[2]
    return next((file for file in (nested, path) if file.is_file()), None)


def failures(nodes: Iterable[Node]) -> list[Node]:
    """Return the nodes that failed, without those that were skipped because of them."""
    return [node for node in nodes if node.status in BAD]


def table(nodes: Sequence[Node]) -> str:
    """Return a table of the models: status, rows, seconds, and results of their tests.

    Tests of models that were not built have a separate line.
    """
    built = [node for node in nodes if node.kind in _BUILDS]
    tests: dict[str, list[Node]] = {}
    for node in nodes:
        if node.kind in TESTS:
            tests.setdefault(node.of or node.name, []).append(node)
    rows = [
        (
            node.name,
            node.status,
            "" if node.rows is None else f"{node.rows:,}",
            f"{node.seconds:.1f}",
            _counted(tests.pop(node.name, [])),
        )
        for node in built
    ]
    rows += [(name, "", "", f"{sum(t.seconds for t in of):.1f}", _counted(of)) for name, of in tests.items()]
    columns = {"model": "left", "status": "left", "rows": "right", "seconds": "right", "tests": "left"}
    aligned = [*columns.values()] if rows else None
    text: str = tabulate(rows, [*columns], "plain", disable_numparse=True, colalign=aligned)
    return text


def _counted(tests: list[Node]) -> str:
    """Return how many tests ended in each status, for example ``4 pass, 1 warn (range_of_fare: 12)``."""
    counted = Counter(test.status for test in tests)
    said = [f"{count} {status}" for status, count in sorted(counted.items(), key=lambda item: -item[1])]
    found = [
        f"{test.name}: {test.failures}" if test.failures else test.name
        for test in tests
        if test.status in BAD or test.status == "warn"
    ]
    return ", ".join(said) + (f" ({', '.join(found)})" if found else "")
