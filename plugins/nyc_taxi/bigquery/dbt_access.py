"""A place in Google Cloud and its credentials, passed on to dbt as its profile reads them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from nyc_taxi.dbt.access import Access

if TYPE_CHECKING:
    from nyc_taxi.bigquery.place import Place

_OF_GOOGLE: Final = ("GOOGLE_", "CLOUDSDK_", "GCE_", "NO_GCE_")
"""How the variables begin by which Google's library finds credentials."""

_OF_THE_NETWORK: Final = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "REQUESTS_CA_BUNDLE")


def dbt_access(place: Place, *, key: str | None = None, impersonate: str | None = None) -> Access:
    """Return what dbt needs to reach a place. No request is sent.

    :param key: content of a service account's key file; None for the application default credentials
    :param impersonate: service account that dbt acts as, with these credentials
    """
    environment = {
        "NYC_TAXI_BIGQUERY_PROJECT": place.project,
        "NYC_TAXI_BIGQUERY_LOCATION": place.location,
        "NYC_TAXI_BIGQUERY_PREFIX": place.prefix,
        "NYC_TAXI_BIGQUERY_MAXIMUM_BYTES_BILLED": str(place.maximum_bytes_billed or 0),
        # One for each dataset that dbt describes, about a column that BigQuery's catalog lacks.
        "PYTHONWARNINGS": "ignore::RuntimeWarning",
    }
    if place.bigquery_endpoint is not None:
        return Access(
            {
                **environment,
                "NYC_TAXI_BIGQUERY_ENDPOINT": place.bigquery_endpoint,
                # An emulator looks at no credentials, and dbt has no method without any.
                "NYC_TAXI_BIGQUERY_METHOD": "oauth-secrets",
                "NYC_TAXI_BIGQUERY_TOKEN": "none",
            }
        )
    environment |= {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_OF_GOOGLE) or name in _OF_THE_NETWORK
    }
    if impersonate:
        environment["NYC_TAXI_BIGQUERY_IMPERSONATE"] = impersonate
    if key is None:
        return Access({**environment, "NYC_TAXI_BIGQUERY_METHOD": "oauth"})
    return Access(
        {**environment, "NYC_TAXI_BIGQUERY_METHOD": "service-account"}, {"NYC_TAXI_BIGQUERY_KEYFILE": key}
    )
