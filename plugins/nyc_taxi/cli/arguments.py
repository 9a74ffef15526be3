"""Arguments of the command line, and what their values may look like; anything else is a usage error."""

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
    """Return an argument of a command, from what argparse takes to describe one."""
    return Arg(flags, **options)  # type: ignore[no-untyped-call]


def month_of_date(text: str) -> Month:
    """Return the month that a text names: ``2021-01``, a date in it, or a date and time in it.

    The month is taken as it is written: a time zone does not move it.
    """
    text = text.strip()
    try:
        return Month(text)
    except InvalidMonth:
        pass
    try:
        return Month.of(datetime.fromisoformat(text).date())
    except (ValueError, InvalidMonth):
        raise ArgumentTypeError(
            f"{quoted(text)} names no month; write 2021-01, or any date of the month as 2021-01-31"
        ) from None


def months(text: str) -> MonthRange:
    """Return the months that a text names: ``2021-01`` or ``2021-01..2021-03``, both ends included."""
    try:
        named = MonthRange.parse(text)
    except InvalidMonth as error:
        # Airflow's parser goes on after it: ", see help above."
        raise ArgumentTypeError(str(error).removesuffix(".")) from None
    if named.last is None:
        raise ArgumentTypeError(f"the months {named} need an end, for example {named.first}..{named.first}")
    return named


def json_object(text: str) -> dict[str, Any]:
    """Return the JSON object that a text holds."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ArgumentTypeError(f"{quoted(text)} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ArgumentTypeError(f'{quoted(text)} is not a JSON object, such as {{"force": true}}')
    return value


def count(text: str) -> int:
    """Return a whole number from 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ArgumentTypeError(f"{quoted(text)} is not a whole number from 1")
    return number


def limit(text: str) -> int | None:
    """Return a whole number from 1, or None for ``all``."""
    return None if text.strip().lower() == "all" else count(text)


def role(text: str) -> str:
    """Return the name of a Postgres role."""
    if not text.strip() or not text.isprintable() or len(text.encode()) > 63:
        raise ArgumentTypeError(f"{quoted(text)} is no name of a role: 1 to 63 bytes, nothing unprintable")
    if text in {"public", "none"} or text.startswith("pg_"):
        raise ArgumentTypeError(f"{quoted(text)} is a name that Postgres keeps for itself")
    return text


def dag_id(text: str) -> str:
    """Return a text that can be the id of a DAG."""
    if not re.fullmatch(r"[\w.-]{1,250}", text):
        raise ArgumentTypeError(f"{quoted(text)} is not the id of a DAG")
    return text


def names(text: str) -> tuple[str, ...]:
    """Return the names in a comma-separated list, without blanks."""
    found = tuple(name for part in text.split(",") if (name := part.strip()))
    if not found:
        raise ArgumentTypeError(f"{quoted(text)} names nothing")
    return found
