"""The whole way through the UI without a mouse: what has the focus is always seen, and the focus is never lost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.api.client import Client
from tests.api.storied import ask, story_in
from tests.conftest import ServePages
from tests.e2e.server_process import ServerProcess
from tests.sites.chat_server import chat_server
from tests.sites.gated import gated_site
from tests.sites.handbook import FRAMEWORK, SITE, Auditor
from tests.sites.receiver import Answer, receiver
from tests.sites.written import html, written_site
from tests.ui.driving import HEAR, go_by_keys, held_commands
from tests.ui.seeding import report_settings, seeded, seeded_stories

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

# Where the focus is, and what is wrong with how it shows. A heading and a passage that a link leads to take the focus for
# screen readers; there is nothing to do with them, so they need no ring.
FOCUS = """() => {
    let at = document.activeElement;
    const wrong = [];
    if (at === null || at === document.body) return ['the focus is lost'];
    if (at.matches('h1, main, [data-cited]')) return [];
    if (at.matches('input[type=file]')) at = at.closest('label') ?? at; // a label around it is drawn for it
    const { outlineStyle, outlineWidth } = getComputedStyle(at), box = at.getBoundingClientRect();
    const name = `${at.tagName} ${(at.getAttribute('aria-label') ?? at.textContent).slice(0, 40)}`;
    if (outlineStyle === 'none' || parseFloat(outlineWidth) < 2) wrong.push(`${name}: no ring`);
    if (box.width === 0 || box.height === 0) wrong.push(`${name}: not drawn`);
    if (box.bottom <= 0 || box.right <= 0 || box.top >= innerHeight || box.left >= innerWidth) wrong.push(`${name}: out of view`);
    const x = Math.min(innerWidth - 1, Math.max(1, box.left + Math.min(box.width / 2, 12)));
    const y = Math.min(innerHeight - 1, Math.max(1, box.top + box.height / 2));
    const top = document.elementFromPoint(x, y);
    if (top !== null && !at.contains(top) && !top.contains(at)) wrong.push(`${name}: under ${top.tagName} ${top.className}`);
    return wrong;
}"""
ACTIVE = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()"


async def _press(page: Page, *keys: str) -> None:
    """Each key, and a look at the focus after it."""
    for key in keys:
        await page.keyboard.press(key)
        assert await page.evaluate(FOCUS) == [], f"after {key}"


async def _tab_to(page: Page, name: str, *, by: str = "Tab") -> None:
    """Tab until what is called `name` (its start) has the focus."""
    passed: list[str] = []
    while len(passed) < 80:
        await _press(page, by)
        passed.append(str(await page.evaluate(ACTIVE)))
        if passed[-1].startswith(name):
            return
    raise AssertionError(f"{name} can't be reached: {passed}")


async def _is_heading_focused(page: Page, name: str | re.Pattern[str]) -> None:
    await expect(page.get_by_role("heading", level=1, name=name)).to_be_focused()


async def test_first_run_search_and_sources_by_keyboard_alone(page: Page, server: ServerProcess) -> None:
    await page.goto(server.url)
    await expect(page.get_by_test_id("run-example")).to_be_visible()
    await _tab_to(page, "Crawl the example")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/activity/*")
    await _is_heading_focused(page, re.compile("example"))
    await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed")
    await _tabs_by_arrows(page)
    await _search_and_back(page)
    await _sources_and_tree(page)
    await _a_wrong_name_deletes_nothing(page)
    await _new_crawl_and_shortcuts(page)


async def _tabs_by_arrows(page: Page) -> None:
    await _tab_to(page, "Log")
    for name in ("Pages", "Problems", "Settings used", "Log"):
        await _press(page, "ArrowRight")
        await expect(page.get_by_role("tab", name=name)).to_be_focused()
        await expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
    await _press(page, "ArrowLeft")
    await expect(page).to_have_url(re.compile("tab=settings$"))


async def _search_and_back(page: Page) -> None:
    await go_by_keys(page, "s", "/search")
    await expect(page.get_by_test_id("search-input")).to_be_focused()
    await page.keyboard.type("crawl")
    hits = page.locator("[data-hit-link]")
    await expect(hits.nth(1)).to_be_visible()
    await expect(page.get_by_test_id("found")).to_be_visible()
    await expect(page.locator(".stale")).to_have_count(0)
    await _press(page, "ArrowDown")
    await expect(hits.nth(0)).to_be_focused()
    await _press(page, "ArrowDown")
    await expect(hits.nth(1)).to_be_focused()
    chunk_id = await page.get_by_test_id("hit").nth(1).get_attribute("data-hit")
    await expect(page).to_have_url(f"{page.url.partition('/search')[0]}/search?q=crawl&hit={chunk_id}")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/pages/*#{chunk_id}")
    await expect(page.locator(".page-body .cited").first).to_be_in_viewport()  # not the one beside the hits
    assert await page.evaluate(FOCUS) == []
    await page.go_back()
    await expect(page).to_have_url(re.compile(f"q=crawl&hit={chunk_id}$"))
    await expect(hits.nth(1)).to_be_focused()


async def _sources_and_tree(page: Page) -> None:
    await go_by_keys(page, "o", "/sources")
    await _is_heading_focused(page, "Sources")
    await expect(page.get_by_test_id("source-row")).to_have_count(1)
    await _press(page, "j", "j", "k")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/sources/*")
    await expect(page.get_by_test_id("delete-source")).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_be_focused()
    await expect(page.get_by_role("treeitem").first).to_be_visible()
    await _tab_to(page, "Pages")
    for _ in range(7):
        await _press(page, "ArrowRight")
    await expect(page.get_by_role("tab", name="Pages")).to_be_focused()
    items = page.get_by_role("treeitem")
    await expect(items.nth(1)).to_be_visible()
    while not await items.first.evaluate("item => item === document.activeElement"):
        await _press(page, "Tab")
    await _press(page, "ArrowDown")
    await expect(items.nth(1)).to_be_focused()
    await _press(page, "End", "Home", "ArrowUp")
    await expect(items.first).to_be_focused()


async def _a_wrong_name_deletes_nothing(page: Page) -> None:
    await _tab_to(page, "Delete…", by="Shift+Tab")
    await _press(page, "Enter")
    await expect(page.get_by_test_id("delete-name")).to_be_focused()
    await page.keyboard.type("something else")
    await _press(page, "Enter")
    await expect(page.get_by_role("alert")).to_have_text("That is not its name. Nothing was deleted.")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_test_id("delete-source")).to_be_focused()
    await _press(page, "Enter")
    await _tab_to(page, "Keep it")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_test_id("delete-source")).to_be_focused()


async def _new_crawl_and_shortcuts(page: Page) -> None:
    await page.keyboard.press("c")
    await expect(page.get_by_role("dialog").get_by_test_id("url-input")).to_be_focused()
    await _press(page, *["Tab"] * 3)
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("delete-source")).to_be_focused()
    await page.keyboard.press("?")
    shortcuts = page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(shortcuts).to_contain_text("New crawl")
    switch = shortcuts.get_by_role("checkbox", name="Use shortcuts")
    while not await switch.evaluate("box => box === document.activeElement"):
        await _press(page, "Tab")
    await _press(page, "Space")
    await expect(switch).not_to_be_checked()
    await _tab_to(page, "Close")
    await page.keyboard.press("Enter")
    await expect(shortcuts).to_have_count(0)
    await expect(page.get_by_test_id("delete-source")).to_be_focused()
    await page.keyboard.press("c")
    await page.keyboard.press("?")
    await _press(page, "Tab")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.reload()
    await expect(page.get_by_test_id("delete-source")).to_be_visible()
    await page.keyboard.press("c")
    await _press(page, "Tab")
    await expect(page.get_by_role("dialog")).to_have_count(0)


# Esc, and a key that comes before the browser has told that the dialog is closed: that it does in a task of its own.
ESC_AND_AGAIN = """async opener => {
    document.querySelector('dialog').requestClose();
    await new Promise(queueMicrotask);
    opener.click();
}"""


async def test_a_key_right_after_esc_opens_the_dialog_again(page: Page, server: ServerProcess) -> None:
    async with (
        written_site({"/": html("Wombats", text="All about wombats.")}) as site,
        aiohttp.ClientSession() as session,
    ):
        crawl = await Client(server.url, session).crawl(f"{site.url}/")
    await page.goto(f"{server.url}/sources/{crawl.source_id}")
    opener, name = page.get_by_test_id("delete-source"), page.get_by_test_id("delete-name")
    await opener.press("Enter")
    await expect(name).to_be_focused()
    await opener.evaluate(ESC_AND_AGAIN)
    await expect(name).to_be_focused()
    await page.keyboard.type("something else")
    await _press(page, "Enter")
    await expect(page.get_by_role("alert")).to_have_text("That is not its name. Nothing was deleted.")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(opener).to_be_focused()


# Two keys at once: the second before the URL has what the first has chosen.
TWICE = """() => {
    for (const _ of [1, 2]) {
        document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: %r, bubbles: true, cancelable: true }));
    }
}"""


async def test_keys_that_come_together_all_count(page: Page, server: ServerProcess) -> None:
    form = "<form><label>Name <input name='n'></label><button>Go</button></form>"
    async with written_site({"/form": html("Form", ("/a", "/b"), text=form)}) as site:
        await page.goto(f"{server.url}/parse")
        await page.get_by_label("Address").fill(f"{site.url}/form")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/parse/tsk_*")
        await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed")
    elements = page.get_by_test_id("element-list")
    await elements.focus()
    rows = elements.get_by_role("option")
    await page.keyboard.press("Home")
    await expect(rows.nth(0)).to_have_attribute("aria-selected", "true")
    await page.evaluate(TWICE % "ArrowDown")
    await expect(rows.nth(2)).to_have_attribute("aria-selected", "true")
    await page.get_by_role("tab", name="Elements").focus()
    await page.evaluate(TWICE % "ArrowRight")
    forms = page.get_by_role("tab", name="Forms")
    await expect(forms).to_be_focused()
    await expect(forms).to_have_attribute("aria-selected", "true")


async def test_the_focus_is_kept_while_a_page_without_a_heading_comes(page: Page, server: ServerProcess) -> None:
    async with (
        written_site({"/": html("Wombats", text="All about wombats.")}) as site,
        aiohttp.ClientSession() as session,
    ):
        await Client(server.url, session).crawl(f"{site.url}/")
    gate = asyncio.Event()

    async def hold(route: Route) -> None:
        await gate.wait()
        await route.continue_()

    # From the beginning: what is pointed at is fetched before it is opened.
    await page.route(re.compile(r"/api/v1/(sources/[^/]+/)?pages/"), hold)
    await page.goto(f"{server.url}/search?q=wombats")
    hit = page.locator("[data-hit-link]").first
    await expect(hit).to_be_visible()
    await hit.focus()
    await page.keyboard.press("Enter")
    await expect(hit).to_have_count(0)
    await expect(page.get_by_role("main")).to_be_focused()
    gate.set()
    await _is_heading_focused(page, "Wombats")


async def test_a_running_task_obeys_keys_and_keeps_the_focus(page: Page, server: ServerProcess) -> None:
    status = page.get_by_test_id("status")
    async with gated_site(30, open_to=5) as (site, _):
        await page.goto(server.url)
        await expect(page.get_by_test_id("url-input")).to_be_focused()
        await page.keyboard.type(f"{site.url}/guide/")
        await _tab_to(page, "Crawl")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/activity/*")
        await expect(page.get_by_test_id("stage-stored")).to_contain_text("6")
        await page.keyboard.press("p")
        await expect(status).to_have_attribute("data-status", "paused")
        await page.keyboard.press("p")
        await expect(status).to_have_attribute("data-status", "running")
        await _tab_to(page, "Pause")
        await _press(page, "Space")
        await expect(status).to_have_attribute("data-status", "paused")
        await expect(page.get_by_test_id("resume")).to_be_focused()
        await _press(page, "Enter")
        await expect(status).to_have_attribute("data-status", "running")
        await expect(page.get_by_test_id("pause")).to_be_focused()
        await _press(page, "l", "Escape")
        await expect(page.get_by_test_id("pause")).to_be_focused()
        await _press(page, "x", "Escape", "x")
        await expect(status).to_have_attribute("data-status", "running")
        await page.keyboard.press("x")
        await expect(status).to_have_attribute("data-status", "cancelled")
        await expect(page.get_by_role("heading", level=1)).to_be_focused()


async def _press_and_stay(page: Page, button: Locator) -> None:
    """While it is pending the button has the focus; after that something has."""
    await button.focus()
    pressed = await button.element_handle()
    assert pressed is not None
    async with held_commands(page):
        await page.keyboard.press("Enter")
        await page.wait_for_function("button => button.getAttribute('aria-disabled') === 'true'", arg=pressed)
        await page.keyboard.press("Enter")  # once more does nothing
        assert await pressed.evaluate(TWO_FRAMES_LATER) is True
    await page.wait_for_function(
        "button => !button.isConnected || button.getAttribute('aria-disabled') !== 'true'", arg=pressed
    )
    await page.wait_for_function("() => document.activeElement !== document.body")


TWO_FRAMES_LATER = """async button => {
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    return document.activeElement === button;
}"""


async def test_a_button_that_waits_for_its_answer_keeps_the_focus(page: Page, server: ServerProcess) -> None:
    commands: list[str] = []
    page.on("request", lambda request: commands.append(urlsplit(request.url).path) if request.method != "GET" else None)
    async with seeded(server) as there:
        source = f"sources/{there.source_id}"
        buttons = [
            (f"{source}?tab=settings", "Save"),
            (f"{source}?tab=settings", "Refresh by itself"),
            (f"{source}?tab=queries", "Run now"),
            ("settings", "Make a backup"),
            ("settings?tab=embedder", "What would it take?"),
            (f"activity/{there.failed}?tab=problems", "Retry these"),
            ("sources", "Refresh Wombats"),
            # Not before it: what this starts has that one wait.
            ("queue?tab=schedules", "Run now: Nightly wombats"),
            ("queue?tab=schedules", "Pause Nightly wombats"),
            (f"sources/{there.hostile_source_id}", "Refresh now"),
        ]
        for path, name in buttons:
            await page.goto(f"{server.url}/{path}")
            button = page.get_by_role("button", name=re.compile(f"^{re.escape(name)}(:|$)")).last
            await expect(button).to_have_attribute("aria-disabled", "false")
            await _press_and_stay(page, button)
        await page.goto(f"{server.url}/activity/{there.running}")
        await expect(page.get_by_test_id("change-limits")).to_be_visible()
        await page.keyboard.press("l")
        await page.get_by_role("spinbutton", name="Pages at most").fill("900")
        await _press_and_stay(page, page.get_by_test_id("set-limits"))
        await expect(page.get_by_test_id("change-limits")).to_be_visible()
    assert len(commands) == len(buttons) + 1, commands


async def test_what_goes_away_hands_its_focus_to_what_is_near(
    page: Page, tmp_path: Path, stack: AsyncExitStack
) -> None:
    """Rows whose button was pressed, a list that is empty after it, and the button that loads more."""
    filling = ServerProcess(tmp_path / "data")
    await filling.start()
    stack.push_async_callback(filling.stop)
    async with aiohttp.ClientSession() as session, receiver() as there:
        client = Client(filling.url, session)
        there.always(Answer(410))
        failed = [await _failing(client, number, f"{there.url}/hook") for number in range(102)]
        for task_id in failed:
            await client.ended(task_id)
        await there.heard(2)
        await page.goto(f"{filling.url}/queue?tab=webhooks&state=dead")
        await expect(page.get_by_test_id("delivery")).to_have_count(2)
    await filling.stop()
    server = ServerProcess(tmp_path / "data", GLEANERY_WORKER_CONCURRENCY="0")  # what is retried waits
    await server.start()
    stack.push_async_callback(server.stop)
    await _more_and_retry(page, server)
    await _send_again(page, server)


async def _failing(client: Client, number: int, hook: str) -> str:
    payload = {"steps": 1, "seconds": 0, "fail_at": 1}
    body = {"task_type": "test", "payload": payload, "max_retries": 0, "title": f"Broken {number}"}
    reply = await client.post("/tasks", body | ({"webhook_url": hook} if number > 99 else {}))
    return str(reply.body["task_id"])


async def _more_and_retry(page: Page, server: ServerProcess) -> None:
    await page.goto(f"{server.url}/queue?tab=failed")
    rows = page.get_by_test_id("failed-row")
    await expect(rows).to_have_count(100)
    await page.get_by_role("button", name="Show more").press("Enter")
    await expect(rows).to_have_count(102)
    await expect(rows.nth(100).get_by_role("link")).to_be_focused()
    ids = [await row.get_attribute("data-task-id") for row in await rows.all()]
    await rows.first.get_by_role("button", name="Retry").press("Enter")
    await expect(rows).to_have_count(101)
    await expect(rows.first.get_by_role("link")).to_be_focused()
    await expect(rows.first).to_have_attribute("data-task-id", ids[1] or "")
    await rows.last.get_by_role("button", name="Retry").press("Enter")
    await expect(rows).to_have_count(100)
    await expect(rows.last.get_by_role("link")).to_be_focused()
    await expect(rows.last).to_have_attribute("data-task-id", ids[100] or "")
    await page.get_by_role("checkbox", name="Select all shown").press("Space")
    await page.get_by_test_id("retry-selected").press("Enter")
    await expect(rows).to_have_count(0)
    await expect(page.get_by_test_id("retry-selected")).to_be_focused()


async def _send_again(page: Page, server: ServerProcess) -> None:
    await page.goto(f"{server.url}/queue?tab=webhooks&state=dead")
    rows = page.get_by_test_id("delivery")
    await expect(rows).to_have_count(2)
    await rows.first.get_by_role("button", name="Send again").press("Enter")
    await expect(rows).to_have_count(1)
    await expect(rows.locator("[data-row-link]")).to_be_focused()
    await rows.get_by_role("button", name="Send again").press("Enter")
    await expect(rows).to_have_count(0)
    await expect(page.locator("body")).not_to_be_focused()


async def test_only_what_matters_is_announced(page: Page, server: ServerProcess) -> None:
    async with written_site({"/": html("Start", ("/a", "/b")), "/a": html("A"), "/b": html("B")}) as site:
        await page.goto(f"{server.url}/activity")
        await expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")
        await page.evaluate(HEAR)
        announcer, name = page.get_by_test_id("announcer"), site.url.removeprefix("http://")
        async with aiohttp.ClientSession() as session:
            client = Client(server.url, session)
            async with gated_site(9, open_to=4) as (held, gate):
                task = await client.start(f"{held.url}/guide/")
                guide = f"{held.url.removeprefix('http://')}/guide"
                await expect(announcer).to_have_text(f"{guide} started")
                await client.until_stored(task["task_id"], 5)
                await gate.open(9)
                await client.ended(task["task_id"])
                await expect(announcer).to_have_text(f"{guide} finished")
            failing = await client.start(f"{site.url}/not/there")
            await client.ended(failing["task_id"])
            await expect(announcer).to_have_text(re.compile("failed$"))
            await server.kill()
            await expect(announcer).to_have_text("Connection lost")
            await server.start()
            await expect(announcer).to_have_text("Connected, everything caught up")
        said: list[str] = await page.evaluate("window.__said")
    assert [text for text in said if text != f"{name}/not/there started"] == [
        f"{guide} started",
        f"{guide} finished",
        f"{name}/not/there failed",
        "Connection lost",
        "Connected, everything caught up",
    ]


async def test_what_is_there_already_is_not_announced(page: Page, server: ServerProcess) -> None:
    async with written_site({"/": html("Start")}) as site, aiohttp.ClientSession() as session:
        await Client(server.url, session).crawl(f"{site.url}/")
        for route in ("activity", "queue", "sources", "settings"):
            await page.goto(f"{server.url}/{route}")
            await expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")
            await expect(page.get_by_test_id("announcer")).to_have_text("")


async def test_a_parse_by_keyboard_alone(page: Page, server: ServerProcess) -> None:
    form = "<label>Name <input name='n'></label><button>Go</button>"
    async with written_site({"/form": html("Form", ("/a", "/b"), text=f"<form>{form}</form>")}) as site:
        await page.goto(f"{server.url}/parse")
        await _is_heading_focused(page, "Parse page")
        await _press(page, "Tab")
        await page.keyboard.type(f"{site.url}/form")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/parse/tsk_*")
        await _is_heading_focused(page, re.compile("."))
        await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "completed")
        await expect(page.get_by_test_id("screenshot")).to_be_visible()
    await _tab_to(page, "Elements")
    for name in ("Outline", "Forms", "Tables", "Meaning", "Content", "Console & network", "JSON", "Elements"):
        await _press(page, "ArrowRight")
        assert str(await page.evaluate(ACTIVE)).startswith(name)
    await _tab_to(page, "100 %")
    await _press(page, "Enter")
    await _tab_to(page, "Elements")
    await _press(page, "End")
    await expect(page.get_by_test_id("element-detail")).to_contain_text("button “Go”")
    await _press(page, "ArrowUp")
    await expect(page.get_by_test_id("element-detail")).to_contain_text("textbox “Name”")
    await _tab_to(page, "Choose none")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("element-detail")).to_have_count(0)
    assert await page.evaluate("document.activeElement !== document.body"), "the focus is lost"


async def test_reports_by_keyboard_alone(page: Page, tmp_path: Path, serve_pages: ServePages) -> None:
    async with (
        chat_server(Auditor()) as model,
        _served(tmp_path / "data", **report_settings(model)) as (server, client),
    ):
        site = await serve_pages(SITE)
        await client.crawl(f"{site.url}/")
        await page.goto(f"{server.url}/sources")
        await _is_heading_focused(page, "Sources")
        await go_by_keys(page, "r", "/reports")
        await _is_heading_focused(page, "Reports")
        await _import_a_framework(page)
        for title in ("First", "Second"):
            await _make_a_report(page, title)
        await _through_a_report(page)
        await _compare_and_delete(page)


@asynccontextmanager
async def _served(folder: Path, **settings: str) -> AsyncIterator[tuple[ServerProcess, Client]]:
    server = ServerProcess(folder, **settings)
    await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield server, Client(server.url, session)
    finally:
        await server.stop()


async def _import_a_framework(page: Page) -> None:
    await _tab_to(page, "Import framework…")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Import a framework")
    file = dialog.get_by_label("File")
    await expect(file).to_be_focused()
    await file.set_input_files({"name": "house.yaml", "mimeType": "application/yaml", "buffer": FRAMEWORK.encode()})
    await _tab_to(page, "Import")
    await _press(page, "Enter")
    await expect(dialog.get_by_role("status").last).to_have_text("House rules 1 is there, with 3 controls.")
    await _tab_to(page, "Close", by="Shift+Tab")
    await _press(page, "Enter")
    await expect(page.get_by_role("button", name="Import framework…")).to_be_focused()


async def _make_a_report(page: Page, title: str) -> None:
    await page.keyboard.press("n")
    dialog = page.get_by_role("dialog", name="New report")
    choice = dialog.get_by_label("Framework", exact=True)
    await expect(choice).to_be_focused()
    await page.keyboard.type("House")
    await expect(choice.locator("option:checked")).to_have_text("House rules (1)")
    await _press(page, "Tab", "ArrowDown")
    await expect(dialog.get_by_label("Some of them")).to_be_checked()
    await _press(page, "Tab", "Space", "Tab")
    await expect(dialog.get_by_label("Title")).to_be_focused()
    await page.keyboard.type(title)
    await page.keyboard.press("Enter")
    await _is_heading_focused(page, title)
    await expect(page.get_by_test_id("status").first).to_have_attribute("data-status", "completed")
    assert await page.evaluate(FOCUS) == []
    if title == "First":
        await _tab_to(page, "Reports", by="Shift+Tab")
        await page.keyboard.press("Enter")
        await _is_heading_focused(page, "Reports")


async def _through_a_report(page: Page) -> None:
    await _tab_to(page, "JSON")
    await _tab_to(page, "Controls")
    for name in ("Gaps", "Changes", "Controls"):
        await _press(page, "ArrowRight")
        assert str(await page.evaluate(ACTIVE)).startswith(name)
    await _tab_to(page, "Partly met")
    await _press(page, "Space")
    await expect(page.get_by_test_id("control")).to_have_count(1)
    await _press(page, "Space", "j", "j", "k", "j")
    await page.keyboard.press("Enter")
    opened = page.get_by_role("button", name="H-2 Encryption")
    await expect(opened).to_have_attribute("aria-expanded", "true")
    await expect(opened).to_be_focused()
    await expect(page.get_by_test_id("passage-page").locator("mark").first).to_be_visible()
    await _tab_to(page, "Disks")
    await _tab_to(page, "2.")
    await _press(page, "Space", "Tab", "Enter")
    await expect(page.get_by_test_id("passage").nth(1)).to_contain_text("hit")
    await _tab_to(page, "H-3 Telepathy")
    await _tab_to(page, "H-2 Encryption", by="Shift+Tab")
    await page.keyboard.press("Space")
    await expect(opened).to_have_attribute("aria-expanded", "false")
    await expect(opened).to_be_focused()


async def _compare_and_delete(page: Page) -> None:
    await _tab_to(page, "Controls", by="Shift+Tab")
    await _press(page, "ArrowLeft")
    await expect(page.get_by_text("Nothing changed")).to_be_visible()
    await _press(page, "Tab")
    await expect(page.get_by_label("Compared with")).to_be_focused()
    await _tab_to(page, "The other report")
    await page.keyboard.press("Enter")
    await _is_heading_focused(page, "First")
    await _tab_to(page, "Delete")
    await _press(page, "Enter", "Escape", "Enter")
    await page.keyboard.press("Enter")
    await _is_heading_focused(page, "Reports")
    await expect(page.get_by_test_id("report-row")).to_have_count(1)
    await _press(page, "j")
    assert str(await page.evaluate(ACTIVE)) == "Second"


async def test_stories_by_keyboard_alone(page: Page, tmp_path: Path) -> None:
    async with seeded_stories(tmp_path / "data") as there, aiohttp.ClientSession() as session:
        there.there.heal()
        client = Client(there.server.url, session)
        another = await ask(client, there.there, there.there.add("Slow login"))
        await story_in(client, another, "needs_approval")
        await page.goto(f"{there.server.url}/sources")
        await _is_heading_focused(page, "Sources")
        await go_by_keys(page, "y", "/stories")
        await _is_heading_focused(page, "Stories")
        await _workspaces_by_keyboard(page)
        await _a_story_is_rejected(page)
        await _a_story_is_approved(page)
        await page.goto(f"{there.server.url}/stories/{there.failed}")
        await expect(page.get_by_role("button", name="Go on with it")).to_be_visible()
        await _tab_to(page, "Go on with it")
        await _press(page, "Enter")
        await expect(page.get_by_test_id("state").first).to_have_attribute("data-state", "needs_approval")
        assert await page.evaluate(FOCUS) == []


async def _workspaces_by_keyboard(page: Page) -> None:
    tab = page.get_by_role("tab", name="Stories")
    await expect(tab).to_be_visible()
    await _tab_to(page, "Stories")
    if await tab.evaluate("tab => tab !== document.activeElement"):  # the menu's link has the same name
        await _tab_to(page, "Stories")
    await expect(tab).to_be_focused()
    await _press(page, "ArrowRight")
    await expect(page.get_by_role("tab", name="Workspaces")).to_be_focused()
    await _tab_to(page, "New workspace")
    await _press(page, "Enter")
    form = page.get_by_role("dialog", name="New workspace")
    await expect(form.get_by_label("Name")).to_be_focused()
    await page.keyboard.type("den")
    await _press(page, "Tab")
    await page.keyboard.type("s3cret-of-the-webhook")
    await _tab_to(page, "More")
    await _press(page, "Enter", "Tab", "Tab")
    await expect(form.get_by_label("Call at the end of each task")).to_be_focused()
    await _tab_to(page, "Save")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("workspace")).to_have_count(3)
    await expect(page.get_by_role("button", name="New workspace")).to_be_focused()
    await _tab_to(page, "Change den")
    await _press(page, "Enter")
    await _tab_to(page, "Delete")
    await _press(page, "Enter")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("workspace")).to_have_count(2)
    await page.wait_for_function("() => document.activeElement !== document.body")
    assert await page.evaluate(FOCUS) == []
    await _tab_to(page, "Workspaces", by="Shift+Tab")
    await _press(page, "ArrowLeft")


async def _a_story_is_rejected(page: Page) -> None:
    await _tab_to(page, "Need you")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"\?show=attention$"))
    await expect(page.get_by_test_id("story-row")).to_have_count(4)
    assert str(await page.evaluate(ACTIVE)) == "Need you"
    await _press(page, "j", "j", "k")
    await page.keyboard.press("Enter")
    await _is_heading_focused(page, "Slow login")
    await _tab_to(page, "Reject…")
    await _press(page, "Enter")
    await expect(page.get_by_label("Why")).to_be_focused()
    await page.keyboard.type("Not now")
    await _tab_to(page, "Before and after")
    for name in ("Findings", "Steps", "Before and after"):
        await _press(page, "ArrowRight")
        assert str(await page.evaluate(ACTIVE)).startswith(name)
    await _tab_to(page, "After")
    await _press(page, "Enter")
    await expect(page).to_have_url(re.compile("view=after$"))
    await _tab_to(page, "Reject it", by="Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("state").first).to_have_attribute("data-state", "rejected")
    await page.wait_for_function("() => document.activeElement !== document.body")
    assert await page.evaluate(FOCUS) == []


async def _a_story_is_approved(page: Page) -> None:
    await go_by_keys(page, "y", "/stories")
    await _is_heading_focused(page, "Stories")
    await page.get_by_role("link", name="Slow export").focus()
    await page.keyboard.press("Enter")
    await _is_heading_focused(page, re.compile("Slow export"))
    await _tab_to(page, "Approve")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("state").first).to_have_attribute("data-state", "written")
    await page.wait_for_function("() => document.activeElement !== document.body")
    assert await page.evaluate(FOCUS) == []


async def test_a_screen_reader_hears_what_the_eye_sees(page: Page, server: ServerProcess) -> None:
    """What was bad when it was read out by Orca: labels of buttons as news, and names that ran into their counts."""
    async with seeded(server) as there:
        await page.goto(f"{server.url}/activity/{there.running}")
        cancel = page.get_by_test_id("cancel")
        await cancel.press("Enter")
        await expect(page.get_by_text("Yes, cancel it: press again, or Escape")).to_have_attribute(
            "aria-live", "polite"
        )
        await cancel.press("Escape")
        await expect(page.get_by_text("press again, or Escape")).to_have_count(0)
        active = page.get_by_role("navigation", name="Main").get_by_role("link", name=re.compile("^Activity"))
        await expect(active).to_have_attribute("aria-label", re.compile(r"^Activity \d active$"))
        await page.goto(f"{server.url}/sources")
        await expect(page.get_by_role("link", name="Up to date: the last crawl of Wombats", exact=True)).to_be_visible()
        await page.goto(f"{server.url}/sources/{there.source_id}/pages/{there.page_id}")
        await expect(page.get_by_role("button", name="Copy", exact=True)).to_be_visible()
        assert await page.locator("button [aria-live]").count() == 0
        live = page.locator("[aria-live]", has_text="Copy")
        await expect(live).to_have_count(0)


async def test_what_comes_at_once_is_not_told_of(page: Page, server: ServerProcess) -> None:
    """ "Loading" is said once it takes 300 ms: by a clock that stands still until then."""
    await page.goto(f"{server.url}/settings")
    await expect(page.get_by_test_id("backup")).to_be_visible()
    gate = asyncio.Event()

    async def hold(route: Route) -> None:
        await gate.wait()
        await route.continue_()

    await page.route("**/api/v1/sources?*", hold)
    await page.clock.install()
    await page.clock.pause_at(await page.evaluate("Date.now() + 10_000"))
    await page.get_by_role("link", name="Sources", exact=True).click()
    await expect(
        page.get_by_role("heading", name="Sources", exact=True)
    ).to_be_visible()  # the settings load in parts, too
    status = page.locator("main .loading[role=status]")
    await expect(status).to_have_text("")
    await page.clock.run_for(299)
    await expect(status).to_have_text("")
    await page.clock.run_for(1000)
    await expect(status).to_have_text("Loading…")
    gate.set()
    await page.clock.resume()
    await expect(page.get_by_text("No source yet")).to_be_visible()
