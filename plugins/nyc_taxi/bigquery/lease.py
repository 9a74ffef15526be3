"""Who is alive, and who may publish a month: claims that end by themselves, by Google's clock."""

from __future__ import annotations

import json
import logging
import os
import random
import socket
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from google.api_core import exceptions

from nyc_taxi.bigquery.attempts import parameters
from nyc_taxi.bigquery.failures import failures
from nyc_taxi.errors import TaxiError, WarehouseBusy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nyc_taxi.bigquery.jobs import Jobs, Value
    from nyc_taxi.core.month import Month
    from nyc_taxi.load.attempt import Attempt

_log = logging.getLogger(__name__)

LEASE: Final = 600
"""Seconds for which a process that stages is taken to be alive after its last sign of life."""

MONTH: Final = 900
"""Seconds after which a process that publishes is taken for dead; its statements end before."""

PATIENCE: Final = 600.0
"""Seconds for which publishing waits for others that publish the same month."""


def new_owner() -> str:
    """Return a text that no other process has, and that tells people which one it is."""
    return f"{socket.gethostname()} pid {os.getpid()} {uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True)
class Life:
    """The signs of life of a process that stages an attempt.

    :param seconds: for how long one counts; there are five in that time
    """

    jobs: Jobs
    attempt: Attempt
    owner: str
    seconds: int = LEASE
    _stop: threading.Event = field(default_factory=threading.Event, init=False)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Give signs of life until the context ends."""
        thread = threading.Thread(target=self._keep_showing, name=f"lease {self.attempt.id}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def end(self) -> None:
        """Let others see at once that nobody stages the attempt; without it, they see it later."""
        with suppress(TaxiError):
            self._renew(0)

    def _keep_showing(self) -> None:
        while not self._stop.wait(self.seconds / 5):
            try:
                if not self._renew(self.seconds):
                    return  # The attempt is staged, or was taken for dead.
            except TaxiError as error:
                _log.warning("The lease of %s could not be renewed: %s", self.attempt, error)

    def _renew(self, seconds: int) -> int:
        values: dict[str, Value] = {
            **parameters(self.attempt.key),
            "owner": ("STRING", self.owner),
            "lease": ("INT64", seconds),
        }
        return self.jobs.change("renew_lease", values)


@contextmanager
def holding_month(
    jobs: Jobs, dataset: str, month: Month, *, what: str, patience: float = PATIENCE
) -> Iterator[None]:
    """Be the only one that changes what readers see of a month, until the context ends.

    The claim is an object in the bucket. That of a process that died can be taken once it has ended.

    :param what: what is being done, for those who wait
    :param patience: seconds to wait for others
    :raises WarehouseBusy: naming who had the claim
    """
    claim = _Claim(jobs, f"locks/{dataset}/{month}", what, MONTH)
    generation = claim.take(patience)
    try:
        yield
    finally:
        claim.give_back(generation)


@dataclass(frozen=True, slots=True)
class _Claim:
    jobs: Jobs
    name: str
    what: str
    seconds: int
    owner: str = field(default_factory=new_owner, init=False)

    def take(self, patience: float) -> int:
        """Return the generation of the object that is the claim now."""
        deadline = time.monotonic() + patience
        ahead: timedelta | None = None
        with failures(self.jobs.name):
            while True:
                if generation := self._put(0):
                    return generation
                found = self._look()
                if found is not None:
                    generation, holder, ends = found
                    if self.owner in holder:
                        return generation  # The answer to an earlier try was lost.
                    if ahead is None:
                        ahead = self._now() - datetime.now(UTC)
                    if ends < datetime.now(UTC) + ahead and (taken := self._put(generation)):
                        _log.warning("Took over the claim %s of %s, which had ended.", self.name, holder)
                        return taken
                    if time.monotonic() >= deadline:
                        raise WarehouseBusy(
                            f"{self.what} waited {patience:.0f} s for {holder}. Nothing was changed. Run "
                            f"this step again; if that process died, its claim ends at {ends:%H:%M:%S} UTC."
                        )
                time.sleep(random.uniform(0.1, 0.6))  # noqa: S311

    def _put(self, generation: int) -> int | None:
        """Put the claim in place of a generation; None when it is another one now."""
        blob = self.jobs.place.storage().bucket(self.jobs.place.bucket).blob(self.name)
        text = json.dumps({"owner": self.owner, "what": self.what, "seconds": self.seconds})
        try:
            blob.upload_from_string(text, "application/json", if_generation_match=generation)
        except exceptions.PreconditionFailed:
            return None
        return int(blob.generation or 0)

    def _look(self) -> tuple[int, str, datetime] | None:
        """Return generation, holder and end of the claim that is there; None when there is none any more."""
        blob = self.jobs.place.storage().bucket(self.jobs.place.bucket).get_blob(self.name)
        if blob is None or blob.updated is None:
            return None
        try:
            claim = json.loads(blob.download_as_bytes(if_generation_match=blob.generation))
        except (exceptions.NotFound, exceptions.PreconditionFailed):
            return None
        ends = blob.updated + timedelta(seconds=claim["seconds"])
        return int(blob.generation or 0), f"{claim['what']} ({claim['owner']})", ends

    def _now(self) -> datetime:
        """Return Google's time, which this machine's may differ from."""
        ((now,),) = self.jobs.rows("clock")
        time_: datetime = now
        return time_

    def give_back(self, generation: int) -> None:
        """Remove the claim, unless somebody else has it now; a failure lets it end by itself."""
        blob = self.jobs.place.storage().bucket(self.jobs.place.bucket).blob(self.name)
        try:
            with failures(self.jobs.name), suppress(exceptions.NotFound, exceptions.PreconditionFailed):
                blob.delete(if_generation_match=generation)
        except TaxiError as error:
            _log.warning("The claim %s ends by itself: %s", self.name, error)
