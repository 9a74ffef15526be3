"""What Google answers when it refuses, as one sentence with what to do."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError

from nyc_taxi.bigquery.failures import conflicts, failures
from nyc_taxi.errors import TaxiError, WarehouseBusy, WarehouseRefused, WarehouseUnreachable


def answer(reason: str) -> dict[str, Any]:
    return {"errors": [{"reason": reason}]}


@pytest.mark.parametrize(
    ("error", "kind", "advice"),
    [
        (exceptions.ServiceUnavailable("503"), WarehouseUnreachable, "then run this step again"),
        (exceptions.InternalServerError("500"), WarehouseUnreachable, "then run this step again"),
        (requests.ConnectionError("refused"), WarehouseUnreachable, "Check the network"),
        (TransportError("no route"), WarehouseUnreachable, "Check the network"),
        (exceptions.RetryError("120 s", Exception("last")), WarehouseUnreachable, "Check the network"),
        (RefreshError("invalid_grant"), WarehouseRefused, "gcloud auth application-default login"),
        (DefaultCredentialsError("none"), WarehouseRefused, "gcloud auth application-default login"),
        (exceptions.Unauthorized("401"), WarehouseRefused, "valid credentials"),
        (
            exceptions.Forbidden("Access Denied: Table p:d.t", **answer("accessDenied")),
            WarehouseRefused,
            "BigQuery Data Editor, BigQuery Job User and Storage Object Admin",
        ),
        (
            exceptions.Forbidden(
                "Billing has not been enabled for this project", **answer("billingNotEnabled")
            ),
            WarehouseRefused,
            "Link the project to a billing account",
        ),
        (
            exceptions.Forbidden("Quota exceeded: Your project exceeded quota", **answer("quotaExceeded")),
            WarehouseRefused,
            "Wait until the quota is renewed",
        ),
        (
            exceptions.BadRequest(
                "Query exceeded limit for bytes billed: 10485760. 20971520 or higher required."
            ),
            WarehouseRefused,
            "Raise maximum_bytes_billed",
        ),
        (
            exceptions.BadRequest(
                "Cannot read and write in different locations: source: EU, destination: US"
            ),
            WarehouseRefused,
            "location",
        ),
        (exceptions.NotFound("Not found: Dataset p:raw"), WarehouseRefused, "Run setup_gcp"),
        (exceptions.NotFound("The specified bucket does not exist."), WarehouseRefused, "Run setup_gcp"),
        (exceptions.TooManyRequests("429"), WarehouseBusy, "Run this step again"),
        (
            exceptions.Forbidden("Exceeded rate limits: too many", **answer("rateLimitExceeded")),
            WarehouseBusy,
            "Run this step again",
        ),
        (
            exceptions.BadRequest(
                "Could not serialize access to table p:ops.file_ledger due to concurrent update"
            ),
            WarehouseBusy,
            "Run this step again",
        ),
        (exceptions.BadRequest("Syntax error"), WarehouseRefused, "please report it"),
    ],
    ids=str,
)
def test_every_answer_is_one_sentence_and_what_to_do(
    error: Exception, kind: type[TaxiError], advice: str
) -> None:
    with pytest.raises(kind) as caught, failures("bigquery_taxi"):
        raise error
    said = str(caught.value)
    assert "bigquery_taxi" in said
    assert advice in said
    assert "\n" not in said


def test_an_address_and_the_details_of_a_job_are_left_out() -> None:
    text = (
        "GET https://bigquery.googleapis.com/v2/projects/p/queries/1?location=US&prettyPrint=false: "
        "nyc_taxi: something; reason: invalidQuery, message: nyc_taxi: something\n\nLocation: US\nJob ID: 1\n"
    )
    with pytest.raises(WarehouseRefused, match=r"refused a request: nyc_taxi: something\. "), failures("x"):
        raise exceptions.BadRequest(text)


@pytest.mark.parametrize(
    ("said", "again"),
    [
        ("Could not serialize access to table p:ops.t due to concurrent update", True),
        ("Resources exceeded: Too many DML statements outstanding against table p:ops.t, limit is 20", True),
        ("Transaction is aborted due to concurrent update against table p:ops.t", True),
        ("Syntax error: Expected end of input", False),
    ],
)
def test_only_statements_that_met_another_are_run_again(said: str, again: bool) -> None:
    assert conflicts(exceptions.BadRequest(said)) is again
