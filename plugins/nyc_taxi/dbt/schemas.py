"""The schemas of dbt's models."""

from __future__ import annotations

import os


def dev_schema() -> str:
    """Return the prefix of the schemas of the target ``dev``."""
    return os.environ.get("DBT_DEV_SCHEMA", "dev")


def schema_of(layer: str, target: str) -> str:
    """Return the schema that the models of a layer have in a target.

    :param layer: their schema in the target ``prod``, such as ``marts``
    :param target: dbt's target, ``prod`` or ``dev``
    """
    return layer if target == "prod" else f"{dev_schema()}_{layer}"
