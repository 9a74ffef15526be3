"""Who asks Google: the account of a key, the one of this machine, or one that it may act as."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import google.auth
from google.auth import impersonated_credentials
from google.auth.exceptions import GoogleAuthError
from google.oauth2.service_account import Credentials as ServiceAccount

from nyc_taxi.core.excerpt import quoted
from nyc_taxi.errors import WarehouseRefused

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

SCOPES: Final = ("https://www.googleapis.com/auth/cloud-platform",)
"""What an access token must allow; the roles of the account decide what it may do."""


def find_credentials(project: str, key: str | None = None, impersonate: str | None = None) -> Credentials:
    """Return Google's credentials; no request is sent, unless the machine itself has to be asked.

    :param project: id of the project that requests are counted for
    :param key: content of a service account's key file; None for the application default credentials, which
        are those of ``gcloud auth application-default login``, of the file that
        GOOGLE_APPLICATION_CREDENTIALS names, or of the machine or pod
    :param impersonate: e-mail address of a service account to act as; None for none
    :raises WarehouseRefused: when there are none, or the key is not one
    """
    found = _of_key(key) if key else _default(project)
    if not impersonate:
        return found
    if not impersonate.endswith(".gserviceaccount.com"):
        raise WarehouseRefused(
            f"{quoted(impersonate)} is not the e-mail address of a service account, as in "
            "loader@my-project.iam.gserviceaccount.com. Correct impersonate in the connection."
        )
    return impersonated_credentials.Credentials(found, impersonate, SCOPES, quota_project_id=project)


def _default(project: str) -> Credentials:
    try:
        found, _ = google.auth.default(scopes=SCOPES, quota_project_id=project)
    except GoogleAuthError as error:
        raise WarehouseRefused(
            "There are no Google credentials on this machine. Run gcloud auth application-default login, "
            "or give the connection a key file."
        ) from error
    return found


def _of_key(key: str) -> Credentials:
    """Return the credentials of a service account. No message repeats a part of the key."""
    try:
        content: Any = json.loads(key)
    except ValueError:
        content = None
    if not isinstance(content, dict) or "type" not in content:
        raise WarehouseRefused(
            "The connection's key is not the JSON of a service account's key file. Create one with gcloud "
            "iam service-accounts keys create, and give the connection its whole content."
        )
    if content["type"] != "service_account":
        raise WarehouseRefused(
            f"The connection's key is a file of the type {quoted(content['type'])}, not the key of a service "
            "account. Name its path in the environment variable GOOGLE_APPLICATION_CREDENTIALS instead, and "
            "remove it from the connection."
        )
    try:
        found: Credentials = ServiceAccount.from_service_account_info(content, scopes=SCOPES)
    except (ValueError, GoogleAuthError):
        raise WarehouseRefused(
            "The connection's key is incomplete or damaged. Download a new key of the service account, and "
            "give the connection its whole content."
        ) from None
    return found
