"""Which months dbt has to build, and what a person asks of it in the form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nyc_taxi.core.chosen_months import read_months
from nyc_taxi.dbt.invocation import Command, Invocation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from nyc_taxi.core.month import Month


def work(form: Mapping[str, Any], unbuilt: Collection[Month], threads: int) -> Invocation | None:
    """Return what dbt is to be called for, or None when every month is built already.

    Months that a person names are built, whether they were built before or not. Otherwise those are that
    the ledger holds and no build has seen: a month that arrives in any order, or again, is among them.

    :param form: ``command``, ``months``, ``full_refresh``, ``select`` and ``target`` of the run
    :param unbuilt: months of which the ledger has another version than the marts
    :raises InvalidMonth: when the months of the form cannot be read
    :raises InvalidCommand: when the parts of the form make no sense together
    """
    command = Command(form["command"])
    builds = command in {Command.BUILD, Command.RUN}
    select = (form["select"] or "").strip()
    named = read_months(form["months"]) if form["months"] else ()
    open_months = unbuilt if builds and not form["full_refresh"] else ()
    months = tuple(sorted(named or open_months))
    if builds and not (months or form["full_refresh"] or select):
        return None
    return Invocation(command, months, form["full_refresh"], select, form["target"], threads)
