"""The Airflow half of the BigQuery adapter: from its connection type to a warehouse."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from nyc_taxi.core.excerpt import quoted
from nyc_taxi.errors import TaxiError, WarehouseRefused
from nyc_taxi.hooks.connection import expected, without_id
from nyc_taxi.targets import get_target

# Nothing of Google is imported with this module: Airflow imports it in deployments that do not use it.
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow.sdk import Connection

    from nyc_taxi.bigquery.place import Place
    from nyc_taxi.bigquery.warehouse import BigQueryWarehouse
    from nyc_taxi.dbt.access import Access

_FIELDS: Final = (
    *("project", "bucket", "location", "prefix", "key_path", "keyfile_dict", "impersonate"),
    *("maximum_bytes_billed", "storage_endpoint", "bigquery_endpoint"),
)


class TaxiBigQueryHook(BaseHook):
    """Reaches a bucket of Cloud Storage and the datasets of BigQuery that its connection names.

    All settings are in the connection's extra. Credentials are the key in ``keyfile_dict`` or in the file
    ``key_path``; without one, the application default credentials of the machine or pod. With
    ``impersonate``, they are used to act as another service account.

    :param bigquery_conn_id: connection of the type ``nyc_taxi_bigquery``
    """

    conn_name_attr = "bigquery_conn_id"
    default_conn_name = get_target("bigquery").conn_id
    conn_type = "nyc_taxi_bigquery"
    hook_name = "Taxi warehouse (BigQuery)"

    def __init__(self, bigquery_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.bigquery_conn_id = bigquery_conn_id

    def place(self) -> Place:
        """Return the place that the connection names; no request is sent, unless for credentials.

        :raises WarehouseRefused: when a setting is missing, unknown or not valid
        :raises ConnectionNotFound: when Airflow does not find the connection
        """
        settings = self._settings()
        with _installed():
            from nyc_taxi.bigquery.credentials import find_credentials
            from nyc_taxi.bigquery.place import Place

        names = ("project", "bucket", "location", "prefix", "storage_endpoint", "bigquery_endpoint")
        place = Place(
            **{name: settings[name] for name in names if name in settings},
            maximum_bytes_billed=_whole(settings.get("maximum_bytes_billed")),
        )
        if place.emulated:
            return place
        key, impersonate = self._key(settings), settings.get("impersonate")
        return replace(place, credentials=find_credentials(place.project, key, impersonate))

    def warehouse(self) -> BigQueryWarehouse:
        """Return the warehouse; a request is sent when it is used."""
        place = self.place()
        from nyc_taxi.bigquery.warehouse import BigQueryWarehouse

        return BigQueryWarehouse(place, self.bigquery_conn_id)

    def set_up(self, *, landing_days: int | None = None) -> list[str]:
        """Create the bucket, the datasets and the tables that are missing, and return a sentence about each.

        :param landing_days: days after which a new bucket deletes the source's files; None for never
        :raises WarehouseRefused: when a name is taken, or a right, a location or billing is in the way
        """
        warehouse = self.warehouse()
        from nyc_taxi.bigquery.setup import set_up

        report = set_up(warehouse.place, warehouse.name, landing_days=landing_days)
        warehouse.prepare()
        return report

    def dbt_access(self) -> Access:
        """Return how dbt reaches the same project with the same credentials.

        :raises WarehouseRefused: when a setting is missing, unknown or not valid
        :raises ConnectionNotFound: when Airflow does not find the connection
        """
        place, settings = self.place(), self._settings()
        from nyc_taxi.bigquery.dbt_access import dbt_access

        return dbt_access(place, key=self._key(settings), impersonate=settings.get("impersonate"))

    def test_connection(self) -> tuple[bool, str]:
        """Return whether months can be loaded there, and what storage and BigQuery answered."""
        try:
            warehouse = self.warehouse()
            return True, replace(warehouse, name=warehouse.place.project).check()
        except TaxiError as error:
            return False, without_id(str(error), self.bigquery_conn_id)

    def _settings(self) -> dict[str, Any]:
        """Return the settings that are not empty."""
        with expected(self.bigquery_conn_id, self.conn_type):
            connection = self.get_connection(self.bigquery_conn_id)
        settings = self._extra(connection)
        if missing := [name for name in ("project", "bucket") if name not in settings]:
            raise WarehouseRefused(
                f"The connection {self.bigquery_conn_id} has no {' and no '.join(missing)}. Set it in the "
                "connection's extra."
            )
        if {"key_path", "keyfile_dict"} <= settings.keys():
            raise WarehouseRefused(
                f"The connection {self.bigquery_conn_id} has a key and the path of one. Remove key_path or "
                "keyfile_dict."
            )
        return settings

    def _extra(self, connection: Connection) -> dict[str, Any]:
        try:
            extra = json.loads(connection.extra or "{}")
        except ValueError:
            extra = None
        if not isinstance(extra, dict):
            raise WarehouseRefused(
                f"The extra of the connection {self.bigquery_conn_id} is not a JSON object like "
                '{"project": "my-project", "bucket": "my-bucket"}. Correct the connection.'
            )
        settings = {name: value for name, value in extra.items() if value not in (None, "")} if extra else {}
        if unknown := sorted(settings.keys() - set(_FIELDS)):
            raise WarehouseRefused(
                f"The extra of the connection {self.bigquery_conn_id} has {', '.join(unknown)[:100]!r}, "
                f"which is not used. Use {', '.join(_FIELDS)}."
            )
        return settings

    def _key(self, settings: Mapping[str, Any]) -> str | None:
        """Return the content of the key file, which is in no log from now on."""
        key = settings.get("keyfile_dict")
        if path := settings.get("key_path"):
            try:
                key = Path(path).read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                why = getattr(error, "strerror", None) or "it is not a text file"
                raise WarehouseRefused(
                    f"The key file {path} of the connection {self.bigquery_conn_id} cannot be read on this "
                    f"machine: {why}. Mount it on every machine that runs tasks, or correct key_path."
                ) from None
        if not key:
            return None
        text = key if isinstance(key, str) else json.dumps(key)
        _mask(text)
        return text


def _mask(key: str) -> None:
    """Keep a key, and each line of its private part, out of logs."""
    mask_secret(key)
    try:
        private = json.loads(key)["private_key"]
        lines = private.splitlines()
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    for line in (private, *lines):
        if "-----" not in line or line is private:
            mask_secret(line)


def _whole(value: Any) -> int | None:
    if value is None:
        return None
    try:
        return int(value)
    except (ValueError, TypeError):
        raise WarehouseRefused(
            f"maximum_bytes_billed of the connection is {quoted(value)}, which is not a whole number. "
            "Correct it."
        ) from None


@contextmanager
def _installed() -> Iterator[None]:
    """Say how to install Google's libraries when they are missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("google"):
            raise
        raise WarehouseRefused(
            f"The package {error.name} is not installed, which BigQuery needs. Install the provider with its "
            "extra: pip install 'airflow-provider-nyc-taxi[gcp]'."
        ) from error
