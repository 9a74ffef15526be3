"""Operators by themselves, against a real warehouse and a real file server."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from nyc_taxi.assets import raw_asset
from nyc_taxi.core.month import Month
from nyc_taxi.errors import ContractError, InvalidSource, NeverInSource, NotPublishedYet, SourceUnreachable
from nyc_taxi.hooks.tlc import NycTlcHook
from nyc_taxi.hooks.warehouse import warehouse
from nyc_taxi.links import DbtDocsLink, MonthLink, SourceFileLink, StartedRunLink
from nyc_taxi.load.stage import Staged
from nyc_taxi.operators.audit import AuditMonthOperator
from nyc_taxi.operators.dbt_docs import PublishDbtDocsOperator
from nyc_taxi.operators.load_again import LoadAgainOperator
from nyc_taxi.operators.publish import PublishMonthOperator
from nyc_taxi.operators.recheck import FindRepublishedOperator
from nyc_taxi.operators.stage import StageMonthOperator
from nyc_taxi.operators.zones import LoadZonesOperator
from tests.dags.conftest import ROWS
from tests.file_server import Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow.sdk import Asset, Context

    from tests.file_server import FileServer

    Publish = Callable[..., None]
    Use = Callable[[str], None]

pytestmark = pytest.mark.usefixtures("connections")
PATH = "green/green_tripdata_2021-01.csv.gz"
KEY = cast("Any", None)


class Event:
    """What a task tells the consumers of an asset."""

    def __init__(self) -> None:
        self.extra: dict[str, Any] = {}
        self.keys: list[str] = []

    def add_partitions(self, key: str) -> None:
        self.keys.append(key)


def context(**more: Any) -> Context:
    return cast(
        "Context", {"run_id": "manual__1", "ti": SimpleNamespace(dag_id="some_dag", try_number=1), **more}
    )


def answer(month: str = "2021-01") -> dict[str, Any]:
    return NycTlcHook().ask("green", Month(month)).to_json()


GREEN: dict[str, Any] = {"target": "postgres", "dataset": "green", "month": "2021-01"}
"""What every step of the green month is given."""


def stage(publication: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    arguments = {**GREEN, "month": None, "publication": publication, **more}
    return StageMonthOperator(task_id="stage", **arguments).execute(context())


def audit(staged: dict[str, Any] | None) -> dict[str, Any]:
    return AuditMonthOperator(task_id="audit", **GREEN, staged=staged).execute(context())


def publish_staged(staged: dict[str, Any] | None) -> tuple[dict[str, Any], Event]:
    events: dict[Asset, Event] = {raw_asset("postgres"): Event()}
    operator = PublishMonthOperator(task_id="publish", **GREEN, staged=staged)
    return operator.execute(context(outlet_events=events)), events[raw_asset("postgres")]


def load(month: str = "2021-01") -> None:
    staged = stage(answer(month))
    audit(staged)
    publish_staged(staged)


def aged(publication: dict[str, Any], minutes: int) -> dict[str, Any]:
    return {**publication, "asked_at": (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()}


def test_a_fresh_answer_is_not_asked_for_again(publish: Publish, files: FileServer) -> None:
    publish("green", "2021-01")
    fresh = answer()
    files.requests.clear()

    stage(aged(fresh, 14))

    assert files.count("HEAD") == 0


def test_a_cleared_stage_task_asks_again_and_takes_the_file_of_today(
    publish: Publish, files: FileServer
) -> None:
    publish("green", "2021-01")
    old = aged(answer(), 16)
    publish("green", "2021-01", edition=2)
    files.requests.clear()
    operator = StageMonthOperator(target="postgres", dataset="green", task_id="stage", publication=old)

    operator.execute(context())

    assert files.count("HEAD") == 1
    assert operator.publication is not None
    assert operator.publication["etag"] != old["etag"]


def test_a_second_try_asks_again_and_downloads_anew(
    samples: Path, files: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    whole = Reply((samples / "1" / PATH).read_bytes(), headers={"ETag": '"one"'})
    half = len(whole.body) // 2
    files.answer(PATH, whole)
    fresh = answer()
    files.answer(PATH, replace(whole, cut=half), Reply(status=403))
    operator = StageMonthOperator(target="postgres", dataset="green", task_id="stage", publication=fresh)
    with pytest.raises(SourceUnreachable):
        operator.execute(context())
    files.answer(PATH, whole)
    files.requests.clear()
    files.ranges.clear()

    staged = operator.execute(context(ti=SimpleNamespace(try_number=2)))

    assert staged["rows_loaded"] == ROWS
    assert files.requests == [("HEAD", f"/{PATH}"), ("GET", f"/{PATH}")]
    assert files.ranges == [None]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_taken_back_may_come_again(publish: Publish, files: FileServer) -> None:
    publish("green", "2021-01")
    old = aged(answer(), 60)
    files.remove(PATH)

    with pytest.raises(NotPublishedYet, match="the file is not there"):
        stage(old)


def test_a_source_that_lost_the_month_for_good_is_no_source(publish: Publish, source: Use) -> None:
    publish("green", "2021-01")
    old = aged({**answer(), "month": "2021-08"}, 60)
    source("mirror")

    with pytest.raises(NeverInSource):
        stage(old)


@pytest.mark.parametrize(
    ("force", "unchanged"), [("True", False), (True, False), ("False", True), (False, True)]
)
def test_force_is_true_or_false_in_words_or_not(publish: Publish, force: bool | str, unchanged: bool) -> None:
    publish("green", "2021-01")
    load()

    assert stage(answer(), force=force)["unchanged"] is unchanged


def test_an_unchanged_month_is_not_audited_and_told_about_all_the_same(publish: Publish) -> None:
    publish("green", "2021-01")
    load()

    staged = stage(answer())

    assert audit(staged) == staged
    done, event = publish_staged(staged)
    assert (done["outcome"], done["rows_loaded"], event.keys) == ("unchanged", ROWS, ["green|2021-01"])


def test_an_overtaken_load_is_a_success_and_told_about(publish: Publish) -> None:
    publish("green", "2021-01")
    slow = stage(answer())
    audit(slow)
    publish("green", "2021-01", edition=2)
    load()

    done, event = publish_staged(slow)

    assert (done["outcome"], event.keys) == ("superseded", ["green|2021-01"])


def test_the_audit_hands_on_what_was_staged_and_its_checks_are_kept(publish: Publish) -> None:
    publish("green", "2021-01")
    staged = stage(answer())

    assert audit(staged) == staged

    checks = warehouse("postgres").ledger.checks(Staged.from_json(staged).key)["load"]
    assert {check.outcome for check in checks} <= {"pass", "warn"}
    assert all(check.name and check.message for check in checks)


def test_a_task_that_is_killed_stops_at_once() -> None:
    with pytest.raises(KeyboardInterrupt, match="stopped from outside"):
        StageMonthOperator(target="postgres", dataset="green", task_id="stage", publication={}).on_kill()


def recheck() -> list[dict[str, Any]]:
    return FindRepublishedOperator(target="postgres", task_id="find_republished").execute(context())


def test_a_recheck_names_a_run_after_the_version_of_the_file(publish: Publish) -> None:
    publish("green", "2021-01")
    load()
    assert recheck() == []
    publish("green", "2021-01", edition=2)

    [run], again = recheck(), recheck()

    assert again == [run]
    assert (run["load_dag_id"], run["conf"]) == ("green_postgres", {"month": "2021-01"})
    assert run["load_run_id"].startswith("recheck__green_2021-01__")


def test_a_recheck_leaves_alone_what_came_from_elsewhere(
    publish: Publish, source: Use, samples: Path
) -> None:
    publish("green", "2021-01")
    load()
    source(str(samples / "2"))

    assert recheck() == []


def test_a_recheck_leaves_alone_what_is_not_published_any_more(publish: Publish, files: FileServer) -> None:
    publish("green", "2021-01")
    load()
    files.remove(PATH)

    assert recheck() == []


def test_a_recheck_goes_on_when_some_months_cannot_be_asked_about(
    publish: Publish, files: FileServer
) -> None:
    for month in ("2021-01", "2021-02"):
        publish("green", month)
        load(month)
    files.answer(PATH, Reply(status=503))
    publish("green", "2021-02", edition=2)

    assert [run["conf"]["month"] for run in recheck()] == ["2021-02"]


def test_a_recheck_fails_when_no_month_can_be_asked_about(publish: Publish, files: FileServer) -> None:
    publish("green", "2021-01")
    load()
    files.answer(PATH, Reply(status=503))

    with pytest.raises(SourceUnreachable):
        recheck()


def test_zones_that_no_source_has_are_an_error_of_the_last_one(source: Use, tmp_path: Path) -> None:
    source(f"{tmp_path}, /no/such/folder")

    with pytest.raises((InvalidSource, SourceUnreachable), match="/no/such/folder"):
        LoadZonesOperator(target="postgres", task_id="zones").execute(context())


def test_the_stage_task_links_to_a_file_that_a_browser_can_open(publish: Publish, files: FileServer) -> None:
    publish("green", "2021-01")
    operator = StageMonthOperator(target="postgres", dataset="green", task_id="stage", publication=answer())

    assert SourceFileLink().get_link(operator, ti_key=KEY) == f"{files.url}/{PATH}"
    operator.publication = {**answer(), "url": "file:///data/green.csv.gz"}
    assert SourceFileLink().get_link(operator, ti_key=KEY) == ""


def test_results_that_airflow_has_lost_are_found_again(publish: Publish) -> None:
    """Its database may fail between a result and the success of its task; no retry brings the result back."""
    publish("green", "2021-01")

    staged = stage(None, month="2021-01")
    audited = audit(None)
    done, event = publish_staged(None)

    assert [audited[name] for name in ("attempt", "rows_loaded")] == [staged["attempt"], ROWS]
    assert (done["outcome"], event.keys) == ("published", ["green|2021-01"])


def test_a_started_run_is_linked_to() -> None:
    operator = LoadAgainOperator(task_id="again", load_dag_id="green_postgres", load_run_id="r", conf={})

    assert StartedRunLink().get_link(operator, ti_key=KEY).endswith("/dags/green_postgres/runs/r")


def test_the_month_of_a_task_leads_to_its_page_also_when_the_task_failed(
    publish: Publish, files: FileServer, warehouse_uri: str
) -> None:
    publish("green", "2021-01")
    page = "/plugin/month-coverage?dag=green_postgres&month=2021-01"
    operator = StageMonthOperator(target="postgres", dataset="green", task_id="stage", publication=answer())
    assert MonthLink().get_link(operator, ti_key=KEY) == ""
    staged = operator.execute(context())
    assert MonthLink().get_link(operator, ti_key=KEY).endswith(page)
    done = PublishMonthOperator(task_id="publish", **GREEN, staged=staged)
    with pytest.raises(ContractError, match="Only an audited attempt can be published"):
        done.execute(context())
    assert MonthLink().get_link(done, ti_key=KEY).endswith(page)


def test_the_docs_of_dbt_have_a_link_once_they_are_published(monkeypatch: pytest.MonkeyPatch) -> None:
    from nyc_taxi.hooks.dbt_runs import DbtRuns

    key = cast("Any", SimpleNamespace(dag_id="transform_postgres"))
    operator = PublishDbtDocsOperator(task_id="publish_docs", target="postgres")
    assert DbtDocsLink().get_link(operator, ti_key=key) == ""
    monkeypatch.setattr(DbtRuns, "publish_docs", lambda *_: "file:///docs/transform_postgres.html")
    operator.execute(context(params={"target": "prod"}))
    assert DbtDocsLink().get_link(operator, ti_key=key).endswith("/nyc-taxi/dbt/transform_postgres")
