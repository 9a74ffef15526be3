from __future__ import annotations

import json

import pytest

from nyc_taxi.core.dataset import dataset_names
from nyc_taxi.core.month import Month
from nyc_taxi.dbt.invocation import Command, DatasetMonth, Invocation
from nyc_taxi.errors import InvalidCommand, InvalidMonth

JANUARY, MARCH = DatasetMonth(Month("2021-01"), "green"), DatasetMonth(Month("2021-03"), "yellow")
OF_MARCH = tuple(DatasetMonth(Month("2021-03"), name) for name in dataset_names())
FORM = {"command": "build", "months": None, "full_refresh": False, "select": None, "target": "prod"}


def test_months_are_one_argument() -> None:
    words = Invocation(Command.BUILD, (JANUARY, MARCH), threads=3).arguments()

    assert words[0] == "build"
    assert words[words.index("--threads") + 1] == "3"
    assert json.loads(words[words.index("--vars") + 1]) == {"months": ["green 2021-01", "yellow 2021-03"]}


def test_a_selection_is_one_argument_a_node() -> None:
    words = Invocation(Command.TEST, select="fct_trips+ tag:nightly,path:models/marts").arguments()

    assert words[-3:] == ["--select", "fct_trips+", "tag:nightly,path:models/marts"]


@pytest.mark.parametrize(
    "select",
    ["--target dev", "-s x", "a; rm -rf /", "$(id)", "a`id`", "a\nb", "'a'", '"a"', "{{ a }}", "a|b", " "],
)
def test_what_is_no_selection_is_refused(select: str) -> None:
    with pytest.raises(InvalidCommand, match="not a selection of nodes"):
        Invocation(select=select)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"command": Command.TEST, "full_refresh": True}, "builds nothing"),
        ({"full_refresh": True, "months": (JANUARY,)}, "Leave the months empty"),
        ({"command": Command.DEBUG, "select": "a"}, "does not select nodes"),
        ({"target": "staging"}, "Choose one of: prod, dev"),
        ({"threads": 0}, "1 or more"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidCommand, match=says):
        Invocation(**arguments)  # type: ignore[arg-type]


def test_an_invocation_survives_xcom() -> None:
    wanted = Invocation(Command.RUN, (JANUARY,), select="a", target="dev", threads=7)

    assert Invocation.from_json(json.loads(json.dumps(wanted.to_json()))) == wanted


@pytest.mark.parametrize(
    ("form", "stale", "months"),
    [
        ({}, {MARCH, JANUARY}, (JANUARY, MARCH)),
        ({"months": "2021-03"}, {JANUARY}, OF_MARCH),
        ({"months": "2021-03"}, set(), OF_MARCH),
        ({"command": "test"}, {JANUARY}, ()),
        ({"command": "debug"}, {JANUARY}, ()),
        ({"full_refresh": True}, {JANUARY}, ()),
        ({"select": "dim_zones"}, set(), ()),
        ({"select": " "}, {JANUARY}, (JANUARY,)),
    ],
)
def test_the_months_to_build(
    form: dict[str, object], stale: set[DatasetMonth], months: tuple[DatasetMonth, ...]
) -> None:
    wanted = Invocation.of_form({**FORM, **form}, stale, threads=2)

    assert wanted is not None
    assert wanted.months == tuple(sorted(months))


@pytest.mark.parametrize("command", ["build", "run"])
def test_there_is_nothing_to_do_when_every_month_is_built(command: str) -> None:
    assert Invocation.of_form({**FORM, "command": command}, set(), threads=2) is None


def test_months_of_the_form_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(InvalidMonth, match="2021-13"):
        Invocation.of_form({**FORM, "months": "2021-13"}, set(), threads=2)
