"""The list of sources in a connection: how it is written, and which of its sources serves a month."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote, urlsplit

import yaml

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.errors import InvalidSource
from nyc_taxi.files.credentials import Credentials, origin
from nyc_taxi.files.publication import Publication, State
from nyc_taxi.files.source import Layout, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST: Final = 1000
"""Characters of an entry in a source list, at most."""
_URL: Final = re.compile(
    r"(?:(?P<layout>[a-z]+)\+)?(?P<scheme>https?)://"
    r"(?P<host>(?:[a-z0-9][a-z0-9_-]*(?:\.[a-z0-9][a-z0-9_-]*)*|\[[0-9a-f:.]+\])(?::\d{1,5})?)"
    r"(?P<path>(?:/[^\\?#]*)?)",
    re.ASCII | re.IGNORECASE,
)
_FOLDER: Final = re.compile(r"(?P<file>file://(?:localhost)?(?=/))?(?P<path>/(?!/).*)")
_PLACEHOLDERS: Final = ("dataset", "month", "year", "mm", "m")
_SAFE: Final = "/%:@!$&'()*+;=~"
"""Characters that stay as they are in a web address."""


@dataclass(frozen=True, slots=True)
class SourceList:
    """The sources of a connection; the first one that covers a month serves it.

    :param sources: at least one source, the first choice first
    """

    sources: tuple[Source, ...]

    @classmethod
    def parse(cls, text: str = "", secret: Mapping[str, str] = MappingProxyType({})) -> SourceList:
        """Read source names, web addresses and folders, separated by commas or line ends.

        A web address has the mirror's layout, unless it begins with the name of another one:
        ``tlc+https://…``, ``flat+http://…``. A folder is an absolute path or a ``file://`` address. Both may
        be patterns: ``https://host/{dataset}/{year}/{month}.parquet``.

        :param text: the list; an empty one means the default
        :param secret: headers for the only server that the list names by its address
        :raises InvalidSource: for anything else, and for secret headers without one such server
        """
        entries = [entry for entry in map(str.strip, re.split(r"[,\n]", text)) if entry]
        sources = tuple(map(_parse, entries or _known()["default"].split(", ")))
        return cls(_with_credentials(sources, secret) if secret else sources)

    @property
    def credentials(self) -> Credentials | None:
        """What the server that the list names by its address wants to see."""
        return next((source.credentials for source in self.sources if source.credentials), None)

    def ask(self, dataset: str, month: Month) -> Publication:
        """Return what the first source that covers a month reports about its file.

        When no source covers it, the last folder of the list answers *not yet*, because the file may still be
        put there. Without a folder the answer is *never*, with what to do.

        :raises ContractError: when there is no such dataset
        :raises InvalidSource: when a folder of the list does not exist
        :raises SourceUnreachable: when the source does not respond, or answers with a server error
        :raises SourceRefused: when it answers in a way that another try will not change
        """
        for source in self.sources:
            if source.covers(dataset, month):
                return source.ask(dataset, month)
        folders = [source for source in self.sources if source.folder]
        if folders and month >= get_dataset(dataset).first_month:
            return folders[-1].ask(dataset, month)
        detail = self._advice(dataset, month)
        return Publication(dataset, month, State.NEVER, str(self), "", datetime.now(UTC), detail=detail)

    def zone_lookup(self) -> list[str]:
        """Return the addresses where the zone lookup table may be, the first choice first."""
        return [source.zone_lookup() for source in self.sources]

    def __str__(self) -> str:
        return ", ".join(source.name for source in self.sources)

    def _advice(self, dataset: str, month: Month) -> str:
        months = "; ".join(f"{source.name} has {source.describe_months(dataset)}" for source in self.sources)
        others = [
            name
            for name in _known()["sources"]
            if (source := _known_source(name)) not in self.sources and source.covers(dataset, month)
        ]
        add = f"Add {others[0]} to the connection's sources, or choose" if others else "Choose"
        return f"No source has {dataset} {month}: {months}. {add} a month that one of them has."


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


def _with_credentials(sources: tuple[Source, ...], secret: Mapping[str, str]) -> tuple[Source, ...]:
    own = [source for source in sources if not source.folder and source.name not in _known()["sources"]]
    servers = {origin(source.base) for source in own}
    if not servers:
        raise InvalidSource(
            "The connection has credentials, and none of its sources is the address of a server that could "
            "receive them. Remove the credentials, or add the address."
        )
    if len(servers) > 1:
        raise InvalidSource(
            f"The connection has credentials, and its sources are on {len(servers)} servers. Keep the one "
            "server that receives them, and make another connection for the other."
        )
    credentials = Credentials(own[0].base, secret)
    return tuple(replace(source, credentials=credentials) if source in own else source for source in sources)


def _parse(entry: str) -> Source:
    if entry in _known()["sources"]:
        return _known_source(entry)
    usable = len(entry) <= _LONGEST and entry.isprintable()
    if usable and (source := _folder_source(entry) or _web_source(entry)):
        return source
    names, layouts = (", ".join(_known()[key]) for key in ("sources", "layouts"))
    raise InvalidSource(
        f"The source list contains {_redacted(entry)!r}, which is not a source. Use one of {names}; a web "
        f"address http://host/path or https://host/path without user, query or fragment, with an optional "
        f"layout ({layouts}) as in flat+http://host; or the absolute path of a folder. Addresses and paths "
        "may contain {dataset}, {year} and {month}."
    )


def _folder_source(entry: str) -> Source | None:
    found = _FOLDER.fullmatch(entry)
    if not found:
        return None
    text = found["path"]
    if found["file"]:
        text = "" if set(text) & {"?", "#"} else unquote(text)
    if not text.startswith("/") or not text.isprintable() or "://" in text or ".." in text.split("/"):
        return None
    base, pattern = _split(text)
    layout = _own_layout(pattern) if pattern else _layout(_known()["folder"])
    path = Path(base or "/")
    note = _known()["notes"]["pattern" if pattern else "folder"]
    return Source(str(path / pattern), path.as_uri(), layout, note=note)


def _web_source(entry: str) -> Source | None:
    found = _URL.fullmatch(entry)
    if not found or ".." in unquote(found["path"]).split("/"):
        return None
    quoted = quote(re.sub("%(?![0-9a-fA-F]{2})", "%25", found["path"]), safe=_SAFE + "{}")
    path, pattern = _split(quoted)
    base = f"{found['scheme'].lower()}://{found['host'].lower()}{path.rstrip('/')}"
    layout = found["layout"] or "mirror"
    try:
        if layout not in _known()["layouts"] or urlsplit(base).port == 0 or (pattern and found["layout"]):
            return None
    except ValueError:  # the port is too high, or the brackets do not contain an address
        return None
    if pattern:
        return Source(f"{base}/{pattern}", base, _own_layout(pattern), note=_known()["notes"]["pattern"])
    name = base if layout == "mirror" else f"{layout}+{base}"
    return Source(name, base, _layout(_known()["layouts"][layout]), note=_known()["notes"]["web"])


def _split(path: str) -> tuple[str, str]:
    """Return the part of a path before its first component with a brace, and the rest."""
    parts = path.split("/")
    first = next((at for at, part in enumerate(parts) if set(part) & {"{", "}"}), len(parts))
    return "/".join(parts[:first]), "/".join(parts[first:])


def _own_layout(pattern: str) -> Layout:
    """Return the layout of a pattern that users wrote.

    :raises InvalidSource: when it has an unknown placeholder, or does not tell datasets and months apart
    """
    used = set(re.findall(r"\{([a-z]+)\}", pattern))
    rest = re.sub(r"\{(?:" + "|".join(_PLACEHOLDERS) + r")\}", "", pattern)
    told_apart = "dataset" in used and ("month" in used or ("year" in used and used & {"mm", "m"}))
    if set(rest) & {"{", "}"} or not told_apart:
        raise InvalidSource(
            f"The source pattern {pattern!r} must contain {{dataset}}, and {{month}} or {{year}} with {{mm}} "
            "or {m}, and no other braces. Correct the connection's sources."
        )
    return Layout((pattern,), tuple(_known()["folder"]["zones"]))


def _redacted(entry: str) -> str:
    """Return an entry for a message, without what may be part of a password or a token."""
    if "@" in entry:
        return "…@…"
    start, *rest = re.split(r"[?#]|:(?!//)", entry[:100], maxsplit=1)
    return f"{start}…" if rest or len(entry) > 100 else start
