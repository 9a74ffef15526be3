"""``python -m benchmarks``, which ``make bench`` runs."""

from __future__ import annotations

import sys

from benchmarks.runner import main
from local.errors import LocalError

if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except LocalError as error:
        sys.exit(str(error))
