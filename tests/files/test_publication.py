"""A source's answer about a month: whether it is the file that is known already, and its way through XCom."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from nyc_taxi.core.month import Month
from nyc_taxi.errors import NeverInSource, NotPublishedYet
from nyc_taxi.files.publication import Publication, State

CHANGED = datetime(2021, 3, 1, 12, 30, tzinfo=UTC)
FILE = Publication(
    dataset="green",
    month=Month("2021-01"),
    state=State.PUBLISHED,
    source="mirror",
    url="https://mirror.example/green_tripdata_2021-01.csv.gz",
    asked_at=datetime(2021, 4, 1, tzinfo=UTC),
    etag='"abc"',
    last_modified=CHANGED,
    bytes=1234,
)
KNOWN: dict[str, Any] = {"url": FILE.url, "etag": FILE.etag, "last_modified": CHANGED, "bytes": 1234}


@pytest.mark.parametrize(
    ("said", "known", "same"),
    [
        pytest.param({}, {}, True, id="all the same"),
        pytest.param({}, {"etag": '"def"'}, False, id="another tag"),
        pytest.param({}, {"last_modified": None, "bytes": None}, True, id="the tag is enough"),
        pytest.param({}, {"bytes": 99, "last_modified": None}, True, id="the tag decides"),
        pytest.param({"etag": None}, {}, True, id="no tag now: time and size agree"),
        pytest.param({}, {"etag": None}, True, id="no tag then: time and size agree"),
        pytest.param({"etag": ""}, {"etag": ""}, True, id="an empty tag is none"),
        pytest.param({"etag": None}, {"bytes": 1235}, False, id="another size"),
        pytest.param(
            {"etag": None}, {"last_modified": CHANGED + timedelta(seconds=1)}, False, id="another time"
        ),
        pytest.param(
            {"etag": None},
            {"last_modified": CHANGED.astimezone(timezone(timedelta(hours=-5)))},
            True,
            id="the same time in another zone",
        ),
        pytest.param({"etag": None, "bytes": None}, {"bytes": None}, False, id="size not known"),
        pytest.param(
            {"etag": None, "last_modified": None}, {"last_modified": None}, False, id="time not known"
        ),
        pytest.param({"etag": None}, {"last_modified": None, "bytes": None}, False, id="nothing known then"),
        pytest.param({}, {"url": "https://other.example/file"}, False, id="another address"),
        pytest.param({"state": State.NOT_YET}, {}, False, id="not there any more"),
    ],
)
def test_a_file_is_the_same_as_far_as_the_source_tells(
    said: dict[str, Any], known: dict[str, Any], same: bool
) -> None:
    assert replace(FILE, **said).same_file(**{**KNOWN, **known}) is same


@pytest.mark.parametrize(
    "publication",
    [
        pytest.param(FILE, id="published"),
        pytest.param(
            Publication(
                dataset="fhv",
                month=Month("2014-01"),
                state=State.NEVER,
                source="tlc",
                url="https://tlc.example/x",
                asked_at=datetime(2021, 4, 1, 8, 15, 30, 123456, tzinfo=timezone(timedelta(hours=2))),
                detail="The first month is 2015-01.",
            ),
            id="never",
        ),
    ],
)
def test_an_answer_comes_back_whole_from_json(publication: Publication) -> None:
    assert Publication.from_json(json.loads(json.dumps(publication.to_json()))) == publication


def test_json_holds_plain_values_only() -> None:
    """Airflow's serialisers treat a subclass of str in their own way."""
    assert {type(value) for value in FILE.to_json().values()} == {str, int}


@pytest.mark.parametrize(("state", "error"), [(State.NOT_YET, NotPublishedYet), (State.NEVER, NeverInSource)])
def test_a_file_that_is_not_there_is_an_error_with_the_source_s_own_words(
    state: State, error: type[Exception]
) -> None:
    assert FILE.require() is FILE
    with pytest.raises(error, match=r"^Wait a week\.$"):
        replace(FILE, state=state, detail="Wait a week.").require()
