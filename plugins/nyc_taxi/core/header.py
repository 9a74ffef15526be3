"""From a file's header to the columns of the dataset: by name, and no value is dropped."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nyc_taxi.core.dataset import normalise
from nyc_taxi.errors import NotTheFile, SchemaDrift

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nyc_taxi.core.dataset import Column, Dataset

_BOM = b"\xef\xbb\xbf"
_LONGEST_HEADER = 1 << 16
_PROBED_RECORDS = 100


@dataclass(frozen=True, slots=True)
class Target:
    """Where the values of one position of the file go.

    :param column: the dataset's column; None when the values go to ``unmapped``
    :param name: the column's name, or the name under which ``unmapped`` keeps the values
    """

    column: Column | None
    name: str


@dataclass(frozen=True, slots=True)
class HeaderPlan:
    """What a file's header means.

    :param header: the names as the file writes them
    :param targets: one for each field of a row, surplus fields included
    :param missing: columns of the dataset that the file does not have
    :param unknown: names under which ``unmapped`` keeps the values of other columns
    :param era: the layout's name, or ``unknown``
    :param line_end: how rows end
    :param data_offset: bytes before the first row
    """

    header: tuple[str, ...]
    targets: tuple[Target, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    era: str
    line_end: bytes = b"\n"
    data_offset: int = 0

    @property
    def direct(self) -> bool:
        """Whether every field has a column of its own, so that rows can be copied as they are."""
        return all(target.column for target in self.targets)


def plan_names(dataset: Dataset, names: Sequence[str]) -> HeaderPlan:
    """Return the plan for a file that gives its columns these names.

    :raises SchemaDrift: when the dataset's policies do not accept the columns
    """
    wanted = [normalise(name) for name in names]
    era = next((era for era in dataset.eras if era.recognised_by <= set(wanted)), None)
    meaning = _meaning(dataset, era.renames if era else {})
    targets: list[Target] = []
    taken: set[str] = set()
    for position, name in enumerate(wanted, start=1):
        column = meaning.get(name)
        if column is None or column.name in taken:
            targets.append(Target(None, _unique(name or f"column_{position}", taken)))
        else:
            targets.append(Target(column, column.name))
        taken.add(targets[-1].name)
    plan = HeaderPlan(
        header=tuple(names),
        targets=tuple(targets),
        missing=tuple(column.name for column in dataset.columns if column.name not in taken),
        unknown=tuple(target.name for target in targets if target.column is None),
        era=era.name if era else "unknown",
    )
    _apply_policies(dataset, plan)
    return plan


def plan_csv(dataset: Dataset, first_block: bytes) -> HeaderPlan:
    """Return the plan for a CSV file.

    Padding, quotes, case and a byte order mark of the header, blank lines after it, and rows with more
    fields than names are understood. How rows end is told by the first row.

    :param first_block: the beginning of the uncompressed file, at least its header and first row
    :raises NotTheFile: when the beginning is no CSV header
    :raises SchemaDrift: when the dataset's policies do not accept the columns
    """
    start = len(_BOM) if first_block.startswith(_BOM) else 0
    end, offset = _header_end(first_block, start)
    names = _names(first_block[start:end])
    plan = plan_names(dataset, names)
    offset = _skip_blank_lines(first_block, offset)
    line_end = _line_end(first_block[offset:]) or _line_end(first_block[end:]) or b"\n"
    surplus = max(0, _widest(first_block[offset:], line_end) - len(names))
    taken = {target.name for target in plan.targets}
    extra: list[Target] = []
    for position in range(1, surplus + 1):
        extra.append(Target(None, _unique(f"surplus_{position}", taken)))
        taken.add(extra[-1].name)
    return HeaderPlan(
        header=plan.header,
        targets=(*plan.targets, *extra),
        missing=plan.missing,
        unknown=plan.unknown,
        era=plan.era,
        line_end=line_end,
        data_offset=offset,
    )


def _meaning(dataset: Dataset, renames: Mapping[str, str]) -> dict[str, Column]:
    """Return the dataset's columns by every name that a header may give them."""
    meaning = {spelling: column for column in dataset.columns for spelling in (column.name, *column.aliases)}
    return meaning | {spelling: dataset.column(name) for spelling, name in renames.items()}


def _unique(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def _apply_policies(dataset: Dataset, plan: HeaderPlan) -> None:
    found = ", ".join(plan.header)[:400]
    missing = [name for name in plan.missing if dataset.on_missing == "fail" or name in dataset.required]
    if missing:
        raise SchemaDrift(
            f"The file lacks {', '.join(missing)}, without which it is no file of {dataset.name}; its "
            f"columns are {found}. Check that it is the right dataset; if TLC renamed a column, add the new "
            f"name to its aliases in {dataset.name}.yaml."
        )
    if plan.unknown and dataset.on_unknown == "fail":
        raise SchemaDrift(
            f"The file has the columns {', '.join(plan.unknown)}, which {dataset.name} does not know; its "
            f"columns are {found}. Add them to {dataset.name}.yaml, or set on_unknown there to keep."
        )


def _header_end(block: bytes, start: int) -> tuple[int, int]:
    """Return where the header ends, and where the next line begins."""
    end = re.compile(rb"\r\n|\n|\r").search(block, start)
    if end is None:
        if len(block) > _LONGEST_HEADER or not block[start:].strip():
            raise _not_csv(block)
        return len(block), len(block)
    return end.start(), end.end()


def _names(line: bytes) -> list[str]:
    if len(line) > _LONGEST_HEADER or b"\0" in line:
        raise _not_csv(line)
    try:
        (names,) = csv.reader([line.decode()], strict=True)
    except (UnicodeDecodeError, csv.Error, ValueError):
        raise _not_csv(line) from None
    names = [name.strip().removeprefix("\ufeff").strip() for name in names]
    # A row of data has numbers and dates where a header has names.
    named = [name for name in names if re.match(r"[^\W\d]", name)]
    if not named or len(named) * 2 < len([name for name in names if name]) or line.lstrip().startswith(b"<"):
        raise _not_csv(line)
    return names


def _not_csv(content: bytes) -> NotTheFile:
    shown = re.sub(r"[^\x20-\x7e]+", " ", content[:120].decode("utf-8", "replace")).strip()
    return NotTheFile(
        f"The file does not begin with a CSV header but with {shown!r}. Look at the file at its source; "
        "an error page or a file of another kind may have taken its place."
    )


def _skip_blank_lines(block: bytes, offset: int) -> int:
    blank = re.compile(rb"[\r\n]*").match(block, offset)
    return blank.end() if blank else offset


def _line_end(block: bytes) -> bytes | None:
    """Return the first line end outside quotes."""
    quoted = False
    for found in re.finditer(rb'"|\r\n|\n|\r', block):
        if found[0] == b'"':
            quoted = not quoted
        elif not quoted:
            return found[0]
    return None


def _widest(block: bytes, line_end: bytes) -> int:
    """Return the number of fields that most of the first rows have, the block's cut last one left out."""
    lines = block.split(line_end, _PROBED_RECORDS)[:-1] or [block]
    widths: Counter[int] = Counter()
    for line in lines:
        if line.strip():
            try:
                widths.update(len(fields) for fields in csv.reader([line.decode("utf-8", "replace")]))
            except csv.Error:
                continue
    return widths.most_common(1)[0][0] if widths else 0
