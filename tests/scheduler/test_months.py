"""Months go through the scheduler into the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nyc_taxi.core.month import Month

if TYPE_CHECKING:
    from local.stack import Stack
    from nyc_taxi.postgres.warehouse import PostgresWarehouse

pytestmark = pytest.mark.slow


def test_a_month_that_is_triggered_is_in_the_warehouse(
    running_stack: Stack, stack_warehouse: PostgresWarehouse
) -> None:
    run = running_stack.api.trigger("green_postgres", {"month": "2021-02", "force": True})
    assert running_stack.api.wait("green_postgres", run) == "success"
    with stack_warehouse.sessions() as connection:
        rows = connection.execute(
            "select count(*) from raw.green_tripdata where file_month = '2021-02-01'"
        ).fetchone()
    loaded = stack_warehouse.ledger.current("green", Month("2021-02"))
    assert loaded is not None
    assert (loaded.rows_in_file, loaded.rows_loaded, loaded.rows_rejected) == (2_000, 2_000, 0)
    assert loaded.run_id == run
    assert rows == (2_000,)
