"""A crawl as it is seen in the browser: from its start, over kills and lost lines, to its end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.e2e.server_process import ServerProcess
from tests.sites.discovery import HTML, Answer, offering_site, urlset
from tests.sites.gated import gated_site
from tests.ui.driving import STAGES, counts, log_seqs, start_crawl, stored_seqs

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


async def test_the_example_becomes_searchable_with_one_click(page: Page, server: ServerProcess) -> None:
    await page.goto(server.url)
    await page.get_by_test_id("run-example").click()
    await page.wait_for_url("**/activity/*")
    await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed", timeout=30_000)
    await page.goto(f"{server.url}/search")
    await page.get_by_test_id("search-input").fill("crawl")
    await expect(page.get_by_test_id("hit").first).to_be_visible()
    assert await page.locator("mark").count() > 0
    assert [text.lower() for text in await page.locator("mark").all_inner_texts() if "crawl" not in text.lower()] == []


def _html(title: str, links: str = "") -> Answer:
    text = f"<p>{title} tells of wombats and of how they are fed.</p>"
    return Answer(f"<!doctype html><title>{title}</title><main><h1>{title}</h1>{text}{links}</main>", HTML)


async def test_a_preview_and_then_a_decision_for_every_url(page: Page, server: ServerProcess) -> None:
    answers: dict[str, Answer | str] = {
        "/robots.txt": "User-agent: *\nDisallow: /docs/secret\nSitemap: {url}/sitemap.xml",
        "/sitemap.xml": urlset("{url}/docs/", "{url}/docs/food.html", "{url}/docs/secret.html"),
        "/docs/": _html(
            "Wombats", '<a href="food.html">food</a> <a href="/blog/">blog</a> <a href="gone.html">gone</a>'
        ),
        "/docs/food.html": _html("Food"),
    }
    async with offering_site(answers) as site:
        await page.goto(server.url)
        await page.get_by_test_id("url-input").fill(f"{site.url}/docs/")
        await page.get_by_test_id("preview").click()
        found = page.get_by_test_id("preview-found")
        await expect(found).to_contain_text("links are followed")
        await expect(found).to_contain_text("sitemap with 3 pages")
        await page.get_by_test_id("start-crawl").click()
        await page.wait_for_url("**/activity/*")
        await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed", timeout=30_000)
    assert await page.locator("[data-type=site_surveyed] .level").inner_text() == "note"
    await page.get_by_role("link", name="outside the start folder").click()
    await expect(page.get_by_test_id("reason-help")).to_contain_text("outside the folder of the start")
    rows = page.get_by_test_id("url-row")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("/blog/")
    await page.get_by_role("button", name="Failed 1").click()
    await expect(rows).to_contain_text("/docs/gone.html")
    assert page.url.endswith("?tab=pages&state=failed")
    await page.get_by_role("button", name="Stored 2").click()
    await expect(rows).to_have_count(2)
    assert await rows.locator(".way").all_inner_texts() == ["start\nHTTP", "link\nHTTP"]


async def test_counts_grow_and_survive_a_reload(page: Page, server: ServerProcess) -> None:
    async with gated_site(40, open_to=15) as (site, gate):
        task_id = await start_crawl(page, server, f"{site.url}/guide/")
        await expect(page.get_by_test_id("stage-discovered")).to_contain_text("41")
        await expect(page.get_by_test_id("stage-stored")).to_contain_text("16")
        before = await counts(page)
        await page.reload()
        await expect(page.get_by_test_id("stage-stored")).to_contain_text("16")
        assert await counts(page) == before
        await gate.open(40)
        await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed")
        assert await counts(page) == dict.fromkeys(STAGES, 41)
        assert await log_seqs(page) == await stored_seqs(server, task_id)


async def test_three_kills_leave_no_gap_in_an_open_page(page: Page, server: ServerProcess) -> None:
    async with gated_site(45, open_to=10) as (site, gate):
        task_id = await start_crawl(page, server, f"{site.url}/guide/")
        await page.evaluate("window.__notReloaded = true")
        for opened in (10, 20, 30):
            await gate.open(opened)
            await expect(page.get_by_test_id("stage-stored")).to_contain_text(str(opened + 1))
            await server.kill()
            await expect(page.get_by_test_id("connection")).not_to_have_attribute("data-state", "live", timeout=20_000)
            await server.start()
            await expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live", timeout=20_000)
        await gate.open(45)
        await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed", timeout=20_000)
        assert await counts(page) == dict.fromkeys(STAGES, 46)
        assert await log_seqs(page) == await stored_seqs(server, task_id)
        assert await page.evaluate("window.__notReloaded") is True
        assert site.counts["/guide/1.html"] == 1


async def test_a_lost_network_is_caught_up(context: BrowserContext, page: Page, server: ServerProcess) -> None:
    async with gated_site(30, open_to=10) as (site, gate):
        task_id = await start_crawl(page, server, f"{site.url}/guide/")
        await expect(page.get_by_test_id("stage-stored")).to_contain_text("11")
        await context.set_offline(True)
        await gate.open(30)
        await expect(page.get_by_test_id("connection")).not_to_have_attribute("data-state", "live", timeout=30_000)
        await context.set_offline(False)
        await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed", timeout=30_000)
        assert await log_seqs(page) == await stored_seqs(server, task_id)


async def test_cancel_takes_two_clicks_and_keeps_what_was_stored(page: Page, server: ServerProcess) -> None:
    async with gated_site(30, open_to=5) as (site, _):
        await start_crawl(page, server, f"{site.url}/guide/")
        await expect(page.get_by_test_id("stage-stored")).to_contain_text("6")
        await page.get_by_test_id("cancel").click()
        await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "running")
        await page.get_by_test_id("cancel").click()
        await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "cancelled")
        await expect(page.get_by_test_id("stage-stored")).to_contain_text("6")


async def test_hostile_pages_run_nothing_and_every_route_keeps_the_policy(page: Page, server: ServerProcess) -> None:
    payload = (
        "<p>poisonword <img src=x onerror=window.__xss=1> &lt;script&gt;window.__xss=2&lt;/script&gt; "
        '<a href="javascript:window.__xss=3">click</a></p><script>window.__xss=4</script>'
        "<pre><code>&lt;img src=x onerror=window.__xss=5&gt;\n[x](javascript:window.__xss=6)</code></pre>"
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    async with gated_site(2, open_to=2, body=payload) as (site, _):
        task_id = await start_crawl(page, server, f"{site.url}/guide/")
        await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed")
        await page.goto(f"{server.url}/search?q=poisonword")
        await expect(page.get_by_test_id("hit").first).to_be_visible()
        sources: Any = (await server.get("/api/v1/sources"))["items"]
        source_id = sources[0]["source_id"]
        pages: Any = (await server.get(f"/api/v1/sources/{source_id}/pages"))["items"]
        for route in (
            "/activity",
            f"/activity/{task_id}",
            "/sources",
            f"/sources/{source_id}",
            f"/sources/{source_id}/pages/{pages[0]['page_id']}",
        ):
            await page.goto(f"{server.url}{route}")
            await expect(page.locator("h1").first).to_be_visible()
            assert await page.evaluate("window.__violations") == []
            assert await page.evaluate("window.__xss") is None
    assert [url for url in asked if not url.startswith((server.url, "data:", "blob:"))] == []


async def test_shutdown_with_open_tabs_is_quick(context: BrowserContext, server: ServerProcess) -> None:
    for _ in range(3):
        tab = await context.new_page()
        await tab.goto(f"{server.url}/activity")
        await expect(tab.get_by_test_id("connection")).to_have_attribute("data-state", "live")
    loop_time = asyncio.get_running_loop().time
    started = loop_time()
    assert await server.stop() == 0
    assert loop_time() - started < 3
