"""The columns of all tables, from the code that creates them: the datasets, the load and dbt's models."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import yaml

from local.environment import CHECKOUT
from nyc_taxi.bigquery import schema as bigquery
from nyc_taxi.core.dataset import dataset_names, get_dataset
from nyc_taxi.postgres import schema as postgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MODELS: Final = CHECKOUT / "dbt_project" / "models"
_MIGRATION: Final = CHECKOUT / "plugins" / "nyc_taxi" / "postgres" / "migrations" / "0001_warehouse.sql"
_LOAD: Final = {
    "raw.taxi_zone_lookup": bigquery.ZONES,
    "ops.file_ledger": bigquery.LEDGER,
    "ops.rejected_rows": bigquery.REJECTED,
    "ops.quality_result": bigquery.QUALITY,
}


def trips() -> Iterator[tuple[str, str, Sequence[tuple[str, ...]]]]:
    """Give each trip table with its description and TLC's columns: types, other names, meaning."""
    for dataset in map(get_dataset, dataset_names()):
        rows = [
            (
                f"`{one.name}`", f"`{postgres.TYPES[one.type]}`", f"`{bigquery.TYPES[one.type]}`",
                ", ".join(f"`{alias}`" for alias in one.aliases), one.description,
            )
            for one in dataset.columns
        ]  # fmt: skip
        yield f"raw.{dataset.table}", f"{dataset.title}. {dataset.description}", rows


def load() -> Iterator[tuple[str, Sequence[tuple[str, ...]]]]:
    """Give each other table of the load with its columns: types and meaning."""
    ddl = _MIGRATION.read_text("utf-8")
    for table, text in _LOAD.items():
        found = re.search(rf"^create table {re.escape(table)} \((.*?)^\);?$", ddl, re.DOTALL | re.MULTILINE)
        body = found[1] if found else ""
        types = dict(re.findall(r"^ {4}(\w+) ([a-z]+(?: precision)?(?:\[\])?)", body, re.MULTILINE))
        yield (
            table,
            [
                (
                    f"`{one.name}`",
                    f"`{types[one.name]}`" if one.name in types else "",
                    f"`{one.field_type}{'[]' if one.mode == 'REPEATED' else ''}`",
                    one.description or "",
                )
                for one in bigquery.fields(text)
            ],
        )


def models() -> Iterator[tuple[str, str, Sequence[tuple[str, ...]]]]:
    """Give each table that dbt builds for users with its description and columns: Postgres type, meaning."""
    variables = yaml.safe_load((_MODELS.parent / "dbt_project.yml").read_text("utf-8"))["vars"]
    texts = "\n".join(file.read_text("utf-8") for file in sorted(_MODELS.rglob("*.md")))
    blocks = dict(re.findall(r"\{% docs (\w+) %\}\s*(.*?)\s*\{% enddocs %\}", texts, re.DOTALL))

    def plain(text: str) -> str:
        text = re.sub(r"\{\{ doc\('(\w+)'\) \}\}", lambda found: blocks[found[1]], text)
        of_target = r"\{\{ var\('(\w+)'\)\[target\.type\] \}\}"
        return re.sub(of_target, lambda found: variables[found[1]]["postgres"], text)

    for schema in ("marts", "ops"):
        for file in sorted((_MODELS / schema).glob("*.yml")):
            for model in yaml.safe_load(file.read_text("utf-8"))["models"]:
                rows = [
                    (f"`{one['name']}`", f"`{plain(one['data_type'])}`", plain(one["description"]))
                    for one in model["columns"]
                ]
                yield f"{schema}.{model['name']}", plain(model["description"]), rows
