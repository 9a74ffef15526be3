"""Parses the ``.sql`` files below a folder with Google's parser: ``python googlesql_parser.py FOLDER``.

It runs in ``.venv-zetasql``, without the rest of this package.
"""

from __future__ import annotations

import sys
from pathlib import Path

from zetasql.api import Parser
from zetasql.types import LanguageOptions

_TOO_DEEP = "Exceeded upb_DecodeOptions_MaxDepth"
"""The parser has accepted a statement, and this side cannot decode the syntax tree in its answer."""


def main(folder: Path) -> int:
    """Print each file that the parser refuses with what it says, and how many it has read."""
    options = LanguageOptions.maximum_features()
    files = sorted(folder.rglob("*.sql"))
    refused = 0
    for path in files:
        try:
            Parser.parse_script_static(path.read_text("utf-8"), options)
        except Exception as error:  # which class it has is not documented
            if _TOO_DEEP in str(error):
                continue
            refused += 1
            print(f"{path.relative_to(folder)}: {' '.join(str(error).split())[:300]}")
    print(f"GoogleSQL: {len(files)} statements, {refused} refused")
    return 1 if refused or not files else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
