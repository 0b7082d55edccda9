"""The list of all tasks: its order, its filters, its keys, and pages back in time."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.e2e.server_process import ServerProcess
from tests.ui.tasks import add_task, ended

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


async def titles(page: Page) -> list[str]:
    return await page.get_by_test_id("task-row").locator("a.b").all_text_contents()


async def test_nothing_has_run_yet(page: Page, server: ServerProcess) -> None:
    await page.goto(f"{server.url}/activity")
    await expect(page.locator("main")).to_contain_text("Nothing has run yet.")
    await page.get_by_role("button", name="Start a crawl").click()
    await expect(page.get_by_role("dialog")).to_be_visible()


async def test_what_needs_attention_is_first_and_filters_are_in_the_url(page: Page, server: ServerProcess) -> None:
    await ended(server, await add_task(server, "Done early", steps=1, seconds=0))
    await ended(server, await add_task(server, "Broken", steps=1, seconds=0, fail_at=1, max_retries=0))
    await ended(server, await add_task(server, "Done late", steps=1, seconds=0))
    await add_task(server, "Busy", steps=100, seconds=60)
    await page.goto(f"{server.url}/activity")
    rows = page.get_by_test_id("task-row")
    await expect(rows).to_have_count(4)
    await expect(rows.nth(1).get_by_test_id("status")).to_have_attribute("data-status", "running")
    assert await titles(page) == ["Broken", "Busy", "Done late", "Done early"]
    await expect(page.locator(".head")).to_contain_text("1 running · 1 needs attention")
    await page.get_by_role("button", name="Ended 2").click()
    assert await titles(page) == ["Done late", "Done early"]
    await page.get_by_role("searchbox").fill("early")
    await expect(rows).to_have_count(1)
    await expect(page).to_have_url(re.compile(re.escape("/activity?q=early&show=ended") + "$"))
    await rows.locator("a.b").click()
    await page.wait_for_url("**/activity/tsk_*")
    await page.go_back()
    await expect(rows).to_have_count(1)
    assert await page.get_by_role("searchbox").input_value() == "early"
    await page.get_by_role("searchbox").fill("nothing like it")
    await expect(page.locator("main")).to_contain_text("No task matches the filter.")
    await page.goto(f"{server.url}/activity?type=crawl")
    await expect(page.locator("main")).to_contain_text("No task matches the filter.")


async def test_keys_steer_the_selected_row(page: Page, server: ServerProcess) -> None:
    await ended(server, await add_task(server, "Broken", steps=1, seconds=0, fail_at=1, max_retries=0))
    busy = await add_task(server, "Busy", steps=1000, seconds=0.1)
    await page.goto(f"{server.url}/activity")
    rows = page.get_by_test_id("task-row")
    await expect(rows).to_have_count(2)
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await expect(rows.nth(1).locator("a.b")).to_be_focused()
    await page.wait_for_url(f"**/activity?row={busy}")
    status = page.locator(f"[data-task-id={busy}]").get_by_test_id("status")
    await expect(status).to_have_attribute("data-status", "running")
    await page.keyboard.press("p")
    await expect(status).to_have_attribute("data-status", "paused")
    await page.keyboard.press("p")
    await expect(status).to_have_attribute("data-status", "running")
    await page.keyboard.press("x")
    await expect(page.get_by_role("button", name="Cancel?")).to_be_visible()
    await expect(status).to_have_attribute("data-status", "running")
    await page.keyboard.press("x")
    await expect(status).to_have_attribute("data-status", "cancelled")
    await page.keyboard.press("r")
    await expect(status).to_have_attribute("data-status", "running")
    await page.keyboard.press("k")
    await expect(rows.nth(0).locator("a.b")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("Broken")
    await page.go_back()
    await expect(page.locator("li.selected a.b")).to_have_text("Broken")


async def test_pages_back_in_time_and_a_failure_of_long_ago(page: Page, server: ServerProcess) -> None:
    await ended(server, await add_task(server, "Broken long ago", steps=1, seconds=0, fail_at=1, max_retries=0))
    started = [await add_task(server, f"Done {number}", steps=1, seconds=0) for number in range(110)]
    for task_id in started:
        await ended(server, task_id)
    await page.goto(f"{server.url}/activity")
    rows = page.get_by_test_id("task-row")
    await expect(rows).to_have_count(51)
    await expect(rows.first).to_contain_text("Broken long ago")
    await expect(page.get_by_role("button", name="Ended 50+")).to_be_visible()
    older = page.get_by_test_id("older")
    await older.click()
    await expect(rows).to_have_count(101)
    await older.click()
    await expect(rows).to_have_count(111)
    await expect(older).to_have_count(0)
    assert sorted(await titles(page)) == sorted(["Broken long ago", *(f"Done {number}" for number in range(110))])
