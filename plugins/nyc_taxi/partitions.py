"""How the months that a warehouse receives become runs of the DAGs that consume them."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.partition_mappers.base import PartitionMapper

from nyc_taxi.core.month import Month


class MonthOfDataset(PartitionMapper):
    """Gives a consumer one run per month, for the partitions ``dataset|month`` of all datasets.

    Events that come before the scheduler looks again become one run.
    """

    def to_downstream(self, key: str) -> str:
        """Return the month of a key like ``green|2021-01``.

        :raises InvalidMonth: when the key has no month
        """
        return str(Month(key.partition("|")[2]))

    def to_partition_date(self, downstream_key: str) -> datetime | None:
        """Return the first day of the month, in UTC."""
        first = Month(downstream_key).first_day
        return datetime(first.year, first.month, first.day, tzinfo=UTC)
