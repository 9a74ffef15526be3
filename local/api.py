"""A client of Airflow's REST API for the local stack and its tests."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import requests

from local.errors import LocalError

_SECONDS = 120


class ApiFailed(LocalError):
    """Airflow's API refused a request or did not answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class AirflowApi:
    """A session with the API of one Airflow.

    :param url: address of the api-server, without a trailing slash
    :param user: name of a user of the simple auth manager
    :param password: that user's password
    """

    url: str
    user: str
    password: str = field(repr=False)
    _session: requests.Session = field(default_factory=requests.Session, repr=False)

    def __post_init__(self) -> None:
        self._session.trust_env = False  # no proxy for a server of this machine

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def health(self) -> dict[str, str]:
        """Return the status of each component; empty if the api-server does not answer."""
        try:
            answer = self._session.get(f"{self.url}/api/v2/monitor/health", timeout=5)
            parts: dict[str, dict[str, str]] = answer.json()
        except (requests.RequestException, ValueError):
            return {}
        return {name: part.get("status") or "" for name, part in parts.items()}

    def get(self, path: str, **query: Any) -> Any:
        """Read something below ``/api/v2/``."""
        return self._request("GET", path, params=query)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Create something below ``/api/v2/``."""
        return self._request("POST", path, json=body)

    def patch(self, path: str, body: dict[str, Any], **query: Any) -> Any:
        """Change something below ``/api/v2/``."""
        return self._request("PATCH", path, json=body, params=query)

    def put(self, path: str) -> Any:
        """Request an action below ``/api/v2/``."""
        return self._request("PUT", path)

    def dags(self) -> list[str]:
        """Return the names of all DAGs that Airflow has parsed."""
        return [dag["dag_id"] for dag in self.get("dags", limit=1000)["dags"]]

    def import_errors(self) -> list[str]:
        """Return the errors of all DAG files that fail to import."""
        return [error["stack_trace"] for error in self.get("importErrors")["import_errors"]]

    def unpause(self, pattern: str = "%") -> None:
        """Unpause the DAGs whose names match a pattern of SQL's ``like``; all of them by default."""
        self.patch("dags", {"is_paused": False}, update_mask="is_paused", dag_id_pattern=pattern)

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a manual run without a logical date, as the trigger form does, and return its id."""
        run = self.post(f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf or {}})
        run_id: str = run["dag_run_id"]
        return run_id

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return a run."""
        run: dict[str, Any] = self.get(f"dags/{dag_id}/dagRuns/{run_id}")
        return run

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        found = self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", limit=1000)
        instances: list[dict[str, Any]] = found["task_instances"]
        return instances

    def wait(self, dag_id: str, run_id: str, seconds: float = 300) -> str:
        """Return the final state of a run.

        :raises ApiFailed: if it has not ended in time
        """
        end = time.monotonic() + seconds
        while (state := self.run(dag_id, run_id)["state"]) not in ENDED:
            if time.monotonic() > end:
                raise ApiFailed(f"{dag_id} {run_id} is still {state} after {seconds:g} s.")
            time.sleep(0.1)
        return str(state)

    def _request(self, method: str, path: str, **how: Any) -> Any:
        for attempt in (1, 2):
            if "Authorization" not in self._session.headers:
                self._log_in()
            answer = self._send(method, f"{self.url}/api/v2/{path}", **how)
            if answer.status_code == requests.codes.unauthorized and attempt == 1:
                del self._session.headers["Authorization"]
                continue
            break
        return _content(answer)

    def _log_in(self) -> None:
        answer = self._send(
            "POST", f"{self.url}/auth/token", json={"username": self.user, "password": self.password}
        )
        self._session.headers["Authorization"] = f"Bearer {_content(answer)['access_token']}"

    def _send(self, method: str, url: str, **how: Any) -> requests.Response:
        try:
            return self._session.request(method, url, timeout=_SECONDS, **how)
        except requests.RequestException as error:
            raise ApiFailed(f"Airflow does not answer at {self.url}: {error}") from error


ENDED = frozenset({"success", "failed"})
"""Final states of a run."""


def _content(answer: requests.Response) -> Any:
    if not answer.ok:
        raise ApiFailed(
            f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text[:500]}",
            answer.status_code,
        )
    return answer.json() if answer.content else None
