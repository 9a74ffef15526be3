"""Writes sample files: whole or not at all."""

from __future__ import annotations

import gzip
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from nyc_taxi.core.month import Month
from nyc_taxi.core.zones import known_zones
from nyc_taxi.samples import SAMPLE_DATASETS, fhv, fhvhv, taxi
from nyc_taxi.samples.clock import Clock
from nyc_taxi.samples.text import Field, lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nyc_taxi.samples.text import Columns

_FIELDS = {
    "yellow": (
        Field("VendorID", "VendorID", "number"),
        Field("tpep_pickup_datetime", "pickup_datetime", "time"),
        Field("tpep_dropoff_datetime", "dropoff_datetime", "time"),
        Field("passenger_count", "passenger_count", "number"),
        Field("trip_distance", "trip_distance", "miles"),
        Field("RatecodeID", "RatecodeID", "number"),
        Field("store_and_fwd_flag", "store_and_fwd_flag", "flag"),
        Field("PULocationID", "PULocationID", "number"),
        Field("DOLocationID", "DOLocationID", "number"),
        Field("payment_type", "payment_type", "number"),
        Field("fare_amount", "fare_amount", "money"),
        Field("extra", "extra", "money"),
        Field("mta_tax", "mta_tax", "money"),
        Field("tip_amount", "tip_amount", "money"),
        Field("tolls_amount", "tolls_amount", "money"),
        Field("improvement_surcharge", "improvement_surcharge", "money"),
        Field("total_amount", "total_amount", "money"),
        Field("congestion_surcharge", "congestion_surcharge", "money"),
    ),
    "green": (
        Field("VendorID", "VendorID", "number"),
        Field("lpep_pickup_datetime", "pickup_datetime", "time"),
        Field("lpep_dropoff_datetime", "dropoff_datetime", "time"),
        Field("store_and_fwd_flag", "store_and_fwd_flag", "flag"),
        Field("RatecodeID", "RatecodeID", "number"),
        Field("PULocationID", "PULocationID", "number"),
        Field("DOLocationID", "DOLocationID", "number"),
        Field("passenger_count", "passenger_count", "number"),
        Field("trip_distance", "trip_distance", "miles"),
        Field("fare_amount", "fare_amount", "money"),
        Field("extra", "extra", "money"),
        Field("mta_tax", "mta_tax", "money"),
        Field("tip_amount", "tip_amount", "money"),
        Field("tolls_amount", "tolls_amount", "money"),
        Field("ehail_fee", "", "nothing"),
        Field("improvement_surcharge", "improvement_surcharge", "money"),
        Field("total_amount", "total_amount", "money"),
        Field("payment_type", "payment_type", "number"),
        Field("trip_type", "trip_type", "number"),
        Field("congestion_surcharge", "congestion_surcharge", "money"),
    ),
    "fhv": (
        Field("dispatching_base_num", "dispatching_base_num", "base"),
        Field("pickup_datetime", "pickup_datetime", "time"),
        Field("dropOff_datetime", "dropoff_datetime", "time"),
        Field("PUlocationID", "PULocationID", "number"),
        Field("DOlocationID", "DOLocationID", "number"),
        Field("SR_Flag", "", "nothing"),
        Field("Affiliated_base_number", "affiliated_base_num", "base"),
    ),
    "fhvhv": (
        Field("hvfhs_license_num", "service", "licence"),
        Field("dispatching_base_num", "dispatching_base_num", "base"),
        Field("pickup_datetime", "pickup_datetime", "time"),
        Field("dropoff_datetime", "dropoff_datetime", "time"),
        Field("PULocationID", "PULocationID", "number"),
        Field("DOLocationID", "DOLocationID", "number"),
        Field("SR_Flag", "sr_flag", "number"),
    ),
}

