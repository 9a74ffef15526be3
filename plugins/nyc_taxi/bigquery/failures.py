"""What Google's services answer when they refuse, as this package's errors: one sentence, and what to do."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import requests
from google.api_core import exceptions
from google.auth import exceptions as auth

from nyc_taxi.errors import (
    TaxiError,
    WarehouseBusy,
    WarehouseNotSetUp,
    WarehouseRefused,
    WarehouseUnreachable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERIALISE: Final = ("could not serialize access", "too many dml statements", "transaction is aborted due to")
"""Parts of what BigQuery says when statements that change the same rows met."""


@contextmanager
def failures(name: str) -> Iterator[None]:
    """Turn what Google's libraries raise in this context into errors of this package.

    :param name: what messages call the warehouse
    :raises WarehouseUnreachable: when nothing answers, or a service fails
    :raises WarehouseRefused: when a right, a name, a location, billing or a limit is in the way
    :raises WarehouseNotSetUp: when a bucket or a dataset is missing
    :raises WarehouseBusy: when too many statements change one table
    """
    try:
        yield
    except (auth.TransportError, exceptions.RetryError, exceptions.ServerError) as error:
        raise _unreachable(name, error) from error
    except (requests.ConnectionError, requests.Timeout, TimeoutError) as error:
        raise _unreachable(name, error) from error
    except auth.GoogleAuthError as error:
        raise WarehouseRefused(
            f"Google did not accept the credentials of the warehouse {name}: {_said(error)}. Run gcloud auth "
            "application-default login, or give the connection a valid key."
        ) from error
    except exceptions.GoogleAPICallError as error:
        raise _refused(name, error) from error


def conflicts(error: Exception) -> bool:
    """Return whether a statement changed nothing because others were changing the same table."""
    said = str(error).lower()
    return isinstance(error, exceptions.GoogleAPICallError) and (
        any(part in said for part in _SERIALISE) or reason(error) == "rateLimitExceeded"
    )


def reason(error: exceptions.GoogleAPICallError) -> str:
    """Return Google's own word for an error; empty when there is none."""
    for one in error.errors:
        if isinstance(one, dict) and one.get("reason"):
            return str(one["reason"])
    return ""


def _unreachable(name: str, error: Exception) -> WarehouseUnreachable:
    return WarehouseUnreachable(
        f"The warehouse {name} did not answer: {_said(error)}. Check the network and "
        "https://status.cloud.google.com, then run this step again."
    )


def _refused(name: str, error: exceptions.GoogleAPICallError) -> TaxiError:
    said, why = _said(error), reason(error)
    lower = said.lower()
    if conflicts(error) or isinstance(error, exceptions.TooManyRequests):
        return WarehouseBusy(
            f"The warehouse {name} has too many statements to run at once: {said}. Run this step again."
        )
    if "billing" in lower and ("not enabled" in lower or "disabled" in lower or "not been enabled" in lower):
        advice = "Link the project to a billing account; the free tier needs one, too."
    elif why == "quotaExceeded" or "quota exceeded" in lower:
        advice = "Wait until the quota is renewed, or ask Google for a higher one."
    elif why == "bytesBilledLimitExceeded" or "limit for bytes billed" in lower:
        advice = "Raise maximum_bytes_billed in the connection, if the query is worth it."
    elif "location" in lower and ("different" in lower or "was not found in location" in lower):
        advice = (
            "Bucket and datasets have to be in the connection's location. Correct it, or name others there."
        )
    elif isinstance(error, exceptions.Forbidden):
        advice = (
            "Grant the account the roles BigQuery Data Editor, BigQuery Job User and Storage Object Admin."
        )
    elif isinstance(error, exceptions.Unauthorized):
        advice = "Give the connection valid credentials, or run gcloud auth application-default login."
    elif isinstance(error, exceptions.NotFound):
        return WarehouseNotSetUp(
            f"The warehouse {name} lacks something: {said}. Run setup_gcp, which creates bucket and "
            "datasets, or correct the connection."
        )
    else:
        advice = "Nothing was published by this step; please report it."
    return WarehouseRefused(f"The warehouse {name} refused a request: {said}. {advice}")


def _said(error: Exception) -> str:
    """Return what a service said as one line, without the address of the request."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    lines = str(text).strip().splitlines()
    first = lines[0] if lines else type(error).__name__
    _, found, rest = first.partition("prettyPrint=false: ")
    return (rest if found else first).split("; reason:")[0].rstrip(" .")
