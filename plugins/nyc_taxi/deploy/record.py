"""The record of what init wrote, without the values: a salted, slow hash of each content."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nyc_taxi.deploy.entry import Content, Entry
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAME = "nyc_taxi_bootstrap"
"""The Airflow variable that holds the record, and whose description says which versions are complete."""


@dataclass(frozen=True, slots=True)
class Record:
    """What init wrote, by entry.

    Whoever may read Airflow's variables can read it. It tells no value, and testing a guess of one
    takes some fifty milliseconds.

    :param salt: random text of this deployment
    :param hashes: hash of the content last written, by entry
    """

    salt: str
    hashes: Mapping[Entry, str]

    @classmethod
    def new(cls) -> Record:
        """Return the record of an Airflow that init never wrote to."""
        return cls(secrets.token_hex(16), {})

    @classmethod
    def parse(cls, text: str) -> Record:
        """Return the record that a variable's value holds.

        :raises BootstrapFailed: when it is not one
        """
        try:
            found = json.loads(text)
            hashes = {Entry(*name.split(" ", 1)): str(digest) for name, digest in found["written"].items()}
            return cls(str(found["salt"]), hashes)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise BootstrapFailed(
                f"Airflow's variable {NAME} is not what init wrote there. Delete it: init then takes what "
                "is in Airflow for a person's, and keeps it."
            ) from None

    def text(self) -> str:
        """Return the record as a variable's value."""
        written = {str(entry): self.hashes[entry] for entry in sorted(self.hashes)}
        return json.dumps({"salt": self.salt, "written": written}, indent=2)

    def entries(self) -> set[Entry]:
        """Return the entries that init wrote at any time."""
        return set(self.hashes)

    def holds(self, entry: Entry, content: Content) -> bool:
        """Return whether this content is the one that init wrote last."""
        if entry not in self.hashes:
            return False
        return hmac.compare_digest(self.hashes[entry], self._hash(entry, content))

    def updated(self, remember: Mapping[Entry, Content], forget: Iterable[Entry]) -> Record:
        """Return the record after some entries were written and others had vanished."""
        gone = set(forget)
        kept = {entry: digest for entry, digest in self.hashes.items() if entry not in gone}
        new = {entry: self._hash(entry, content) for entry, content in remember.items()}
        return replace(self, hashes={**kept, **new})

    def _hash(self, entry: Entry, content: Content) -> str:
        text = json.dumps([*entry, content], sort_keys=True)
        return hashlib.scrypt(text.encode(), salt=self.salt.encode(), n=2**14, r=8, p=1, dklen=32).hex()
