"""Memory of exporting rejected rows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.trips import lines, load, published, text, write

if TYPE_CHECKING:
    import psycopg

    from nyc_taxi.postgres.warehouse import PostgresWarehouse

ROWS = 2_000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process' peak memory")
def test_memory_does_not_grow_with_the_refused_rows(
    warehouse_uri: str, taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path
) -> None:
    attempt = load(taxi_warehouse, published(write(tmp_path, text(lines(10))))).id
    few = peak_of_exporting(warehouse_uri)
    reader.execute(
        """
        insert into ops.rejected_rows (attempt_id, dataset, month, row_number, reason, line)
        select %s, 'green', '2021-01-01', number, 'many', convert_to(repeat('x', 5000), 'UTF8')
        from generate_series(1, 20000) as many (number)
        """,
        (attempt,),
    )
    assert peak_of_exporting(warehouse_uri) - few < 16 * 1024


def peak_of_exporting(uri: str) -> int:
    """Return the peak resident memory, in KiB, of a process that exports the green month."""
    script = r"""
import re, sys
from pathlib import Path
import psycopg
from nyc_taxi.load.rejects_file import write_rejects
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.trips import MONTH
warehouse = PostgresWarehouse(lambda: psycopg.connect(sys.argv[1]), "w")
with open("/dev/null", "wb") as out:
    write_rejects(warehouse.ledger, warehouse.ledger.rejecting("green", MONTH), out)
print(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
"""
    child = subprocess.run(
        [sys.executable, "-c", script, uri],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    return int(child.stdout)
