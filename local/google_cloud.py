"""The demo's warehouse in the emulators of Google Cloud."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from local.errors import LocalError
from local.stack import BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from local.emulators import Emulators
    from local.stack import Stack
    from local.tables import Query
    from nyc_taxi.bigquery.warehouse import BigQueryWarehouse

_TYPES: Final = {"int": "INT64", "date": "DATE"}
_DAG: Final = "setup_gcp"


def set_up(stack: Stack, say: Callable[[str], Any]) -> None:
    """Create bucket, datasets and tables with the product's own DAG.

    :raises LocalError: when the run fails
    """
    stack.wait_for_dags({_DAG})
    stack.api.unpause(_DAG)
    if stack.api.wait(_DAG, stack.api.trigger(_DAG)) != "success":
        raise LocalError(f"The DAG {_DAG} failed. See its run in the UI.")
    say("Bucket, datasets and tables")


def warehouse(emulators: Emulators) -> BigQueryWarehouse:
    """Return the warehouse in the emulators."""
    from nyc_taxi.bigquery.warehouse import BigQueryWarehouse

    return BigQueryWarehouse(emulators.place(BUCKET), "bigquery_taxi")


def objects(emulators: Emulators) -> Iterable[tuple[str, int]]:
    """Return name and size of each object in the bucket."""
    blobs = emulators.place(BUCKET).storage().list_blobs(BUCKET)
    return [(blob.name, blob.size) for blob in blobs]


def query(emulators: Emulators) -> Query:
    """Return what runs a statement in BigQuery."""
    from google.cloud import bigquery

    client = emulators.place(BUCKET).bigquery()

    def run(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        parameters = [
            bigquery.ScalarQueryParameter(name, _TYPES[type(value).__name__], value)
            for name, value in values.items()
        ]
        text = re.sub(r"%\((\w+)\)s", r"@\1", statement)
        config = bigquery.QueryJobConfig(query_parameters=parameters)
        return [tuple(row) for row in client.query_and_wait(text, job_config=config)]

    return run
