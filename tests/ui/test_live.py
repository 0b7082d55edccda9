"""A crawl as it is seen in the browser: from its start, over kills and lost lines, to its end."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.e2e.server_process import ServerProcess
from tests.sites.discovery import HTML, Answer, offering_site, urlset
from tests.sites.gated import gated_site
from tests.ui.conftest import PATIENCE_MS
from tests.ui.driving import (
    STAGES,
    Frames,
    counts,
    divider_texts,
    log_reaches,
    log_seqs,
    received,
    start_crawl,
    stored_seqs,
)
from tests.ui.tasks import add_task, cancel

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

DIVIDER = re.compile(r"connection lost \d\d:\d\d:\d\d, caught up at \d\d:\d\d:\d\d, no lines missing")


async def test_the_example_becomes_searchable_with_one_click(page: Page, server: ServerProcess) -> None:
    await page.goto(server.url)
    await page.get_by_test_id("run-example").click()
    await page.wait_for_url("**/activity/*")
    await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed")
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
        await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed")
    assert await page.locator("[data-type=site_surveyed] .level").inner_text() == "note"
    await page.get_by_role("link", name="outside the start folder").click()
    await expect(page.get_by_test_id("reason-help")).to_contain_text("outside the folder of the start")
    rows = page.get_by_test_id("url-row")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("/blog/")
    await page.get_by_role("button", name="Failed 1").click()
    await expect(rows).to_contain_text("/docs/gone.html")
    await expect(page).to_have_url(re.compile(re.escape("?tab=pages&state=failed") + "$"))
    await page.get_by_role("button", name="Stored 2").click()
    await expect(rows).to_have_count(2)
    assert await rows.locator(".way").all_inner_texts() == ["start\nHTTP", "link\nHTTP"]


WATCH_COUNTS = """stages => {
    window.__seen = Object.fromEntries(stages.map(stage => [stage, []]));
    const look = () => {
        for (const stage of stages) {
            const text = document.querySelector(`[data-testid=stage-${stage}]`)?.innerText ?? '';
            const value = Number(text.replace(/\\D/g, ''));
            if (window.__seen[stage].at(-1) !== value) window.__seen[stage].push(value);
        }
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
    look();
}"""


async def test_counts_only_grow_and_end_equal(page: Page, server: ServerProcess) -> None:
    async with gated_site(60, open_to=0) as (site, gate):
        await start_crawl(page, server, f"{site.url}/guide/")
        await expect(page.get_by_test_id("stage-discovered")).to_contain_text("61")
        await page.evaluate(WATCH_COUNTS, list(STAGES))
        for opened in (20, 40, 60):
            await gate.open(opened)
            await expect(page.get_by_test_id("stage-stored")).to_contain_text(str(opened + 1))
        await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed")
        seen: dict[str, list[int]] = await page.evaluate("window.__seen")
        assert all(values == sorted(values) for values in seen.values()), seen
        assert {stage: values[-1] for stage, values in seen.items()} == dict.fromkeys(STAGES, 61)
        assert {21, 41} <= set(seen["stored"])


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
            await expect(page.get_by_test_id("connection")).not_to_have_attribute("data-state", "live")
            await server.start()
            await expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")
        await gate.open(45)
        await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed")
        assert await counts(page) == dict.fromkeys(STAGES, 46)
        assert await log_seqs(page) == await stored_seqs(server, task_id)
        dividers = await divider_texts(page)
        assert len(dividers) == 3
        assert all(DIVIDER.fullmatch(text) for text in dividers), dividers
        assert await page.evaluate("window.__notReloaded") is True
        assert site.counts["/guide/1.html"] == 1


async def test_ten_seconds_offline_are_caught_up(context: BrowserContext, page: Page, server: ServerProcess) -> None:
    async with gated_site(30, open_to=10) as (site, gate):
        task_id = await start_crawl(page, server, f"{site.url}/guide/")
        await expect(page.get_by_test_id("stage-stored")).to_contain_text("11")
        await page.evaluate("window.__notReloaded = true")
        await context.set_offline(True)
        await gate.open(20)
        state = page.get_by_test_id("connection")
        await expect(state).not_to_have_attribute("data-state", "live")
        await asyncio.sleep(10)  # what the test is about
        await context.set_offline(False)
        await expect(state).to_have_attribute("data-state", "live")
        await expect(page.locator(".banner")).to_have_count(0)
        await gate.open(30)
        await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed")
        assert await counts(page) == dict.fromkeys(STAGES, 31)
        assert await log_seqs(page) == await stored_seqs(server, task_id)
        assert len(await divider_texts(page)) == 1
        assert await page.evaluate("window.__notReloaded") is True


async def test_a_banner_comes_when_the_server_stays_away(page: Page, server: ServerProcess) -> None:
    await page.goto(f"{server.url}/activity")
    state = page.get_by_test_id("connection")
    await expect(state).to_have_attribute("data-state", "live")
    lost = asyncio.get_running_loop().time()
    await server.kill()
    await expect(state).to_have_text("Reconnecting…")
    assert await page.locator(".banner").count() == 0
    await expect(page.locator(".banner")).to_contain_text("catches up by itself")
    assert asyncio.get_running_loop().time() - lost > 9.5
    await expect(state).to_have_text("Offline")
    await server.start()
    await expect(state).to_have_text("Live")
    await expect(page.locator(".banner")).to_have_count(0)
    await expect(page.locator("[role=status].sr")).to_have_text("Connected, everything caught up")


SHOWN = """() => [...document.querySelectorAll('[data-testid^=stage-], [data-testid=status]')].map(some => some.innerText)"""


async def test_eight_tabs_end_alike(context: BrowserContext, page: Page, server: ServerProcess) -> None:
    async with gated_site(24, open_to=4) as (site, gate):
        task_id = await start_crawl(page, server, f"{site.url}/guide/")
        tabs = [page]
        for opened in range(6, 20, 2):
            await gate.open(opened)
            tabs.append(await context.new_page())
            await tabs[-1].goto(f"{server.url}/activity/{task_id}")
        await gate.open(24)
        for tab in tabs:
            await expect(tab.get_by_test_id("status")).to_have_attribute("data-status", "completed")
            await expect(tab.get_by_test_id("stage-stored")).to_contain_text("25")
        assert len({tuple(await tab.evaluate(SHOWN)) for tab in tabs}) == 1
        stored = await stored_seqs(server, task_id)
        assert [await log_seqs(tab) for tab in tabs] == [stored] * 8


# A headless browser calls every tab visible, so the page is told that it is hidden as a browser with windows would tell it.
TURN = """isHidden => {
    Object.defineProperty(document, 'hidden', { get: () => isHidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
}"""


async def _comes(page: Page, frames: Frames, count: int) -> None:
    """Until so many messages have come: the page hears of a task that it shows."""
    frames.clear()
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while len(frames) < count:
            await page.evaluate("new Promise(requestAnimationFrame)")


async def _within(seconds: float, frames: Frames) -> int:
    """How many messages come in that time: what the test is about."""
    frames.clear()
    await asyncio.sleep(seconds)
    return len(frames)


async def test_a_hidden_tab_is_left_in_peace_and_catches_up(page: Page, server: ServerProcess) -> None:
    frames = received(page)
    task_id = await add_task(server, "Steps", steps=100_000, seconds=0.02)
    await page.goto(f"{server.url}/activity/{task_id}")
    await log_reaches(page, 15)
    await _comes(page, frames, 5)
    await page.evaluate(TURN, True)
    async with asyncio.timeout(PATIENCE_MS / 1000):
        came = await _within(4, frames)
        while came > 4:  # what was under way when it left
            came = await _within(4, frames)
    await page.evaluate(TURN, False)
    await _comes(page, frames, 5)
    await cancel(server, task_id)
    await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "cancelled")
    assert await log_seqs(page) == await stored_seqs(server, task_id)
    assert await divider_texts(page) == []


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
    assert loop_time() - started < 15, "it waited for them to go"
