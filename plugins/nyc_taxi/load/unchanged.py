"""When a month holds a file already."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.load.warehouse import Warehouse


def unchanged(warehouse: Warehouse, publication: Publication, file: File | None = None) -> Attempt | None:
    """Return the published attempt of a month if the month holds this very file.

    The file is the same when the source describes it as it described the published one, or when the
    downloaded bytes are equal. The month must also hold as many rows as the ledger says: users empty, detach
    and restore tables, and then the month is loaded again.

    :param file: the file, once it is downloaded; its bytes decide then
    """
    current = warehouse.ledger.current(publication.dataset, publication.month)
    if current is None:
        return None
    same = same_version(publication, current) if file is None else file.sha256 == current.sha256
    if not same or warehouse.count(current.dataset, current.month) != current.rows_loaded:
        return None
    return current


def same_version(publication: Publication, attempt: Attempt) -> bool:
    """Return whether a source describes a file as it described the one that an attempt loaded."""
    return publication.same_file(
        url=attempt.url, etag=attempt.etag, last_modified=attempt.last_modified, bytes=attempt.bytes
    )
