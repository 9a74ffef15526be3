"""Pages of docs/ that quote the code."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from local.environment import CHECKOUT
from nyc_taxi.core.dataset import parse_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = CHECKOUT / "plugins" / "nyc_taxi"


def page(name: str) -> str:
    return (CHECKOUT / "docs" / name).read_text("utf-8")


def messages() -> Iterator[str]:
    """Give every text of the package, with an ellipsis for what is filled in."""
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                yield "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_every_message_of_the_page_on_failures_is_one_of_the_package() -> None:
    quoted = re.findall(r"^\| `([^`]+)` \|", page("recover.md"), re.MULTILINE)
    texts = "\n".join(text.replace("\n", " ") for text in messages())

    patterns = {
        one: ".*?".join(re.escape(part.strip()) for part in one.strip("…").split("…")) for one in quoted
    }

    assert len(quoted) > 30
    assert [one for one, pattern in patterns.items() if not re.search(pattern, texts)] == []


def test_the_dataset_of_the_page_is_valid() -> None:
    described = re.findall(r"^```yaml\n(.*?)^```$", page("add-a-dataset.md"), re.DOTALL | re.MULTILINE)

    (shuttle,) = (parse_dataset(text, "shuttle.yaml") for text in described)

    assert (shuttle.name, shuttle.table) == ("shuttle", "shuttle_tripdata")
