"""One task in the browser: its commands, its limits while it runs, what went wrong and what helps, its URLs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import Locator, Page, expect

from tests.api.client import API, Client
from tests.api.sites import page as html_page
from tests.e2e.server_process import ServerProcess
from tests.sites import run
from tests.sites.discovery import HTML, Answer, offering_site
from tests.sites.gated import gated_site
from tests.ui.driving import STAGES, counts, held_commands, log_seqs, start_crawl, stored_seqs

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


@pytest.fixture
async def client(server: ServerProcess, stack: AsyncExitStack) -> Client:
    return Client(server.url, await stack.enter_async_context(aiohttp.ClientSession()))


def status(page: Page) -> Locator:
    return page.get_by_test_id("status")


async def shows(page: Page, state: str) -> None:
    await expect(status(page)).to_have_attribute("data-status", state)


def told(page: Page) -> Locator:
    return page.get_by_test_id("what-happened")


@asynccontextmanager
async def counted(page: Page, path: str) -> AsyncIterator[list[str]]:
    """The requests that the page sends to a path that ends so, while this is open."""
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith(path) else None)
    yield sent


async def test_pause_and_resume_are_told_at_once_and_sent_once(page: Page, server: ServerProcess) -> None:
    async with gated_site(30, open_to=5) as (site, gate):
        await start_crawl(page, server, f"{site.url}/guide/")
        await expect(page.get_by_test_id("stage-stored")).to_have_text("6")
        async with counted(page, "/pause") as pauses:
            async with held_commands(page):
                await page.get_by_test_id("pause").dblclick()
                await expect(page.get_by_test_id("pause")).to_be_disabled()
                await expect(page.get_by_test_id("pause")).to_have_text("Pausing…")
                await page.keyboard.press("p")
            await shows(page, "paused")
        assert len(pauses) == 1
        await expect(told(page)).to_contain_text("Paused: it stays so until it is resumed or cancelled")
        await expect(told(page)).to_contain_text("25 addresses wait")
        paused_for = await page.get_by_text(re.compile(r"· ran ")).inner_text()
        await page.reload()
        await shows(page, "paused")
        assert _ran(await page.get_by_text(re.compile(r"· ran ")).inner_text()) == _ran(paused_for)
        await gate.open(30)
        await page.keyboard.press("p")
        await shows(page, "completed")
        assert await counts(page) == dict.fromkeys(STAGES, 31)


def _ran(story: str) -> str:
    return story.split("· ran ")[1].split(" · ")[0]


async def test_cancel_by_key_takes_two_and_esc_takes_it_back(page: Page, server: ServerProcess) -> None:
    async with gated_site(30, open_to=5) as (site, _), counted(page, "/cancel") as cancels:
        await start_crawl(page, server, f"{site.url}/guide/")
        await expect(page.get_by_test_id("stage-stored")).to_have_text("6")
        await page.keyboard.press("x")
        await expect(page.get_by_test_id("cancel")).to_have_text("Yes, cancel it")
        await page.keyboard.press("Escape")
        await expect(page.get_by_test_id("cancel")).to_have_text("Cancel")
        await shows(page, "running")
        await page.keyboard.press("x")
        await page.keyboard.press("x")
        await page.keyboard.press("x")
        await shows(page, "cancelled")
        await expect(told(page)).to_contain_text("6 pages stored before that stay searchable")
        assert len(cancels) == 1
        await expect(page.get_by_test_id("pause")).to_have_count(0)
        await expect(page.get_by_test_id("cancel")).to_have_count(0)
        await expect(page.get_by_test_id("change-limits")).to_have_count(0)


async def test_what_another_client_asks_shows_here_too(page: Page, server: ServerProcess, client: Client) -> None:
    async with gated_site(30, open_to=5) as (site, _):
        task_id = await start_crawl(page, server, f"{site.url}/guide/")
        await expect(page.get_by_test_id("stage-stored")).to_have_text("6")
        await client.call("PATCH", f"{API}/knowledge/crawls/{task_id}", json={"max_pages": 77})
        await client.post(f"/tasks/{task_id}/pause", {})
        await shows(page, "paused")
        await page.keyboard.press("l")
        await expect(page.get_by_label("Pages at most")).to_have_value("77")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await client.put(f"/tasks/{task_id}/cancel")
        await shows(page, "cancelled")


async def test_raised_limits_take_effect_while_it_runs(page: Page, server: ServerProcess) -> None:
    async with gated_site(30, open_to=3) as (site, gate):
        task_id = await start_crawl(page, server, f"{site.url}/guide/")
        await expect(page.get_by_test_id("stage-stored")).to_have_text("4")
        await set_limit(page, "Pages at most", "10")
        await expect(page.locator("[data-type=task_changed]")).to_contain_text("max_pages 10,000 → 10")
        await gate.open(8)
        await expect(page.get_by_test_id("stage-stored")).to_have_text("9")
        await set_limit(page, "Pages at most", "20")
        await gate.open(30)
        await shows(page, "completed")
        await expect(page.get_by_test_id("stage-stored")).to_have_text("20")
        await expect(told(page)).to_contain_text("It stopped at its limit of 20 pages: 11 addresses left.")
        assert await log_seqs(page) == await stored_seqs(server, task_id)
        await page.get_by_role("tab", name="Settings used").click()
        await expect(page.locator(".settings")).to_contain_text("max pages20")


async def test_a_lowered_limit_says_what_follows_and_stops_there(page: Page, server: ServerProcess) -> None:
    async with gated_site(30, open_to=6) as (site, gate):
        await start_crawl(page, server, f"{site.url}/guide/")
        await expect(page.get_by_test_id("stage-stored")).to_have_text("7")
        await page.get_by_test_id("change-limits").click()
        await page.get_by_label("Pages at most").fill("5")
        await expect(page.get_by_role("dialog")).to_contain_text("7 pages are stored already and stay")
        await page.get_by_label("Pages fetched at once").fill("20")
        await page.get_by_test_id("set-limits").click()
        await expect(page.get_by_role("alert")).to_contain_text("This must be 8 at most")
        await expect(page.get_by_label("Pages fetched at once")).to_have_attribute("aria-invalid", "true")
        await page.get_by_label("Pages fetched at once").fill("")
        await page.get_by_test_id("set-limits").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await gate.open(30)
        await shows(page, "completed")
        await expect(page.get_by_test_id("stage-stored")).to_have_text("7")


async def set_limit(page: Page, label: str, text: str) -> None:
    await page.get_by_test_id("change-limits").click()
    await page.get_by_label(label).fill(text)
    await page.get_by_test_id("set-limits").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)


GROW = """() => {
    window.__seen = {};
    window.__fell = [];
    const look = () => {
        for (const name of ['discovered', 'fetched', 'extracted', 'chunked', 'stored']) {
            const text = document.querySelector(`[data-testid=stage-${name}]`)?.textContent ?? '';
            if (!/^[0-9,]+$/.test(text)) continue;
            const count = Number(text.replaceAll(',', ''));
            if (count < (window.__seen[name] ?? 0)) window.__fell.push([name, window.__seen[name], count]);
            window.__seen[name] = count;
        }
    };
    new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


async def test_counts_only_grow_and_end_equal(page: Page, server: ServerProcess) -> None:
    async with gated_site(60, open_to=0) as (site, gate):
        await start_crawl(page, server, f"{site.url}/guide/")
        await page.evaluate(GROW)
        for opened in (10, 25, 40, 60):
            await gate.open(opened)
            await expect(page.get_by_test_id("stage-stored")).to_have_text(str(opened + 1))
            if opened < 60:
                await expect(page.get_by_text(f"{opened + 1} of 61 found so far").first).to_be_visible()
        await shows(page, "completed")
        assert await counts(page) == dict.fromkeys(STAGES, 61)
        assert await page.evaluate("window.__fell") == []


# What went wrong: the site, and what the page says of it.


def _answers(status: int, body: str = "", robots: str = "") -> Callable[[], Any]:
    @asynccontextmanager
    async def site() -> AsyncIterator[str]:
        answers: dict[str, Answer | str] = {"/robots.txt": robots} if robots else {}
        answers["/docs/"] = Answer(body or "<p>no</p>", HTML, status)
        async with offering_site(answers) as it:
            yield f"{it.url}/docs/"

    return site


@asynccontextmanager
async def _nobody() -> AsyncIterator[str]:
    yield "http://127.0.0.1:9/docs/"


@asynccontextmanager
async def _no_name() -> AsyncIterator[str]:
    yield "http://no-such-host.invalid/docs/"


@asynccontextmanager
async def _bad_certificate() -> AsyncIterator[str]:
    """TLS is spoken, and the certificate is nobody's."""
    async with run(web.Application(), "127.0.0.1") as url:
        yield url.replace("http://", "https://")


FAILURES = [
    (_no_name, "host_not_found", "The site's name does not exist", "Check the address for a typo"),
    (_nobody, "robots_unreachable", "The site's robots.txt can't be had", "Check that the site is up, then retry"),
    (_bad_certificate, "tls_failed", "The site's certificate is not valid", "Check the address"),
    (_answers(404), "http_404", "The site answered with status 404", "The page is gone"),
    (_answers(401), "http_401", "The site answered with status 401", "The page is not public"),
    (
        _answers(403),
        "http_403",
        "The site answered with status 403",
        "The page is not public, or the site turns crawlers away",
    ),
    (
        _answers(200, html_page("Docs"), "User-agent: *\nDisallow: /docs/"),
        "robots_denied",
        "The site's robots.txt does not allow this",
        "Crawl another path, or ask the site's owner",
    ),
    (_answers(200, "<!doctype html><title>x</title><main></main>"), "empty_page", "There is no text on the page", ""),
]


@pytest.mark.parametrize(("site", "code", "what", "todo"), FAILURES, ids=[row[1] for row in FAILURES])
async def test_each_failure_says_what_happened_what_survived_and_what_to_do(
    page: Page, stack: AsyncExitStack, tmp_path: Any, site: Callable[[], Any], code: str, what: str, todo: str
) -> None:
    server = ServerProcess(tmp_path / "data", GLEANERY_ROBOTS_PATIENCE_SECONDS="0")
    await server.start()
    stack.push_async_callback(server.stop)
    client = Client(server.url, await stack.enter_async_context(aiohttp.ClientSession()))
    async with site() as url:
        reply = await client.post("/tasks", {"task_type": "crawl", "payload": {"url": url}, "max_retries": 0})
        assert reply.status == 202, reply
        await page.goto(f"{server.url}/activity/{reply.body['task_id']}")
        await shows(page, "failed")
    await expect(told(page).get_by_role("heading")).to_have_text(what)
    await expect(told(page)).to_contain_text(f"What you can do. {todo}")
    await expect(told(page)).to_contain_text("No page had been stored.")
    await expect(told(page)).to_contain_text(f"Error code {code}")
    await expect(told(page).get_by_role("button", name="Copy details")).to_be_visible()
    await expect(page.get_by_test_id("retry")).to_be_enabled()
    await page.get_by_role("tab", name="Problems").click()
    await expect(page.get_by_test_id("attempt")).to_contain_text("Failed")


async def test_a_task_that_waits_for_its_next_attempt_says_when_and_why(
    page: Page, server: ServerProcess, client: Client
) -> None:
    payload = {"steps": 1, "seconds": 0, "fail_at": 1}
    reply = await client.post("/tasks", {"task_type": "test", "payload": payload, "max_retries": 9})
    await page.goto(f"{server.url}/activity/{reply.body['task_id']}")
    await expect(told(page).get_by_role("heading")).to_contain_text(re.compile(r"Trying again .* of 10"))
    await expect(told(page)).to_contain_text("What you can do. Nothing needs to be done.")
    await page.get_by_role("tab", name="Problems").click()
    await expect(page.get_by_test_id("attempt").first).to_contain_text("Failed, to be tried again")
    await page.get_by_test_id("cancel").click()
    await page.get_by_test_id("cancel").click()
    await shows(page, "cancelled")


async def test_failed_pages_are_grouped_and_just_those_are_retried(page: Page, server: ServerProcess) -> None:
    answers: dict[str, Answer | str] = {
        "/docs/": Answer(html_page("Docs", links=("a.html", "b.html", "gone.html", "moved.html")), HTML),
        "/docs/a.html": Answer("no", HTML, 403),
        "/docs/b.html": Answer("no", HTML, 403),
    }
    async with offering_site(answers) as site:
        await start_crawl(page, server, f"{site.url}/docs/")
        await shows(page, "completed")
        await told(page).get_by_role("link", name="why, and what can be done").click()
        problems = page.get_by_test_id("problem")
        await expect(problems).to_have_count(2)
        forbidden = page.locator("[data-reason=http_403]")
        await expect(forbidden).to_contain_text("2 addresses")
        await expect(forbidden).to_contain_text("The page is not public, or the site turns crawlers away.")
        answers["/docs/a.html"] = answers["/docs/b.html"] = Answer(html_page("Bee", "<p>Bees.</p>"), HTML)
        site.counts.clear()
        await forbidden.get_by_test_id("retry-these").click()
        await expect(page.locator("[data-reason=http_403]")).to_have_count(0)
        await shows(page, "completed")
        await expect(problems).to_have_count(1)
        await expect(page.locator("[data-reason=http_404]")).to_contain_text("2 addresses")
        assert "/docs/gone.html" not in site.counts


async def test_urls_are_filtered_by_text_and_walked_by_keys(page: Page, server: ServerProcess) -> None:
    async with gated_site(12, open_to=12) as (site, _):
        await start_crawl(page, server, f"{site.url}/guide/")
        await shows(page, "completed")
        await page.get_by_role("tab", name="Pages").click()
        rows = page.get_by_test_id("url-row")
        await expect(rows).to_have_count(13)
        await page.get_by_test_id("url-filter").fill("GUIDE/1")
        await expect(rows).to_have_count(4)
        await expect(page).to_have_url(re.compile(r"\?tab=pages&q=GUIDE%2F1$"))
        await page.reload()
        await expect(page.get_by_test_id("url-filter")).to_have_value("GUIDE/1")
        await expect(rows).to_have_count(4)
        await page.keyboard.press("j")
        await page.keyboard.press("j")
        await page.keyboard.press("k")
        await expect(rows.nth(0).get_by_role("link").first).to_be_focused()
        await expect(rows.nth(0).get_by_role("link").nth(1)).to_have_attribute("href", f"{site.url}/guide/1.html")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Chapter 1").first).to_be_visible()
        await page.go_back()
        await expect(rows).to_have_count(4)


async def test_a_queued_task_says_behind_what_it_waits(page: Page, server: ServerProcess, client: Client) -> None:
    async with gated_site(5, open_to=0) as (site, gate):
        first = (await client.start(f"{site.url}/guide/"))["task_id"]
        await client.until_stored(first, 1)
        second = (await client.start(f"{site.url}/guide/"))["task_id"]
        await page.goto(f"{server.url}/activity/{second}")
        await expect(told(page)).to_contain_text("Another task works on the same source")
        await expect(told(page).get_by_role("link")).to_have_attribute("href", f"/activity/{first}")
        third = await client.post(
            "/tasks", {"task_type": "test", "payload": {"steps": 2, "seconds": 0}, "depends_on": [first]}
        )
        await page.goto(f"{server.url}/activity/{third.body['task_id']}")
        await expect(told(page)).to_contain_text("Waits for 1 other task.")
        await expect(page.get_by_label("Related tasks").get_by_role("link")).to_have_attribute(
            "href", f"/activity/{first}"
        )
        await gate.open(5)
        await shows(page, "completed")
        await expect(page.locator(".plain-stages")).to_contain_text("2 of 2")
        await expect(told(page)).to_contain_text("All 2 steps are done")
