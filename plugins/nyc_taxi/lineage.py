"""What OpenLineage learns of a task: the file that it read, and the table that it wrote, with their rows.

OpenLineage is optional: its classes are imported only when its provider asks for an event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from nyc_taxi.core.dataset import get_dataset
from nyc_taxi.core.excerpt import shown
from nyc_taxi.load.attempt import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nyc_taxi.load.attempt import Attempt
    from nyc_taxi.load.warehouse import Warehouse
    from nyc_taxi.load.zones import LoadedZones

_ZONES: Final = (
    ("locationid", "integer", "TLC's number of the zone."),
    ("borough", "text", "The zone's borough; EWR for Newark airport."),
    ("zone", "text", "Name of the zone; a few names cover several zones."),
    ("service_zone", "text", "Which taxis may pick up there."),
)


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a task read and wrote, as OpenLineage's provider reads it from an operator.

    :param inputs: what was read
    :param outputs: what was written
    :param run_facets: facts about the run
    :param job_facets: facts about the task
    """

    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    run_facets: dict[str, Any] = field(default_factory=dict)
    job_facets: dict[str, Any] = field(default_factory=dict)


def of_month(attempt: Attempt | None, warehouse: Warehouse) -> Lineage:
    """Return the lineage of a publication.

    Only an attempt that was published has written to the table. One that was superseded has read its file in
    vain. Nothing was read when there is no attempt: the task failed, or the month was unchanged.

    :param attempt: the attempt that the task published, or tried to
    """
    if attempt is None:
        return Lineage()
    from openlineage.client.facet_v2 import (
        data_quality_metrics_input_dataset,
        dataset_version_dataset,
    )

    facets: dict[str, Any] = {}
    if attempt.sha256:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(attempt.sha256)
    rows = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
        columnMetrics={}, rowCount=attempt.rows_in_file, bytes=attempt.bytes
    )
    read = [_file(attempt.url, facets, {"dataQualityMetrics": rows})]
    if attempt.outcome is not Outcome.PUBLISHED:
        return Lineage(inputs=read)
    dataset = get_dataset(attempt.dataset)
    columns = [(column.name, column.type, column.description) for column in dataset.columns]
    written = _table(
        warehouse.address(f"raw.{dataset.table}"), dataset.description, columns, attempt.rows_loaded
    )
    return Lineage(inputs=read, outputs=[written])


def of_zones(zones: LoadedZones | None, warehouse: Warehouse) -> Lineage:
    """Return the lineage of the zone lookup: nothing when the task failed, or the table had its zones."""
    if zones is None or zones.url is None:
        return Lineage()
    about = "TLC's taxi zones: what the location ids of the trips mean."
    written = _table(warehouse.address("raw.taxi_zone_lookup"), about, _ZONES, zones.rows)
    return Lineage(inputs=[_file(zones.url, {}, {})], outputs=[written])


def _file(url: str, facets: dict[str, Any], input_facets: dict[str, Any]) -> Any:
    """Return a source's file under the name that OpenLineage gives to it, without secrets of the address."""
    from openlineage.client.event_v2 import InputDataset

    parts = urlsplit(shown(url))
    path = unquote(parts.path)
    if parts.scheme == "file":
        return InputDataset("file", path, facets=facets, inputFacets=input_facets)
    return InputDataset(f"{parts.scheme}://{parts.netloc}", path, facets=facets, inputFacets=input_facets)


def _table(
    address: tuple[str, str], about: str, columns: Iterable[tuple[str, str, str]], rows: int | None
) -> Any:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import (
        documentation_dataset,
        output_statistics_output_dataset,
        schema_dataset,
    )

    fields = [schema_dataset.SchemaDatasetFacetFields(name, type, text) for name, type, text in columns]
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=rows)
    return OutputDataset(
        *address,
        facets={
            "schema": schema_dataset.SchemaDatasetFacet(fields),
            "documentation": documentation_dataset.DocumentationDatasetFacet(about),
        },
        outputFacets={"outputStatistics": statistics},
    )
