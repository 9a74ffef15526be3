"""What is known about each dataset: its columns, the names they had over the years, and its policies.

All of it is data, in ``datasets/<name>.yaml``; adding a dataset is adding a file there.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from dataclasses import dataclass, field
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import yaml

from nyc_taxi.core.month import Month
from nyc_taxi.errors import InvalidSpec, UnknownDataset

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

ColumnType = Literal["integer", "double", "text", "timestamp"]
"""Type of a column: 32-bit integer, 64-bit float, text, or New York wall clock without zone."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a dataset.

    :param name: its name in the warehouse: TLC's own in lower case
    :param type: its type
    :param description: one sentence about it
    :param aliases: other names that files have given it, in lower case
    """

    name: str
    type: ColumnType
    description: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Era:
    """One layout that a dataset's files have had.

    :param name: what the ledger calls it
    :param recognised_by: header names, all of which a file of this era has
    :param renames: columns by header name, where the name means another column in other eras
    """

    name: str
    recognised_by: frozenset[str]
    renames: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True)
class RejectLimit:
    """How many rows of a file may be refused before the file is; the smaller bound decides.

    :param rows: a number of rows
    :param share: a share of the file's rows, 0 to 1
    """

    rows: int
    share: float


@dataclass(frozen=True, slots=True)
class Dataset:
    """One kind of trip record.

    :param name: its name, which is part of file names and tables
    :param title: its name for people
    :param description: what its records are
    :param first_month: the first month that TLC ever published
    :param pickup: name of the column with the trip's start
    :param dropoff: name of the column with the trip's end
    :param columns: all columns of all eras, in the warehouse's order
    :param eras: its layouts; the first one that a header matches is the file's
    :param on_unknown: what to do with a column of the file that nothing here names
    :param on_missing: what to do about a column that the file lacks
    :param required: columns without which a file is refused
    :param rejects: how many rows may be refused
    """

    name: str
    title: str
    description: str
    first_month: Month
    pickup: str
    dropoff: str
    columns: tuple[Column, ...]
    eras: tuple[Era, ...]
    on_unknown: Literal["keep", "fail"]
    on_missing: Literal["null", "fail"]
    required: tuple[str, ...]
    rejects: RejectLimit

    @property
    def table(self) -> str:
        """Name of the dataset's table."""
        return f"{self.name}_tripdata"

    def column(self, name: str) -> Column:
        """Return the column of that name.

        :raises KeyError: when there is none
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def normalise(header_name: str) -> str:
    """Return a name as names are compared: without padding, quotes or byte order mark, in lower case."""
    return header_name.strip().removeprefix("\ufeff").strip().strip('"').strip().lower()


def _folder() -> Traversable:
    return files("nyc_taxi.core") / "datasets"


@functools.cache
def dataset_names() -> tuple[str, ...]:
    """Return the names of all datasets: yellow first, then the others in alphabetical order."""
    names = [path.name.removesuffix(".yaml") for path in _folder().iterdir() if path.name.endswith(".yaml")]
    return tuple(sorted(names, key=lambda name: (name != "yellow", name != "green", name)))


@functools.cache
def get_dataset(name: str) -> Dataset:
    """Return a dataset's description.

    :raises UnknownDataset: when there is no such dataset
    :raises InvalidSpec: when its file breaks the schema
    """
    if name not in dataset_names():
        raise UnknownDataset(f"{name!r} is not a dataset. Choose one of {', '.join(dataset_names())}.")
    text = (_folder() / f"{name}.yaml").read_text("utf-8")
    return read_spec(yaml.safe_load(text), f"{name}.yaml")


def read_spec(values: Any, where: str) -> Dataset:
    """Build a dataset from the content of its file.

    :param where: what messages call the file
    :raises InvalidSpec: saying where in the file what is wrong
    """
    import jsonschema

    schema = json.loads((_folder() / "dataset.schema.json").read_text("utf-8"))
    error = next(iter(jsonschema.Draft202012Validator(schema).iter_errors(values)), None)
    if error is not None:
        raise InvalidSpec(f"{where}, at {error.json_path}: {error.message}. Correct the file.")
    dataset = Dataset(
        **{
            **values,
            "first_month": Month(values["first_month"]),
            "required": tuple(values["required"]),
            "rejects": RejectLimit(**values["rejects"]),
            "columns": tuple(
                Column(**{**column, "aliases": tuple(column.get("aliases", ()))})
                for column in values["columns"]
            ),
            "eras": tuple(
                Era(era["name"], frozenset(era["recognised_by"]), MappingProxyType(era.get("renames", {})))
                for era in values["eras"]
            ),
        }
    )
    _check(dataset, where)
    return dataset


def _check(dataset: Dataset, where: str) -> None:
    """Refuse a description that contradicts itself."""
    names = [column.name for column in dataset.columns]
    spellings = Counter([*names, *(alias for column in dataset.columns for alias in column.aliases)])
    twice = [name for name, times in spellings.items() if times > 1]
    if twice:
        raise InvalidSpec(f"{where} gives the name {', '.join(twice)} to two columns. Keep one of them.")
    referred = {dataset.pickup, dataset.dropoff, *dataset.required}
    for era in dataset.eras:
        referred |= set(era.renames.values())
    unknown = sorted(referred - set(names))
    if unknown:
        raise InvalidSpec(f"{where} refers to {', '.join(unknown)}, which is none of its columns. Add it.")
