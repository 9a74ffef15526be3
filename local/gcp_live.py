"""``make test-gcp-live PROJECT=…``: a month through the real Google Cloud, in places that are made for it.

Bucket and datasets get names that nobody has, and a label with this run's number. In the end, what carries
that label is removed, and nothing else.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from local import dbt
from local.checks import CheckFailed
from local.errors import LocalError
from nyc_taxi.bigquery.check import check
from nyc_taxi.bigquery.dbt_access import dbt_access
from nyc_taxi.bigquery.jobs import Jobs
from nyc_taxi.bigquery.place import Place
from nyc_taxi.bigquery.setup import set_up
from nyc_taxi.bigquery.warehouse import BigQueryWarehouse
from nyc_taxi.core.month import MonthRange
from nyc_taxi.errors import TaxiError
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.load.load import load_month
from nyc_taxi.load.zones import load_zones
from nyc_taxi.samples import write_sample

if TYPE_CHECKING:
    from collections.abc import Callable

MONTHS: Final = MonthRange.parse("2021-01..2021-02")
ROWS: Final = 2_000
LIMIT: Final = 1 << 30
_LABEL: Final = "nyc-taxi-live"


class LiveFailed(LocalError):
    """Google Cloud did something else than the test expects."""


def main() -> int:
    """Run the test in the project that PROJECT names.

    :raises CheckFailed: if no project is named
    """
    project = os.environ.get("PROJECT")
    if not project:
        raise CheckFailed("Name the project to test in: make test-gcp-live PROJECT=my-project")
    try:
        place = new_place(project, location=os.environ.get("LOCATION") or "US")
        run(place, print)
    except TaxiError as error:
        raise LiveFailed(str(error)) from error
    return 0


def new_place(project: str, **settings: Any) -> Place:
    """Return a place in a project whose names and label nobody else has."""
    own = uuid.uuid4().hex[:12]
    return Place(
        project,
        f"nyc-taxi-live-{own}",
        prefix=f"nyc_taxi_live_{own}_",
        maximum_bytes_billed=LIMIT,
        labels={"application": "nyc-taxi", _LABEL: own},
        **settings,
    )


def run(place: Place, say: Callable[[str], Any], *, marts: bool = True) -> None:
    """Set a place up, load months, load one again, build the marts, and remove everything.

    :param marts: whether dbt builds the marts
    :raises LiveFailed: when something is not as it should be
    """
    try:
        for sentence in set_up(place):
            say(sentence)
        _load(place, say)
        if marts:
            _build(place)
            say("dbt has built the marts.")
    finally:
        for sentence in tear_down(place):
            say(sentence)


def _load(place: Place, say: Callable[[str], Any]) -> None:
    warehouse = BigQueryWarehouse(place, place.project)
    warehouse.prepare()
    say(check(Jobs(place, place.project)))
    with TemporaryDirectory() as folder:
        write_sample(MONTHS, ROWS, Path(folder), ["green"])
        sources = SourceList.parse(folder)
        load_zones(warehouse, sources)
        for month in MONTHS:
            loaded = load_month(warehouse, sources, "green", month, run_id="live")
            say(f"{loaded}: {loaded.rows_loaded} rows, {loaded.rows_rejected} rejected.")
            again = load_month(warehouse, sources, "green", month, run_id="live again")
            if again.id != loaded.id or warehouse.count("green", month) != loaded.rows_loaded:
                raise LiveFailed(f"green {month} was loaded twice, or its rows are not those of its file.")


def _build(place: Place) -> None:
    access = dbt_access(place)
    with TemporaryDirectory() as folder:
        profile = {"DBT_PROFILE": "bigquery", "DBT_TARGET": "prod"}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
        own = dbt.environment({**inherited, **access.environment, **profile}, Path(folder))
        done = subprocess.run((dbt.program(), "build"), env=own, cwd=folder, check=False)
    if done.returncode:
        raise LiveFailed("dbt failed. What it says is above.")


def tear_down(place: Place) -> list[str]:
    """Remove the bucket and the datasets that carry the label of this run, and return what was removed."""
    own, removed = place.labels[_LABEL], []
    bucket = place.storage().lookup_bucket(place.bucket)
    if bucket is not None and (place.emulated or bucket.labels.get(_LABEL) == own):
        bucket.delete(force=True)
        removed.append(f"Removed the bucket {place.bucket}.")
    client = place.bigquery()
    for dataset in client.list_datasets():
        if dataset.labels.get(_LABEL) == own and dataset.dataset_id.startswith(place.prefix):
            client.delete_dataset(dataset.reference, delete_contents=True, not_found_ok=True)
            removed.append(f"Removed the dataset {dataset.dataset_id}.")
    return removed


if __name__ == "__main__":
    sys.exit(main())
