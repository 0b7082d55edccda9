"""Reports on compliance as they are seen in the browser: started, followed control by control, cancelled, gone on with, read beside
their pages, compared, exported."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Locator, Page, expect

from tests.api.client import Client
from tests.conftest import ServePages
from tests.e2e.server_process import ServerProcess
from tests.sites.chat_server import ChatServer, Fault, chat_server
from tests.sites.handbook import BACKUP, ENCRYPTED, FRAMEWORK, SITE, Auditor, honest
from tests.sites.handbook import page as page_of
from tests.ui.driving import go_by_keys
from tests.ui.seeding import report_settings

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


@pytest.fixture
def auditor() -> Auditor:
    return Auditor()


@pytest.fixture
async def model(auditor: Auditor) -> AsyncIterator[ChatServer]:
    async with chat_server(auditor) as server:
        yield server


@pytest.fixture
async def judging(tmp_path: Path, stack: AsyncExitStack, model: ChatServer) -> ServerProcess:
    """A server with a chat model."""
    server = ServerProcess(tmp_path / "data", **report_settings(model))
    await server.start()
    stack.push_async_callback(server.stop)
    return server


@pytest.fixture
async def client(judging: ServerProcess, stack: AsyncExitStack, serve_pages: ServePages) -> Client:
    """Of a server that knows the handbook and its framework."""
    client = Client(judging.url, await stack.enter_async_context(aiohttp.ClientSession()))
    site = await serve_pages(SITE)
    await client.crawl(f"{site.url}/")
    headers = {"Content-Type": "application/yaml"}
    await client.call("POST", "/api/v1/compliance/frameworks", data=FRAMEWORK.encode(), headers=headers)
    return client


async def made(client: Client) -> str:
    started = (await client.post("/compliance/reports", {"framework_id": "house"})).body
    await client.ended(started["task_ids"]["report"])
    return str(started["report_id"])


def control(page: Page, name: str) -> Locator:
    return page.locator(f'[data-testid="control"][data-control="{name}"]')


async def test_an_empty_server_says_what_a_report_is(page: Page, server: ServerProcess) -> None:
    await page.goto(f"{server.url}/reports")
    await expect(page.get_by_role("region", name="No reports")).to_contain_text("No report yet.")
    await expect(page.get_by_role("link", name="How reports are made")).to_have_attribute(
        "href", "/example/compliance.html"
    )
    await expect(page.get_by_role("group", name="Frameworks").get_by_role("rowheader")).to_have_count(2)


async def test_a_framework_is_imported_and_a_wrong_one_is_named(page: Page, server: ServerProcess) -> None:
    await page.goto(f"{server.url}/reports")
    await page.get_by_role("button", name="Import framework…").click()
    dialog = page.get_by_role("dialog", name="Import a framework")
    file = dialog.get_by_label("File")
    wrong = FRAMEWORK.replace("title: Encryption", "titel: Encryption")
    await file.set_input_files({"name": "house.yaml", "mimeType": "application/yaml", "buffer": wrong.encode()})
    await dialog.get_by_role("button", name="Import").click()
    await expect(dialog.get_by_text("controls.1.title")).to_be_visible()
    await file.set_input_files({"name": "house.yaml", "mimeType": "application/yaml", "buffer": FRAMEWORK.encode()})
    await dialog.get_by_role("button", name="Import").click()
    await expect(dialog.get_by_role("status").last).to_have_text("House rules 1 is there, with 3 controls.")
    await dialog.get_by_role("button", name="Close").click()
    await expect(page.get_by_role("rowheader", name="House rules house")).to_be_visible()


async def test_a_report_is_started_followed_cancelled_and_gone_on_with(
    page: Page, client: Client, judging: ServerProcess, model: ChatServer, auditor: Auditor
) -> None:
    def then_none(control: str, passages: Mapping[int, str]) -> dict[str, Any]:
        model.fail_with(Fault.HANG)
        return honest(control, passages)

    auditor.answer = then_none
    await page.goto(f"{judging.url}/reports")
    await expect(page.locator("h1")).to_be_focused()
    await page.keyboard.press("n")
    dialog = page.get_by_role("dialog", name="New report")
    await dialog.get_by_label("Framework", exact=True).select_option("House rules (1)")
    await dialog.get_by_label("Some of them").check()
    make = dialog.get_by_role("button", name="Make the report")
    await expect(make).to_have_attribute("aria-disabled", "true")
    await dialog.get_by_role("checkbox").check()
    await dialog.get_by_label("Title").fill("Audit \u202e")
    await dialog.get_by_label("Most tokens of the chat model").fill("many")
    await make.click()
    await expect(dialog.get_by_role("alert")).to_contain_text("must be a number")
    await dialog.get_by_label("Most tokens of the chat model").fill("10,000")
    await make.click()
    await expect(page).to_have_url(re.compile(r"/reports/cmp_\w+$"))
    await expect(page.locator("h1")).to_have_text("Audit \u27e8RLO\u27e9")
    await expect(page.get_by_text("120 of at most 10,000 tokens")).to_be_visible()

    # The first control is judged while the second waits for its answer.
    await expect(control(page, "H-1").get_by_test_id("verdict")).to_have_attribute("data-verdict", "met")
    await expect(control(page, "H-2").get_by_test_id("verdict")).to_have_attribute("data-verdict", "waiting")
    way = page.get_by_test_id("under-way")
    await expect(way.get_by_role("listitem")).to_have_text(
        [re.compile("Evidence: done3 of 3 controls"), re.compile("Verdicts: runs1 of 3 controls"), "Files: to come"]
    )
    await page.get_by_test_id("cancel").click()
    await page.get_by_role("button", name="Yes, cancel it").click()
    await expect(page.get_by_test_id("status").first).to_have_attribute("data-status", "cancelled")
    await expect(page.get_by_role("region", name="Cancelled")).to_contain_text("The verdicts on 1 control are kept.")

    auditor.answer = honest
    await page.get_by_role("button", name="Go on with it").click()
    await expect(page.get_by_test_id("status").first).to_have_attribute("data-status", "completed", timeout=30_000)
    await expect(page.get_by_role("heading", level=2, name="1 of 3 controls met")).to_be_visible()
    assert auditor.asked == ["H-1", "H-2"], "what was judged before is not asked again"
    await page.get_by_role("link", name="Reports", exact=True).last.click()
    row = page.get_by_test_id("report-row")
    await expect(row.get_by_role("img")).to_have_attribute("aria-label", "1 met, 1 partly met, 1 unknown")


async def test_evidence_is_read_beside_its_page(page: Page, client: Client, judging: ServerProcess) -> None:
    report_id = await made(client)
    await page.goto(f"{judging.url}/reports/{report_id}")
    await page.get_by_role("button", name="Partly met 1").click()
    await expect(page.get_by_test_id("control")).to_have_count(1)
    await page.get_by_role("button", name="H-2 Encryption").click()
    await expect(page).to_have_url(re.compile(r"\?verdict=partly&control=H-2$"))
    opened = control(page, "H-2")
    await expect(opened.get_by_role("region", name="Verdict")).to_contain_text("Missing: How keys are kept.")
    await expect(opened.get_by_role("region", name="Verdict")).to_contain_text("Judged by gpt-test")
    await expect(opened.get_by_role("blockquote")).to_contain_text(ENCRYPTED)
    beside = opened.get_by_test_id("passage-page")
    await expect(beside.get_by_role("region", name="The passage in its page").locator("mark").first).to_be_visible()
    assert "".join(await beside.locator("mark").all_text_contents()) == ENCRYPTED
    await opened.get_by_test_id("passage").first.get_by_text("Why it was found").click()
    await expect(opened.get_by_test_id("passage").first).to_contain_text("“encryption at rest disk”: hit 1")
    await beside.get_by_role("link").first.click()
    await expect(page).to_have_url(re.compile(r"/sources/src_\w+/pages/pg_\w+#ch_"))
    await page.go_back()
    await expect(opened.get_by_role("blockquote")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_test_id("control")).to_have_count(1)
    await expect(page.get_by_role("blockquote")).to_have_count(0)
    await page.get_by_role("button", name="Partly met 1").click()
    await page.get_by_role("searchbox", name="Filter by words").fill("telepathy")
    await expect(page.get_by_test_id("control")).to_have_attribute("data-control", "H-3")
    await page.get_by_role("tab", name="Gaps").click()
    task_id = (await client.one(f"/compliance/reports/{report_id}"))["task_ids"]["analysis"]
    await expect(page.get_by_role("region", name="Gaps").get_by_role("row").last).to_contain_text("How keys are kept.")
    await page.goto(f"{judging.url}/activity/{task_id}")
    await page.get_by_role("link", name="Open report").click()
    await expect(page).to_have_url(f"{judging.url}/reports/{report_id}")


FIRST_BELOW = """([bar, head]) => {
    const gap = head.getBoundingClientRect().top - bar.getBoundingClientRect().bottom;
    return gap >= 0 && gap < 60;
}"""


async def test_on_a_phone_a_linked_control_stands_below_the_bar_and_its_page_is_brought_into_view(
    page: Page, client: Client, judging: ServerProcess
) -> None:
    report_id = await made(client)
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(f"{judging.url}/reports/{report_id}?control=H-2")
    opened = control(page, "H-2")
    await expect(opened.get_by_role("blockquote")).to_be_visible()
    bar = await page.get_by_role("navigation", name="Main").element_handle()
    head = await opened.get_by_role("button", name="H-2 Encryption").element_handle()
    await page.wait_for_function(FIRST_BELOW, arg=[bar, head])
    await opened.get_by_role("button", name=re.compile(r"^2\. ")).click()
    await expect(page).to_have_url(re.compile("passage=2$"))
    await expect(opened.get_by_test_id("passage-page").get_by_role("heading").first).to_be_in_viewport()


async def test_two_runs_are_compared_and_the_report_is_exported(
    page: Page, client: Client, judging: ServerProcess, auditor: Auditor, tmp_path: Path
) -> None:
    await made(client)
    (tmp_path / "site" / "backup.html").write_text(
        page_of("Backups", "No backup is made any more, nor a restore tried.")
    )
    [source] = (await client.one("/sources"))["items"]
    refreshed = (await client.post(f"/sources/{source['source_id']}/refresh", {"force": True})).body
    await client.ended(refreshed["task_id"])

    def changed(control: str, passages: Mapping[int, str]) -> dict[str, Any]:
        if control != "H-1":
            return honest(control, passages)
        number = next(number for number, text in passages.items() if "No backup" in text)
        quotes = [{"passage": number, "text": "No backup is made any more"}]
        return {"verdict": "not_met", "reasoning": "None is made.", "gap": "All of it.", "quotes": quotes}

    auditor.answer = changed
    report_id = await made(client)
    await page.goto(f"{judging.url}/reports/{report_id}?tab=changes")
    change = page.get_by_role("list", name="Controls that changed").get_by_role("listitem").first
    await expect(change.locator("[data-course]")).to_have_attribute("data-course", "worse")
    await expect(change.get_by_test_id("verdict")).to_have_text(["Met", "Not met"])
    await expect(change.get_by_role("list", name="New evidence").get_by_role("link")).to_have_count(1)
    await page.get_by_role("link", name="The other report").click()
    await expect(control(page, "H-1").get_by_test_id("verdict")).to_have_attribute("data-verdict", "met")
    await page.go_back()
    export = page.get_by_role("group", name="Export")
    await expect(export.get_by_role("link")).to_have_text(["PDF", "HTML", "Markdown", "JSON"])
    async with page.expect_download() as download:
        await export.get_by_role("link", name="Markdown").click()
    file = await download.value
    assert file.suggested_filename.startswith("house-")
    assert "No backup is made any more" in Path(await file.path()).read_text()
    assert BACKUP not in Path(await file.path()).read_text()


async def test_a_failed_report_says_what_survived_and_a_gone_one_is_told(
    page: Page, client: Client, judging: ServerProcess, model: ChatServer
) -> None:
    model.fail_with(Fault.KEY_REFUSED)
    started = (await client.post("/compliance/reports", {"framework_id": "house"})).body
    await client.ended(started["task_ids"]["analysis"])
    await page.goto(f"{judging.url}/reports/{started['report_id']}")
    failed = page.locator("section.fail")
    await expect(failed).to_contain_text("chat_key_refused")
    await expect(failed).to_contain_text("What was found for its controls is kept.")
    await page.reload()
    model.heal()
    await failed.get_by_role("button", name="Go on with it").click()
    await expect(page.get_by_test_id("status").first).to_have_attribute("data-status", "completed", timeout=30_000)
    await page.get_by_test_id("delete").click()
    await page.get_by_role("button", name="Yes, delete it").click()
    await expect(page).to_have_url(f"{judging.url}/reports")
    await expect(page.get_by_test_id("report-row")).to_have_count(0)
    await page.goto(f"{judging.url}/reports/{started['report_id']}")
    await expect(page.locator("section.fail")).to_contain_text("not_found")


async def test_the_keyboard_leads_to_reports_and_through_them(
    page: Page, client: Client, judging: ServerProcess
) -> None:
    report_id = await made(client)
    await page.goto(f"{judging.url}/sources")
    await expect(page.locator("h1")).to_be_focused()
    await go_by_keys(page, "r", "/reports")
    await expect(page).to_have_url(f"{judging.url}/reports")
    await expect(page.get_by_test_id("report-row")).to_have_count(1)
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{judging.url}/reports/{report_id}")
    await expect(page.get_by_test_id("control")).to_have_count(3)
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"\?control=H-2$"))
    await expect(page.get_by_role("button", name="H-2 Encryption")).to_have_attribute("aria-expanded", "true")
