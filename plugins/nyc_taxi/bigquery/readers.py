"""Accounts that may read the warehouse, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.api_core import exceptions
from google.cloud import bigquery

from nyc_taxi.bigquery.failures import failures
from nyc_taxi.bigquery.jobs import RETRY
from nyc_taxi.core.excerpt import quoted
from nyc_taxi.errors import WarehouseRefused

if TYPE_CHECKING:
    from nyc_taxi.bigquery.jobs import Jobs

_KINDS: Final = {
    "user": "userByEmail",
    "serviceAccount": "userByEmail",
    "group": "groupByEmail",
    "domain": "domain",
}


def grant_reading(jobs: Jobs, role: str) -> None:
    """Let an account read the datasets raw, ops and marts, with all tables that come into them later.

    Granting again changes nothing.

    :param role: ``user:…``, ``serviceAccount:…``, ``group:…`` or ``domain:…``, as Google writes members
    :raises WarehouseRefused: when it is something else, or the warehouse's account may not grant
    """
    kind, _, member = role.partition(":")
    if kind not in _KINDS or not member:
        raise WarehouseRefused(
            f"{quoted(role)} is not an account. Write user:name@example.org; serviceAccount:, group: and "
            "domain: work as well."
        )
    place = jobs.place
    entry = bigquery.AccessEntry("READER", _KINDS[kind], member)
    with failures(jobs.name):
        for id in (place.raw, place.ops, f"{place.prefix}marts"):
            while True:
                dataset = jobs.client.get_dataset(f"{place.project}.{id}", retry=RETRY)
                if entry in dataset.access_entries:
                    break
                dataset.access_entries = [*dataset.access_entries, entry]
                try:
                    jobs.client.update_dataset(dataset, ["access_entries"], retry=RETRY)
                except exceptions.PreconditionFailed:
                    continue  # Somebody else has just changed it.
                break
