"""What a user does in Airflow's UI, from the form of a DAG to the page of a month.

The tests use different months, and each of them loads what it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from tests.browser.conftest import HANGS, visit

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

    PageOf = Callable[..., Page]

expect.set_options(timeout=HANGS)
COVERAGE = "/plugin/month-coverage"


def cell(page: Page, month: str, dag: str = "green_postgres") -> Locator:
    return page.locator(f'table[data-dag="{dag}"] [data-month="{month}"]')


def opened(page: Page) -> None:
    visit(page, COVERAGE, page.get_by_role("list", name="Legend"))


def backfill(page: Page, first: str, last: str) -> None:
    """Select months with the mouse, look at what would run, and create the backfill."""
    cell(page, first).click()
    if last != first:
        cell(page, last).click(modifiers=["Shift"])
    form = page.get_by_role("form", name="Backfill")
    form.get_by_role("button", name="Preview backfill").click()
    form.get_by_role("button", name="Load ").click()
    expect(page.get_by_text("The backfill of")).to_be_visible()


def test_a_month_is_loaded_with_the_form_and_its_graph_turns_green(page_of: PageOf) -> None:
    page = page_of()
    trigger = page.get_by_role("button", name="Trigger").first
    visit(page, "/dags/yellow_postgres", trigger)
    trigger.click()
    form = page.get_by_role("dialog")
    form.locator("#element_month").fill("2021-01")
    form.get_by_role("button", name="Trigger").click()
    expect(form).to_be_hidden()
    opened(page)
    expect(cell(page, "2021-01", "yellow_postgres")).to_have_attribute(
        "aria-label", "2021-01: Loaded, not yet in the marts, 1,000 rows"
    )
    cell(page, "2021-01", "yellow_postgres").click()
    page.get_by_role("region", name="Selected months").get_by_role("link", name="Run", exact=True).click()
    page.wait_for_url("**/dags/yellow_postgres/runs/**")
    expect(page.get_by_text("Success").first).to_be_visible()


def test_a_range_is_loaded_from_the_page_and_turns_and_its_month_is_described(
    page_of: PageOf, stack: dict[str, Any]
) -> None:
    page = page_of()
    page.get_by_role("button", name="Browse").click()
    page.get_by_role("menuitem", name="Month coverage").click()
    page.wait_for_url(f"**{COVERAGE}")
    opened(page)
    expect(cell(page, "2021-02")).to_have_attribute("data-state", "none")
    backfill(page, "2021-02", "2021-03")
    for month in ("2021-02", "2021-03"):
        expect(cell(page, month)).to_have_attribute("data-state", "stale")
    cell(page, "2021-03").hover()
    tip = page.get_by_role("tooltip")
    expect(tip).to_contain_text("Rows1,000")
    expect(tip).to_contain_text("Rejected rows1")

    cell(page, "2021-03").click()
    page.get_by_role("link", name="Open the month").click()
    expect(page.get_by_role("heading", name="Green taxi trips in Postgres: 2021-03")).to_be_visible()
    chart = page.get_by_role("img", name="Trips per day of 2021-03")
    expect(chart).to_be_visible()
    assert chart.locator("rect").count() == 31
    rejected = page.get_by_role("table", name="Rejected rows")
    expect(rejected).to_contain_text(stack["markup"])
    assert page.locator("main img").count() == 0
    assert "taken over" not in page.title()
    expect(page.get_by_role("table", name="Checks by attempt")).to_contain_text("row accounting")
    page.get_by_role("link", name="← 2021-02").click()
    expect(page.get_by_role("heading", name="Green taxi trips in Postgres: 2021-02")).to_be_visible()
    expect(page.get_by_text("No row of this month was rejected.")).to_be_visible()


def test_a_range_is_selected_with_the_keyboard(page_of: PageOf) -> None:
    page = page_of()
    opened(page)
    cell(page, "2020-03").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    selected = page.get_by_role("region", name="Selected months")
    expect(selected).to_contain_text("Green taxi trips in Postgres: 2019-05 to 2020-04")
    expect(page.locator('[data-dag="green_postgres"] [aria-pressed=true]')).to_have_count(12)
    assert page.locator('[data-dag="green_postgres"] [tabindex="0"]').count() == 1
    page.keyboard.press("Escape")
    expect(selected).to_be_hidden()


def test_a_month_without_a_file_waits_and_a_viewer_sees_it_and_cannot_load(page_of: PageOf) -> None:
    page = page_of()
    opened(page)
    backfill(page, "2020-12", "2020-12")
    expect(cell(page, "2020-12")).to_have_attribute("data-state", "waiting")

    visitor = page_of("visitor")
    opened(visitor)
    expect(cell(visitor, "2020-12")).to_have_attribute("data-state", "waiting")
    cell(visitor, "2020-12").click()
    selected = visitor.get_by_role("region", name="Selected months")
    expect(selected).to_contain_text("Your role may see the months, but not start a backfill.")
    assert selected.get_by_role("button").all_inner_texts() == ["Clear selection"]
    answer = visitor.request.post(
        "/api/v2/backfills",
        data={
            "dag_id": "green_postgres",
            "from_date": "2020-01-01T00:00:00Z",
            "to_date": "2020-01-01T00:00:00Z",
        },
    )
    assert answer.status == 403


def test_the_page_fits_a_narrow_window_and_the_dark_theme(page_of: PageOf) -> None:
    page = page_of(viewport={"width": 400, "height": 800}, color_scheme="dark")
    opened(page)
    table = page.locator('table[data-dag="green_postgres"]')
    expect(table).to_be_visible()
    box = table.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 400
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_the_home_page_has_the_last_years_and_leads_to_a_month(page_of: PageOf) -> None:
    page = page_of()
    month = page.get_by_role("link", name="2021-02: ").first
    visit(page, "/", month)
    month.click()
    page.wait_for_url("**/plugin/month-coverage?dag=*&month=2021-02")
    expect(page.get_by_role("heading", name="in Postgres: 2021-02")).to_be_visible()
