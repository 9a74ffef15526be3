"""Options that ``airflow dags backfill`` had in Airflow 2 and that nothing in Airflow 3 stands for.

Each is recognised and refused in one sentence that says what to use instead: a script written for
Airflow 2 is told what to change, rather than that an argument is unknown.
"""

from __future__ import annotations

from argparse import SUPPRESS, Action
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from nyc_taxi.cli.arguments import argument

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from airflow.cli.cli_config import Arg


@dataclass(frozen=True, slots=True)
class Retired:
    """An option of Airflow 2 that is refused.

    :param flags: its spellings, the short one first
    :param instead: the end of the sentence that refuses it: why, and what to use
    :param takes_value: whether a value follows it
    """

    flags: tuple[str, ...]
    instead: str
    takes_value: bool = False

    @property
    def sentence(self) -> str:
        """What is said when the option is given."""
        return f"{self.flags[-1]} is no longer an option of a backfill: {self.instead}"


RETIRED = (
    Retired(
        ("-t", "--task-regex"),
        "a backfill runs every task of its months, and `airflow tasks clear -t` runs single tasks again.",
        takes_value=True,
    ),
    Retired(
        ("-m", "--mark-success"),
        "a run is marked as successful on its page in the UI.",
    ),
    Retired(
        ("-l", "--local"),
        "the scheduler runs a backfill with the executor it has; `airflow taxi load` loads months here "
        "and without a scheduler.",
    ),
    Retired(
        ("-x", "--donot-pickle"),
        "DAGs are never pickled, so leave it out.",
    ),
    Retired(
        ("--continue-on-failures",),
        "the months of a backfill do not wait for each other and always go on, so leave it out.",
    ),
    Retired(
        ("--disable-retry",),
        "retries belong to the DAG's tasks; set `retries=0` there.",
    ),
    Retired(
        ("-i", "--ignore-dependencies"),
        "use `airflow tasks clear -t` without --upstream to run single tasks again.",
    ),
    Retired(
        ("-I", "--ignore-first-depends-on-past"),
        "a month's load does not wait for the month before it, so leave it out.",
    ),
    Retired(
        ("-S", "--subdir"),
        "DAG files are found through the DAG bundles of `[dag_processor] dag_bundle_config_list`.",
        takes_value=True,
    ),
    Retired(
        ("--pool",),
        "tasks keep the pools that the DAG gives them; --max-active-runs bounds how many months run at once.",
        takes_value=True,
    ),
    Retired(
        ("--delay-on-limit",),
        "the scheduler starts the next month as soon as --max-active-runs allows, so leave it out.",
        takes_value=True,
    ),
    Retired(
        ("-v", "--verbose"),
        "progress is always shown, so leave it out.",
    ),
    Retired(
        ("--treat-dag-id-as-regex",),
        "name one DAG, and call the command once for each.",
    ),
    Retired(
        ("--treat-dag-as-regex",),
        "name one DAG, and call the command once for each.",
    ),
)


class _Refuse(Action):
    """Ends the program with a sentence and the exit status of a usage error."""

    def __init__(self, *arguments: Any, sentence: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._sentence = sentence

    def __call__(self, parser: ArgumentParser, *_: Any, **__: Any) -> NoReturn:
        """Say why, and what to use instead."""
        parser.exit(2, f"{self._sentence}\n")


def retired_arguments() -> tuple[Arg, ...]:
    """Return the refused options as arguments of a command; its help does not show them."""
    return tuple(
        argument(
            *option.flags,
            nargs="?" if option.takes_value else 0,
            action=partial(_Refuse, sentence=option.sentence),
            default=SUPPRESS,
            help=SUPPRESS,
        )
        for option in RETIRED
    )
