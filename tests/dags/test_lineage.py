"""What OpenLineage is told of a publication, built from the client's own classes and sent as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.serde import Serde

from nyc_taxi import lineage
from nyc_taxi.assets import raw_asset
from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.operators.publish import PublishMonthOperator
from nyc_taxi.operators.zones import LoadZonesOperator
from tests.dags.conftest import ROWS
from tests.dags.test_operators import GREEN, PATH, Event, answer, audit, context, stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.file_server import FileServer

pytestmark = pytest.mark.usefixtures("connections")

RUN = "0192f3a1-0000-7000-8000-000000000000"


def publishing(staged: dict[str, Any]) -> PublishMonthOperator:
    return PublishMonthOperator(task_id="publish", **GREEN, staged=staged)


def event(operator: PublishMonthOperator | LoadZonesOperator) -> dict[str, Any]:
    """Return the event that the provider of OpenLineage makes of what an operator says."""
    found = operator.get_openlineage_facets_on_complete(None)
    made = RunEvent(
        eventTime="2026-01-01T00:00:00Z",
        producer="https://example.org",
        eventType=RunState.COMPLETE,
        run=Run(RUN, found.run_facets),
        job=Job("airflow", "green_postgres.publish", found.job_facets),
        inputs=found.inputs,
        outputs=found.outputs,
    )
    sent: dict[str, Any] = json.loads(Serde.to_json(made))
    return sent


def test_a_published_month_has_its_file_and_its_table_with_rows_schema_and_documentation(
    publish: Callable[..., None], files: FileServer, warehouse_uri: str
) -> None:
    publish("green", "2021-01")
    staged = stage(answer())
    audit(staged)
    operator = publishing(staged)
    before = event(operator)  # as when the task fails
    assert (before["inputs"], before["outputs"]) == ([], [])
    result = operator.execute(context(outlet_events={raw_asset("postgres"): Event()}))

    ((read,), (written,)) = (lambda sent: (sent["inputs"], sent["outputs"]))(event(operator))

    assert (read["namespace"], read["name"]) == (files.url, f"/{PATH}")
    assert read["facets"]["version"]["datasetVersion"] == result["sha256"]
    assert read["inputFacets"]["dataQualityMetrics"]["rowCount"] == ROWS
    server, _, database = warehouse_uri.rpartition("@")[2].partition("?")[0].partition("/")
    assert written["namespace"].rpartition(":")[2] == server.rpartition(":")[2]
    assert written["namespace"].startswith("postgres://")
    assert written["name"] == f"{database}.raw.green_tripdata"
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == result["rows_loaded"]
    fields = written["facets"]["schema"]["fields"]
    dataset = get_dataset("green")
    assert [(one["name"], one["type"], one["description"]) for one in fields] == [
        (column.name, column.type, column.description) for column in dataset.columns
    ]
    assert written["facets"]["documentation"]["description"] == dataset.description

    again = publishing(stage(answer()))
    again.execute(context(outlet_events={raw_asset("postgres"): Event()}))
    unchanged = event(again)
    assert (unchanged["inputs"], unchanged["outputs"]) == ([], [])


def test_a_superseded_month_has_read_its_file_and_written_nothing(publish: Callable[..., None]) -> None:
    publish("green", "2021-01")
    old = stage(answer())
    audit(old)
    publish("green", "2021-01", edition=2)
    new = stage(answer())
    audit(new)
    publishing(new).execute(context(outlet_events={raw_asset("postgres"): Event()}))
    late = publishing(old)
    result = late.execute(context(outlet_events={raw_asset("postgres"): Event()}))
    sent = event(late)
    assert result["outcome"] == "superseded"
    assert len(sent["inputs"]) == 1
    assert sent["outputs"] == []


def test_zones_have_lineage_only_when_they_were_loaded(files: FileServer, samples: Path) -> None:
    lookup = "misc/taxi_zone_lookup.csv"
    files.put(lookup, (samples / "1" / lookup).read_bytes())
    operator = LoadZonesOperator(task_id="load_zones", target="postgres")
    operator.execute(context())
    sent = event(operator)
    assert sent["inputs"][0]["name"] == "/misc/taxi_zone_lookup.csv"
    assert sent["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 265
    present = LoadZonesOperator(task_id="load_zones", target="postgres", only_if_missing=True)
    present.execute(context())
    assert event(present)["outputs"] == []


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("file:///data/green%20trips/a.csv", ("file", "/data/green trips/a.csv")),
        ("https://user:secret@host:8443/a.csv?token=secret", ("https://host:8443", "/a.csv")),
        ("gs://bucket/landing/a.csv.gz", ("gs://bucket", "/landing/a.csv.gz")),
    ],
)
def test_a_file_has_the_name_that_openlineage_gives_to_it_and_no_secret(
    url: str, named: tuple[str, str]
) -> None:
    read = lineage._file(url, {}, {})
    assert (read.namespace, read.name) == named
