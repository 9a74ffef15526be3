"""Matching the names of a header to a dataset's columns, and the dataset's policies for the rest."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from nyc_taxi.core.dataset import dataset_names, get_dataset
from nyc_taxi.errors import NotTheFile, SchemaDrift

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nyc_taxi.core.dataset import Column, Dataset, SchemaVersion

_NAMES_SHOWN: Final = 40
_LONGEST_NAME_SHOWN: Final = 60


def assign(dataset: Dataset, names: Sequence[str]) -> tuple[SchemaVersion | None, list[Column | None]]:
    """Return the schema version of a header, and the column of each of its names.

    A column's own name wins over its aliases, and the first of two equal names over the second. So the
    order of a header matters for equal names only. The other names get no column.

    :param names: normalised names
    :return: the schema version, None when none is recognised; for each name its column or None
    """
    schema_version = next((one for one in dataset.schema_versions if one.recognised_by.issubset(names)), None)
    columns: list[Column | None] = [None] * len(names)
    taken: set[str] = set()
    for known in _meanings(dataset, schema_version):
        for position, name in enumerate(names):
            column = known.get(name)
            if column and column.name not in taken:
                taken.add(column.name)
                columns[position] = column
    return schema_version, columns


def repeated(dataset: Dataset, schema_version: SchemaVersion | None, names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that more than one name of a header means, in the dataset's order.

    :param schema_version: the header's schema_version
    :param names: normalised names
    """
    exact, aliases = _meanings(dataset, schema_version)
    meant = Counter(column.name for name in names if (column := exact.get(name) or aliases.get(name)))
    return tuple(column.name for column in dataset.columns if meant[column.name] > 1)


def _meanings(
    dataset: Dataset, schema_version: SchemaVersion | None
) -> tuple[dict[str, Column], dict[str, Column]]:
    """Return the column that each name means by itself, and the column that each alias means."""
    exact = {column.name: column for column in dataset.columns}
    if schema_version:
        exact |= {name: dataset.column(renamed) for name, renamed in schema_version.renames.items()}
    return exact, {alias: column for column in dataset.columns for alias in column.aliases}


def check_identity(dataset: Dataset, names: Sequence[str]) -> None:
    """Refuse a line that is not a header, another dataset's header, or one without the required columns.

    :param names: normalised names
    :raises NotTheFile: when not one of the names is a column of any dataset
    :raises SchemaDrift: when a required column is missing, or one occurs only in another service's files
    """
    for name in names:
        if name in dataset.foreign:
            raise SchemaDrift(
                f"This is not a file of {dataset.name}: the column {name} is only in files of "
                f"{dataset.foreign[name]}. Check the source."
            )
    found = _found(dataset, names)
    absent = [name for name in dataset.required if name not in found]
    if not absent:
        return
    others = [get_dataset(name) for name in dataset_names() if name != dataset.name]
    if not found and not any(_found(other, names) for other in others):
        raise NotTheFile(
            f"This is not a file of {dataset.name} with a header: its first line is {_listed(names)}, and "
            "none of these is the name of a column. Check the source, and fetch the file again."
        )
    like = [
        other.name
        for other in others
        if _found(other, names).issuperset(other.required) and other.foreign.keys().isdisjoint(names)
    ]
    advice = (
        f"It looks like a file of {' or '.join(like)}: check the source."
        if like
        else f"If TLC has renamed a column, add the new name to its aliases in {dataset.name}.yaml."
    )
    raise SchemaDrift(
        f"The file has no column for {', '.join(absent)}, which every file of {dataset.name} needs. It has "
        f"{_listed(names)}. {advice}"
    )


def check_policy(
    dataset: Dataset, missing: Sequence[str], unknown: Sequence[str], repeated: Sequence[str]
) -> None:
    """Refuse missing, unknown and repeated columns when the dataset says so.

    :raises SchemaDrift: naming them
    """
    file = f"{dataset.name}.yaml"
    if repeated and dataset.on_repeated == "fail":
        raise SchemaDrift(
            f"The file has more than one column for {_listed(repeated)}. Correct the file, or set "
            f"on_repeated to keep in {file}: the first column is used then, and the others go to unmapped."
        )
    if missing and dataset.on_missing == "fail":
        raise SchemaDrift(
            f"The file lacks the columns {_listed(missing)}, and {dataset.name} refuses files without them. "
            f"If TLC has dropped or renamed them, change {file}, or set on_missing to null in it."
        )
    if unknown and dataset.on_unknown == "fail":
        raise SchemaDrift(
            f"The file has the unknown columns {_listed(unknown)}, and {dataset.name} refuses files with "
            f"unknown columns. Describe them in {file}, or set on_unknown to keep in it."
        )


def _found(dataset: Dataset, names: Sequence[str]) -> set[str]:
    _, columns = assign(dataset, names)
    return {column.name for column in columns if column}


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name[:_LONGEST_NAME_SHOWN] for name in names[:_NAMES_SHOWN])
    return f"{shown} and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else shown
