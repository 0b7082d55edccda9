"""Traces as they are seen in the browser: groups by place, a template with its variables, its traces, its history."""

from __future__ import annotations

import re

import aiohttp
import pytest
from playwright.async_api import Page, expect

from tests.api.client import Client
from tests.api.test_traces import settled, traces
from tests.e2e.server_process import ServerProcess
from tests.ui.driving import go_by_keys

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


async def test_an_empty_server_says_how_traces_come(page: Page, server: ServerProcess) -> None:
    await page.goto(f"{server.url}/traces")
    await expect(page.get_by_role("region", name="No traces")).to_contain_text("POST /api/v1/traces")
    await expect(page.get_by_role("link", name="How traces are sent and grouped")).to_have_attribute(
        "href", "/example/traces.html"
    )


async def test_groups_are_found_by_project_and_path_and_looked_into(page: Page, server: ServerProcess) -> None:
    async with aiohttp.ClientSession() as session:
        client = Client(server.url, session)
        await client.post("/traces", {"traces": traces(20, model="m", error=None)})
        static = {"instruction": "Say \u202egood\u202c morning.", "project_id": "lab", "path": "/hello"}
        await client.post("/traces", {"traces": [{**static, "trace_id": f"g{number}"} for number in range(3)]})
        (group,) = await settled(client, 20)
        await settled(client, 3, "lab")
    await page.goto(f"{server.url}/traces")
    groups = page.get_by_role("list", name="Groups, the largest first").get_by_role("listitem")
    await expect(groups).to_have_count(2)
    await expect(groups.last).to_contain_text("Say \u27e8RLO\u27e9good")
    await expect(groups.first).to_contain_text("Name: {{name}}")
    await page.get_by_role("link", name="shop 20").click()
    await expect(page).to_have_url(re.compile(r"/traces\?project=shop$"))
    await expect(groups).to_have_count(1)
    await page.get_by_role("link", name="/reply 20").click()
    await expect(page).to_have_url(re.compile(r"path=%2Freply"))
    await groups.get_by_role("link").click()
    await expect(page).to_have_url(f"{server.url}/traces/{group['group_id']}")
    await expect(page.locator("h1")).to_have_text("You answer customers of a bookshop. Stay polite.")
    await expect(page.get_by_test_id("prompt").locator("var")).to_have_text(["{{name}}", "{{message}}"])
    await expect(page.get_by_role("region", name="Variables").get_by_role("rowheader")).to_have_text(
        ["name", "message"]
    )
    await page.get_by_role("tab", name="Implementations").click()
    cells = page.get_by_role("region", name="Implementations").get_by_role("row").last.get_by_role("cell")
    await expect(cells).to_have_text(["100 %", "20", "0", "9 ms", "18 ms", "0", "0"])
    await page.get_by_role("tab", name="Traces").click()
    await expect(page).to_have_url(re.compile("tab=traces"))
    rows = page.get_by_role("list", name="Traces, newest first").locator("> li")
    await expect(rows).to_have_count(20)
    await rows.first.get_by_text("The whole instruction").click()
    await expect(rows.first).to_contain_text("You answer customers of a bookshop.")
    await page.get_by_role("tab", name="History").click()
    await expect(page.get_by_test_id("drift").get_by_role("img").first).to_be_visible()
    await expect(page.get_by_role("region", name="What happened")).to_contain_text(
        "The first traces of this template came."
    )
    await page.go_back()
    await expect(rows).to_have_count(20)


async def test_traces_of_a_project_are_deleted_by_its_name(page: Page, server: ServerProcess) -> None:
    async with aiohttp.ClientSession() as session:
        client = Client(server.url, session)
        await client.post("/traces", {"traces": traces(20)})
        await client.post("/traces", {"traces": traces(3, first=20, project_id="lab")})
        await settled(client, 20)
        await settled(client, 3, "lab")
    await page.goto(f"{server.url}/traces")
    await expect(page.get_by_role("button", name="Delete…")).to_have_count(0)
    await page.get_by_role("link", name="lab 3").press("Enter")
    await page.get_by_role("button", name="Delete…").press("Enter")
    dialog = page.get_by_role("dialog", name="Delete these traces?")
    await expect(dialog).to_contain_text("There are 3 traces of lab.")
    name = dialog.get_by_label("Type lab to delete them")
    await expect(dialog.get_by_label("All of them")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(name).to_be_focused()
    await page.keyboard.type("shop")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("status")).to_have_text("That is not its name. Nothing was deleted.")
    await dialog.get_by_label("Only those that are old").check()
    await name.fill("lab")
    await dialog.get_by_role("button", name="Delete").click()
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_role("button", name="Delete…")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_label("All of them")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.type("lab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("There are no traces here, or none any more.")).to_be_visible()
    await expect(page.get_by_role("link", name="shop 20")).to_be_visible()
    await expect(page.get_by_role("link", name="lab 3")).to_have_count(0)
    assert await page.evaluate("document.activeElement !== document.body"), "the focus is lost"


async def test_a_group_that_is_not_there_is_told(page: Page, server: ServerProcess) -> None:
    await page.goto(f"{server.url}/traces/grp_none")
    await expect(page.locator("section.fail")).to_contain_text("not_found")


async def test_the_keyboard_leads_to_traces(page: Page, server: ServerProcess) -> None:
    await page.goto(f"{server.url}/sources")
    await expect(page.locator("h1")).to_be_focused()
    await go_by_keys(page, "t", "/traces")
    await expect(page).to_have_url(f"{server.url}/traces")
