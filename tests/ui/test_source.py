"""One source in the browser: its tree, code, history, saved queries, storage, settings and end."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Page, expect

from tests.api.client import Client, Crawl
from tests.api.sites import SMALL
from tests.api.sites import page as html
from tests.conftest import PYTHON_DOCS, ServePages
from tests.e2e.server_process import ServerProcess
from tests.sites.static import serve_directory

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


@pytest.fixture
async def client(server: ServerProcess) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(server.url, session)


@pytest.fixture
async def crawl(client: Client, serve_pages: ServePages) -> Crawl:
    return await client.crawl(f"{(await serve_pages(SMALL)).url}/index.html", tags=["fruit"])


async def test_the_tree_of_a_real_site_opens_by_keys_and_leads_to_the_page(
    page: Page, server: ServerProcess, client: Client
) -> None:
    async with serve_directory(PYTHON_DOCS) as site:
        crawl = await client.crawl(
            f"{site.url}/index.html", include=["/tutorial/**", "/installing/**"], max_pages=20, max_depth=3
        )
    await page.goto(f"{server.url}/sources/{crawl.source_id}")
    tree = page.get_by_role("tree", name="Pages by path")
    top = await client.one(f"/sources/{crawl.source_id}/tree")
    folder = next(each for each in top["folders"] if each["path"].endswith("/tutorial/"))
    item = tree.get_by_role("treeitem", name="tutorial/")
    await expect(item).to_contain_text(f"{folder['pages']} pages")
    await item.focus()
    await page.keyboard.press("ArrowRight")
    await expect(item).to_have_attribute("aria-expanded", "true")
    inside = (await client.one(f"/sources/{crawl.source_id}/tree?under={folder['path']}"))["items"]
    leaves = tree.locator("[aria-level='2']")
    await expect(leaves).to_have_count(folder["pages"])
    await expect(page).to_have_url(re.compile(re.escape("%2Ftutorial%2F") + "$"))
    await page.reload()
    await expect(leaves).to_have_count(folder["pages"])
    await item.focus()
    await page.keyboard.press("ArrowRight")
    await expect(leaves.first).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text(inside[0]["title"])
    await page.go_back()
    await expect(leaves).to_have_count(folder["pages"])


async def test_pages_are_filtered_and_those_that_are_gone_are_marked(
    page: Page, server: ServerProcess, client: Client, crawl: Crawl, tmp_path: Path
) -> None:
    (tmp_path / "site" / "deep" / "d.html").unlink()
    await client.ended((await client.post(f"/sources/{crawl.source_id}/refresh", {})).body["task_id"])
    await page.goto(f"{server.url}/sources/{crawl.source_id}")
    await expect(page.get_by_role("treeitem", name="deep/")).to_contain_text("1 missing")
    await page.get_by_role("button", name="Missing since a refresh").click()
    await expect(page.get_by_test_id("page-row")).to_have_count(1)
    await expect(page.get_by_test_id("page-row")).to_contain_text("missing since just now")
    await expect(page).to_have_url(re.compile(re.escape("?missing=only") + "$"))
    await page.get_by_role("button", name="Missing since a refresh").click()
    await page.get_by_label("Filter by title or address").fill("cherr")
    await expect(page.get_by_test_id("page-row")).to_have_count(1)
    await expect(page.get_by_test_id("page-row")).to_contain_text("/deep/c.html")


async def test_code_is_chosen_by_language(
    page: Page, server: ServerProcess, client: Client, serve_pages: ServePages
) -> None:
    blocks = "".join(
        f'<p>See:</p><pre><code class="language-{language}">{code}\n</code></pre>'
        for language, code in (("python", "import a"), ("python", "import b"), ("bash", "ls -l"))
    )
    site = await serve_pages({"index.html": html("Blocks", blocks)})
    crawl = await client.crawl(f"{site.url}/index.html")
    await page.goto(f"{server.url}/sources/{crawl.source_id}?tab=code")
    examples = page.get_by_test_id("code-example")
    await expect(examples).to_have_count(3)
    chips = page.get_by_role("group", name="Language").get_by_role("button")
    await expect(chips).to_have_text(["All 3", "python 2", "bash 1"])
    await chips.filter(has_text="bash").click()
    await expect(examples).to_have_count(1)
    await expect(examples).to_contain_text("ls -l")
    await expect(page).to_have_url(re.compile(re.escape("?tab=code&language=bash") + "$"))
    await examples.get_by_role("link", name="Blocks").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Blocks")


async def test_a_refresh_is_followed_seen_in_the_history_and_undone(
    page: Page, server: ServerProcess, client: Client, crawl: Crawl, tmp_path: Path
) -> None:
    (tmp_path / "site" / "a.html").write_text(html("Apples", "<p>Now they grow in a hydroponium.</p>"))
    await page.goto(f"{server.url}/sources/{crawl.source_id}")
    await page.get_by_test_id("refresh").click()
    await page.wait_for_url("**/activity/*")
    await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed")
    await page.goto(f"{server.url}/sources/{crawl.source_id}?tab=history")
    shown = page.get_by_test_id("generation")
    await expect(shown).to_have_count(2)
    await expect(shown.first).to_contain_text("Seen now")
    await expect(shown.first).to_contain_text("1 changed")
    await expect(shown.first).to_contain_text("4 pages unchanged")

    async def apples() -> str:
        pages = await client.every(f"/sources/{crawl.source_id}/pages?text=apples")
        return str((await client.one(f"/pages/{pages[0]['page_id']}"))["markdown"])

    assert "hydroponium" in await apples()
    back = shown.nth(1).get_by_test_id("activate")
    await back.click()
    await expect(back).to_have_text("Yes, show it")
    assert "hydroponium" in await apples()  # the first click only asks
    await back.click()
    await expect(shown.nth(1)).to_contain_text("Seen now")
    assert "orchard" in await apples()
    await page.get_by_role("tab", name="Pages").click()
    await page.get_by_role("link", name="Apples").click()
    await expect(page.get_by_text("Apples grow on trees in an orchard.")).to_be_visible()


async def test_a_refused_refresh_says_why_and_is_taken_all_the_same(
    page: Page, server: ServerProcess, client: Client, serve_pages: ServePages, tmp_path: Path
) -> None:
    links = tuple(f"p{n}.html" for n in range(12))
    site = await serve_pages({"index.html": html("Many", links=links), **{link: html(link) for link in links}})
    crawl = await client.crawl(f"{site.url}/index.html")
    (tmp_path / "site" / "index.html").write_text(html("Few now"))
    for link in links:
        (tmp_path / "site" / link).unlink()
    done = await client.ended((await client.post(f"/sources/{crawl.source_id}/refresh", {})).body["task_id"])
    assert (done.status, done.task["error"]["code"]) == ("failed", "refresh_rejected")
    await page.goto(f"{server.url}/sources/{crawl.source_id}?tab=history")
    await expect(page.get_by_test_id("last-crawl")).to_have_text("Refused by the gate")
    refused = page.get_by_test_id("generation").first
    await expect(refused).to_contain_text("The new state has 1 page where there were 13")
    assert "POST" not in await refused.inner_text()
    await refused.get_by_text("What the gate saw").click()
    await expect(refused.get_by_text("URLs asked for")).to_be_visible()
    await refused.get_by_test_id("activate").click()
    await refused.get_by_test_id("activate").click()
    await expect(refused).to_contain_text("Seen now")
    assert (await client.one(f"/sources/{crawl.source_id}"))["generation"] == 2


async def test_a_query_is_saved_run_plotted_changed_and_deleted(
    page: Page, server: ServerProcess, client: Client, crawl: Crawl
) -> None:
    await page.goto(f"{server.url}/sources/{crawl.source_id}?tab=queries")
    await expect(page.get_by_text("No saved query yet.")).to_be_visible()
    for query, expected in (("cherries stones", "/deep/c.html"), ("peel", "/a.html")):
        await page.get_by_test_id("add-query").click()
        await page.get_by_label("What people type").fill(query)
        await page.get_by_label("The pages that it should find").fill(expected)
        await page.get_by_role("dialog").get_by_role("button", name="Save").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
    rows = page.get_by_test_id("query-row")
    await expect(rows).to_have_count(2)
    await page.get_by_test_id("run-queries").click()
    await expect(rows.first.get_by_test_id("rank")).to_have_text("Found 1st")
    await expect(rows.nth(1).get_by_test_id("rank")).to_have_text("Not among the first ten")
    await rows.nth(1).get_by_text("What came ahead").click()
    await expect(rows.nth(1).locator("ol")).to_contain_text("/b.html")
    plot = page.get_by_role("img", name="Recall at 5 and mean reciprocal rank over time")
    await expect(plot).to_be_visible()
    await expect(plot).to_contain_text("gen 1")
    await expect(page.locator(".legend")).to_contain_text("Recall at 550 %")

    await rows.nth(1).get_by_role("button", name="Edit peel").click()
    await page.get_by_label("The pages that it should find").fill("/b.html")
    await page.get_by_role("dialog").get_by_role("button", name="Save").click()
    await page.get_by_test_id("run-queries").click()
    await expect(rows.nth(1).get_by_test_id("rank")).to_have_text("Found 1st")
    runs = (await client.one(f"/sources/{crawl.source_id}/evaluations"))["items"]
    assert [run["recall_at_5"] for run in runs] == [1.0, 0.5]
    await page.get_by_label("Results of").select_option(index=1)
    await expect(rows.nth(1).get_by_test_id("rank")).to_have_text("Not among the first ten")
    assert f"run={runs[1]['evaluation_id']}" in page.url

    await rows.nth(1).get_by_role("button", name="Delete peel").click()
    await rows.nth(1).get_by_role("button", name="Delete?").click()
    await expect(rows).to_have_count(1)
    lines = b'{"query": "dates dry", "expected": ["/deep/d.html"]}\n'
    await page.get_by_label("File of saved queries, JSON lines").set_input_files(
        {"name": "q.jsonl", "mimeType": "application/jsonl", "buffer": lines}
    )
    await expect(rows).to_have_count(2)
    await expect(page.get_by_text("1 query taken in.")).to_be_visible()


async def test_storage_says_what_rest_says_and_what_the_database_holds(
    page: Page, server: ServerProcess, client: Client, crawl: Crawl, tmp_path: Path
) -> None:
    storage = await client.one(f"/sources/{crawl.source_id}/storage")
    await page.goto(f"{server.url}/sources/{crawl.source_id}?tab=storage")
    for part in ("pages", "chunks", "code", "vectors", "kept"):
        row = page.get_by_test_id(f"storage-{part}")
        await expect(row).to_have_attribute("data-bytes", str(storage[part]["size_bytes"]))
    await expect(page.get_by_test_id("storage-pages")).to_contain_text("5 pages")
    await expect(page.get_by_test_id("task-cost")).to_contain_text("Generation 1")
    database = sqlite3.connect(tmp_path / "data" / "gleanery.db")
    try:
        held = database.execute("SELECT sum(length(CAST(markdown AS BLOB))) FROM page").fetchone()[0]
    finally:
        database.close()
    assert storage["pages"]["size_bytes"] == held
    assert storage["total_bytes"] < (tmp_path / "data" / "gleanery.db").stat().st_size


async def test_its_name_tags_and_schedule_are_set(
    page: Page, server: ServerProcess, client: Client, crawl: Crawl
) -> None:
    await page.goto(f"{server.url}/sources/{crawl.source_id}?tab=settings")
    await page.get_by_label("Title").fill("All my fruit")
    await page.get_by_label("Tags, with commas between them").fill("fruit, sweet")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_have_text("All my fruit")
    source = await client.one(f"/sources/{crawl.source_id}")
    assert (source["title"], source["tags"]) == ("All my fruit", ["fruit", "sweet"])

    await page.get_by_role("spinbutton", name="Every").fill("12")
    await page.get_by_label("Unit").select_option("hours")
    await page.get_by_role("button", name="Refresh by itself").click()
    switch = page.get_by_role("checkbox", name="Refreshed every 12 h")
    await expect(switch).to_be_checked()
    await expect(page.get_by_test_id("schedule")).to_contain_text("Next in 12 h")
    await switch.uncheck()
    await expect(page.get_by_test_id("schedule")).to_contain_text("Paused: no next refresh.")
    [schedule] = await client.every("/schedules")
    assert (schedule["source_id"], schedule["interval_seconds"], schedule["is_paused"]) == (
        crawl.source_id,
        43_200.0,
        True,
    )
    await page.get_by_text("Change or remove it").click()
    await page.get_by_role("radio", name="at set times (cron)").check()
    await page.get_by_label("Minute, hour, day of month, month, day of week").fill("99 * * * *")
    await page.get_by_test_id("schedule").get_by_role("button", name="Save").click()
    await expect(page.get_by_test_id("schedule").get_by_role("alert")).to_be_visible()
    await page.get_by_role("button", name="Remove the schedule").click()
    await page.get_by_role("button", name="Yes, remove it").click()
    await expect(page.get_by_role("button", name="Refresh by itself")).to_be_visible()
    assert await client.every("/schedules") == []


async def test_deleting_takes_the_right_name_by_keyboard_alone(
    page: Page, server: ServerProcess, client: Client, crawl: Crawl
) -> None:
    await page.goto(f"{server.url}/sources/{crawl.source_id}")
    await page.get_by_test_id("delete-source").focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Delete this source?")
    await expect(dialog).to_contain_text("5 pages")
    await expect(page.get_by_test_id("delete-name")).to_be_focused()
    await page.keyboard.type("Stop")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_have_text("That is not its name. Nothing was deleted.")
    assert len(await client.every("/sources")) == 1
    await page.keyboard.press("ControlOrMeta+a")
    await page.keyboard.type("Start")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/sources")
    await expect(page.get_by_text("No source yet.")).to_be_visible()
    assert await client.every("/sources") == []


async def test_the_tabs_go_by_arrow_keys_and_are_in_the_url(page: Page, server: ServerProcess, crawl: Crawl) -> None:
    await page.goto(f"{server.url}/sources/{crawl.source_id}")
    await page.get_by_role("tab", name="Pages").focus()
    seen: list[Any] = []
    for _ in range(6):
        await page.keyboard.press("ArrowRight")
        chosen = page.get_by_role("tab", selected=True)
        await expect(chosen).to_be_focused()
        seen.append(page.url.rpartition("tab=")[2])
    assert seen == ["code", "changes", "history", "queries", "storage", "settings"]
    assert await page.evaluate("window.__violations") == []
