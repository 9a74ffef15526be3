"""Where the files come from: which source has a month, and whether its file is there by now."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import yaml

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.errors import InvalidSource, SourceRefused
from nyc_taxi.files.publication import Publication, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

_TIMEOUT = (10.0, 30.0)
_LONGEST = 1000
"""Characters of an entry in a source list, at most."""
_URL = re.compile(
    r"(?:(?P<layout>[a-z]+)\+)?(?P<scheme>https?)://"
    r"(?P<host>(?:[a-z0-9][a-z0-9_-]*(?:\.[a-z0-9][a-z0-9_-]*)*|\[[0-9a-f:.]+\])(?::\d{1,5})?)"
    r"(?P<path>(?:/[\w.~+-]*)*)",
    re.ASCII | re.IGNORECASE,
)
_FOLDER = re.compile(r"(?:file://(?:localhost)?)?(?P<path>/(?!/)[\w./~+@-]*)")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are under a source's base.

    :param files: where a month's file can be, with ``{dataset}`` and ``{month}``, the first choice first
    :param zones: where the zone lookup can be
    """

    files: tuple[str, ...]
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """One place that trip files come from: a web address or a local folder.

    :param name: how a source list names it, and what the ledger keeps
    :param base: the address without a final slash; ``file://`` for a folder
    :param layout: where the files are under that address
    :param months: the months held, by dataset; None for every month since the dataset's first
    :param not_yet: HTTP statuses by which a month's file is not there yet
    :param never: HTTP statuses by which a month's file will never be there
    :param note: what a user should know when a file is not there
    """

    name: str
    base: str
    layout: Layout
    months: Mapping[str, MonthRange] | None = field(default=None, hash=False)
    not_yet: frozenset[int] = frozenset({404})
    never: frozenset[int] = frozenset()
    note: str = ""

    @property
    def folder(self) -> Path | None:
        """The local folder that this source is; None for a web address."""
        return local_path(self.base)

    def covers(self, dataset: str, month: Month) -> bool:
        """Whether this source is the place for a month; for a folder: whether it holds the file now.

        :raises UnknownDataset: when there is no such dataset
        :raises InvalidSource: when the folder does not exist
        """
        first = get_dataset(dataset).first_month
        if self.folder:
            return self._find(self.folder, dataset, month) is not None
        if self.months is None:
            return month >= first
        return dataset in self.months and month in self.months[dataset]

    def held(self, dataset: str) -> str:
        """Return in words which months of a dataset this source has."""
        if self.folder:
            return "the months whose file it holds"
        months = self.months
        if months is None:
            months = {dataset: MonthRange(get_dataset(dataset).first_month, None)}
        if dataset not in months:
            return "no month of it"
        last = months[dataset].last
        return f"{months[dataset].first} to {last}" if last else f"{months[dataset].first} and later"

    def ask(self, dataset: str, month: Month, *, session: requests.Session | None = None) -> Publication:
        """Return what this source says about a month's file: one HEAD request, or a look into the folder.

        :param session: the HTTP session to use
        :raises UnknownDataset: when there is no such dataset
        :raises InvalidSource: when the folder does not exist
        :raises SourceUnreachable: when the source does not answer, or with a failure of its own
        :raises SourceRefused: when it answers something that asking again will not change
        """
        get_dataset(dataset)
        if self.folder:
            return self._look(self.folder, dataset, month)
        return self._head(dataset, month, session)

    def zone_lookup(self) -> str:
        """Return the address of the zone lookup; for a folder, of the one it holds."""
        if folder := self.folder:
            paths = [folder / path for path in self.layout.zones]
            return next((path for path in paths if path.is_file()), paths[0]).as_uri()
        return f"{self.base}/{self.layout.zones[0]}"

    def _names(self, dataset: str, month: Month) -> list[str]:
        return [name.format(dataset=dataset, month=month) for name in self.layout.files]

    def _find(self, folder: Path, dataset: str, month: Month) -> Path | None:
        """Return the month's file in a folder, if it is there."""
        try:
            if not folder.is_dir():
                raise InvalidSource(
                    f"The source folder {folder} does not exist. Make it, or correct the path."
                )
            paths = (folder / name for name in self._names(dataset, month))
            return next((path for path in paths if path.is_file()), None)
        except OSError as error:
            raise SourceRefused(f"The source folder {folder} cannot be read: {error.strerror}.") from error

    def _look(self, folder: Path, dataset: str, month: Month) -> Publication:
        path = self._find(folder, dataset, month)
        now = datetime.now(UTC)
        if path is None:
            names = self._names(dataset, month)
            return Publication(
                dataset,
                month,
                State.NOT_YET,
                self.name,
                (folder / names[0]).as_uri(),
                now,
                detail=f"{folder} holds none of {', '.join(names)}. Put the file there, and it is found.",
            )
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

    def _head(self, dataset: str, month: Month, session: requests.Session | None) -> Publication:
        from nyc_taxi.files import web

        url = f"{self.base}/{self._names(dataset, month)[0]}"
        with web.request("HEAD", url, timeout=_TIMEOUT, session=session) as response:
            now = datetime.now(UTC)
            status = response.status_code
            if status in self.not_yet | self.never:
                state = State.NEVER if status in self.never else State.NOT_YET
                detail = f"{url} answered {status}: the file is not there. {self.note}".rstrip()
                return Publication(dataset, month, state, self.name, url, now, detail=detail)
            if status != 200:
                raise web.failure(response, url)
            if web.is_page(response):
                raise SourceRefused(
                    f"{url} is a page ({web.kind(response)}), not a file. Check the source's address."
                )
            return Publication(
                dataset,
                month,
                State.PUBLISHED,
                self.name,
                url,
                now,
                etag=web.etag(response),
                last_modified=web.last_modified(response),
                bytes=web.length(response),
            )


