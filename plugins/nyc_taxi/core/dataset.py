"""The datasets, each described by one YAML file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Literal

import yaml

from nyc_taxi.core.excerpt import quoted
from nyc_taxi.core.month import Month
from nyc_taxi.errors import ContractError

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML was built without libyaml, which is ten times as fast.
    from yaml import SafeLoader  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ColumnType = Literal["integer", "double", "text", "timestamp"]

_SPECS: Final = files(__package__).joinpath("datasets")
_PADDING: Final = " \t\r\n\v\f\u00a0\ufeff\"'"
_IGNORED: Final = dict.fromkeys(map(ord, " _-\u00a0"))


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a dataset's table.

    :param name: its name in the warehouse: TLC's own, in lower case
    :param type: what its values are
    :param description: what they mean, in one sentence
    :param aliases: other header names that mean this column
    """

    name: str
    type: ColumnType
    description: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """A layout that a dataset's files had for some time. A file has it when all its columns are there.

    :param name: when it was in use, and in which format
    :param columns: the columns of every file of this schema version
    :param first_month: the first month with such a file
    :param last_month: the last one; None while TLC publishes such files
    :param renames: header names that mean, in this schema version only, the column given here
    """

    name: str
    columns: tuple[str, ...]
    first_month: Month
    last_month: Month | None = None
    renames: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class RejectLimit:
    """How many rows of a file may be rejected; the file is refused when either bound is exceeded.

    :param rows: at most so many rows
    :param share: at most this share of the file's rows, 0 to 1
    """

    rows: int
    share: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What the audit of a month allows.

    :param neighbours: smallest and largest size, against the months around it, without a warning
    :param replaced: smallest size against the rows that the month holds already; below it is an error
    :param outside: share of pickups outside the month, 0 to 1, without a warning
    """

    neighbours: tuple[float, float]
    replaced: float
    outside: float


@dataclass(frozen=True, slots=True)
class Dataset:
    """Everything in which one dataset differs from another.

    :param name: its name, as in the names of its files
    :param title: what people call it
    :param description: what one row is
    :param first_month: the first month of which there is a file
    :param pickup: the column that holds when a trip began
    :param dropoff: the column that holds when a trip ended
    :param columns: the columns of its table, in order
    :param schema_versions: the layouts that its files have had; those of one month may be several
    :param on_unknown: ``keep`` puts a column that is not described into ``unmapped``, ``fail`` refuses the
        file
    :param on_repeated: when several names mean one column, ``keep`` uses the first and puts the others into
        ``unmapped``, ``fail`` refuses the file
    :param on_missing: when the file lacks a column that every file of its month has, ``fail`` refuses it,
        ``null`` fills the column with nulls
    :param required: columns without which a file is refused in any case
    :param rejects: how many of a file's rows may be rejected
    :param limits: what else the audit of a month allows
    :param filled: columns whose share of blank values is compared with that of other months
    :param foreign: header names that only another dataset's files have, with that dataset
    """

    name: str
    title: str
    description: str
    first_month: Month
    pickup: str
    dropoff: str
    columns: tuple[Column, ...]
    schema_versions: tuple[SchemaVersion, ...]
    on_unknown: Literal["keep", "fail"]
    on_repeated: Literal["keep", "fail"]
    on_missing: Literal["null", "fail"]
    required: tuple[str, ...]
    rejects: RejectLimit
    limits: Limits
    filled: tuple[str, ...]
    foreign: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def table(self) -> str:
        """Name of its table."""
        return f"{self.name}_tripdata"

    def versions_of(self, month: Month) -> tuple[SchemaVersion, ...]:
        """Return the layouts that files of a month have; all layouts for a month without any."""
        found = tuple(
            one
            for one in self.schema_versions
            if one.first_month <= month and (one.last_month is None or month <= one.last_month)
        )
        return found or self.schema_versions

    def column(self, name: str) -> Column:
        """Return the column of that name.

        :raises ContractError: when there is none
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise ContractError(f"The dataset {self.name} has no column {name}. Look at {self.name}.yaml.")


def normalise(header_name: str) -> str:
    """Return a header name as it is shown: in lower case, without padding, quotes and byte order mark."""
    return header_name.strip(_PADDING).lower()


def key(header_name: str) -> str:
    """Return what a header name is compared by: as it is shown, without blanks, underscores and dashes."""
    return normalise(header_name).translate(_IGNORED)


@cache
def dataset_names() -> tuple[str, ...]:
    """Return the names of all datasets, the one with the longest history first."""
    return tuple(sorted(_described(), key=lambda name: (_dataset(name).first_month, name)))


