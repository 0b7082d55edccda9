"""The settings as they are seen in the browser: this browser, the server, its embedder, what it was started with."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Page, expect

from tests.api.client import Client
from tests.e2e.server_process import ServerProcess
from tests.sites.gated import gated_site
from tests.sites.openai_api import Dislike, openai_api

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

KEY = "a-secret-key-of-this-test"
Serve = Callable[..., Awaitable[Client]]


@pytest.fixture
def serve(tmp_path: Path, stack: AsyncExitStack) -> Serve:
    """Starts a server with these settings; a client of it, with the key if there is one."""

    async def serve(**settings: str) -> Client:
        server = ServerProcess(tmp_path / "data", **settings)
        await server.start()
        stack.push_async_callback(server.stop)
        headers = {"X-API-Key": KEY} if "GLEANERY_API_KEYS" in settings else {}
        return Client(server.url, await stack.enter_async_context(aiohttp.ClientSession(headers=headers)))

    return serve


async def test_the_server_tells_of_itself_and_is_backed_up(page: Page, serve: Serve, tmp_path: Path) -> None:
    client = await serve()
    await page.goto(f"{client.url}/settings")
    await expect(page.get_by_text(str(tmp_path / "data"), exact=True)).to_be_visible()
    for part, said in (("database", "SQLite"), ("embedder", "Choose an embedder"), ("worker", "0 of 8 tasks at once")):
        await expect(page.get_by_test_id(f"part-{part}")).to_contain_text(said)
    await expect(page.get_by_role("link", name="The API, to read")).to_have_attribute("href", "/docs")
    async with page.expect_download() as download:
        await page.get_by_test_id("backup").click()
    file = await (await download.value).path()
    assert zipfile.ZipFile(file).testzip() is None
    await expect(page.get_by_text(re.compile(r"Saved: gleanery-.*\.backup\.zip, .* kB"))).to_be_visible()
    assert await page.evaluate("window.__violations") == []


async def test_settings_are_shown_and_secrets_are_not(page: Page, serve: Serve) -> None:
    client = await serve(GLEANERY_API_KEYS=KEY, GLEANERY_QUEUE_LIMIT="77", OPENAI_API_KEY="sk-hidden")
    await page.goto(f"{client.url}/settings?tab=variables")
    await page.get_by_test_id("api-key").fill(KEY)
    await page.get_by_role("button", name="Use key").click()
    rows = page.get_by_test_id("setting")
    limit = page.locator("[data-name=queue_limit]")
    await expect(limit).to_contain_text("GLEANERY_QUEUE_LIMIT")
    assert (await limit.locator("td").all_inner_texts())[:2] == ["77\nset", "10000"]
    await expect(page.locator("[data-name=openai_api_key] td").first).to_have_text("••••set")
    await expect(page.locator("[data-name=webhook_secret] td").first).to_have_text("not set")
    text = await page.locator("main").inner_text()
    assert [secret for secret in (KEY, "sk-hidden") if secret in text] == []
    await page.get_by_role("searchbox").fill("vanished")
    await expect(rows).to_have_count(1)
    await expect(page).to_have_url(re.compile(re.escape("?tab=variables&q=vanished") + "$"))
    await page.get_by_role("button", name="Set by you").click()
    await expect(page.get_by_text("No setting fits.")).to_be_visible()
    await page.get_by_role("searchbox").fill("")
    await expect(limit).to_be_visible()
    await expect(page.locator("[data-name=lease_seconds]")).to_have_count(0)


async def test_this_browser_keeps_its_choices_and_forgets_its_key(page: Page, serve: Serve) -> None:
    client = await serve(GLEANERY_API_KEYS=KEY)
    await page.goto(f"{client.url}/settings?tab=browser")
    await page.get_by_test_id("api-key").fill(KEY)
    await page.get_by_role("button", name="Use key").click()
    await page.get_by_role("main").get_by_label("Theme").select_option("dark")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.get_by_label("Use shortcuts").uncheck()
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(page.get_by_label("Use shortcuts")).not_to_be_checked()
    await page.get_by_role("heading", name="Settings").press("c")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.get_by_role("button", name="Forget the key").click()
    await expect(page.get_by_role("dialog", name="API key")).to_be_visible()
    assert await page.evaluate("sessionStorage.getItem('gleanery.key')") is None


async def test_the_embedder_is_changed_with_its_cost_known_before(page: Page, serve: Serve) -> None:
    async with gated_site(4, open_to=4) as (site, _), openai_api(dimensions=8) as api:
        client = await serve(GLEANERY_EMBEDDER="openai", OPENAI_BASE_URL=api.base_url)
        crawl = await client.crawl(f"{site.url}/guide/")
        asked = len(api.requests)
        await page.goto(f"{client.url}/settings?tab=embedder")
        await expect(page.get_by_label("Address of the API")).to_have_value(api.base_url)
        await page.get_by_label("Vector size").fill("4")
        await page.get_by_label("US dollars for a million tokens").fill("2")
        await page.get_by_test_id("estimate").click()
        facts = page.get_by_test_id("estimate-facts")
        texts = (await client.one(f"/sources/{crawl.source_id}"))["chunks"]
        await expect(facts).to_contain_text(f"Texts without a vector{texts}")
        await expect(facts).to_contain_text("less than $0.01")
        assert len(api.requests) == asked, "the estimate asks nobody"
        api.dislikes = (Dislike("number3", 400, "not this one", "content_filter"),)
        api.answer_then_hang(1)  # the short text of the check
        await page.get_by_test_id("change-embedder").click()
        await page.get_by_test_id("change-embedder").click()
        building = page.get_by_test_id("embedder-building")
        await expect(building).to_contain_text(f"0 of {texts} texts")
        await expect(building.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "0")
        await building.get_by_test_id("give-up").click()
        await building.get_by_test_id("give-up").click()
        await expect(building).to_have_count(0)
        assert (await client.one("/embedder"))["building"] is None
        api.release()
        await page.get_by_test_id("estimate").click()
        await page.get_by_test_id("change-embedder").click()
        await page.get_by_test_id("change-embedder").click()
        model = page.get_by_test_id("embedder-model").filter(has_text="In use")
        await expect(model).to_contain_text("text-embedding-3-small/4")
        await expect(model).to_contain_text(f"of {texts} texts have a vector, 1 was refused")
        await expect(model).to_contain_text("content_filtered")
        api.dislikes = ()
        await model.get_by_role("button", name="Try them again").click()
        await expect(model).to_contain_text(f"{texts} of {texts} texts have a vector")
        assert (await client.one("/embedder"))["active"]["failed"] == 0


async def test_an_embedder_that_can_not_be_is_explained(page: Page, serve: Serve) -> None:
    client = await serve()
    await page.goto(f"{client.url}/settings?tab=embedder")
    await page.get_by_label("OpenAI, or a server that speaks its API").check()
    await page.get_by_label("Address of the API").fill("http://169.254.169.254/v1")
    await page.get_by_test_id("estimate").click()
    alert = page.get_by_role("alert")
    await expect(alert).to_be_visible()
    await expect(page.get_by_text("base_url", exact=True)).to_be_visible()
    await expect(page.get_by_test_id("change-embedder")).to_have_count(0)