@dataclass(frozen=True, slots=True)
class SourceList:
    """The sources of a connection; the first one that covers a month serves it.

    :param sources: at least one source, the first choice first
    """

    sources: tuple[Source, ...]

    @classmethod
    def parse(cls, text: str = "") -> SourceList:
        """Read source names, web addresses and folders, separated by commas or line ends.

        A web address has the mirror's layout, unless it begins with another one's name:
        ``tlc+https://…``, ``flat+http://…``. A folder is an absolute path or a ``file://`` address.

        :param text: the list; an empty one means the default
        :raises InvalidSource: for anything else
        """
        entries = [entry for entry in map(str.strip, re.split(r"[,\n]", text)) if entry]
        return cls(tuple(map(_parse, entries))) if entries else cls.parse(_known()["default"])

    def ask(self, dataset: str, month: Month, *, session: requests.Session | None = None) -> Publication:
        """Return what the first source that covers a month says about its file.

        When none does, the last folder of the list says *not yet*, as a file may be put there; without
        a folder the answer is *never*, with the way out.

        :param session: the HTTP session to use
        :raises UnknownDataset: when there is no such dataset
        :raises InvalidSource: when a folder of the list does not exist
        :raises SourceUnreachable: when the source does not answer, or with a failure of its own
        :raises SourceRefused: when it answers something that asking again will not change
        """
        for source in self.sources:
            if source.covers(dataset, month):
                return source.ask(dataset, month, session=session)
        folders = [source for source in self.sources if source.folder]
        if folders and month >= get_dataset(dataset).first_month:
            return folders[-1].ask(dataset, month)
        detail = self._way_out(dataset, month)
        return Publication(dataset, month, State.NEVER, str(self), "", datetime.now(UTC), detail=detail)

    def zone_lookup(self) -> list[str]:
        """Return the addresses where the zone lookup may be, the first choice first."""
        return [source.zone_lookup() for source in self.sources]

    def __str__(self) -> str:
        return ", ".join(source.name for source in self.sources)

    def _way_out(self, dataset: str, month: Month) -> str:
        held = "; ".join(f"{source.name} has {source.held(dataset)}" for source in self.sources)
        others = [
            name
            for name in _known()["sources"]
            if (source := _known_source(name)) not in self.sources and source.covers(dataset, month)
        ]
        add = f"Add {others[0]} to the connection's sources, or choose" if others else "Choose"
        return f"No source has {dataset} {month}: {held}. {add} a month that one of them has."


def local_path(url: str) -> Path | None:
    """Return the path that a ``file://`` address stands for; None for any other address."""
    return Path(unquote(url.removeprefix("file://"))) if url.startswith("file://") else None


@functools.cache
def _known() -> Mapping[str, Any]:
    return MappingProxyType(yaml.safe_load(Path(__file__).with_name("sources.yaml").read_text("utf-8")))


def _layout(values: Mapping[str, list[str]]) -> Layout:
    return Layout(tuple(values["files"]), tuple(values["zones"]))


def _known_source(name: str) -> Source:
    values = _known()["sources"][name]
    return Source(
        name,
        values["base"],
        _layout(_known()["layouts"][values["layout"]]),
        {dataset: MonthRange.parse(months) for dataset, months in values["months"].items()},
        frozenset(values.get("not_yet", ())),
        frozenset(values.get("never", ())),
        values["note"],
    )


def _parse(entry: str) -> Source:
    if entry in _known()["sources"]:
        return _known_source(entry)
    if len(entry) <= _LONGEST and (source := _folder_source(entry) or _web_source(entry)):
        return source
    names, layouts = (", ".join(_known()[key]) for key in ("sources", "layouts"))
    raise InvalidSource(
        f"{_harmless(entry)!r} in the list of sources is not a source. Write one of {names}; a web address "
        f"http://host/path or https://host/path without user, query or fragment (a layout may precede it: "
        f"{layouts}, as in flat+http://host); or the absolute path of a folder without spaces."
    )


def _folder_source(entry: str) -> Source | None:
    found = _FOLDER.fullmatch(entry)
    if not found or ".." in Path(found["path"]).parts:
        return None
    path = Path(found["path"])
    return Source(str(path), path.as_uri(), _layout(_known()["folder"]))


def _web_source(entry: str) -> Source | None:
    found = _URL.fullmatch(entry)
    if not found or ".." in found["path"].split("/"):
        return None
    base = f"{found['scheme'].lower()}://{found['host'].lower()}{found['path'].rstrip('/')}"
    layout = found["layout"] or "mirror"
    try:
        if layout not in _known()["layouts"] or urlsplit(base).port == 0:
            return None
    except ValueError:  # the port is too high, or what is in the brackets is no address
        return None
    name = base if layout == "mirror" else f"{layout}+{base}"
    return Source(name, base, _layout(_known()["layouts"][layout]), note=_known()["web"]["note"])


def _harmless(entry: str) -> str:
    """Return an entry for a message, without what may be a part of a password or a token."""
    if "@" in entry:
        return "…@…"
    start, *rest = re.split(r"[?#]|:(?!//)", entry[:100], maxsplit=1)
    return f"{start}…" if rest or len(entry) > 100 else start
