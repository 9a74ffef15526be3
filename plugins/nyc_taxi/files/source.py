"""One source of monthly files: a web address or a local folder."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.excerpt import excerpt
from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.errors import InvalidSource, SourceRefused, SourceUnreachable
from nyc_taxi.files.content import is_page
from nyc_taxi.files.publication import Publication, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from nyc_taxi.files.credentials import Credentials

_PATIENCE: Final = 30.0
"""The longest time in seconds that a source may ask to wait before it is asked again in place."""
_JOIN: Final = "Join its files into one, for example with DuckDB or pyarrow, and put that in its place."
_HEAD_DENIED: Final = frozenset({400, 401, 403, 405, 501})
"""Statuses with which servers answer HEAD for a file that they send to GET, as signed storage does."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where files are below a source's base address.

    :param files: where a month's file can be, the first choice first: patterns with ``{dataset}``, and with
        ``{month}`` (2021-01) or ``{year}`` (2021) and ``{mm}`` (01) or ``{m}`` (1)
    :param zones: where the zone lookup can be
    """

    files: tuple[str, ...]
    zones: tuple[str, ...]

    def candidates(self, dataset: str, month: Month) -> list[str]:
        """Return where a month's file can be, the first choice first."""
        year, mm = str(month).split("-")
        parts = {"dataset": dataset, "month": month, "year": year, "mm": mm, "m": int(mm)}
        return [pattern.format(**parts) for pattern in self.files]


