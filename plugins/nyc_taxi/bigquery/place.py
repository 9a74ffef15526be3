"""Where months go in Google Cloud: a project, a bucket, datasets, and the clients that reach them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from nyc_taxi.bigquery.credentials import find_credentials
from nyc_taxi.core.excerpt import quoted, shown
from nyc_taxi.errors import WarehouseRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.auth.credentials import Credentials
    from google.cloud.bigquery import Client as BigQuery
    from google.cloud.storage import Client as Storage

LEAST_BYTES_BILLED: Final = 10 * 1024 * 1024
"""BigQuery bills each table that a query reads for at least this much."""

_LAYERS: Final = ("raw", "stage", "ops", "staging", "intermediate", "marts")

_STORAGE: Final = "https://storage.googleapis.com"
_BIGQUERY: Final = "https://bigquery.googleapis.com"


@dataclass(frozen=True, slots=True)
class Place:
    """A project's bucket and datasets.

    The clients talk to Google unless both endpoints are set; the environment variables that redirect
    Google's libraries to emulators are ignored. Creating a place sends no request.

    :param project: id of the project, which pays for storage and queries
    :param bucket: name of the bucket for the files
    :param location: location of bucket and datasets, such as ``US`` or ``europe-west3``
    :param prefix: what the ids of all datasets begin with
    :param maximum_bytes_billed: a query that would be billed for more fails without being billed
    :param credentials: Google's credentials; None for the application default credentials
    :param storage_endpoint: URL of an emulator of Cloud Storage, which gets no credentials
    :param bigquery_endpoint: URL of an emulator of BigQuery, which gets no credentials
    :param labels: labels of every job, and of the bucket and the datasets that are created
    :raises WarehouseRefused: if Google would not accept one of the names
    """

    project: str
    bucket: str
    location: str = "US"
    prefix: str = ""
    maximum_bytes_billed: int | None = None
    credentials: Credentials | None = field(default=None, repr=False, compare=False)
    storage_endpoint: str | None = None
    bigquery_endpoint: str | None = None
    labels: Mapping[str, str] = field(default_factory=lambda: {"application": "nyc-taxi"}, hash=False)
    _clients: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _require_project(self.project)
        _require_bucket(self.bucket)
        _require_location(self.location)
        _require_prefix(self.prefix)
        _require_limit(self.maximum_bytes_billed)
        for name, value in self.labels.items():
            _require_label(name, value)
        _require_endpoints(self.storage_endpoint, self.bigquery_endpoint)

    @property
    def emulated(self) -> bool:
        """Whether emulators stand in for Google."""
        return self.storage_endpoint is not None

    @property
    def raw(self) -> str:
        """Id of the dataset that holds the trips and the zones."""
        return f"{self.prefix}raw"

    @property
    def stage(self) -> str:
        """Id of the dataset that holds the months being loaded, one table per attempt."""
        return f"{self.prefix}stage"

    @property
    def ops(self) -> str:
        """Id of the dataset that holds the ledger."""
        return f"{self.prefix}ops"

    @property
    def datasets(self) -> tuple[str, ...]:
        """Ids of all datasets: raw, stage, ops, and those of dbt's target ``prod``."""
        return tuple(f"{self.prefix}{layer}" for layer in _LAYERS)

    def bigquery(self) -> BigQuery:
        """Return the client of BigQuery, always the same one.

        :raises WarehouseRefused: when there are no credentials
        """
        client: BigQuery = self._client("bigquery", self._new_bigquery)
        return client

    def storage(self) -> Storage:
        """Return the client of Cloud Storage, always the same one.

        :raises WarehouseRefused: when there are no credentials
        """
        return self._client("storage", self._new_storage)

    def _client(self, name: str, create: Callable[[], Any]) -> Any:
        client = self._clients.get(name)
        # Of threads that come first at the same time, one makes the client that all of them get.
        return client if client is not None else self._clients.setdefault(name, create())

    def _new_bigquery(self) -> BigQuery:
        from google.cloud import bigquery

        return bigquery.Client(
            project=self.project,
            credentials=self._found_credentials(),
            location=self.location,
            client_options={"api_endpoint": self.bigquery_endpoint or _BIGQUERY},
        )

    def _new_storage(self) -> Storage:
        from google.cloud import storage

        return storage.Client(
            project=self.project,
            credentials=self._found_credentials(),
            client_options={"api_endpoint": self.storage_endpoint or _STORAGE},
        )

    def _found_credentials(self) -> Credentials:
        from google.auth.credentials import AnonymousCredentials

        if self.emulated:
            return AnonymousCredentials()
        return self.credentials or find_credentials(self.project)


