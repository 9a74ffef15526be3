"""Decides what to apply: resources that nobody edited follow the files, a person's edits stay."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nyc_taxi.deploy.last_applied import Fields, LastApplied, Resource


@dataclass(slots=True)
class Plan:
    """What init is going to do.

    :param last_applied: what will have been applied afterwards
    :param apply: resources to create or replace
    :param report: a sentence per resource that is applied, or that differs from the files; none holds a value
    """

    last_applied: LastApplied
    apply: dict[Resource, Fields] = field(default_factory=dict)
    report: list[str] = field(default_factory=list)

    def put(self, resource: Resource, fields: Fields, what: str) -> None:
        """Apply a resource, and report it."""
        self.apply[resource] = fields
        self.last_applied = self.last_applied.plus(resource, fields)
        self.report.append(f"{what} {resource}.")

    def keep(self, resource: Resource, why: str) -> None:
        """Leave a resource to the person who changed it, and report it."""
        self.report.append(f"Kept {resource}: {why}. Set BOOTSTRAP_OVERWRITE=1 to apply the files.")


def make_plan(
    desired: Mapping[Resource, Fields],
    current: Mapping[Resource, Fields | None],
    last_applied: LastApplied,
    *,
    overwrite: bool,
) -> Plan:
    """Return what to do so that Airflow has the desired resources, except where a person changed them.

    :param current: the resources that Airflow has; None for one that cannot be decrypted
    :param overwrite: whether the files win over a person's changes
    :raises BootstrapFailed: if a resource cannot be decrypted and is not going to be overwritten
    """
    plan = Plan(last_applied)
    for resource, fields in desired.items():
        if resource in current:
            _update(plan, resource, fields, current[resource], overwrite=overwrite)
        elif overwrite or resource not in last_applied.hashes:
            plan.put(resource, fields, "Created")
        else:
            plan.keep(resource, "it was deleted in Airflow")
    for resource in sorted(set(last_applied.hashes) - set(desired)):
        if resource in current:
            plan.report.append(f"Kept {resource}: it is no longer in the files. Delete it in Airflow.")
        else:
            plan.last_applied = plan.last_applied.minus(resource)
    return plan


def _update(plan: Plan, resource: Resource, fields: Fields, now: Fields | None, *, overwrite: bool) -> None:
    if now == fields:
        if not plan.last_applied.matches(resource, fields):
            plan.last_applied = plan.last_applied.plus(resource, fields)
    elif overwrite:
        plan.put(resource, fields, "Overwrote")
    elif now is None:
        raise undecryptable(resource)
    elif plan.last_applied.matches(resource, now):
        plan.put(resource, fields, "Updated")
    elif resource in plan.last_applied.hashes:
        plan.keep(resource, "it was edited in Airflow")
    else:
        plan.keep(resource, "it was in Airflow before the first init")


def undecryptable(resource: Resource) -> BootstrapFailed:
    """Return the error for a resource that was encrypted with another key."""
    return BootstrapFailed(
        f"Cannot decrypt {resource}: its Fernet key is not in AIRFLOW__CORE__FERNET_KEY. Append the earlier "
        "key there, after a comma, or set BOOTSTRAP_OVERWRITE=1 to apply the files."
    )