@dataclass(frozen=True, slots=True)
class Source:
    """A web address or a local folder that has trip files.

    :param name: its name in a source list and in the ledger
    :param base: the address without a final slash; ``file://`` for a folder
    :param layout: where the files are below that address
    :param months: the months it has, by dataset; None for every month since the dataset's first
    :param not_yet: HTTP statuses which mean that a month's file is not there yet
    :param never: HTTP statuses which mean that a month's file will never be there
    :param note: advice for users when a file is not there
    :param credentials: what its server wants to see
    """

    name: str
    base: str
    layout: Layout
    months: Mapping[str, MonthRange] | None = field(default=None, hash=False)
    not_yet: frozenset[int] = frozenset({404})
    never: frozenset[int] = frozenset()
    note: str = ""
    credentials: Credentials | None = field(default=None, repr=False)

    @property
    def folder(self) -> Path | None:
        """The path of a local folder; None for a web address."""
        return local_path(self.base)

    def covers(self, dataset: str, month: Month) -> bool:
        """Whether this source is responsible for a month; for a folder: whether it has the file now.

        :raises ContractError: when there is no such dataset
        :raises InvalidSource: when the folder does not exist
        """
        first = get_dataset(dataset).first_month
        if self.folder:
            return self._find(self.folder, dataset, month) is not None
        if self.months is None:
            return month >= first
        return dataset in self.months and month in self.months[dataset]

    def describe_months(self, dataset: str) -> str:
        """Return in words which months of a dataset this source has."""
        if self.folder:
            return "the months whose files it contains"
        months = self.months
        if months is None:
            months = {dataset: MonthRange(get_dataset(dataset).first_month, None)}
        if dataset not in months:
            return "none"
        last = months[dataset].last
        return f"{months[dataset].first} to {last}" if last else f"{months[dataset].first} and later"

    def ask(self, dataset: str, month: Month) -> Publication:
        """Return what this source reports about a month's file: one HEAD request, or a look into the folder.

        A GET request follows, whose body is not read, when the source denies HEAD. When it declares the file
        to be a page, the first bytes of the body decide. A source that asks to wait for up to half a minute
        is asked once more after that time.

        :raises ContractError: when there is no such dataset
        :raises InvalidSource: when the folder does not exist
        :raises SourceUnreachable: when the source does not respond, or answers with a server error
        :raises SourceRefused: when it answers in a way that another try will not change
        """
        get_dataset(dataset)
        if self.folder:
            return self._look_up(self.folder, dataset, month)
        try:
            return self._ask_server(dataset, month)
        except SourceUnreachable as error:
            if error.retry_after is None or error.retry_after > _PATIENCE:
                raise
            time.sleep(error.retry_after)
            return self._ask_server(dataset, month)

    def zone_lookup(self) -> str:
        """Return the address of the zone lookup table."""
        if folder := self.folder:
            paths = [folder / path for path in self.layout.zones]
            return next((path for path in paths if path.is_file()), paths[0]).as_uri()
        return f"{self.base}/{self.layout.zones[0]}"

    def _find(self, folder: Path, dataset: str, month: Month) -> Path | None:
        """Return the month's file in a folder, or a folder under its name, if it is there."""
        try:
            if not folder.is_dir():
                raise InvalidSource(
                    f"The source folder {folder} does not exist. Create it, or correct the path."
                )
            paths = (folder / name for name in self.layout.candidates(dataset, month))
            return next((path for path in paths if path.exists()), None)
        except OSError as error:
            raise SourceRefused(f"The source folder {folder} cannot be read: {error.strerror}.") from error

    def _look_up(self, folder: Path, dataset: str, month: Month) -> Publication:
        path = self._find(folder, dataset, month)
        now = datetime.now(UTC)
        if path is None:
            names = self.layout.candidates(dataset, month)
            others = f" and {len(names) - 1} other names were looked for" if names[1:] else " was looked for"
            detail = f"{folder} has no file of {dataset} {month}: {names[0]}{others}. {self.note}"
            url = (folder / names[0]).as_uri()
            return Publication(dataset, month, State.NOT_YET, self.name, url, now, detail=detail)
        if path.is_dir():
            raise SourceRefused(f"{path} is a folder, and a month has to be one file. {_JOIN}")
        status = path.stat()
        return Publication(
            dataset,
            month,
            State.PUBLISHED,
            self.name,
            path.as_uri(),
            now,
            last_modified=datetime.fromtimestamp(status.st_mtime, UTC),
            bytes=status.st_size,
        )

    def _ask_server(self, dataset: str, month: Month) -> Publication:
        from nyc_taxi.files import http

        url = f"{self.base}/{self.layout.candidates(dataset, month)[0]}"
        with http.request("HEAD", url, credentials=self.credentials) as response:
            status = response.status_code
            known = self.not_yet | self.never
            if not (status in _HEAD_DENIED - known or (status == 200 and http.may_be_page(response))):
                return self._publication(response, dataset, month, url)
        with http.request("GET", url, credentials=self.credentials) as response:
            if response.status_code == 200 and http.may_be_page(response):
                _refuse_page(response, url)
            return self._publication(response, dataset, month, url)

    def _publication(self, response: requests.Response, dataset: str, month: Month, url: str) -> Publication:
        from nyc_taxi.files import http

        now = datetime.now(UTC)
        status, method = response.status_code, response.request.method
        if status in self.not_yet | self.never:
            state = State.NEVER if status in self.never else State.NOT_YET
            detail = f"{url} answered {method} with {status}: the file is not there. {self.note}".rstrip()
            return Publication(dataset, month, state, self.name, url, now, detail=detail)
        if status != 200:
            raise http.failure(response, url)
        return Publication(
            dataset,
            month,
            State.PUBLISHED,
            self.name,
            url,
            now,
            etag=http.etag(response),
            last_modified=http.last_modified(response),
            bytes=http.length(response),
        )


def _refuse_page(response: requests.Response, url: str) -> None:
    from nyc_taxi.files import http

    beginning = http.beginning(response, url)
    if not is_page(beginning):
        return
    if urlsplit(response.url).path.endswith("/") and not url.endswith("/"):
        raise SourceRefused(f"{url} is a folder, and a month has to be one file. {_JOIN}")
    raise SourceRefused(
        f"{url} is a page, not a file. Check the source's address. The page begins with {excerpt(beginning)}"
    )


def local_path(url: str) -> Path | None:
    """Return the path that a ``file://`` address stands for; None for any other address."""
    return Path(unquote(url.removeprefix("file://"))) if url.startswith("file://") else None