_FHVHV_WITH_FARES = (
    Field("hvfhs_license_num", "service", "licence"),
    Field("dispatching_base_num", "dispatching_base_num", "base"),
    Field("originating_base_num", "originating_base_num", "base"),
    Field("request_datetime", "request_datetime", "time"),
    Field("on_scene_datetime", "on_scene_datetime", "time"),
    Field("pickup_datetime", "pickup_datetime", "time"),
    Field("dropoff_datetime", "dropoff_datetime", "time"),
    Field("PULocationID", "PULocationID", "number"),
    Field("DOLocationID", "DOLocationID", "number"),
    Field("trip_miles", "trip_miles", "miles"),
    Field("trip_time", "trip_time", "seconds"),
    *(
        Field(name, name, "money")
        for name in (
            "base_passenger_fare", "tolls", "bcf", "sales_tax", "congestion_surcharge", "airport_fee", "tips",
            "driver_pay",
        )
    ),
    *(
        Field(name, name, "flag")
        for name in (
            "shared_request_flag", "shared_match_flag", "access_a_ride_flag", "wav_request_flag",
            "wav_match_flag",
        )
    ),
)  # fmt: skip
_FIRST_MONTH_WITH_FARES = Month("2021-08")
"""The first month of fhvhv that TLC never published as CSV; its samples have the columns of parquet files."""

_LATER_FIELDS = {
    "yellow": (Field("Airport_fee", "", "nothing"), Field("cbd_congestion_fee", "", "nothing")),
    "green": (Field("cbd_congestion_fee", "", "nothing"),),
    "fhvhv": (Field("cbd_congestion_fee", "", "nothing"),),
}
"""Fields of files since 2025, blank because the trips are made by the rules of earlier years."""

_FIRST_LATER_MONTH = Month("2025-01")
_FIRST_LF_MONTH = Month("2021-01")
# 1 M yellow rows, from nothing to the file: 2.0 s and 25.8 MB at level 1, 2.6 s and 22.1 MB at 3,
# 4.7 s and 18.8 MB at 6.
_GZIP_LEVEL = 3


def write_month(path: Path, dataset: str, month: Month, rows: int, edition: int) -> None:
    """Write one sample month as csv.gz, the same bytes for the same arguments.

    Lines end in CRLF before 2021 and in LF since, as in the mirror's files.
    """
    fields = _FIELDS[dataset]
    if dataset == "fhvhv" and month >= _FIRST_MONTH_WITH_FARES:
        fields = _FHVHV_WITH_FARES
    if month >= _FIRST_LATER_MONTH:
        fields += _LATER_FIELDS.get(dataset, ())
    line_end = b"\r\n" if month < _FIRST_LF_MONTH else b"\n"
    with _replacing(path) as file, gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as packed:
        packed.write(",".join(field.header for field in fields).encode() + line_end)
        for columns in _trips(dataset, month, rows, edition):
            packed.write(lines(fields, columns, line_end))


def write_lookup(path: Path) -> None:
    """Write the zone lookup as TLC does: texts quoted, numbers not, CRLF."""
    with _replacing(path) as file:
        file.write(b'"LocationID","Borough","Zone","service_zone"\r\n')
        for zone in known_zones():
            line = f'{zone.locationid},"{zone.borough}","{zone.zone}","{zone.service_zone}"\r\n'
            file.write(line.encode())


def _trips(dataset: str, month: Month, rows: int, edition: int) -> Iterator[Columns]:
    day = month.first_day
    rng = np.random.default_rng([SAMPLE_DATASETS.index(dataset), day.year, day.month, edition])
    clock = Clock.of(month)
    if dataset == "fhv":
        return fhv.trips(rng, month, rows, clock)
    if dataset == "fhvhv":
        return fhvhv.trips(rng, rows, clock)
    return taxi.trips(rng, dataset, month, rows, clock)


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes its name when it is complete, and leaves nothing when it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        unfinished = Path(file.name)
        try:
            yield file
            file.close()
            unfinished.chmod(0o644)
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
