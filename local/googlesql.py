"""``make lint-bigquery``: Google's own parser reads every statement that this project sends to BigQuery."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from local import dbt, environment
from local.environment import CHECKOUT

STATEMENTS: Final = CHECKOUT / "plugins" / "nyc_taxi" / "bigquery" / "sql"
_PARSER: Final = Path(__file__).with_name("googlesql_parser.py")

_PARTS: Final = {
    "raw": "`raw`",
    "ops": "`ops`",
    "table": "`raw`.`green_tripdata`",
    "stage": "`stage`.`green_1`",
    "columns": "staged.`row_number`,\n        parse_json(staged.unmapped) as unmapped",
    "names": "`row_number`,\n    `unmapped`",
    "filters": "id = @id",
    "conditions": "\n    and outcome in unnest(@outcomes)",
    "assigned": ",\n    header = @header",
    "limit": "5",
    "pickup": "`lpep_pickup_datetime`",
    "view": "`ops`.`stale_months`",
    "measured": "`ops`.`dbt_quality_result`",
}
"""What stands for the parts that the code fills in."""


def main() -> int:
    """Parse the statements of the load, and of dbt for all months and for one.

    :return: 0 when the parser accepts all of them
    """
    environment.ensure("zetasql")
    with TemporaryDirectory() as folder:
        here = Path(folder)
        write_statements(here / "load")
        for name, months in (("dbt-all", ()), ("dbt-month", ("2021-01",))):
            (here / name).mkdir()
            dbt.compile_for_bigquery(here / name, months)
        return parse(here)


def write_statements(folder: Path, statements: Path = STATEMENTS) -> None:
    """Write the statements of the load with all their parts filled in.

    :raises KeyError: if a statement has a part that is not known here
    """
    folder.mkdir(parents=True)
    for path in sorted(statements.glob("*.sql")):
        text = re.sub(r"\{(\w+)\}", lambda part: _PARTS[part[1]], path.read_text("utf-8"))
        (folder / path.name).write_text(text, "utf-8")


def parse(folder: Path) -> int:
    """Parse every ``.sql`` file below a folder, and print what the parser refuses.

    :return: 0 when it accepts all of them, and there are any
    """
    sys.stdout.flush()
    python = environment.ZETASQL_VENV / "bin" / "python"
    return subprocess.run((str(python), str(_PARSER), str(folder)), check=False).returncode
