"""Decides what to write: what nobody touched follows the files, what a person changed is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nyc_taxi.deploy.entry import Content, Entry
    from nyc_taxi.deploy.record import Record

_ANEW = "BOOTSTRAP_OVERWRITE=1 writes it anew"


@dataclass(slots=True)
class Plan:
    """What to do about the entries.

    :param write: contents to create or replace
    :param remember: contents that from now on count as written by init
    :param forget: entries of the record that are nowhere any more
    :param report: a sentence for each entry that is written or that differs from the files; none holds
        a value
    """

    write: dict[Entry, Content] = field(default_factory=dict)
    remember: dict[Entry, Content] = field(default_factory=dict)
    forget: list[Entry] = field(default_factory=list)
    report: list[str] = field(default_factory=list)

    def put(self, entry: Entry, content: Content, what: str) -> None:
        """Have an entry written, and its writing reported."""
        self.write[entry] = self.remember[entry] = content
        self.report.append(f"The {entry} was {what}.")


def decide(
    wanted: Mapping[Entry, Content],
    present: Mapping[Entry, Content | None],
    record: Record,
    *,
    overwrite: bool,
) -> Plan:
    """Return what to do so that Airflow holds what the files want, except for what a person changed.

    :param wanted: the entries of the files
    :param present: the entries that Airflow has; None for one that cannot be decrypted
    :param record: what init wrote before
    :param overwrite: whether the files win over a person
    :raises BootstrapFailed: when an entry cannot be decrypted, unless it will be overwritten
    """
    plan = Plan()
    for entry, content in wanted.items():
        _decide(plan, entry, content, present, record, overwrite=overwrite)
    for entry in sorted(record.entries() - set(wanted)):
        if entry in present:
            plan.report.append(f"The {entry} is not in the files any more; it stays in Airflow.")
        else:
            plan.forget.append(entry)
    return plan


def _decide(
    plan: Plan,
    entry: Entry,
    content: Content,
    present: Mapping[Entry, Content | None],
    record: Record,
    *,
    overwrite: bool,
) -> None:
    now = present.get(entry)
    if entry not in present:
        if overwrite or entry not in record.entries():
            plan.put(entry, content, "created")
        else:
            plan.report.append(f"The {entry} was deleted in Airflow, and is not created again; {_ANEW}.")
    elif now == content:
        if not record.holds(entry, content):
            plan.remember[entry] = content
    elif overwrite:
        plan.put(entry, content, "overwritten, as BOOTSTRAP_OVERWRITE asks for")
    elif now is None:
        raise unreadable(entry)
    elif record.holds(entry, now):
        plan.put(entry, content, "changed, as its settings were")
    elif entry in record.entries():
        plan.report.append(f"The {entry} was edited in Airflow, and is kept; {_ANEW}.")
    else:
        plan.report.append(f"The {entry} was in Airflow before init wrote any, and is kept; {_ANEW}.")


def unreadable(entry: Entry) -> BootstrapFailed:
    """Return the failure that an entry was encrypted with another key."""
    return BootstrapFailed(
        f"The {entry} was encrypted with another Fernet key than AIRFLOW__CORE__FERNET_KEY. Put the earlier "
        "key after the present one and a comma there, or have init write its entries anew with "
        "BOOTSTRAP_OVERWRITE=1."
    )
