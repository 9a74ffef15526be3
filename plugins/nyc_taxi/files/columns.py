"""Matching the names of a header to a dataset's columns, and the dataset's policies for the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nyc_taxi.core.dataset import dataset_names, get_dataset, key
from nyc_taxi.errors import NotTheFile, SchemaDrift

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nyc_taxi.core.dataset import Column, Dataset, SchemaVersion
    from nyc_taxi.core.month import Month

_NAMES_SHOWN: Final = 40
_LONGEST_NAME_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the names of a header mean in the layout of its month that they fit best.

    :param schema_version: that layout
    :param columns: for each name its column or None
    :param missing: columns of the layout that no name means
    :param repeated: columns that more than one name means, in the dataset's order
    """

    schema_version: SchemaVersion
    columns: tuple[Column | None, ...]
    missing: tuple[str, ...]
    repeated: tuple[str, ...]

    @property
    def found(self) -> frozenset[str]:
        """The columns that a name means."""
        return frozenset(column.name for column in self.columns if column)

    @property
    def share(self) -> float:
        """How much of the layout is there, 0 to 1."""
        return 1 - len(self.missing) / len(self.schema_version.columns)


def assign(dataset: Dataset, names: Sequence[str], month: Month) -> Assignment:
    """Return what the names of a header mean.

    A column's own name wins over its aliases, and the first of two equal names over the second. So the
    order of a header matters for equal names only. Of the layouts that files of the month have, the one
    that lacks the fewest columns counts, and of several the one with the most.

    :param names: the names, in any spelling
    :param month: the file's month
    """
    candidates = [_assign(dataset, version, names) for version in dataset.versions_of(month)]
    return min(candidates, key=lambda one: (len(one.missing), -len(one.schema_version.columns)))


def _assign(dataset: Dataset, version: SchemaVersion, names: Sequence[str]) -> Assignment:
    exact = {key(column.name): column for column in dataset.columns}
    exact |= {key(name): dataset.column(renamed) for name, renamed in version.renames.items()}
    aliases = {key(alias): column for column in dataset.columns for alias in column.aliases}
    keys = [key(name) for name in names]
    columns: list[Column | None] = [None] * len(names)
    taken: set[str] = set()
    for known in (exact, aliases):
        for position, name in enumerate(keys):
            column = known.get(name)
            if column and column.name not in taken:
                taken.add(column.name)
                columns[position] = column
    meant = Counter(column.name for name in keys if (column := exact.get(name) or aliases.get(name)))
    return Assignment(
        version,
        tuple(columns),
        tuple(name for name in version.columns if name not in taken),
        tuple(column.name for column in dataset.columns if meant[column.name] > 1),
    )


def check_identity(dataset: Dataset, names: Sequence[str], month: Month) -> None:
    """Refuse a line that is not a header, another dataset's header, or one without the required columns.

    :param names: normalised names
    :raises NotTheFile: when not one of the names is a column of any dataset
    :raises SchemaDrift: when a required column is missing, or one occurs only in another dataset's files
    """
    foreign = _foreign(dataset, names)
    found = assign(dataset, names, month).found
    absent = [name for name in dataset.required if name not in found]
    if not absent and not foreign:
        return
    if not found and not any(assign(other, names, month).found for other in _others(dataset)):
        raise NotTheFile(
            f"This is not a file of {dataset.name} with a header: its first line is {_listed(names)}, and "
            "none of these is the name of a column. Check the source, and fetch the file again."
        )
    like = _like(dataset, names, month)
    if absent:
        wrong = f"The file has no column for {', '.join(absent)}, which every file of {dataset.name} needs."
        advice = f"If TLC has renamed a column, add the new name to its aliases in {dataset.name}.yaml."
    else:
        name = foreign[0]
        wrong = (
            f"The file is not of {dataset.name} alone: the column {name} is only in files of "
            f"{_services(dataset)[key(name)]}."
        )
        advice = "Split it into one file per dataset, or check the source."
    raise SchemaDrift(f"{wrong} It has {_listed(names)}. {like or advice}")


def check_policy(
    dataset: Dataset, names: Sequence[str], month: Month, assigned: Assignment, unknown: Sequence[str]
) -> None:
    """Refuse missing, unknown and repeated columns when the dataset says so.

    :param names: normalised names
    :raises SchemaDrift: naming them
    """
    file = f"{dataset.name}.yaml"
    if assigned.repeated and dataset.on_repeated == "fail":
        raise SchemaDrift(
            f"The file has more than one column for {_listed(assigned.repeated)}. Correct the file, or set "
            f"on_repeated to keep in {file}: the first column is used then, and the others go to unmapped."
        )
    if assigned.missing and dataset.on_missing == "fail":
        lacks = f"The file lacks {_listed(assigned.missing)}, which every {dataset.name} file of {month} has."
        if like := _like(dataset, names, month):
            raise SchemaDrift(f"{lacks} It has {_listed(names)}. {like}")
        renamed = f" If they are called {_listed(unknown)} in it, add these names to the aliases in {file}."
        raise SchemaDrift(
            f"{lacks}{renamed if unknown else ''} To load nulls instead, set on_missing to null in {file}."
        )
    if unknown and dataset.on_unknown == "fail":
        raise SchemaDrift(
            f"The file has the unknown columns {_listed(unknown)}, and {dataset.name} refuses files with "
            f"unknown columns. Describe them in {file}, or set on_unknown to keep in it."
        )


def _like(dataset: Dataset, names: Sequence[str], month: Month) -> str:
    """Return the advice to look for another dataset's file when a header fits that one better."""
    own = assign(dataset, names, month)
    fits = own.found.issuperset(dataset.required) and not _foreign(dataset, names)
    shares = {
        other.name: fit.share
        for other in _others(dataset)
        if not _foreign(other, names)
        and (fit := assign(other, names, month)).found.issuperset(other.required)
        and (fit.share > own.share or not fits)
    }
    like = [name for name, share in shares.items() if share == max(shares.values())]
    return f"It looks like a file of {' or '.join(like)}: check the source." if like else ""


def _others(dataset: Dataset) -> list[Dataset]:
    return [get_dataset(name) for name in dataset_names() if name != dataset.name]


def _foreign(dataset: Dataset, names: Sequence[str]) -> list[str]:
    services = _services(dataset)
    return [name for name in names if key(name) in services]


def _services(dataset: Dataset) -> dict[str, str]:
    return {key(name): service for name, service in dataset.foreign.items()}


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name[:_LONGEST_NAME_SHOWN] for name in names[:_NAMES_SHOWN])
    return f"{shown} and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else shown
