"""Showing what a stranger sent, in a message of ours."""

from __future__ import annotations

import re


def excerpt(content: bytes) -> str:
    """Return the beginning of something in one readable line, quoted."""
    text = re.sub(r"\s+", " ", content[:300].decode("utf-8", "replace")).strip()
    return repr("".join(letter for letter in text if letter.isprintable())[:160])
