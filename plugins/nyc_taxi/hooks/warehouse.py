"""From a target and its Airflow connection to a warehouse."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from nyc_taxi.targets import get_target

if TYPE_CHECKING:
    from nyc_taxi.dbt.access import Access
    from nyc_taxi.load.warehouse import Warehouse
    from nyc_taxi.targets import Target


class WarehouseHook(Protocol):
    """The Airflow half of an adapter. It is created with the id of a connection, and opens nothing."""

    def __init__(self, conn_id: str, /) -> None: ...

    def warehouse(self) -> Warehouse:
        """Return the warehouse; a connection to it is opened when it is used."""

    def dbt_access(self) -> Access:
        """Return how dbt reaches the warehouse, which is asked whether it can be used."""


def warehouse_hook(target: Target | str, conn_id: str | None = None) -> WarehouseHook:
    """Return the hook of a warehouse.

    :param target: the warehouse, or its name
    :param conn_id: its connection; None for the target's own
    """
    if isinstance(target, str):
        target = get_target(target)
    module, _, name = target.hook.rpartition(".")
    hook: type[WarehouseHook] = getattr(import_module(module), name)
    return hook(conn_id or target.conn_id)


def warehouse(target: Target | str, conn_id: str | None = None) -> Warehouse:
    """Return a warehouse; a connection to it is opened when it is used.

    :param target: the warehouse, or its name
    :param conn_id: its connection; None for the target's own
    """
    return warehouse_hook(target, conn_id).warehouse()
