"""The dialog of a new crawl: what a preview shows and what is switched off in it, errors at their fields, files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Request, Route, expect

from tests.e2e.server_process import ServerProcess
from tests.sites.discovery import Answer, offering_site, urlset
from tests.sites.written import html, written_site
from tests.ui.driving import start_crawl

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

PATHS = (
    "",
    "intro.html",
    "guide/feeding.html",
    "guide/walking.html",
    "old/v1/a.html",
    "old/v1/b.html",
    "old/v2/c.html",
)


def _docs() -> dict[str, Answer | str]:
    """Seven pages that the sitemap lists, one that robots.txt keeps, one on another host."""
    links = tuple(f"/docs/{path}" for path in PATHS)
    pages: dict[str, Answer | str] = {
        f"/docs/{path}": Answer(html(f"Page {path}", links), "text/html; charset=utf-8") for path in PATHS
    }
    listed = (*(f"{{url}}/docs/{path}" for path in (*PATHS, "secret.html")), "https://elsewhere.invalid/docs/")
    return {
        **pages,
        "/robots.txt": "User-agent: *\nDisallow: /docs/secret\nCrawl-delay: 0.01\nSitemap: {url}/sitemap.xml",
        "/sitemap.xml": urlset(*listed),
    }


@pytest.fixture(autouse=True)
async def without_errors(page: Page) -> AsyncIterator[None]:
    """No script of the page may fail, nor anything break the policy."""
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    yield
    assert failed == []
    assert await page.evaluate("window.__violations") == []
    assert await page.get_by_role("heading", name="Something went wrong").count() == 0


async def _open(page: Page, server: ServerProcess, url: str = "") -> None:
    """The dialog, opened by its key on a page that is not the first run, with the address typed in."""
    await page.goto(f"{server.url}/activity")
    await expect(page.get_by_role("heading", name="Activity")).to_be_visible()
    await page.keyboard.press("c")
    await expect(page.get_by_test_id("url-input")).to_be_focused()
    await page.keyboard.type(url)


async def _tasks(server: ServerProcess) -> list[dict[str, Any]]:
    items: Any = (await server.get("/api/v1/tasks"))["items"]
    return list(items)


async def test_a_folder_switched_off_by_keys_is_not_taken(page: Page, server: ServerProcess) -> None:
    async with offering_site(_docs()) as site:
        await _open(page, server, f"{site.url}/docs/")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        await expect(page.get_by_test_id("preview")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("preview-sum")).to_contain_text("7 pages,")
        found = page.get_by_test_id("preview-found")
        await expect(found).to_contain_text("Whole site")
        await expect(found).to_contain_text("asks for 0.01 s between requests, names 1 sitemap")
        await expect(page.get_by_test_id("left-out")).to_contain_text("2 known addresses would be left out")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("treeitem", name="/docs/ 7 pages")).to_be_focused()
        for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowDown"):
            await page.keyboard.press(key)
        await expect(page.get_by_role("treeitem", name="v1/ 2 pages")).to_be_focused()
        await page.keyboard.press("Space")
        old = page.locator('[data-id="/docs/old/"]')
        await expect(old).to_have_attribute("aria-checked", "mixed")
        await expect(page.get_by_test_id("preview-sum")).to_contain_text("5 pages,")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Space")
        await expect(old).to_have_attribute("aria-checked", "false")
        await expect(page.get_by_test_id("switched-off")).to_have_text("Left out by /docs/old/**")
        await expect(page.get_by_test_id("preview-sum")).to_contain_text("4 pages,")
        assert sum(site.pages.values()) == 1, "switching asks the site for nothing"
        start = page.get_by_test_id("start-previewed")
        while not await start.evaluate("button => button === document.activeElement"):
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/activity/tsk*")
        await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed", timeout=30_000)
        assert [path for path in site.pages if path.startswith("/docs/old/")] == []
        assert sorted(site.pages) == [
            "/docs/",
            "/docs/guide/feeding.html",
            "/docs/guide/walking.html",
            "/docs/intro.html",
        ]
    (task,) = await _tasks(server)
    assert task["payload"]["exclude"] == ["/docs/old/**"]


async def test_a_wrong_option_is_shown_at_its_field_and_nothing_is_lost(page: Page, server: ServerProcess) -> None:
    async with written_site({"/": html("Start")}) as site:
        await _open(page, server, f"{site.url}/")
        dialog = page.get_by_role("dialog")
        await dialog.get_by_text("Options").click()
        await dialog.get_by_label("Tags").fill("one, two")
        await dialog.get_by_label("Refresh every").fill("soon")
        await dialog.get_by_text("Options").click()
        await page.get_by_test_id("start-crawl").click()
        field = dialog.get_by_label("Refresh every")
        await expect(field).to_be_focused()
        await expect(field).to_have_attribute("aria-invalid", "true")
        await expect(dialog.get_by_role("alert")).to_have_text(
            "This must be like 90m, 24h, 7d, 2w, or a whole number of seconds. "
        )
        await field.fill("7d")
        await expect(dialog.get_by_role("alert")).to_have_count(0)
        await dialog.get_by_label("Most pages").fill("many")
        await page.keyboard.press("Enter")
        await expect(dialog.get_by_label("Most pages")).to_be_focused()
        await expect(dialog.get_by_role("alert")).to_contain_text("This must be a number.")
        await dialog.get_by_label("Most pages").fill("1,000")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/activity/tsk*")
    (task,) = await _tasks(server)
    assert (task["payload"]["tags"], task["payload"]["max_pages"]) == (["one", "two"], 1000)
    schedules: Any = (await server.get("/api/v1/schedules"))["items"]
    assert [schedule["interval_seconds"] for schedule in schedules] == [7 * 86_400]


async def test_two_submits_and_a_lost_answer_are_one_crawl(page: Page, server: ServerProcess) -> None:
    async with written_site({"/": html("Start")}) as site:
        await _open(page, server, f"{site.url}/")
        sent: list[str] = []

        async def lose_the_answer(route: Route, request: Request) -> None:
            sent.append(request.headers["idempotency-key"])
            await route.fetch()
            await route.abort()

        await page.route("**/api/v1/knowledge/add", lose_the_answer, times=1)
        await page.evaluate(
            "() => { const start = document.querySelector('[data-testid=start-crawl]'); start.form.requestSubmit(start); start.click(); }"
        )
        await expect(page.get_by_role("alert")).to_contain_text("The server doesn't answer.")
        await expect(page.get_by_test_id("url-input")).to_have_value(f"{site.url}/")
        assert len(sent) == 1
        page.on(
            "request",
            lambda request: (
                sent.append(request.headers.get("idempotency-key", ""))
                if request.url.endswith("/knowledge/add")
                else None
            ),
        )
        await page.get_by_test_id("url-input").press("Enter")
        await page.wait_for_url("**/activity/tsk*")
        assert len(sent) == 2
        assert sent[0] == sent[1]
    assert len(await _tasks(server)) == 1


async def test_a_preview_can_be_stopped_and_what_fails_is_said_at_the_address(
    page: Page, server: ServerProcess
) -> None:
    async with offering_site({"/slow/": Answer(is_silent=True)}) as site:
        await _open(page, server, f"{site.url}/slow/")
        await page.get_by_test_id("preview").click()
        await expect(page.get_by_role("status").filter(has_text="Looking at the site")).to_be_visible()
        await expect(page.get_by_test_id("preview")).to_have_text("Stop")
        await page.get_by_test_id("preview").click()
        await expect(page.get_by_test_id("preview")).to_have_text("Preview")
        await expect(page.get_by_role("alert")).to_have_count(0)
        address = page.get_by_test_id("url-input")
        await address.fill(f"{site.url}/gone/")
        await page.get_by_test_id("preview").click()
        await expect(address).to_have_attribute("aria-invalid", "true")
        await expect(address).to_be_focused()
        await expect(page.get_by_role("alert")).to_contain_text("The page is gone.")
        await address.fill("ftp://files.example/")
        await expect(page.get_by_role("alert")).to_have_count(0)
        await address.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("only http and https are")
    assert await _tasks(server) == []


async def test_an_address_that_is_known_offers_a_refresh(page: Page, server: ServerProcess) -> None:
    async with written_site({"/": html("Wombats", ("a",)), "/a": html("A")}) as site:
        first = await start_crawl(page, server, f"{site.url}/")
        await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed", timeout=30_000)
        await _open(page, server, f"{site.url}/#top")
        known = page.get_by_test_id("known-source")
        await expect(known).to_contain_text("Wombats is here already: 2 pages")
        await known.get_by_role("button", name="Refresh").click()
        await page.wait_for_url(lambda url: "/activity/tsk" in url and first not in url)
        await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed", timeout=30_000)
    sources: Any = (await server.get("/api/v1/sources"))["items"]
    assert len(sources) == 1
    assert len(await _tasks(server)) == 2


DROP = """([name, text]) => {
    const files = new DataTransfer();
    files.items.add(new File([text], name, { type: 'text/markdown' }));
    const dialog = document.querySelector('dialog');
    for (const type of ['dragover', 'drop']) {
        dialog.dispatchEvent(new DragEvent(type, { dataTransfer: files, bubbles: true, cancelable: true }));
    }
}"""


async def test_files_are_uploaded_chosen_or_dropped_each_with_its_own_end(
    page: Page, server: ServerProcess, tmp_path: Path
) -> None:
    (tmp_path / "wombats.md").write_text("# Wombats\n\nThey eat zuccotto in the morning.\n")
    (tmp_path / "picture.gif").write_bytes(b"GIF89a")
    await _open(page, server)
    await page.get_by_test_id("upload-files").set_input_files([tmp_path / "picture.gif", tmp_path / "wombats.md"])
    rows = page.get_by_test_id("upload")
    await expect(rows.nth(0)).to_have_attribute("data-state", "failed")
    await expect(rows.nth(0).get_by_role("alert")).to_contain_text("picture.gif can't be read")
    await expect(rows.nth(1).get_by_test_id("status")).to_have_attribute("data-status", "completed")
    await page.evaluate(DROP, ["dropped.md", "# Dropped\n\nIt fell from the panettone.\n"])
    await expect(rows.nth(2).get_by_test_id("status")).to_have_attribute("data-status", "completed")
    await rows.nth(0).get_by_role("button", name="Forget picture.gif").click()
    await expect(rows).to_have_count(2)
    await rows.nth(0).get_by_role("link", name="Open").click()
    await page.wait_for_url("**/activity/tsk*")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    for word, name in (("zuccotto", "Wombats"), ("panettone", "Dropped")):
        await page.goto(f"{server.url}/search?q={word}")
        await expect(page.get_by_test_id("hit").first).to_contain_text(name)
