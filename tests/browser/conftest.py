"""A browser that is logged in to the stack that ``make test-browser`` has started."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Error, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Locator, Page

HANGS = 300_000
"""Milliseconds after which nothing is to be expected any more, on a machine that does much else."""


MOMENT = 60_000
"""Milliseconds after which a page that shows nothing is loaded again.

Chromium drops the requests that are on their way when the machine gets or loses a network, as with Docker.
"""


def visit(page: Page, path: str, wanted: Locator) -> None:
    """Open a page, and return when it shows something."""
    for last in (False, False, False, True):
        try:
            page.goto(path)
            wanted.wait_for(timeout=MOMENT)
        except Error:
            if last:
                raise
        else:
            return


@pytest.fixture(scope="session")
def stack() -> dict[str, Any]:
    """What is known of the stack: its address, its users, and the markup in one of its files."""
    known: dict[str, Any] = json.loads(os.environ["NYC_TAXI_STACK"])
    return known


@pytest.fixture(scope="session")
def browser(stack: dict[str, Any]) -> Iterator[Browser]:
    """Chromium, without a window."""
    with sync_playwright() as playwright:
        # The sandbox needs rights that a container rarely has, and only our own pages are opened.
        browser = playwright.chromium.launch(executable_path=stack["chromium"], args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page_of(browser: Browser, stack: dict[str, Any]) -> Iterator[Callable[..., Page]]:
    """Log in with the form, and give a page of that user's; an error of the page's script fails the test."""
    errors: list[str] = []
    contexts = []

    def log_in(user: str = "admin", **settings: Any) -> Page:
        context = browser.new_context(
            base_url=stack["url"], **{"viewport": {"width": 1300, "height": 900}, **settings}
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(HANGS)
        page.on("pageerror", lambda error: errors.append(f"{error} {error.stack}"))
        visit(page, "/", page.locator("input[name=username]"))
        page.locator("input[name=username]").fill(user)
        page.locator("input[name=password]").fill(stack["passwords"][user])
        page.locator("button[type=submit]").click()
        page.get_by_test_id("nav-sidebar").wait_for()
        return page

    yield log_in
    for context in contexts:
        context.close()
    assert [error for error in errors if "coverage.js" in error] == []
