"""Objects in the bucket: the source's files under ``raw/``, and the rows of attempts under ``staged/``."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

import google_crc32c
from google.api_core import exceptions

from nyc_taxi.bigquery.failures import failures
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.errors import WarehouseBusy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.cloud.storage import Blob

    from nyc_taxi.bigquery.jobs import Jobs
    from nyc_taxi.load.attempt import Attempt, Key

_CHUNK: Final = 8 << 20
"""Bytes of a file that are sent at a time; an interrupted upload goes on after the last of them."""
_BLOCK: Final = 1 << 20
_TRIES: Final = 5


def land(jobs: Jobs, attempt: Attempt, path: Path) -> str:
    """Put the source's file into the bucket unchanged, and send nothing when it is there already.

    :returns: where it is, with the object's generation
    :raises WarehouseBusy: when others keep replacing it
    """
    suffix = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    table = get_dataset(attempt.dataset).table
    name = f"raw/{attempt.dataset}/{table}_{attempt.month}{suffix}"
    checksum = _checksum(path)
    with failures(jobs.name):
        bucket = jobs.place.storage().bucket(jobs.place.bucket)
        for _ in range(_TRIES):
            found = bucket.get_blob(name)
            if found is not None and found.crc32c == checksum:
                return _address(found)
            blob = bucket.blob(name, chunk_size=_CHUNK)
            blob.metadata = {
                "attempt": str(attempt.id),
                "source": attempt.url,
                "sha256": attempt.sha256 or "",
            }
            try:
                _send(blob, path, checksum, found.generation if found else 0)
            except exceptions.PreconditionFailed:
                continue  # Somebody else has put a file there since.
            return _address(blob)
    raise WarehouseBusy(
        f"Other processes keep replacing gs://{jobs.place.bucket}/{name}. Run this step again when they are "
        "done."
    )


def put_staged(jobs: Jobs, key: Key, path: Path) -> None:
    """Put the rows of an attempt into the bucket."""
    with failures(jobs.name):
        blob = jobs.place.storage().bucket(jobs.place.bucket).blob(staged_name(key), chunk_size=_CHUNK)
        _send(blob, path, _checksum(path), None)


def staged_address(jobs: Jobs, key: Key) -> str:
    """Return the address of the object that holds the rows of an attempt."""
    return f"gs://{jobs.place.bucket}/{staged_name(key)}"


def staged_name(key: Key) -> str:
    """Return the name of the object that holds the rows of an attempt."""
    return f"staged/{key.dataset}/{key.month}/{key.id}.parquet"


def remove_object(jobs: Jobs, name: str) -> None:
    """Remove an object, if it is there."""
    with failures(jobs.name):
        try:
            jobs.place.storage().bucket(jobs.place.bucket).blob(name).delete()
        except exceptions.NotFound:
            return


def staged_objects(jobs: Jobs) -> Iterator[tuple[str, int | None]]:
    """Yield name and size of every object that holds rows of an attempt."""
    with failures(jobs.name):
        for blob in jobs.place.storage().list_blobs(jobs.place.bucket, prefix="staged/"):
            yield blob.name, blob.size


def _send(blob: Blob, path: Path, checksum: str, generation: int | None) -> None:
    """Send a file, which the service and this check against its checksum.

    :param generation: what the object must be now; 0 for none, None for any
    """
    blob.upload_from_filename(path, if_generation_match=generation, checksum="crc32c")
    if blob.crc32c != checksum:
        raise exceptions.DataLoss(
            f"gs://{blob.bucket.name}/{blob.name} arrived with the checksum {blob.crc32c}, not {checksum}"
        )


def _checksum(path: Path) -> str:
    """Return a file's CRC32C as Cloud Storage writes it."""
    checksum: Any = google_crc32c.Checksum()  # type: ignore[no-untyped-call]
    with path.open("rb") as file:
        for block in iter(lambda: file.read(_BLOCK), b""):
            checksum.update(block)
    return base64.b64encode(checksum.digest()).decode()


def _address(blob: Blob) -> str:
    return f"gs://{blob.bucket.name}/{blob.name}#{blob.generation}"
