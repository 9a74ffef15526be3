"""Finding loaded months whose file was published again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nyc_taxi.errors import TaxiError
from nyc_taxi.files.publication import Publication, State
from nyc_taxi.load.unchanged import same_version

if TYPE_CHECKING:
    from nyc_taxi.files.source_list import SourceList
    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.load.warehouse import Warehouse

AT_ONCE: Final = 4
"""How many months the sources are asked about at the same time."""


@dataclass(frozen=True, slots=True)
class Recheck:
    """What asking the sources about every loaded month found.

    :param loaded: how many months are loaded
    :param republished: what the sources say of files that changed since they were loaded
    :param failures: why months could not be checked
    :param remarks: one sentence per month that is left alone although its source has nothing to compare
    """

    loaded: int
    republished: tuple[Publication, ...]
    failures: tuple[TaxiError, ...]
    remarks: tuple[str, ...]


def find_republished(warehouse: Warehouse, sources: SourceList) -> Recheck:
    """Ask the sources about every loaded month, at one HEAD request per month.

    A month that was loaded from an address at which the sources do not look now is left alone: a user chose
    that file.

    :raises TaxiError: when not a single month could be checked
    """
    warehouse.prepare()
    loaded = warehouse.ledger.published()
    answers = _ask_all(sources, loaded)
    failures = tuple(answer for answer in answers if isinstance(answer, TaxiError))
    if failures and len(failures) == len(loaded):
        raise failures[0]
    republished: list[Publication] = []
    remarks: list[str] = []
    for attempt, answer in zip(loaded, answers, strict=True):
        if isinstance(answer, TaxiError):
            continue
        if remark := _not_comparable(attempt, answer):
            remarks.append(remark)
        elif not same_version(answer, attempt):
            republished.append(answer)
    return Recheck(len(loaded), tuple(republished), failures, tuple(remarks))


def _not_comparable(attempt: Attempt, answer: Publication) -> str:
    if answer.state is not State.PUBLISHED:
        return f"{attempt.dataset} {attempt.month} is no longer published; its rows are kept."
    if answer.url != attempt.url:
        return (
            f"{attempt.dataset} {attempt.month} was loaded from {attempt.url} and keeps its rows, since the "
            f"sources now look at {answer.url}"
        )
    return ""


def _ask_all(sources: SourceList, loaded: list[Attempt]) -> list[Publication | TaxiError]:
    def ask(attempt: Attempt) -> Publication | TaxiError:
        try:
            return sources.ask(attempt.dataset, attempt.month)
        except TaxiError as error:
            return error

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(ask, loaded))
