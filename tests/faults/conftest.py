"""The warehouse and its reader, as the tests of Postgres have them."""

from tests.postgres.conftest import hurried, reader, taxi_warehouse

__all__ = ["hurried", "reader", "taxi_warehouse"]
