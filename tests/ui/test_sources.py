"""The list of sources in the browser: what is told of each, its filters, its keys, and the ways in and out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Page, expect

from tests.api.client import Client
from tests.api.sites import SMALL, gated_ring
from tests.conftest import ServePages
from tests.e2e.server_process import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


@pytest.fixture
async def client(server: ServerProcess) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(server.url, session)


async def test_without_a_source_it_says_what_to_do(page: Page, server: ServerProcess) -> None:
    await page.goto(f"{server.url}/sources")
    await expect(page.get_by_text("No source yet.")).to_be_visible()
    await page.get_by_role("button", name="Crawl a site").click()
    await expect(page.get_by_role("dialog", name="New crawl")).to_be_visible()


async def test_filters_are_in_the_url_and_back_restores_them(
    page: Page, server: ServerProcess, client: Client, serve_pages: ServePages
) -> None:
    site = await serve_pages(SMALL)
    await client.crawl(f"{site.url}/index.html", tags=["fruit", "all"])
    await client.crawl(f"{site.url}/deep/c.html", tags=["deep", "all"], max_pages=1, refresh_every="24h")
    await page.goto(f"{server.url}/sources")
    rows = page.get_by_test_id("source-row")
    await expect(rows).to_have_count(2)
    await expect(rows.filter(has_text="Start")).to_contain_text("refreshed by hand")
    await expect(rows.filter(has_text="Cherries")).to_contain_text("next in 24 h")
    await page.get_by_role("button", name="fruit").click()
    await expect(rows).to_have_count(1)
    await expect(page).to_have_url(re.compile(re.escape("/sources?tag=fruit") + "$"))
    await expect(rows).to_contain_text("Start")
    await rows.get_by_role("link", name="Start", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Start")
    await page.go_back()
    await expect(rows).to_have_count(1)
    await page.get_by_role("button", name="fruit").click()
    await page.get_by_role("searchbox").fill("deep cherr")
    await expect(rows).to_have_count(1)
    await page.get_by_role("searchbox").fill("nothing like it")
    await expect(page.get_by_text("No source fits.")).to_be_visible()
    await page.get_by_role("link", name="Show all 2").click()
    await expect(rows).to_have_count(2)


async def test_j_k_and_enter_go_through_the_rows(
    page: Page, server: ServerProcess, client: Client, serve_pages: ServePages
) -> None:
    site = await serve_pages(SMALL)
    for path in ("index.html", "a.html", "b.html"):
        await client.crawl(f"{site.url}/{path}", max_pages=1)
    await page.goto(f"{server.url}/sources")
    await expect(page.get_by_test_id("source-row")).to_have_count(3)
    for key, name in (("j", "Bananas"), ("j", "Apples"), ("j", "Start"), ("j", "Start"), ("k", "Apples")):
        await page.keyboard.press(key)
        await expect(page.get_by_role("link", name=name, exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Apples")


async def test_a_crawl_that_runs_has_a_bar_and_a_failed_refresh_says_so(
    page: Page, server: ServerProcess, client: Client
) -> None:
    async with gated_ring(6) as gated:
        started = await client.start(gated.start)
        await client.until_stored(str(started["task_id"]), 1)
        await page.goto(f"{server.url}/sources")
        row = page.get_by_test_id("source-row")
        await expect(row.get_by_role("progressbar")).to_be_visible()
        await expect(row.get_by_role("button", name="Refresh Ring")).to_be_disabled()
        await gated.let(6)
        await expect(row.get_by_test_id("last-crawl")).to_have_text("Up to date")
    # The site is gone now.
    await row.get_by_role("button", name="Refresh Ring").click()
    await expect(row.get_by_test_id("status")).to_be_visible()
    task_id = str((await client.one("/tasks?limit=1"))["items"][0]["task_id"])
    assert (await client.call("PUT", f"/api/v1/tasks/{task_id}/cancel")).status == 200
    await expect(row.get_by_test_id("last-crawl")).to_have_text("Cancelled")


async def test_a_source_goes_out_as_a_file_and_comes_in_again(
    page: Page, server: ServerProcess, client: Client, serve_pages: ServePages, tmp_path: Path
) -> None:
    crawl = await client.crawl(f"{(await serve_pages(SMALL)).url}/index.html")
    await page.goto(f"{server.url}/sources/{crawl.source_id}")
    async with page.expect_download() as coming:
        await page.get_by_role("link", name="Export").click()
    file = tmp_path / "out.zip"
    await (await coming.value).save_as(file)
    assert (await client.delete(f"/sources/{crawl.source_id}")).status == 204

    await page.goto(f"{server.url}/sources")
    await page.get_by_role("button", name="Import…").click()
    await page.get_by_label("File (.gleanery.zip)").set_input_files(file)
    await page.get_by_role("dialog").get_by_role("button", name="Import").click()
    await page.wait_for_url("**/activity/*")
    await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed")
    await page.goto(f"{server.url}/sources")
    await expect(page.get_by_test_id("source-row")).to_contain_text("Start")
    [source] = await client.every("/sources")
    assert source["pages"] == crawl.task["result"]["pages"]
