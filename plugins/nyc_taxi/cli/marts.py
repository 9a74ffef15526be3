"""What the marts hold of the months, for the commands that list them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nyc_taxi.load.attempt import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nyc_taxi.core.month import Month
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.load.warehouse import Warehouse

    Reasons = Mapping[tuple[str, Month], str]
    """Why the marts lack a dataset's month, or have another version of it."""

_HELD: Final = {
    "new": "not built",
    "replaced": "earlier version",
    "unloaded": "not removed yet",
    "other zones": "built with other zones",
    "no models": "no models",
}


def stale_reasons(warehouse: Warehouse) -> Reasons:
    """Return why the marts lack months, or have another version of them."""
    return {(one.dataset, one.month): one.reason for one in warehouse.stale_months("prod")}


def held_by_marts(attempt: Attempt, stale: Reasons) -> str | None:
    """Return what the marts hold of an attempt's month; None when neither they nor the raw tables have it."""
    reason = stale.get((attempt.dataset, attempt.month))
    if reason is not None:
        return _HELD[reason]
    return "built" if attempt.outcome is Outcome.PUBLISHED else None
