"""Finding republished files, and the zones."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from nyc_taxi.errors import SchemaDrift, SourceUnreachable
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.load.load import load_month
from nyc_taxi.load.recheck import find_republished
from nyc_taxi.load.zones import load_zones
from tests.file_server import Reply
from tests.trips import MONTH, NEXT, green

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.core.month import Month
    from nyc_taxi.load.warehouse import Warehouse
    from tests.file_server import FileServer

OLD, NEW = datetime(2021, 3, 1, tzinfo=UTC), datetime(2021, 4, 1, tzinfo=UTC)


def path(month: Month) -> str:
    return f"green/green_tripdata_{month}.csv.gz"


def test_republished_files_are_found_with_one_head_request_per_month(
    warehouse: Warehouse, file_server: FileServer, tmp_path: Path
) -> None:
    sources = SourceList.parse(file_server.url)
    assert find_republished(warehouse, sources).loaded == 0
    for month in (MONTH, NEXT, NEXT.next()):
        file_server.put(path(month), green(tmp_path, 100, month).read_bytes(), last_modified=OLD)
        load_month(warehouse, sources, "green", month, run_id="r")
    file_server.put(path(NEXT), green(tmp_path, 120, NEXT).read_bytes(), last_modified=NEW)
    file_server.answer(path(NEXT.next()), Reply(status=404))
    file_server.requests.clear()
    found = find_republished(warehouse, sources)
    assert (found.loaded, [one.month for one in found.republished]) == (3, [NEXT])
    assert found.failures == ()
    assert len(found.remarks) == 1
    assert {method for method, _ in file_server.requests} == {"HEAD"}


def test_month_of_another_address_is_left_alone_and_failures_are_collected(
    warehouse: Warehouse, file_server: FileServer, tmp_path: Path
) -> None:
    sources = SourceList.parse(file_server.url)
    for month in (MONTH, NEXT):
        file_server.put(path(month), green(tmp_path, 100, month).read_bytes(), last_modified=OLD)
    load_month(warehouse, SourceList.parse(f"{file_server.url}/"), "green", MONTH, run_id="r")
    elsewhere = tmp_path / "elsewhere" / "green"
    green(elsewhere, 100, NEXT)
    load_month(warehouse, SourceList.parse(str(elsewhere.parent)), "green", NEXT, run_id="r")
    file_server.answer(path(MONTH), Reply(status=503))
    found = find_republished(warehouse, sources)
    assert found.republished == ()
    assert [type(failure) for failure in found.failures] == [SourceUnreachable]
    assert found.remarks[0].startswith(f"green {NEXT} was loaded from file://")
    file_server.answer(path(NEXT), Reply(status=503))
    with pytest.raises(SourceUnreachable):
        find_republished(warehouse, sources)


def test_a_refusal_of_zones_names_their_address(
    warehouse: Warehouse, file_server: FileServer, tmp_path: Path
) -> None:
    (tmp_path / "taxi_zone_lookup.csv").write_text("LocationID,Borough,Zone,service_zone\n1,EWR,Newark,EWR\n")
    file_server.put("misc/taxi_zone_lookup.csv", (tmp_path / "taxi_zone_lookup.csv").read_bytes())
    for text in (file_server.url, str(tmp_path)):
        sources = SourceList.parse(text)
        (address,) = sources.zone_lookup()
        with pytest.raises(SchemaDrift, match=f"^{address} does not number the zones from 1 to 265"):
            load_zones(warehouse, sources)


def test_zones_are_loaded_from_the_first_source_that_has_them(
    warehouse: Warehouse, file_server: FileServer, tmp_path: Path
) -> None:
    from nyc_taxi.samples.file import write_lookup

    write_lookup(tmp_path / "zones.csv")
    (address,) = SourceList.parse(file_server.url).zone_lookup()
    file_server.put(address.removeprefix(f"{file_server.url}/"), (tmp_path / "zones.csv").read_bytes())
    packed = gzip.compress((tmp_path / "zones.csv").read_bytes())
    sources = SourceList.parse(file_server.url)
    loaded = load_zones(warehouse, sources)
    assert (loaded.rows, loaded.url, warehouse.count_zones()) == (265, address, 265)
    file_server.answer("misc/taxi_zone_lookup.csv", Reply(packed, headers={"Content-Encoding": "gzip"}))
    assert load_zones(warehouse, sources).rows == 265
    file_server.requests.clear()
    assert load_zones(warehouse, sources, only_if_missing=True).url is None
    assert file_server.requests == []
