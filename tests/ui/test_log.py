"""The log of a task in the browser: tens of thousands of lines, of which only those in view are drawn."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.e2e.server_process import ServerProcess
from tests.ui.driving import log_reaches
from tests.ui.tasks import add_task, task_with_lines

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

LINES = 50_000
NODES = "box => box.querySelectorAll('*').length"


async def test_fifty_thousand_lines_take_two_hundred_nodes(page: Page, server: ServerProcess, tmp_path: Path) -> None:
    task_id = await task_with_lines(server, tmp_path / "data", LINES, errors_at=(77, 40_123))
    await page.goto(f"{server.url}/activity/{task_id}#line-300")
    log = page.get_by_role("log")
    await expect(page.get_by_test_id("line-detail")).to_contain_text("Line number300 tells of wombats")
    await expect(page.locator("[data-seq='300']")).to_be_in_viewport()
    assert await log.evaluate(NODES) <= 200
    await page.get_by_test_id("load-all").click()
    await expect(page.get_by_test_id("load-all")).to_have_count(0)
    for place in (0, 0.31, 0.77, 1):
        await log.evaluate("(box, place) => { box.scrollTop = place * box.scrollHeight }", place)
        seq = max(4, min(LINES - 3, int(place * LINES) + 3))
        await expect(page.locator(f"[data-seq='{seq}']")).to_have_count(1)
        assert await log.evaluate(NODES) <= 200
    search = page.get_by_role("searchbox", name="Search within the log")
    await search.fill("number31415")
    await expect(page.get_by_test_id("log-line")).to_have_count(1)
    await expect(page.get_by_test_id("log-line")).to_have_attribute("data-seq", "31415")
    assert "find=number31415" in page.url
    await search.fill("")
    await page.get_by_label("Errors only").check()
    await expect(page.get_by_test_id("log-line")).to_have_count(2)
    async with page.expect_download() as saving:
        await page.get_by_role("button", name="Download").click()
    saved = (await (await saving.value).path()).read_text().splitlines()
    assert [json.loads(line)["seq"] for line in saved] == list(range(1, LINES + 1))


async def test_errors_only_finds_those_that_are_far_back(page: Page, server: ServerProcess, tmp_path: Path) -> None:
    task_id = await task_with_lines(server, tmp_path / "data", 3_000, errors_at=(77, 2_999))
    await page.goto(f"{server.url}/activity/{task_id}")
    await expect(page.locator("[data-seq='3000']")).to_be_visible()
    await page.keyboard.press("e")
    await expect(page.get_by_test_id("log-line")).to_have_count(2)
    assert await page.get_by_test_id("log-line").first.get_attribute("data-seq") == "77"
    assert page.url.endswith("?only=errors")
    await page.reload()
    await expect(page.get_by_test_id("log-line")).to_have_count(2)
    await expect(page.get_by_label("Errors only")).to_be_checked()


async def test_the_log_follows_until_the_reader_scrolls_up(page: Page, server: ServerProcess) -> None:
    task_id = await add_task(server, "Steps", steps=2_000, seconds=0.02)
    await page.goto(f"{server.url}/activity/{task_id}")
    log = page.get_by_role("log")
    await log_reaches(page, 25)
    assert await log.get_attribute("aria-live") == "off"
    await log.evaluate("box => { box.scrollTop = 0 }")
    jump = page.get_by_test_id("jump-to-newest")
    await expect(jump).to_contain_text("new)")
    assert await log.evaluate("box => box.scrollTop") == 0
    await page.keyboard.press("f")
    await expect(jump).to_have_count(0)
    await log_reaches(page, 45)


async def test_lines_are_read_by_keys(page: Page, server: ServerProcess, tmp_path: Path) -> None:
    task_id = await task_with_lines(server, tmp_path / "data", 150)
    await page.goto(f"{server.url}/activity/{task_id}")
    await expect(page.locator("[data-seq='150']")).to_be_visible()
    await page.get_by_role("log").focus()
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_role("link", name="Line 150", exact=True)).to_be_focused()
    for _ in range(60):
        await page.keyboard.press("ArrowUp")
    await expect(page.get_by_role("link", name="Line 90", exact=True)).to_be_focused()
    await expect(page.locator("[data-seq='90']")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    detail = page.get_by_test_id("line-detail")
    await expect(detail).to_contain_text("Line number90 tells of wombats")
    await expect(page).to_have_url(re.compile(re.escape("#line-90") + "$"))
    await page.keyboard.press("ArrowDown")
    await expect(detail).to_contain_text("Line number91 tells of wombats")
    await page.keyboard.press("Escape")
    await expect(detail).to_have_count(0)
    await expect(page.get_by_role("link", name="Line 91", exact=True)).to_be_focused()
    await expect(page).not_to_have_url(re.compile("#"))
