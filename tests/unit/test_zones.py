from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.core.zones import ZONE_COLUMNS, known_zones, read_zones
from nyc_taxi.errors import NotTheFile, SchemaDrift
from nyc_taxi.samples.file import write_lookup

if TYPE_CHECKING:
    from pathlib import Path

HEADER = '"LocationID","Borough","Zone","service_zone"'


def lines(header: str = HEADER) -> list[str]:
    zones = known_zones()
    return [header, *(f'{z.locationid},"{z.borough}","{z.zone}","{z.service_zone}"' for z in zones)]


def table(rows: list[str], end: str = "\r\n") -> bytes:
    return "".join(row + end for row in rows).encode()


def today() -> bytes:
    """Today's edition of the lookup."""
    return table(lines())


def first_edition() -> bytes:
    """The first edition: both places without a zone are called Unknown."""
    return table([*lines()[:-2], '264,"Unknown","NV","N/A"', '265,"Unknown","NA","N/A"'])


def swapped(first: int, second: int) -> list[str]:
    """Give the names of two zones to each other's number."""
    rows = lines()
    for number, other in ((first, second), (second, first)):
        rows[number] = f"{number},{lines()[other].partition(',')[2]}"
    return rows


def test_there_are_265_zones_numbered_from_one() -> None:
    assert [zone.locationid for zone in known_zones()] == list(range(1, 266))
    assert known_zones()[0].borough == "EWR"
    assert known_zones()[131].zone == "JFK Airport"
    assert {zone.borough for zone in known_zones()} == {
        "Bronx", "Brooklyn", "EWR", "Manhattan", "N/A", "Queens", "Staten Island", "Unknown",
    }  # fmt: skip


def test_known_zones_are_those_of_the_published_edition(real_data: Path, tmp_path: Path) -> None:
    write_lookup(tmp_path / "lookup.csv")
    assert (tmp_path / "lookup.csv").read_bytes() == (real_data / "zones/taxi_zone_lookup.csv").read_bytes()


def test_both_published_editions_are_accepted(real_data: Path) -> None:
    new = read_zones((real_data / "zones/taxi_zone_lookup.csv").read_bytes())
    old = read_zones((real_data / "zones/taxi_zone_lookup.original.csv").read_bytes())
    assert new.equals(read_zones(today()))
    assert old.equals(read_zones(first_edition()))
    assert new[:263].equals(old[:263])
    assert new["zone"].tolist()[263:] == ["N/A", "Outside of NYC"]
    assert old["zone"].tolist()[263:] == ["NV", "NA"]


def test_zones_in_a_wrong_order_found_in_the_wild_are_refused(real_data: Path) -> None:
    content = (real_data / "zones/wrong_order.negative.csv").read_bytes()
    with pytest.raises(SchemaDrift, match="gives 202 of 265 numbers to other zones"):
        read_zones(content)


def test_numbers_become_whole_numbers_and_na_stays_a_text() -> None:
    zones = read_zones(today())
    assert tuple(zones.columns) == ZONE_COLUMNS
    assert zones["locationid"].dtype == "int64"
    assert zones.iloc[264].tolist() == [265, "N/A", "Outside of NYC", "N/A"]
    assert not zones.isna().any(axis=None)


@pytest.mark.parametrize(
    "content",
    [
        table([row.replace('"', "") for row in lines()], "\n"),
        b"\xef\xbb\xbf" + today(),
        table(lines(" locationID , BOROUGH,zone,Service_Zone")),
        table(
            ["service_zone,zone,locationid,borough"]
            + [f"{z.service_zone},{z.zone},{z.locationid},{z.borough}" for z in known_zones()]
        ),
        table([f"{row} " for row in lines()]),
        today().removesuffix(b"\r\n"),
        table(lines()).replace(b"\r\n", b"\r\n\r\n", 1),
    ],
    ids=[
        "unquoted-lf",
        "bom",
        "other-case",
        "other-column-order",
        "padded",
        "no-final-newline",
        "blank-line",
    ],
)
def test_spelling_of_the_file_does_not_matter(content: bytes) -> None:
    assert read_zones(content).equals(read_zones(today()))


def test_surplus_column_is_reported_and_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    rows = [f"{row},{number}" for number, row in enumerate(lines())]
    rows[0] = HEADER + ",OBJECTID"
    with caplog.at_level(logging.WARNING):
        assert read_zones(table(rows)).equals(read_zones(today()))
    assert "objectid" in caplog.text


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (swapped(30, 31), "2 of 265 numbers to other zones than TLC: 30 is Bronx, Bronx Park"),
        ([*lines()[:-2], "264,N/A,Outside of NYC,N/A", "265,Unknown,N/A,N/A"], "264 is N/A, Outside of NYC"),
        ([*lines()[:30], '30,"Brooklyn","Broad Channel","Boro Zone"', *lines()[31:]], "30 is Brooklyn,"),
        ([*lines()[:4], lines()[5], lines()[4], *lines()[6:]], "not in the order of their numbers"),
        (lines()[:-1], "264 rows, missing '265'"),
        ([*lines()[:-1], lines()[-1].replace("265", "266")], "missing '265'; unknown '266'"),
        ([*lines(), lines()[-1]], "266 rows, repeated '265'"),
        ([*lines()[:7], lines()[7].replace("7,", "7.0,", 1), *lines()[8:]], "missing '7'; unknown '7.0'"),
        (lines(HEADER.replace("Zone", "Name")), "no columns called zone"),
        (lines(HEADER.replace("Borough", "Zone")), "no columns called borough"),
        (lines(HEADER.replace("Zone", "Borough", 1)), "2 columns called borough"),
        ([*lines()[:4], '4,"Manhattan","Alphabet City"', *lines()[5:]], "no service_zone for 1 of 265"),
        ([HEADER], "it has 0 rows"),
    ],
)  # fmt: skip
def test_table_with_other_zones_is_refused(rows: list[str], said: str) -> None:
    with pytest.raises(SchemaDrift) as refused:
        read_zones(table(rows), "misc/taxi_zone_lookup.csv")
    assert said in str(refused.value)
    assert "misc/taxi_zone_lookup.csv" in str(refused.value)
    assert "Download the file again" in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n\r\n",
        b"<!DOCTYPE html><html><body>Access Denied</body></html>",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
        b"PK\x03\x04" + bytes(40),
        table(["VendorID,trip_distance", "1,2.5"]),
        table([lines()[0], *(f"{row},surplus" for row in lines()[1:])]),
    ],
    ids=["empty", "blank", "html", "gzip", "zip", "trips", "rows-longer-than-the-header"],
)
def test_other_file_is_refused(content: bytes) -> None:
    with pytest.raises(NotTheFile, match="http://host/served is not a CSV file of taxi zones"):
        read_zones(content, "http://host/served")
