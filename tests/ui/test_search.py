"""Search in the browser: as typed, by keyboard, with filters, and back again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import BrowserContext, Locator, Page, expect

from tests.api.client import Client
from tests.conftest import ServePages
from tests.e2e.server_process import ServerProcess
from tests.sites import Site
from tests.sites.openai_api import Fault, openai_api
from tests.ui.driving import HEAR, is_said

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


def _html(title: str, body: str, lang: str = "en") -> str:
    return f'<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>{title}</title><main><h1>{title}</h1>{body}</main></html>'


def _index(*names: str) -> str:
    return _html("Animals", "".join(f'<p><a href="{name}">{name}</a></p>' for name in names))


async def _site(serve_pages: ServePages, pages: Mapping[str, str], folder: str = "docs") -> Site:
    return await serve_pages(
        {f"{folder}/index.html": _index(*pages)} | {f"{folder}/{name}": text for name, text in pages.items()}
    )


@pytest.fixture
async def client(server: ServerProcess) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(server.url, session)


def _hits(page: Page) -> Locator:
    return page.get_by_test_id("hit")


async def _search(page: Page, text: str) -> None:
    await page.get_by_test_id("search-input").fill(text)


CHARACTERS = _html(
    "Zeichen 👩‍👩‍👧",
    "<p>👩‍👩‍👧 🦘🦘 The quokka smiles 🦘 at a naïve quokka.</p>"
    "<p>在这里 👨‍🚀 有袋类动物 很多。</p>"
    '<p dir="rtl">🐾 הוומבט אוכל עשב ירוק 🐾</p>'
    '<pre><code class="language-python">emoji = "👩‍👩‍👧🦘"\nfeed(quokka)  # 有袋类\n</code></pre>',
)


async def test_marks_stand_on_the_right_characters(
    page: Page, server: ServerProcess, client: Client, serve_pages: ServePages
) -> None:
    site = await _site(serve_pages, {"characters.html": CHARACTERS})
    await client.crawl(f"{site.url}/docs/")
    await page.goto(f"{server.url}/search")
    for query, words in (
        ("quokka", ["quokka", "quokka", "quokka"]),
        ("naive", ["naïve"]),
        ("有袋类", ["有袋类", "有袋类"]),
        ("עשב", ["עשב"]),
    ):
        await _search(page, query)
        await expect(page).to_have_url(re.compile("q="))
        for place in (_hits(page).first, page.get_by_test_id("preview-hit")):
            await expect(place.locator("mark")).to_have_text(words)
    await expect(page.locator("[data-cited] mark, .cited mark")).to_have_text(["עשב"])
    await page.get_by_test_id("show-code").check()
    await _search(page, "quokka")
    await expect(page.get_by_test_id("hit-code").locator("mark")).to_have_text(["quokka"])


def _many(count: int) -> dict[str, str]:
    """Pages that differ enough not to be folded."""
    return {
        f"{n}.html": _html(f"Chapter {n}", f"<p>Wombat {n} " + " ".join(f"w{n}x{m}" for m in range(40)) + ".</p>")
        for n in range(1, count + 1)
    }


async def test_the_keyboard_leads_to_the_page_and_back_restores_everything(
    page: Page, server: ServerProcess, client: Client, serve_pages: ServePages
) -> None:
    site = await _site(serve_pages, _many(24))
    await client.crawl(f"{site.url}/docs/", tags=["animals"])
    await page.goto(f"{server.url}/search?tag=animals")
    await expect(page.get_by_test_id("search-input")).to_be_focused()
    await page.keyboard.type("wombat")
    await expect(_hits(page)).to_have_count(20)
    await expect(page.get_by_test_id("found")).to_contain_text("The best 20 passages")
    links = page.locator("[data-hit-link]")
    await page.keyboard.press("ArrowDown")
    await expect(links.nth(0)).to_be_focused()
    await page.keyboard.press("j")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("k")
    await expect(links.nth(1)).to_be_focused()
    await expect(_hits(page).nth(1)).to_have_attribute("aria-current", "true")
    chunk_id = await _hits(page).nth(1).get_attribute("data-hit")
    await expect(page).to_have_url(f"{server.url}/search?q=wombat&tag=animals&hit={chunk_id}")
    await expect(page.get_by_test_id("preview-hit").get_by_role("heading", level=2).first).to_have_text(
        await links.nth(1).inner_text()
    )
    assert await page.locator("[data-hit-link][tabindex='0']").count() == 1
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("search-input")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("End")
    await expect(links.nth(19)).to_be_focused()
    await expect(_hits(page).nth(19)).to_be_in_viewport(ratio=1)
    last, scrolled = await _hits(page).nth(19).get_attribute("data-hit"), await page.evaluate("scrollY")
    assert scrolled > 0

    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/pages/*#{last}")
    await expect(page.locator(".cited").first).to_be_visible()
    await page.go_back()
    await expect(page).to_have_url(f"{server.url}/search?q=wombat&tag=animals&hit={last}")
    await expect(page.get_by_test_id("search-input")).to_have_value("wombat")
    await expect(page.get_by_role("button", name="Remove filter Tag: animals")).to_be_visible()
    await expect(links.nth(19)).to_be_focused()
    await page.wait_for_function("top => scrollY === top", arg=scrolled)


async def test_an_old_answer_never_takes_the_place_of_a_new_one(
    page: Page, tmp_path: Path, stack: AsyncExitStack, serve_pages: ServePages
) -> None:
    """The first query waits for its vector, which the embedding service holds back; the second is answered before it."""
    api = await stack.enter_async_context(openai_api())
    server = ServerProcess(
        tmp_path / "data", GLEANERY_EMBEDDER="openai", OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=api.base_url
    )
    await server.start()
    stack.push_async_callback(server.stop)
    session = await stack.enter_async_context(aiohttp.ClientSession())
    site = await _site(serve_pages, {"a.html": _html("Aardvark", "<p>An aardvark digs.</p>")})
    await Client(server.url, session).crawl(f"{site.url}/docs/")
    await page.goto(f"{server.url}/search?q=digs")
    await expect(_hits(page).first).to_contain_text("aardvark")
    aborted: list[str] = []
    page.on(
        "requestfailed",
        lambda request: aborted.append(request.post_data or "") if request.url.endswith("/search") else None,
    )

    api.fail_with(Fault.HANG)
    await _search(page, "aardvark slow")
    async with asyncio.timeout(30):
        await api.hanging.wait()
    await expect(page.locator(".stale[aria-busy=true]").get_by_test_id("hit").first).to_contain_text("aardvark")
    await _search(page, "animals quick")
    await expect(page.locator(".stale")).to_have_count(0)
    answered = await page.get_by_test_id("found").inner_text()
    texts = await _hits(page).all_inner_texts()
    api.release()
    slow = await Client(server.url, session).post("/search", {"query": "aardvark slow"})
    assert slow.body["hits"]
    assert await page.get_by_test_id("found").inner_text() == answered
    assert await _hits(page).all_inner_texts() == texts
    assert ["slow" in body for body in aborted] == [True]


async def test_a_hit_is_copied_as_markdown_with_its_source(
    context: BrowserContext, page: Page, server: ServerProcess, client: Client, serve_pages: ServePages
) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    body = (
        "".join(f"<p>A numbat is a marsupial; this is what number {n} of them eats.</p>" for n in range(60))
        + '<h2 id="feed">Feed it</h2><p>Open the gate:</p>'
        + '<pre><code class="language-python">gate.open()\nfeed("numbat")\n</code></pre>'
    )
    site = await _site(serve_pages, {"numbat.html": _html("Numbats", body)})
    await client.crawl(f"{site.url}/docs/")
    await page.goto(f"{server.url}/search?q=gate")
    await expect(_hits(page).first).to_be_visible()
    await page.evaluate(HEAR)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("y")
    await is_said(page, "Hit 1 copied as Markdown")
    (hit,) = (await client.post("/search", {"query": "gate"})).body["hits"]
    quoted = [f"> {line}" if line else ">" for line in hit["content"].split("\n")]
    assert quoted[-4:] == ["> ```python", "> gate.open()", '> feed("numbat")', "> ```"]
    source = f"— [{' › '.join(hit['heading_path'])}]({hit['url']})"
    assert await page.evaluate("navigator.clipboard.readText()") == "\n".join([*quoted, "", source, ""])
    await page.get_by_role("button", name="Copy link").click()
    await is_said(page, "Link copied")
    await page.goto(await page.evaluate("navigator.clipboard.readText()"))
    await expect(page.locator(".cited").first).to_be_visible()
    await page.goto(f"{server.url}/search?q=gate&show=code")
    await page.evaluate(HEAR)
    await page.get_by_role("button", name="With source").click()
    await is_said(page, "Hit 1 copied as Markdown")
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith('```python\ngate.open()\nfeed("numbat")\n```\n\n— [Numbats › Feed it](')


async def test_filters_are_in_the_address_and_can_be_taken_back(
    page: Page, server: ServerProcess, client: Client, serve_pages: ServePages
) -> None:
    code = '<pre><code class="language-{0}">numbat_{0}()</code></pre>'
    await _site(serve_pages, {"x.html": _html("One", f"<p>A numbat.</p>{code.format('python')}")}, "one")
    await _site(serve_pages, {"x.html": _html("Two", f"<p>Ein Numbat.</p>{code.format('rust')}", "de")}, "two")
    site = await _site(serve_pages, {"x.html": _html("Three", "<p>No numbat here?</p>")}, "three")
    crawls = [await client.crawl(f"{site.url}/{name}/", tags=[name]) for name in ("one", "two", "three")]
    await page.goto(f"{server.url}/search?q=numbat")
    found = page.get_by_test_id("found")
    await expect(found).to_contain_text("in 3 sources")
    boxes = page.get_by_role("group", name="Sources").get_by_role("checkbox")
    await expect(boxes).to_have_count(3)
    titles = [await client.one(f"/sources/{crawl.source_id}") for crawl in crawls]
    assert {title["title"] for title in titles} == {"Animals"}

    await page.goto(f"{server.url}/search?q=numbat&source={crawls[0].source_id},{crawls[1].source_id}")
    await expect(found).to_contain_text("in 2 sources")
    chips = page.get_by_role("list", name="Filters that are on").get_by_role("button", name="Remove filter")
    await expect(chips).to_have_count(2)
    await page.get_by_label("Language", exact=True).select_option("de")
    await expect(_hits(page)).to_have_count(1)
    await expect(_hits(page)).to_contain_text("Ein Numbat")
    await expect(page).to_have_url(re.compile(r"&language=de$"))
    await page.go_back()
    await expect(found).to_contain_text("in 2 sources")
    await chips.first.click()
    await expect(chips).to_have_count(1)
    await page.get_by_label("Path begins with").fill("/nowhere/")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("no-hits")).to_be_visible()
    await page.get_by_role("button", name="Without “Path: /nowhere/”").click()
    await expect(_hits(page).first).to_be_visible()

    await page.get_by_test_id("show-code").check()
    await page.get_by_role("button", name="Remove filter Source: Animals").click()
    languages = page.get_by_role("group", name="Language of the code").get_by_role("button")
    await expect(languages).to_have_text(["python 1", "rust 1"])
    await expect(page.get_by_test_id("hit-code")).to_have_count(2)
    await languages.nth(1).click()
    await expect(languages.nth(1)).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_test_id("hit-code")).to_contain_text(["numbat_rust()"])


async def test_slips_twins_and_searches_of_late(
    page: Page, server: ServerProcess, client: Client, serve_pages: ServePages
) -> None:
    text = f"<p>The bandicoot lives in the savanna and eats {' '.join(f'grass{n}' for n in range(40))}.</p>"
    pages = {"a.html": _html("One", text), "c.html": _html("Another", text.replace("savanna", "savannah"))}
    site = await _site(serve_pages, pages | {"b.html": _html("Bandit", "<p>A bandit is no animal.</p>")})
    await client.crawl(f"{site.url}/docs/")
    await page.goto(f"{server.url}/search")
    await expect(page.get_by_role("heading", name="What you can type")).to_be_visible()
    await _search(page, "bandicot eats")
    said = page.get_by_test_id("corrections")
    await expect(said).to_have_text("Showing hits for bandicoot eats. Search for “bandicot eats” only")
    await expect(page.get_by_test_id("words-only")).to_contain_text("no embedder is on")
    await expect(_hits(page).first).to_contain_text("1 more passage says nearly the same")
    twins = page.get_by_test_id("preview-hit").get_by_test_id("twins")
    await twins.locator("summary").click()
    titles = [await _hits(page).first.get_by_role("heading").inner_text(), await twins.get_by_role("link").inner_text()]
    assert sorted(titles) == ["Another", "One"]
    await page.get_by_test_id("preview-hit").get_by_text("Why it was found").click()
    await expect(page.get_by_test_id("preview-hit").get_by_role("row", name="words")).to_contain_text("BM25")
    await twins.get_by_role("link").click()
    await expect(page.locator(".cited").first).to_have_text(titles[1])
    await page.go_back()
    await said.get_by_role("button").click()
    await expect(page).to_have_url(re.compile("typos=off"))
    await expect(said).to_have_count(0)
    await page.go_back()
    await expect(said).to_be_visible()
    await _search(page, '"bandicoot nowhere"')
    await expect(page.get_by_test_id("note")).to_contain_text("quoted")
    await page.keyboard.press("Enter")
    await _search(page, "")
    recent = page.get_by_test_id("recent").get_by_role("button")
    await expect(recent.first).to_have_text('"bandicoot nowhere"')
    await recent.first.click()
    await expect(page.get_by_test_id("search-input")).to_have_value('"bandicoot nowhere"')
    await _search(page, "")
    await page.get_by_role("button", name="Clear", exact=True).click()
    await expect(recent).to_have_count(0)
    await page.reload()
    await expect(page.get_by_role("heading", name="What you can type")).to_be_visible()
    await expect(page.get_by_role("heading", name="Recent searches")).to_have_count(0)


HOSTILE = (
    "<p>dingo <img src=x onerror=window.__xss=1> &lt;script&gt;window.__xss=2&lt;/script&gt; &#8238;dlog "
    '<a href="javascript:window.__xss=3">dingo</a> [x](javascript:window.__xss=4) ![y](https://evil.test/y.png)</p>'
    "<pre><code>&lt;img src=x onerror=window.__xss=5&gt; dingo</code></pre>"
)


async def test_a_hostile_page_is_only_text(
    page: Page, server: ServerProcess, client: Client, serve_pages: ServePages
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    title = "dingo &lt;img src=x onerror=window.__xss=6&gt; &#8238;gpj"
    site = await _site(serve_pages, {"d.html": _html(title, f"<h2>{title}</h2>{HOSTILE}")})
    await client.crawl(f"{site.url}/docs/", tags=["<b>x</b>", "\u202egat"])
    for query in ("q=dingo", "q=dingo&show=code", "q=<img src=x onerror=window.__xss=7>&tag=<b>&path=\u202e"):
        await page.goto(f"{server.url}/search?{query}")
        await expect(page.get_by_test_id("found")).to_be_visible()
        if "show" not in query and "img" not in query:
            await expect(page.get_by_test_id("preview-hit").locator(".cited").first).to_be_visible()
            await expect(page.get_by_test_id("preview-hit")).to_contain_text("⟨RLO⟩dlog")
        shown = await page.locator("main").inner_text()
        assert "\u202e" not in shown
        assert await page.locator("main img, main script, main a[href^='javascript:']").count() == 0
        assert await page.evaluate("window.__violations") == []
        assert await page.evaluate("window.__xss") is None
    assert [url for url in asked if not url.startswith((server.url, "data:", "blob:"))] == []


async def test_on_a_phone_a_hit_opens_its_page(
    context: BrowserContext, page: Page, server: ServerProcess, client: Client, serve_pages: ServePages
) -> None:
    long = "word " * 200
    code = f'<pre><code class="language-python">{"x" * 300}</code></pre>'
    body = f"<p>A wallaby hops. {long}</p>{code}<p>{'y' * 300}</p>"
    site = await _site(serve_pages, {"w.html": _html("Wallaby", body)})
    await client.crawl(f"{site.url}/docs/", tags=["a", "b"])
    for width in (390, 320):
        await page.set_viewport_size({"width": width, "height": 800})
        await page.goto(f"{server.url}/search?q=wallaby")
        await expect(_hits(page).first).to_be_visible()
        await expect(page.get_by_test_id("preview-hit")).to_have_count(0)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.get_by_text("Filters", exact=True).click()
        await page.get_by_role("checkbox", name=re.compile("^a ")).check()
        await expect(page.get_by_role("button", name="Remove filter Tag: a")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.get_by_role("button", name="Show the whole passage").click()
    await expect(_hits(page).first.get_by_text("Why it was found")).to_be_visible()
    await _hits(page).first.get_by_role("heading").get_by_role("link").click()
    await expect(page.locator(".cited").first).to_be_visible()


async def test_without_a_source_a_crawl_is_offered_and_an_unknown_one_can_be_left(
    page: Page, server: ServerProcess, client: Client, serve_pages: ServePages
) -> None:
    await page.goto(f"{server.url}/search")
    await page.get_by_role("main").get_by_role("button", name="New crawl").click()
    await expect(page.get_by_role("dialog", name="New crawl")).to_be_visible()
    site = await _site(serve_pages, {"w.html": _html("Wallaby", "<p>A wallaby hops.</p>")})
    await client.crawl(f"{site.url}/docs/")
    await page.goto(f"{server.url}/search?q=wallaby&source=src_gone")
    await page.get_by_role("button", name="Search all sources").click()
    await expect(_hits(page).first).to_be_visible()
    await page.get_by_role("radio", name="Meaning only").check()
    await page.get_by_role("button", name="Search by words").click()
    await expect(_hits(page).first).to_be_visible()
    await expect(page).to_have_url(re.compile("mode=keyword"))
