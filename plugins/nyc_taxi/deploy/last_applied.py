"""Resources, and what init applied last: a salted, slow hash per resource in place of its values."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

POOL: Final = "pool"
CONNECTION: Final = "connection"
VARIABLE: Final = "variable"

NAME: Final = "nyc_taxi_bootstrap"
"""The Airflow variable that holds the hashes. Its description says for which versions init has completed."""

Fields: TypeAlias = dict[str, Any]
"""The fields of a resource. Two resources are equal when a user of Airflow would call them equal."""


class Resource(NamedTuple):
    """A pool, connection or variable of Airflow, which is what init manages."""

    kind: str
    name: str

    def __str__(self) -> str:
        """Return the resource as messages name it."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class LastApplied:
    """The resources that init applied, by hash.

    Anyone who may read Airflow's variables can read it. It reveals no value, and checking one guess of a
    value takes about fifty milliseconds.

    :param salt: random text of this deployment
    :param hashes: hash of the fields that were applied last, per resource
    """

    salt: str
    hashes: Mapping[Resource, str]

    @classmethod
    def none(cls) -> LastApplied:
        """Return the value for an Airflow that init has never changed."""
        return cls(secrets.token_hex(16), {})

    @classmethod
    def from_json(cls, text: str) -> LastApplied:
        """Return the value that :meth:`to_json` wrote.

        :raises BootstrapFailed: if the text is something else
        """
        try:
            found: dict[str, Any] = json.loads(text)
            applied = {
                Resource(*name.split(" ", 1)): str(digest) for name, digest in found["applied"].items()
            }
            return cls(str(found["salt"]), applied)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise BootstrapFailed(
                f"The Airflow variable {NAME} does not hold what init wrote. Delete it. The next init then "
                "keeps each resource that differs from the files, as if a person had made it."
            ) from None

    def to_json(self) -> str:
        """Return the text that is stored in Airflow."""
        applied = {str(resource): self.hashes[resource] for resource in sorted(self.hashes)}
        return json.dumps({"salt": self.salt, "applied": applied}, indent=2)

    def matches(self, resource: Resource, fields: Fields) -> bool:
        """Return whether these fields are what init applied last."""
        known = self.hashes.get(resource)
        return known is not None and hmac.compare_digest(known, self._hash(resource, fields))

    def plus(self, resource: Resource, fields: Fields) -> LastApplied:
        """Return the value after a resource was applied."""
        return replace(self, hashes={**self.hashes, resource: self._hash(resource, fields)})

    def minus(self, resource: Resource) -> LastApplied:
        """Return the value without a resource that exists nowhere any more."""
        return replace(self, hashes={one: digest for one, digest in self.hashes.items() if one != resource})

    def _hash(self, resource: Resource, fields: Fields) -> str:
        text = json.dumps([*resource, fields], sort_keys=True)
        return hashlib.scrypt(text.encode(), salt=self.salt.encode(), n=2**14, r=8, p=1, dklen=32).hex()
