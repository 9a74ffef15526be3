"""Arguments of the commands, and the types of their values; an invalid value is a usage error."""

from __future__ import annotations

import json
import re
from argparse import ArgumentTypeError
from datetime import datetime
from typing import Any

from airflow.cli.cli_config import Arg

from nyc_taxi.core.excerpt import quoted
from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.errors import InvalidMonth


def argument(*flags: str, **options: Any) -> Arg:
    """Return an argument of a command, described as for argparse."""
    return Arg(flags, **options)  # type: ignore[no-untyped-call]


def month_of_date(text: str) -> Month:
    """Read a month: ``2021-01``, a date in it, or a date and time in it. A time zone is ignored."""
    text = text.strip()
    try:
        return Month(text)
    except InvalidMonth:
        pass
    try:
        return Month.of(datetime.fromisoformat(text).date())
    except (ValueError, InvalidMonth):
        raise ArgumentTypeError(
            f"{quoted(text)} is not a month; write 2021-01, or a date in the month such as 2021-01-31"
        ) from None


def months(text: str) -> MonthRange:
    """Read months: ``2021-01`` or ``2021-01..2021-03``, both ends included."""
    try:
        named = MonthRange.parse(text)
    except InvalidMonth as error:
        # Airflow's parser appends ", see help above."
        raise ArgumentTypeError(str(error).removesuffix(".")) from None
    if named.last is None:
        raise ArgumentTypeError(
            f"the months {named} have no end; write for example {named.first}..{named.first}"
        )
    return named


def json_object(text: str) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ArgumentTypeError(f"{quoted(text)} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ArgumentTypeError(f'{quoted(text)} is not a JSON object such as {{"force": true}}')
    return value


def count(text: str) -> int:
    """Read a whole number of at least 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ArgumentTypeError(f"{quoted(text)} is not a whole number of at least 1")
    return number


def limit(text: str) -> int | None:
    """Read a whole number of at least 1, or ``all`` as None."""
    return None if text.strip().lower() == "all" else count(text)


def dag_id(text: str) -> str:
    """Read the id of a DAG."""
    if not re.fullmatch(r"[\w.-]{1,250}", text):
        raise ArgumentTypeError(f"{quoted(text)} is not the id of a DAG")
    return text


def names(text: str) -> tuple[str, ...]:
    """Read a list of names, separated by commas."""
    found = tuple(name for part in text.split(",") if (name := part.strip()))
    if not found:
        raise ArgumentTypeError(f"{quoted(text)} contains no name")
    return found
