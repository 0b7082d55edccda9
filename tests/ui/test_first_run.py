"""The first run: from nothing to a page that is found, and what the page says of the server's parts."""

from __future__ import annotations

import re
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.e2e.server_process import ServerProcess
from tests.sites.written import html, written_site
from tests.ui.driving import start_crawl

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


async def test_one_click_shows_a_row_and_a_hit_soon(page: Page, server: ServerProcess) -> None:
    await page.goto(server.url)
    await expect(page.get_by_test_id("run-example")).to_be_visible()
    clicked = time.monotonic()
    await page.get_by_test_id("run-example").click()
    await page.get_by_test_id("log-line").first.wait_for()
    first_line = time.monotonic() - clicked
    await page.get_by_role("link", name="Activity", exact=False).first.click()
    await page.get_by_test_id("task-row").first.wait_for()
    first_row = time.monotonic() - clicked
    await page.get_by_test_id("task-row").first.get_by_role("link").first.click()
    await expect(page.get_by_test_id("stage-stored")).to_contain_text(re.compile("[1-9]"))
    await page.keyboard.press("/")
    await page.get_by_test_id("search-input").fill("crawl")
    await page.keyboard.press("Enter")
    await page.get_by_test_id("hit").first.wait_for()
    first_hit = time.monotonic() - clicked
    print(f"first line {first_line:.2f} s, first row {first_row:.2f} s, first hit {first_hit:.2f} s")


async def test_a_part_that_is_missing_says_what_to_do(tmp_path: Path, page: Page, stack: AsyncExitStack) -> None:
    server = ServerProcess(tmp_path / "data", GLEANERY_BROWSER=str(tmp_path / "none"))
    await server.start()
    stack.push_async_callback(server.stop)
    await page.goto(server.url)
    await expect(page.get_by_test_id("part-database")).to_have_attribute("data-status", "ok")
    await expect(page.get_by_test_id("part-embedder")).to_have_attribute("data-status", "off")
    await expect(page.get_by_test_id("part-embedder")).to_contain_text("GLEANERY_EMBEDDER=local")
    await expect(page.get_by_test_id("part-browser")).to_have_attribute("data-status", "off")
    await expect(page.get_by_test_id("part-browser")).to_contain_text("make browser")
    await expect(page.get_by_role("list").last.get_by_role("listitem")).to_have_count(3)


async def test_with_a_source_the_start_leads_to_the_search(page: Page, server: ServerProcess) -> None:
    async with written_site({"/": html("Start")}) as site:
        await start_crawl(page, server, f"{site.url}/")
        await page.goto(server.url)
        await page.wait_for_url("**/search")
        await expect(page.get_by_test_id("search-input")).to_be_visible()
