"""What the refreshes of a source changed, as its tab Changes tells it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.ui.refreshing import crawled, html

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


def start(*names: str) -> str:
    return html("Start", "<p>All of it.</p>" + "".join(f'<p><a href="{name}">{name}</a></p>' for name in names))


FIRST = {
    "index.html": start("same.html", "other.html", "gone.html"),
    "same.html": html("Same", "<p>It stays as it is.</p>"),
    "other.html": html("Other", "<p>Feed the wombat with grass.</p>"),
    "gone.html": html("Gone", "<p>Not for long.</p>"),
}
SECOND = {
    "index.html": start("same.html", "other.html", "new.html"),
    "other.html": html("Other", "<p>Feed the wombat with carrots.</p>"),
    "gone.html": None,
    "new.html": html("New", "<p>Here it is.</p>"),
}


async def test_refreshes_their_pages_and_what_differs(page: Page, tmp_path: Path) -> None:
    async with crawled(tmp_path, FIRST) as source:
        await source.refresh(SECOND)
        await source.refresh({"other.html": html("Other", "<p>Feed the wombat with roots.</p>")})
        await page.goto(f"{source.server.url}/sources/{source.source_id}")
        await page.get_by_role("tab", name="Changes").click()
        refreshes = page.get_by_test_id("refresh-row")
        await expect(refreshes).to_have_count(3)
        counts = [text.split("\n")[-2] for text in await refreshes.all_inner_texts()]
        assert counts == [
            "+0 added · ±1 changed · −0 removed",
            "+1 added · ±2 changed · −1 removed",
            "the first state",
        ]
        bars = page.get_by_role("img", name="Pages that the last 2 refreshes changed")
        assert await bars.locator("title").all_text_contents() != []
        await refreshes.nth(1).click()
        pages = page.get_by_test_id("changed-page")
        await expect(pages).to_have_count(4)
        await page.get_by_role("button", name="removed 1").click()
        await expect(pages).to_have_count(1)
        await expect(pages).to_contain_text("gone.html")
        await expect(page).to_have_url(re.compile(re.escape("?tab=changes&generation=2&kind=removed") + "$"))
        await page.get_by_role("button", name="changed 2").click()
        await pages.get_by_role("link", name="Other").click()
        diff = page.get_by_test_id("page-diff")
        await expect(diff.locator(".line .line-text")).to_have_count(2)
        assert [text.strip() for text in await diff.locator(".line .line-text").all_text_contents()] == [
            "removed: Feed the wombat with grass.",
            "added: Feed the wombat with carrots.",
        ]
        assert await diff.locator("mark").all_inner_texts() == ["grass", "carrots"]
        shown = page.url
        await page.get_by_role("link", name="All its versions").click()
        await expect(page.get_by_test_id("version")).to_have_count(3)
        await page.go_back()
        assert page.url == shown
        await expect(diff).to_contain_text("carrots")


async def test_a_removed_page_leads_to_what_it_was(page: Page, tmp_path: Path) -> None:
    async with crawled(tmp_path, FIRST) as source:
        await source.refresh(SECOND)
        await page.goto(f"{source.server.url}/sources/{source.source_id}?tab=changes&generation=2&kind=removed")
        await page.get_by_test_id("changed-page").get_by_role("link").click()
        await expect(page.get_by_role("heading", name="This page is gone")).to_be_visible()


async def test_a_source_without_a_refresh_and_its_feeds(page: Page, tmp_path: Path) -> None:
    async with crawled(tmp_path, FIRST) as source:
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.goto(f"{source.server.url}/sources/{source.source_id}?tab=changes")
        await expect(page.get_by_text("This is the first state of the source")).to_be_visible()
        for name, path in (("Atom feed", "changes.atom"), ("JSON feed", "changes.json")):
            href = await page.get_by_role("link", name=name).get_attribute("href")
            assert href == f"{source.server.url}/api/v1/sources/{source.source_id}/{path}"
            async with source.client.session.get(href) as reply:
                assert reply.status == 200
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.goto(f"{source.server.url}/sources/{source.source_id}?tab=changes&generation=9")
        await expect(page.get_by_text("Generation 9 is not kept any more")).to_be_visible()
        assert await page.evaluate("window.__violations") == []
