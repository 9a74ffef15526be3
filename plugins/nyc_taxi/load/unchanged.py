"""When a month holds a file already."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nyc_taxi.files.download import File
    from nyc_taxi.files.publication import Publication
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.load.warehouse import Warehouse


def as_described(warehouse: Warehouse, publication: Publication, current: Attempt) -> bool:
    """Return whether a month holds the file that a source describes as it described the published one.

    The month must also hold as many rows as the ledger says: users empty, detach and restore tables, and then
    the month is loaded again.

    :param current: the published attempt of the month
    """
    return same_version(publication, current) and _complete(warehouse, current)


def same_content(warehouse: Warehouse, file: File, known: Attempt | None) -> Attempt | None:
    """Return the published attempt of a month if its rows are those of a downloaded file.

    :param known: the attempt that was published before the download. The ledger is asked again only if its
        file is this one; whatever was published since is left to :mod:`nyc_taxi.load.supersede`
    """
    if known is None or known.sha256 != file.sha256:
        return None
    current = warehouse.ledger.current(known.dataset, known.month)
    same = current is not None and current.sha256 == file.sha256 and _complete(warehouse, current)
    return current if same else None


def _complete(warehouse: Warehouse, current: Attempt) -> bool:
    return warehouse.count(current.dataset, current.month) == current.rows_loaded


def same_version(publication: Publication, attempt: Attempt) -> bool:
    """Return whether a source describes a file as it described the one that an attempt loaded."""
    return publication.same_file(
        url=attempt.url, etag=attempt.etag, last_modified=attempt.last_modified, bytes=attempt.bytes
    )
