"""The role that ``make demo`` creates in the warehouse."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psycopg

from local import demo

if TYPE_CHECKING:
    import pytest


def test_the_warehouse_has_a_role_that_may_read_it(
    warehouse_uri: str, ordinary_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert demo.READER == "taxi_reader"
    # Roles belong to the whole server, which other tests use.
    monkeypatch.setattr(demo, "READER", ordinary_user)
    stack: Any = SimpleNamespace(warehouse_uri=warehouse_uri)
    assert demo.prepared_warehouse(stack).name == "postgres_taxi"
    with psycopg.connect(warehouse_uri) as connection:
        connection.execute(f"set role {ordinary_user}")
        assert connection.execute("select count(*) from raw.green_tripdata").fetchone() == (0,)