def get_dataset(name: str) -> Dataset:
    """Return the dataset of that name.

    :raises ContractError: when there is none, or its description is not valid
    """
    if name not in _described():
        known = ", ".join(dataset_names())
        raise ContractError(f"There is no dataset {quoted(name)}. The datasets are {known}.")
    return _dataset(name)


@cache
def _described() -> frozenset[str]:
    specs = (spec.name for spec in _SPECS.iterdir())
    return frozenset(name.removesuffix(".yaml") for name in specs if name.endswith(".yaml"))


@cache
def _dataset(name: str) -> Dataset:
    file = f"{name}.yaml"
    dataset = parse_dataset(_SPECS.joinpath(file).read_text("utf-8"), file)
    if dataset.name != name:
        raise ContractError(
            f"{file}, name: it is {dataset.name}. Give the file and the dataset the same name."
        )
    return dataset


def parse_dataset(text: str, where: str) -> Dataset:
    """Return the dataset that a YAML text describes.

    :param text: the description
    :param where: name of its file, for messages
    :raises ContractError: naming the file, the place in it and what is wrong there
    """
    spec = _valid(text, where)
    dataset = Dataset(
        name=spec["name"],
        title=spec["title"],
        description=spec["description"],
        first_month=Month(spec["first_month"]),
        pickup=spec["pickup"],
        dropoff=spec["dropoff"],
        columns=tuple(
            Column(each["name"], each["type"], each["description"], tuple(each.get("aliases", ())))
            for each in spec["columns"]
        ),
        schema_versions=tuple(
            SchemaVersion(
                each["name"],
                tuple(each["columns"]),
                Month(each["first_month"]),
                Month(each["last_month"]) if "last_month" in each else None,
                each.get("renames", {}),
            )
            for each in spec["schema_versions"]
        ),
        on_unknown=spec["on_unknown"],
        on_repeated=spec["on_repeated"],
        on_missing=spec["on_missing"],
        required=tuple(spec["required"]),
        rejects=RejectLimit(**spec["rejects"]),
        limits=Limits(**{**spec["limits"], "neighbours": tuple(spec["limits"]["neighbours"])}),
        filled=tuple(spec["filled"]),
        foreign=spec.get("foreign", {}),
    )
    for place, wrong in _contradictions(dataset):
        raise ContractError(f"{where}, {place}: {wrong}. Correct the file.")
    return dataset


def _valid(text: str, where: str) -> dict[str, Any]:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    try:
        spec = yaml.load(text, Loader=SafeLoader)
    except yaml.YAMLError as error:
        raise ContractError(f"{where} is not YAML: {error}. Correct the file.") from error
    schema = json.loads(_SPECS.joinpath("dataset.schema.json").read_text("utf-8"))
    wrong = best_match(Draft202012Validator(schema).iter_errors(spec))
    if wrong is not None:
        place = "/".join(map(str, wrong.absolute_path)) or "top level"
        raise ContractError(
            f"{where}, {place}: {wrong.message}. Correct the file; dataset.schema.json is its schema."
        )
    valid: dict[str, Any] = spec
    return valid


def _contradictions(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Yield what the JSON schema cannot check: parts of a description that contradict each other."""
    yield from _double_names(dataset)
    yield from _names_of_no_column(dataset)
    for place, name in (("pickup", dataset.pickup), ("dropoff", dataset.dropoff)):
        if not any(column.name == name and column.type == "timestamp" for column in dataset.columns):
            yield place, f"{name} is not a timestamp column"
    if dataset.pickup not in dataset.required:
        yield "required", f"the pickup column {dataset.pickup} is not among them"


def _double_names(dataset: Dataset) -> Iterator[tuple[str, str]]:
    meanings: dict[str, str] = {}
    for number, column in enumerate(dataset.columns):
        for name in (column.name, *column.aliases):
            if key(name) in meanings:
                yield f"columns/{number}", f"{name} already means {meanings[key(name)]}"
            meanings[key(name)] = column.name
    schema_versions = [schema_version.name for schema_version in dataset.schema_versions]
    for number, name in enumerate(schema_versions):
        if name in schema_versions[:number]:
            yield f"schema_versions/{number}", f"there is already a schema version {name}"


def _names_of_no_column(dataset: Dataset) -> Iterator[tuple[str, str]]:
    named: dict[str, tuple[str, ...]] = {"required": dataset.required, "filled": dataset.filled}
    for number, schema_version in enumerate(dataset.schema_versions):
        named[f"schema_versions/{number}/columns"] = schema_version.columns
        named[f"schema_versions/{number}/renames"] = tuple(schema_version.renames.values())
    columns = {column.name for column in dataset.columns}
    for place, names in named.items():
        for name in names:
            if name not in columns:
                yield place, f"{name} is not one of the columns"
