"""The profile ``pgadmin``, used as its web page does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.compose.stack import Compose

pytestmark = pytest.mark.slow

USER = "admin@example.com"


class Page:
    """A browser's session with pgAdmin."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def login(self, password: str) -> bool:
        """Submit the login form, and return whether it was accepted."""
        form = self._session.get(f"{self.url}/login", timeout=60).text
        token = re.findall(r'"csrfToken": "([^"]+)"', form)[0]
        self._session.headers["X-pgA-CSRFToken"] = token
        fields = {"email": USER, "password": password, "csrf_token": token, "internal_button": "Login"}
        answer = self._session.post(f"{self.url}/authenticate/login", data=fields, timeout=60)
        return answer.url == f"{self.url}/browser/"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request, and return the response."""
        answer = self._session.request(method, f"{self.url}/{path}", json=body, timeout=60)
        assert answer.ok, answer.text
        return answer.json()

    def query(self, group: str, server: str, text: str) -> Any:
        """Connect to a registered server without naming a password, and return the rows of a query."""
        database = self.ask("POST", f"browser/server/connect/{group}/{server}", {})["data"]
        place = f"42/{group}/{server}/{database['did']}"
        self.ask("POST", f"sqleditor/initialize/sqleditor/{place}", {"dbname": database["db"]})
        self.ask("POST", "sqleditor/query_tool/start/42", {"sql": text, "explain_plan": None})

        def answer() -> Any:
            state = self.ask("GET", "sqleditor/poll/42")["data"]
            return state if state["status"] == "Success" else None

        return eventually(answer)["result"]


@pytest.fixture(scope="module")
def pgadmin(stack: Compose) -> Iterator[str]:
    """The URL of a pgAdmin that was started for the first time."""
    with stack.with_profile("pgadmin") as output:
        assert f"pgAdmin runs at http://localhost:{stack.ports['PGADMIN_PORT']}" in output
        assert "with the password in secrets/pgadmin_password." in output
        yield stack.url("PGADMIN_PORT")


@pytest.fixture
def page(pgadmin: str) -> Page:
    """A new session, not logged in."""
    return Page(pgadmin)


def test_nobody_gets_in_without_the_password(stack: Compose, page: Page) -> None:
    assert not page.login(stack.secret("warehouse_password"))


def test_the_warehouse_is_registered_and_answers_without_a_password(stack: Compose, page: Page) -> None:
    assert page.login(stack.secret("pgadmin_password"))
    groups = {one["label"]: one["_id"] for one in page.ask("GET", "browser/server_group/nodes/")["data"]}
    group = groups["NYC taxi"]
    ((server, label),) = (
        (one["_id"], one["label"]) for one in page.ask("GET", f"browser/server/nodes/{group}/")["result"]
    )
    assert label == "warehouse"
    rows = page.query(group, server, "select current_user, count(*) from raw.taxi_zone_lookup")
    assert [row[0] for row in rows] == ["taxi"]


def test_what_a_person_saved_is_kept_in_a_volume(stack: Compose, pgadmin: str, page: Page) -> None:
    assert page.login(stack.secret("pgadmin_password"))
    page.ask("POST", "browser/server_group/obj/", {"name": "of my own"})
    stack.compose("rm", "--stop", "--force", "pgadmin")
    stack.compose("up", "--detach", "--no-build", "--wait", "pgadmin")
    page = Page(pgadmin)
    assert page.login(stack.secret("pgadmin_password"))
    groups = [one["label"] for one in page.ask("GET", "browser/server_group/nodes/")["data"]]
    assert groups.count("of my own") == groups.count("NYC taxi") == 1
