"""What the pages of the documentation show in blocks, and name in sentences."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from local.environment import CHECKOUT

_BLOCK: Final = re.compile(r"^( *)```([^\n]*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_SHELL: Final = ("", "sh", "sh skip", "console", "console skip")


@cache
def pages() -> dict[str, str]:
    """Return the text of each page, by its path in the checkout."""
    files = (CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs").rglob("*.md")))
    return {str(file.relative_to(CHECKOUT)): file.read_text("utf-8") for file in files}


def blocks(language: str) -> list[tuple[str, str]]:
    """Return the blocks in a language, with their pages."""
    return [
        (page, block)
        for page, text in pages().items()
        for _, found, block in _BLOCK.findall(text)
        if found == language
    ]


def commands() -> list[tuple[str, str]]:
    """Return every command of a block, with its page."""
    found = []
    for language in _SHELL:
        for page, text in blocks(language):
            lines = text.replace("\\\n", " ").splitlines()
            if not language.startswith("sh"):
                lines = [one.removeprefix("$ ") for one in lines if one.startswith(("$ ", "airflow "))]
            found += [(page, line.strip()) for line in lines if line.strip()]
    return found


def named() -> list[tuple[str, str]]:
    """Return all code of sentences, such as names, paths and commands, with its page."""
    return [
        (page, code.replace("\\|", "|"))
        for page, text in pages().items()
        for code in re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text))
    ]
