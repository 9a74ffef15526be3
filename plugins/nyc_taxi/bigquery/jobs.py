"""Statements and load jobs: with parameters, labels and a limit of billed bytes, repeated after conflicts."""

from __future__ import annotations

import logging
import random
import re
import time
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY

from nyc_taxi.bigquery.failures import conflicts, failures
from nyc_taxi.errors import WarehouseRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import IO, TypeVar

    from nyc_taxi.bigquery.place import Place

    _T = TypeVar("_T")

_log = logging.getLogger(__name__)

PATIENCE: Final = 120.0
"""Seconds for which a request that nobody answers, or a statement that met another one, is tried again."""

RETRY: Final = DEFAULT_RETRY.with_timeout(PATIENCE)

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")

Value = tuple[str, Any]
"""A parameter's type as BigQuery spells it, ``ARRAY<…>`` included, and its value."""


@cache
def _text(name: str) -> str:
    return (files("nyc_taxi.bigquery") / "sql" / f"{name}.sql").read_text("utf-8")


def identifier(*parts: str) -> str:
    """Return a name as part of a statement.

    :raises WarehouseRefused: when it has characters that BigQuery's names do not need
    """
    for part in parts:
        if not _NAME.fullmatch(part):
            raise WarehouseRefused(f"{part!r} is not a name of a table, a column or a dataset. Correct it.")
    return ".".join(f"`{part}`" for part in parts)


