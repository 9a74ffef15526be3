"""Quoting foreign text in messages, safely and briefly."""

from __future__ import annotations

import re


def excerpt(content: bytes) -> str:
    """Return the beginning of a file or response as one quoted, readable line."""
    text = re.sub(r"\s+", " ", content[:300].decode("utf-8", "replace")).strip()
    return repr("".join(letter for letter in text if letter.isprintable())[:160])


def quoted(value: object) -> str:
    """Return the ``repr`` of a value, truncated to 100 characters."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:99]}…"


def printable(text: str) -> str:
    """Return a text on one line, with control characters escaped."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


def printable_lines(text: str) -> str:
    """Return a text with its line breaks, and with all other control characters escaped."""
    return "\n".join(map(printable, text.split("\n")))


def shown(url: str) -> str:
    """Return a URL without the parts that may hold a secret: user, password, query, fragment."""
    return printable(re.sub(r"(?<=//)[^/]*@", "", re.split(r"[?#]", url, maxsplit=1)[0])[:500])
