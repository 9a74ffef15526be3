"""How the months that arrive in a warehouse become runs of the DAGs that consume them."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.partition_mappers.base import PartitionMapper

from nyc_taxi.core.month import Month


class MonthOfDataset(PartitionMapper):
    """Gives a consumer one run per month, whichever of the datasets' partitions ``dataset|month`` arrived.

    Events of several datasets that arrive before the scheduler looks become one run.
    """

    def to_downstream(self, key: str) -> str:
        """Return the month of a key such as ``green|2021-01``.

        :raises InvalidMonth: when the key names none
        """
        return str(Month(key.partition("|")[2]))

    def to_partition_date(self, downstream_key: str) -> datetime | None:
        """Return the first day of the month, in UTC."""
        first = Month(downstream_key).first_day
        return datetime(first.year, first.month, first.day, tzinfo=UTC)