def _require_project(project: str) -> None:
    if not re.fullmatch(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", project):
        raise WarehouseRefused(
            f"{quoted(project)} is not the id of a Google Cloud project. Use the id, not the name or the "
            "number: 6 to 30 lower-case letters, digits and dashes, the first of them a letter."
        )


def _require_bucket(bucket: str) -> None:
    longest = 222 if "." in bucket else 63
    if not (
        re.fullmatch(r"[a-z0-9][a-z0-9._-]*[a-z0-9]", bucket)
        and 3 <= len(bucket) <= longest
        and max(map(len, bucket.split("."))) <= 63
    ):
        raise WarehouseRefused(
            f"{quoted(bucket)} is not a name for a bucket. Use 3 to 63 lower-case letters, digits, dashes "
            "and underscores, the first and the last of them a letter or a digit."
        )
    if (
        bucket.startswith("goog")
        or "google" in bucket
        or ".." in bucket
        or re.fullmatch(r"[\d.]+\.[\d.]+", bucket)
    ):
        raise WarehouseRefused(
            f"Google does not allow the bucket name {quoted(bucket)}: it must not look like an IP address, "
            "begin with goog or contain google. Choose another name."
        )


def _require_location(location: str) -> None:
    if not re.fullmatch(r"[A-Za-z]+(-[a-z]+\d+)?", location):
        raise WarehouseRefused(
            f"{quoted(location)} is not a location of Google Cloud. Use US, EU or a region such as "
            "europe-west3."
        )


def _require_prefix(prefix: str) -> None:
    if not re.fullmatch(r"\w{0,100}", prefix, re.ASCII):
        raise WarehouseRefused(
            f"The ids of BigQuery's datasets cannot begin with {quoted(prefix)}. Use letters, digits and "
            "underscores only: BigQuery allows no dash in the id of a dataset."
        )


def _require_limit(maximum_bytes_billed: int | None) -> None:
    if maximum_bytes_billed is not None and maximum_bytes_billed < LEAST_BYTES_BILLED:
        raise WarehouseRefused(
            f"A limit of {maximum_bytes_billed} billed bytes refuses every query, because BigQuery bills at "
            f"least {LEAST_BYTES_BILLED} for each table. Set a higher limit, or none."
        )


def _require_label(name: str, value: str) -> None:
    if not (re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", name) and re.fullmatch(r"[a-z0-9_-]{0,63}", value)):
        raise WarehouseRefused(
            f"{quoted(f'{name}={value}')} is not a label of Google Cloud. Use lower-case letters, digits, "
            "underscores and dashes, at most 63 each, and begin the name with a letter."
        )


def _require_endpoints(storage: str | None, bigquery: str | None) -> None:
    for endpoint in (storage, bigquery):
        if endpoint is not None and not re.fullmatch(r"https?://[^/?#@\s]+", endpoint):
            raise WarehouseRefused(
                f"{quoted(shown(endpoint))} is not the address of an emulator. Use http://host:port."
            )
    if (storage is None) != (bigquery is None):
        raise WarehouseRefused(
            "Only one of the two services has an emulator. Set the addresses of both, or of neither."
        )
