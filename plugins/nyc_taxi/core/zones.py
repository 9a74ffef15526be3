"""The taxi zones of New York, and the check of a published lookup table against them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING, Any

import yaml

from nyc_taxi.errors import NotTheFile, SchemaDrift

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

ZONE_COLUMNS = ("locationid", "borough", "zone", "service_zone")
"""The columns of the lookup table under their names in the warehouse."""

_ADVICE = "Download the file again. If TLC has changed the table, this package needs a newer version."
_SHOWN = 3

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Zone:
    """One taxi zone.

    :param locationid: its number, from 1
    :param borough: the borough, EWR for Newark airport
    :param zone: its name; some zones share one
    :param service_zone: who may pick up there: Yellow Zone, Boro Zone, Airports, EWR
    """

    locationid: int
    borough: str
    zone: str
    service_zone: str


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(files(__package__).joinpath("zones.yaml").read_text("utf-8"))
    return data


@cache
def known_zones() -> tuple[Zone, ...]:
    """Return all 265 zones by number, as in today's edition of TLC's lookup table."""
    return tuple(
        sorted(
            (
                Zone(locationid, borough, zone, service_zone)
                for borough, service_zones in _data()["zones"].items()
                for service_zone, zones in service_zones.items()
                for locationid, zone in zones.items()
            ),
            key=lambda zone: zone.locationid,
        )
    )


@cache
def _known_places() -> dict[int, frozenset[tuple[str, str]]]:
    """Return what each number may stand for, as borough and name, in any edition."""
    editions = _data()["editions"].values()
    return {
        zone.locationid: frozenset(
            {(zone.borough, zone.zone)}
            | {tuple(edition[zone.locationid]) for edition in editions if zone.locationid in edition}
        )
        for zone in known_zones()
    }


def read_zones(content: bytes, name: str = "the zone lookup") -> pd.DataFrame:
    """Read a lookup table of zones, in today's edition or the first one.

    Columns are matched by name, in any order and case; quotes and line ends do not matter, and N/A stays
    a text. Every number must appear once, in order, with the borough and the zone that TLC gives it, so
    that no trip is ever shown in another part of the city.

    :param content: the content of its file
    :param name: what messages call it
    :return: the 265 zones by number, with the columns of :data:`ZONE_COLUMNS`
    :raises NotTheFile: when it is not a CSV file of zones at all
    :raises SchemaDrift: when a column is missing or double, or numbers and zones are not TLC's
    """
    zones = _parse(content, name)
    _check_numbers(zones["locationid"].tolist(), name)
    zones["locationid"] = zones["locationid"].astype("int64")
    _check_places(zones, name)
    return zones


def _parse(content: bytes, where: str) -> pd.DataFrame:
    import pandas as pd

    try:
        # The header is read as a row like the others: pandas would rename the second of two equal
        # names, and shift every column when all rows have a field more than the header.
        table = pd.read_csv(
            BytesIO(content), header=None, dtype=str, keep_default_na=False, encoding="utf-8-sig"
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as problem:
        raise NotTheFile(
            f"{where} is not a CSV file of taxi zones: {str(problem).strip()}. {_ADVICE}"
        ) from problem
    names = [str(name).strip().lower() for name in table.iloc[0]]
    if not set(names) & set(ZONE_COLUMNS):
        raise NotTheFile(
            f"{where} is not a CSV file of taxi zones: it starts with {content[:60]!r}. {_ADVICE}"
        )
    for column in ZONE_COLUMNS:
        if names.count(column) != 1:
            number = names.count(column) or "no"
            raise SchemaDrift(
                f"{where} has {number} columns called {column}; its header is {', '.join(names)}. {_ADVICE}"
            )
    if surplus := [name for name in names if name not in ZONE_COLUMNS]:
        log.warning("%s has unknown columns, which are ignored: %s", where, ", ".join(surplus))
    rows = table.iloc[1:].reset_index(drop=True)
    return pd.DataFrame({column: rows[names.index(column)].str.strip() for column in ZONE_COLUMNS})


def _check_numbers(numbers: Sequence[str], where: str) -> None:
    expected = [str(zone.locationid) for zone in known_zones()]
    if numbers == expected:
        return
    absent = [number for number in expected if number not in numbers]
    foreign = [number for number in dict.fromkeys(numbers) if number not in expected]
    double = [number for number in dict.fromkeys(numbers) if list(numbers).count(number) > 1]
    found = [
        f"{what} {', '.join(map(repr, values[:_SHOWN]))}{' …' if len(values) > _SHOWN else ''}"
        for what, values in (("missing", absent), ("unknown", foreign), ("repeated", double))
        if values
    ]
    raise SchemaDrift(
        f"{where} does not number the zones from 1 to {len(expected)} in order: it has {len(numbers)} rows, "
        f"{'; '.join(found) or 'not in the order of their numbers'}. {_ADVICE}"
    )


def _check_places(zones: pd.DataFrame, where: str) -> None:
    known = _known_places()
    wrong = [
        f"{number} is {borough}, {zone} instead of {' or '.join(map(', '.join, sorted(known[number])))}"
        for number, borough, zone in zip(zones["locationid"], zones["borough"], zones["zone"], strict=True)
        if (borough, zone) not in known[number]
    ]
    if wrong:
        raise SchemaDrift(
            f"{where} gives {len(wrong)} of {len(zones)} numbers to other zones than TLC: "
            f"{'; '.join(wrong[:_SHOWN])}{'; …' if len(wrong) > _SHOWN else ''}. {_ADVICE}"
        )
    unserved = zones["locationid"][zones["service_zone"].isin(["", None])].tolist()
    if unserved:
        raise SchemaDrift(
            f"{where} has no service_zone for {len(unserved)} of {len(zones)} zones, the first of which is "
            f"{unserved[0]}. {_ADVICE}"
        )
