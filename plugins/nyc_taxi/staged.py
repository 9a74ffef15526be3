"""What an earlier task of a run has staged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nyc_taxi.run_month import month_of_task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from nyc_taxi.load.stage import Staged
    from nyc_taxi.load.warehouse import Warehouse


def staged_of_task(
    result: Mapping[str, Any] | None, warehouse: Warehouse, dataset: str, month: str | None, context: Context
) -> Staged:
    """Return what the run has staged of a month.

    Airflow records that a task has succeeded although its result was lost, when its database fails in
    between. The ledger knows the result, too.

    :param result: the result of the earlier task; None when it was lost
    :param month: the month as ``YYYY-MM``; None for the run's own month
    :raises ContractError: when the run has staged nothing
    """
    from nyc_taxi.load.stage import Staged, staged_in_run

    if result is not None:
        return Staged.from_json(dict(result))
    return staged_in_run(warehouse, dataset, month_of_task(month, context), context["run_id"])
