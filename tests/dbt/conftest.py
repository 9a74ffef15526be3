"""Warehouses with dbt on them, for the tests of one module."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.dbt.bigquery_mart import BigQueryMart
from tests.dbt.mart import Mart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.postgres import EmbeddedPostgres
    from tests.google_cloud import GoogleCloud


@pytest.fixture(scope="module")
def mart(
    postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, dbt_program: str
) -> Iterator[Mart]:
    """An empty warehouse with the zones, and nothing built."""
    name = f"mart_{uuid.uuid4().hex[:12]}"
    postgres_server.create_database(name)
    with Mart.open(postgres_server, name, tmp_path_factory.mktemp("dbt"), dbt_program) as mart:
        yield mart


@pytest.fixture(scope="module")
def bigquery_mart(
    google_cloud: GoogleCloud, tmp_path_factory: pytest.TempPathFactory, dbt_program: str
) -> BigQueryMart:
    """An empty warehouse on BigQuery with the zones, and nothing built."""
    return BigQueryMart.open(google_cloud.set_up(), tmp_path_factory.mktemp("dbt"), dbt_program)
