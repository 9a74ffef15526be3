"""A warehouse in memory: the least that passes the tests which every warehouse has to pass."""

from __future__ import annotations

import itertools
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from threading import RLock
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import Month
from nyc_taxi.errors import ContractError
from nyc_taxi.files.batch import RejectedRow, batch_schema
from nyc_taxi.files.reader import open_file
from nyc_taxi.load.attempt import Attempt, Key, Outcome
from nyc_taxi.load.leftovers import judge
from nyc_taxi.load.measures import Measures, measure
from nyc_taxi.load.supersede import is_final, latest_of, supersedes
from nyc_taxi.load.warehouse import Finding, StageStats, StaleMonth, new_months

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pandas as pd

    from nyc_taxi.core.check import Check, MeasuredBy
    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication
    from nyc_taxi.load.warehouse import Progress

DESCRIBED = ("source", "url", "etag", "last_modified", "bytes")
ENDED = {Outcome.PUBLISHED, Outcome.SUPERSEDED, Outcome.FAILED, Outcome.ABANDONED}


class MemoryLedger:
    """Attempts, rejected rows and checks by the number of the attempt."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.attempts: dict[int, Attempt] = {}
        self.rejected: dict[int, tuple[RejectedRow, ...]] = {}
        self.found: dict[int, dict[MeasuredBy, tuple[Check, ...]]] = defaultdict(dict)
        self._numbers = itertools.count(1)

    def begin(self, publication: Publication, run_id: str) -> Attempt:
        known: dict[str, Any] = dict.fromkeys(Attempt.__dataclass_fields__)
        known |= {name: getattr(publication, name) for name in ("dataset", "month", *DESCRIBED)}
        known |= {"header": (), "missing": (), "unknown": (), "run_id": run_id, "outcome": Outcome.STAGING}
        with self.lock:
            latest = self.latest(publication.dataset, publication.month)
            known |= {"id": next(self._numbers), "started": datetime.now(UTC)}
            attempt = Attempt(**{**known, "base_id": latest.id if latest else None})
            self.attempts[attempt.id] = attempt
        return attempt

    def get(self, key: Key) -> Attempt:
        if key.id in self.attempts:
            return self.attempts[key.id]
        raise ContractError(f"The ledger has no attempt {key.id}.")

    def with_neighbours(self, key: Key, within: timedelta) -> tuple[Attempt, list[Attempt]]:
        first_day, published = key.month.first_day, self.published(key.dataset)
        return self.get(key), [one for one in published if abs(one.month.first_day - first_day) <= within]

    def current(self, dataset: str, month: Month) -> Attempt | None:
        return next((one for one in self.published(dataset) if one.month == month), None)

    def latest(self, dataset: str, month: Month) -> Attempt | None:
        return latest_of(self.history(dataset, month))

    def published(self, dataset: str | None = None) -> list[Attempt]:
        return [one for one in self._all(dataset) if one.outcome is Outcome.PUBLISHED]

    def overview(self, dataset: str | None = None) -> list[Attempt]:
        found = {(one.dataset, one.month): one for one in self._all(dataset)}
        return list({**found, **{(one.dataset, one.month): one for one in self.published(dataset)}}.values())

    def history(self, dataset: str, month: Month) -> list[Attempt]:
        return [one for one in self._all(dataset) if one.month == month]

    def update(
        self,
        key: Key,
        outcome: Outcome,
        *,
        only_from: Sequence[Outcome] | None = None,
        checks: Iterable[Check] | None = None,
        **values: Any,
    ) -> bool:
        with self.lock:
            attempt = self.attempts.get(key.id)
            if attempt is None or (only_from is not None and attempt.outcome not in only_from):
                return False
            values = {name: value for name, value in values.items() if value is not None}
            if outcome in ENDED:
                values["finished"] = now = datetime.now(UTC)
                values["seconds"] = (now - attempt.started).total_seconds()
            self.attempts[key.id] = replace(attempt, outcome=outcome, **values)
            if checks is not None:
                self.found[key.id]["load"] = tuple(sorted(checks, key=lambda one: (one.dimension, one.name)))
            return True

    def keep_rejects(self, attempt: Attempt, rejects: Iterable[RejectedRow]) -> None:
        self.rejected[attempt.id] = tuple(rejects)

    def rejecting(self, dataset: str, month: Month) -> Attempt | None:
        found = reversed(self.history(dataset, month))
        return next((one for one in found if one.outcome == "published" or self.rejected.get(one.id)), None)

    def rejects(self, attempt: Attempt, limit: int | None = None) -> Iterator[RejectedRow]:
        return iter(self.rejected.get(attempt.id, ())[:limit])

    def count_rejects(self, key: Key) -> tuple[int, int]:
        rejected = self.rejected.get(key.id, ())
        return len(rejected), sum(row.row_number for row in rejected)

    def checks(self, key: Key) -> dict[MeasuredBy, tuple[Check, ...]]:
        return self.found[key.id]

    def warnings(self) -> dict[int, tuple[str, ...]]:
        found = {
            one.id: {
                check.name
                for checks in self.found[one.id].values()
                for check in checks
                if check.outcome != "pass"
            }
            for one in self.published()
        }
        return {id: tuple(sorted(names)) for id, names in found.items() if names}

    def discard_unchanged(self, attempt: Attempt, current: Attempt) -> None:
        with self.lock:
            del self.attempts[attempt.id]
            described: dict[str, Any] = {name: getattr(attempt, name) for name in DESCRIBED}
            self.attempts[current.id] = replace(self.attempts[current.id], **described)

    def _all(self, dataset: str | None) -> list[Attempt]:
        found = [one for one in list(self.attempts.values()) if dataset in {None, one.dataset}]
        return sorted(found, key=lambda one: (one.dataset, one.month, one.id))


class MemoryWarehouse:
    """Tables by dataset and month, or by attempt; one lock makes each change atomic."""

    name = "memory"

    def __init__(self) -> None:
        self.ledger = MemoryLedger()
        self.months: dict[tuple[str, Month], pa.Table] = {}
        self.staged: dict[int, pa.Table] = {}
        self.zones = 0
        self._live: set[int] = set()
        self._lock = self.ledger.lock

    def prepare(self) -> None: ...

    def address(self, table: str) -> tuple[str, str]:
        return "memory", table

    def check(self) -> str:
        return "In memory."

    def remove_leftovers(self, dataset: str, month: Month) -> Attempt | None:
        self._leftovers(clean=True, of=(dataset, month))
        return self.ledger.current(dataset, month)

    @contextmanager
    def begin(self, publication: Publication, run_id: str) -> Iterator[Attempt]:
        with self._lock:
            attempt = self.ledger.begin(publication, run_id)
            self._live.add(attempt.id)
        try:
            yield attempt
        finally:
            self._live.remove(attempt.id)

    def count(self, dataset: str, month: Month) -> int:
        return self.counts(dataset).get(month, 0)

    def counts(self, dataset: str) -> dict[Month, int]:
        found = list(self.months.items())
        return {month: rows.num_rows for (name, month), rows in found if name == dataset}

    def per_day(self, dataset: str, months: Sequence[Month]) -> dict[Month, dict[date, int]]:
        found: dict[Month, dict[date, int]] = {month: defaultdict(int) for month in months}
        for month in months:
            rows = self.months.get((dataset, month))
            for pickup in [] if rows is None else rows.column(get_dataset(dataset).pickup).to_pylist():
                if pickup and Month.of(pickup) == month:
                    found[month][pickup.date()] += 1
        return found

    def stage(self, attempt: Attempt, file: File, progress: Progress) -> StageStats:
        dataset, measures, rows = get_dataset(attempt.dataset), Measures.none(), []
        rejects: list[RejectedRow] = []
        with open_file(dataset, file.path, attempt.month, whole=file.length_proven) as reader:
            for batch in reader:
                rows.append(batch.rows)
                rejects += batch.rejects
                measures += measure(batch.rows, dataset, attempt.month)
                progress("copy", reader.bytes, None)
        self.staged[attempt.id] = table = pa.Table.from_batches(rows, batch_schema(dataset))
        self.ledger.keep_rejects(attempt, rejects)
        counts = (reader.rows, table.num_rows, len(rejects), reader.bytes)
        measures = replace(measures, unended=reader.unended)
        return StageStats(reader.plan, *counts, measures, f"stage.{attempt.id}")

    def discard(self, attempt: Attempt) -> None:
        self.staged.pop(attempt.id, None)
        self.ledger.rejected.pop(attempt.id, None)

    def publish(self, key: Key) -> Attempt:
        with self._lock:
            attempt = self.ledger.get(key)
            if is_final(attempt):
                return attempt
            latest = self.ledger.latest(attempt.dataset, attempt.month)
            if supersedes(attempt, latest):
                self.months[attempt.dataset, attempt.month] = self.staged.pop(key.id)
                replaced = latest if latest and latest.outcome is Outcome.PUBLISHED else None
                if replaced:
                    self.ledger.update(replaced.key, Outcome.REPLACED)
                replaced_id = replaced.id if replaced else None
                self.ledger.update(key, Outcome.PUBLISHED, replaced_id=replaced_id)
            self.remove_leftovers(attempt.dataset, attempt.month)
            return self.ledger.get(key)

    def unload(self, dataset: str, month: Month) -> int:
        with self._lock:
            if current := self.ledger.current(dataset, month):
                self.ledger.update(current.key, Outcome.UNLOADED)
            rows = self.months.pop((dataset, month), None)
            return 0 if rows is None else rows.num_rows

    def replace_zones(self, zones: pd.DataFrame) -> int:
        self.zones = len(zones)
        return self.zones

    def count_zones(self) -> int:
        return self.zones

    def findings(self, *, clean: bool = False) -> list[Finding]:
        done = ("", "removed") if clean else ("--clean removes it.", "")
        return [
            Finding("dead attempt", str(one), one.started, None, *done)
            for one in self._leftovers(clean=clean)
        ]

    def stale_months(self, target: str) -> list[StaleMonth]:
        return new_months(self.ledger.published())

    def record_dbt_checks(self, target: str) -> int:
        return 0

    def grant_reading(self, role: str) -> bool:
        return False

    def _leftovers(self, *, clean: bool, of: tuple[str, Month] | None = None) -> list[Attempt]:
        found = []
        with self._lock:
            for one in list(self.ledger.attempts.values()):
                key, staging = (one.dataset, one.month), one.outcome is Outcome.STAGING
                if one.id in self._live or of not in {None, key} or not (staging or one.id in self.staged):
                    continue
                if verdict := judge(one, self.ledger.latest(*key), datetime.now(UTC)):
                    found.append(one)
                    if clean:
                        self.staged.pop(one.id, None)
                    if clean and staging:
                        self.ledger.rejected.pop(one.id, None)
                    if clean and verdict.outcome:
                        self.ledger.update(one.key, verdict.outcome, reason=verdict.reason)
        return found