@dataclass(frozen=True, slots=True)
class Jobs:
    """Runs statements in a place.

    :param name: what messages call the warehouse
    :param labels: labels of the jobs, next to those of the place
    """

    place: Place
    name: str
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def client(self) -> bigquery.Client:
        """The client of BigQuery."""
        return self.place.bigquery()

    def about(self, dataset: str, month: object, attempt: int | None = None) -> Jobs:
        """Return the same with labels that say what the jobs are about."""
        labels = [("dataset", dataset), ("month", str(month))]
        if attempt is not None:
            labels.append(("attempt", str(attempt)))
        return replace(self, labels=tuple(labels))

    def table(self, dataset: str, table: str) -> str:
        """Return a table's full id, as the API wants it.

        :param dataset: id of its dataset
        """
        return f"{self.place.project}.{dataset}.{table}"

    def rows(self, name: str, /, values: Mapping[str, Value] | None = None, **parts: str) -> Iterator[Any]:
        """Yield the rows of the query in ``sql/<name>.sql``, a page of them at a time.

        :param values: its parameters
        :param parts: quoted identifiers for its ``{parts}``; ``{raw}`` and ``{ops}`` are known
        """
        with failures(self.name):
            yield from self.client.query_and_wait(
                self._statement(name, parts), job_config=self._config(values), retry=RETRY, page_size=5_000
            )

    def change(self, name: str, /, values: Mapping[str, Value] | None = None, **parts: str) -> int:
        """Run the statement in ``sql/<name>.sql``, and return how many rows it changed."""
        text, config = self._statement(name, parts), self._config(values)

        def run() -> int:
            done = self.client.query_and_wait(text, job_config=config, retry=RETRY)
            return done.num_dml_affected_rows or 0

        with failures(self.name):
            return _patiently(run)

    def run(
        self, name: str, job: str, /, values: Mapping[str, Value] | None = None, **parts: str
    ) -> bigquery.QueryJob:
        """Run the statement in ``sql/<name>.sql`` as a job whose id is known before.

        :param job: id of the job; a number is added for each time that it is tried
        :returns: the finished job
        """
        text, config = self._statement(name, parts), self._config(values)

        def run() -> bigquery.QueryJob:
            started: bigquery.QueryJob = self._start(
                job, lambda id: self.client.query(text, config, id, job_retry=None, retry=RETRY)
            )
            _is_done(started)
            return started

        with failures(self.name):
            return _patiently(run)

    def load(
        self, source: str | IO[bytes], table: str, job: str, *, patience: float | None = None, **config: Any
    ) -> bigquery.LoadJob | None:
        """Load an object, or the file given, into a table, and return the finished job.

        :param patience: seconds to wait for it; None for as long as it runs
        :returns: None when it still runs
        """
        settings = bigquery.LoadJobConfig(labels=self.all_labels(), **config)

        def load(id: str) -> bigquery.LoadJob:
            if isinstance(source, str):
                return self.client.load_table_from_uri(source, table, id, job_config=settings, retry=RETRY)
            return self.client.load_table_from_file(source, table, True, job_id=id, job_config=settings)

        def run() -> bigquery.LoadJob | None:
            started: bigquery.LoadJob = self._start(job, load)
            return started if _is_done(started, patience) else None

        with failures(self.name):
            return _patiently(run)

    def wait(self, job: str) -> list[Any]:
        """Wait for every try of a job that still runs, of any process, and return all of them."""
        with failures(self.name):
            tries = list(self._tries(job))
            for found in tries:
                if found.state != "DONE":
                    _log.info("Waiting for the job %s.", found.job_id)
                    found.exception(timeout=PATIENCE)
        return tries

    def is_running(self, job: str) -> bool:
        """Return whether a try of a job still runs."""
        with failures(self.name):
            return any(found.state != "DONE" for found in self._tries(job))

    def _tries(self, job: str) -> Iterator[Any]:
        for number in count():
            try:
                yield self.client.get_job(f"{job}_{number}", location=self.place.location, retry=RETRY)
            except exceptions.NotFound:
                return

    def _start(self, job: str, start: Callable[[str], _T]) -> Any:
        """Start a job under the first number that no failed try has; one that is there already is taken."""
        for number in count():
            id = f"{job}_{number}"
            try:
                return start(id)
            except exceptions.Conflict:
                found = self.client.get_job(id, location=self.place.location, retry=RETRY)
                if not found.error_result:
                    return found
        raise AssertionError

    def _statement(self, name: str, parts: Mapping[str, str]) -> str:
        own = {"raw": identifier(self.place.raw), "ops": identifier(self.place.ops)}
        text = _text(name)
        for part, written in {**own, **parts}.items():
            text = text.replace(f"{{{part}}}", written)
        return text

    def all_labels(self) -> dict[str, str]:
        """Return the labels of its jobs."""
        return {**self.place.labels, **dict(self.labels)}

    def _config(self, values: Mapping[str, Value] | None) -> bigquery.QueryJobConfig:
        config = bigquery.QueryJobConfig(
            query_parameters=[_parameter(name, *value) for name, value in (values or {}).items()],
            labels=self.all_labels(),
            use_legacy_sql=False,
        )
        if self.place.maximum_bytes_billed is not None:
            config.maximum_bytes_billed = self.place.maximum_bytes_billed
        return config


def _parameter(name: str, type_: str, value: Any) -> Any:
    if type_.startswith("ARRAY<"):
        return bigquery.ArrayQueryParameter(name, type_[6:-1], list(value or ()))
    return bigquery.ScalarQueryParameter(name, type_, value)


def _is_done(job: bigquery.LoadJob | bigquery.QueryJob, patience: float | None = None) -> bool:
    """Wait for a job, and return whether it has ended; small ones are noticed soon.

    :param patience: seconds to wait; None for as long as it runs
    :raises GoogleAPICallError: when it failed
    """
    deadline = None if patience is None else time.monotonic() + patience
    pause = 0.1
    while not job.done(retry=RETRY):
        if deadline is not None and time.monotonic() + pause > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 10.0)
    if error := job.exception():  # type: ignore[no-untyped-call]
        raise error
    return True


def _patiently(run: Callable[[], _T]) -> _T:
    """Run a statement again, after a random pause, while others that change the same table are in its way."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return run()
        except exceptions.GoogleAPICallError as error:
            if not conflicts(error) or time.monotonic() >= deadline:
                raise
            _log.info("BigQuery ended a statement because of another one; it is run again: %s", error.message)
            time.sleep(random.uniform(0.2, 2.0))  # noqa: S311
