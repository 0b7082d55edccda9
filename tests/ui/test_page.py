"""A stored page in the browser: what is cited, its chunks, outline, links, versions; long and hostile pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.ui.refreshing import crawled, html

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

SENTENCES = " ".join(f"Sentence {n} tells how wombats dig, eat and sleep." for n in range(12))


def sections(count: int, paragraphs: int = 2) -> str:
    text = f"<p>{SENTENCES}</p>" * paragraphs
    return "".join(f'<h2 id="part-{n}">Part {n}</h2><p>Begins part {n}.</p>{text}' for n in range(1, count + 1))


LONG = {"long.html": html("Wombats", sections(30))}
IN_VIEW = "element => { const {top} = element.getBoundingClientRect(); return top >= 0 && top < innerHeight; }"


async def all_there(page: Page) -> None:
    await expect(page.locator(".prose")).to_have_attribute("aria-busy", "false")


async def in_view(page: Page, element: Locator) -> None:
    await page.wait_for_function(IN_VIEW, arg=await element.element_handle())


async def test_the_cited_chunk_is_in_view_and_marked(page: Page, tmp_path: Path) -> None:
    async with crawled(tmp_path, LONG) as source:
        page_id = await source.page_id("long.html")
        chunks = await source.client.every(f"/sources/{source.source_id}/chunks?page_id={page_id}")
        (chunk,) = [chunk for chunk in chunks if chunk["content"].startswith("## Part 20\n")]
        await page.goto(await source.page_url("long.html", f"#{chunk['chunk_id']}"))
        first = page.locator("[data-cited]")
        await expect(first).to_have_text("Part 20")
        await all_there(page)
        await expect(first).to_be_focused()
        await in_view(page, first)
        marked = [text.strip() for text in await page.locator(".cited").all_inner_texts()]
        assert marked == [line.removeprefix("## ") for line in chunk["content"].split("\n\n")]
        await page.goto(await source.page_url("long.html", "#c0-9"))
        await expect(page.locator(".cited")).to_have_text(["Wombats"])


NEXT_TEXTS = """marks => marks.map(mark => {
    const walker = document.createTreeWalker(mark.closest('.prose'), NodeFilter.SHOW_TEXT);
    walker.currentNode = mark;
    const isText = node => node.data.trim() !== '' && node.parentElement.closest('.chunk-mark, .code-bar') === null;
    let node = walker.nextNode();
    while (node !== null && !isText(node)) node = walker.nextNode();
    return node.data;
})"""


async def test_chunk_borders_stand_where_chunks_begin(page: Page, tmp_path: Path) -> None:
    code = "".join(f"def feed_{n}(wombat):\n    return wombat.eat({n})\n\n" for n in range(600))
    items = "".join(f"<li>Item {n}: {SENTENCES}</li>" for n in range(8))
    body = f"{sections(4)}<h2>Code</h2><pre><code>{code}</code></pre><h2>List</h2><ul>{items}</ul>"
    async with crawled(tmp_path, {"long.html": html("Wombats", body)}) as source:
        page_id = await source.page_id("long.html")
        chunks = await source.client.every(f"/sources/{source.source_id}/chunks?page_id={page_id}")
        await page.goto(await source.page_url("long.html"))
        marks = page.get_by_test_id("chunk-mark")
        await expect(page.get_by_role("heading", name="Part 1", exact=True)).to_be_visible()
        await expect(marks).to_have_count(0)
        await page.get_by_role("button", name="Chunk borders").click()
        await expect(marks).to_have_count(len(chunks))
        await expect(page).to_have_url(re.compile(re.escape("?chunks=shown") + "$"))
        begins = [chunk["content"].strip() for chunk in chunks]
        assert any(text.startswith("def feed_") for text in begins), "one begins in the middle of the code"
        assert any(text.startswith("- Item ") for text in begins), "one begins in the middle of the list"
        ids = await marks.evaluate_all("marks => marks.map(mark => mark.dataset.chunkId)")
        assert ids == [chunk["chunk_id"] for chunk in chunks]
        for chunk, text in zip(chunks, await marks.evaluate_all(NEXT_TEXTS), strict=True):
            begin = chunk["content"].strip().removeprefix("```\n").lstrip("#- ")
            assert begin.startswith(text.strip().split("\n")[0][:20]), (begin[:80], text[:80])
        await expect(marks.nth(3)).to_contain_text(f"Chunk 4{chunks[3]['end'] - chunks[3]['start']:,} characters")
        await marks.nth(3).get_by_role("link").click()
        await expect(page).to_have_url(re.compile(re.escape(f"?chunks=shown#{chunks[3]['chunk_id']}") + "$"))
        await expect(page.locator("[data-cited]")).to_be_visible()
        await page.keyboard.press("b")
        await expect(marks).to_have_count(0)
        await expect(page).to_have_url(re.compile(re.escape(f"#{chunks[3]['chunk_id']}") + "$"))


async def test_the_outline_follows_and_leads(page: Page, tmp_path: Path) -> None:
    async with crawled(tmp_path, LONG) as source:
        await page.goto(await source.page_url("long.html"))
        await all_there(page)
        outline = page.get_by_role("navigation", name="On this page")
        current = outline.locator("[aria-current]")
        await expect(current).to_have_text("Wombats")
        await page.get_by_role("heading", name="Part 17", exact=True).evaluate("heading => heading.scrollIntoView()")
        await expect(current).to_have_text("Part 17")
        await outline.get_by_role("link", name="Part 25", exact=True).click()
        await expect(current).to_have_text("Part 25")
        await expect(page.get_by_role("heading", name="Part 25", exact=True)).to_be_focused()
        await expect(page).to_have_url(re.compile(re.escape("#h:part-25") + "$"))
        await outline.get_by_role("link", name="Part 3", exact=True).press("Enter")
        await expect(current).to_have_text("Part 3")
        await page.go_back()
        await expect(page).to_have_url(re.compile(re.escape("#h:part-25") + "$"))
        await expect(current).to_have_text("Part 25")
        await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        await expect(current).to_have_text("Part 30")


async def test_links_to_stored_pages_stay_and_others_lead_out(page: Page, tmp_path: Path) -> None:
    body = (
        '<p><a href="other.html#part-2">stored</a> <a href="gone.html">gone</a> <a href="https://b.example/">out</a> '
        '<img src="/wombat.png" alt="a wombat"></p>'
    )
    files = {"links.html": html("Links", body), "other.html": html("Other", sections(20))}
    async with crawled(tmp_path, files) as source:
        await page.goto(await source.page_url("links.html"))
        out = page.get_by_role("link", name="out (opens the site)")
        await expect(out).to_have_attribute("href", "https://b.example/")
        assert await out.get_attribute("target") == "_blank"
        assert "noopener" in str(await out.get_attribute("rel"))
        image = page.get_by_role("link", name="[image: a wombat]")
        assert await image.get_attribute("href") == f"{source.site_url}/wombat.png"
        assert await page.get_by_role("link", name="gone").get_attribute("href") == f"{source.site_url}/gone.html"
        await page.get_by_role("link", name="stored", exact=True).click()
        await page.wait_for_url(f"**/pages/{await source.page_id('other.html')}#h:part-2")
        await expect(page.get_by_role("heading", name="Part 2", exact=True)).to_be_focused()
        await page.go_back()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Links")


OLD = (
    '<h2 id="turn">Turn</h2><p>Turn the widget by ninety degrees.</p><h2 id="stop">Stop</h2><p>Stop it.</p>'
    '<pre><code class="language-python">turn(90)</code></pre>'
)


async def test_versions_with_what_differs_after_a_refresh(page: Page, tmp_path: Path) -> None:
    async with crawled(tmp_path, {"guide.html": html("Guide", OLD)}) as source:
        await source.refresh({"guide.html": html("Guide", OLD.replace("ninety", "a hundred 𝒲").replace("90", "100"))})
        await page.goto(await source.page_url("guide.html", "?tab=versions"))
        versions = page.get_by_test_id("version")
        await expect(versions).to_have_count(2)
        assert [text.split("\n")[0] for text in await versions.all_inner_texts()] == ["Generation 2", "Generation 1"]
        section = page.get_by_test_id("diff-section").first
        await expect(section.get_by_role("heading")).to_have_text("Guide › Turn")
        line = section.locator(".line")
        assert [text.strip() for text in await line.locator(".line-text").all_text_contents()] == [
            "removed: Turn the widget by ninety degrees.",
            "added: Turn the widget by a hundred 𝒲 degrees.",
        ]
        assert await line.locator("mark").all_inner_texts() == ["ninety", "a hundred 𝒲"]
        assert [text.strip() for text in await line.locator(".sign").all_inner_texts()] == ["−", "+"]
        code = page.get_by_test_id("diff-code")
        await expect(code).to_have_count(1)
        assert [text.strip() for text in await code.locator(".line-text").all_text_contents()] == [
            "removed: turn(90)",
            "added: turn(100)",
        ]
        await page.keyboard.press("n")
        await expect(line.first).to_be_focused()
        await page.keyboard.press("n")
        await page.keyboard.press("n")
        await page.keyboard.press("p")
        assert await page.evaluate("document.activeElement.dataset.kind") == "removed"
        await versions.last.click()
        await expect(page).to_have_url(re.compile(re.escape("?tab=versions&generation=1") + "$"))
        await page.get_by_role("link", name="Read it as of generation 1").click()
        await expect(page.get_by_text("by ninety degrees")).to_be_visible()
        await expect(page.get_by_role("note")).to_contain_text("This is the page as generation 1 had it")
        await page.get_by_role("link", name="Show what is seen now").click()
        await expect(page.get_by_text("by a hundred 𝒲 degrees")).to_be_visible()
        await page.go_back()
        await expect(page.get_by_text("by ninety degrees")).to_be_visible()


async def test_a_page_that_is_gone_still_shows_what_it_was(page: Page, tmp_path: Path) -> None:
    files = {"guide.html": html("Guide", OLD), "other.html": html("Other", "<p>Something else.</p>")}
    async with crawled(tmp_path, files) as source:
        address = await source.page_url("guide.html")
        links = '<p>All the pages of it.</p><a href="other.html">other</a>'
        await source.refresh({"guide.html": None, "index.html": html("Start", links)})
        await page.goto(address)
        await expect(page.get_by_role("heading", name="This page is gone")).to_be_visible()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Guide")
        await expect(page.get_by_test_id("version").first).to_contain_text("removed")
        await page.get_by_role("link", name="Read it as of generation 1").click()
        await expect(page.get_by_text("by ninety degrees")).to_be_visible()
        await page.goto(f"{address[:-4]}none")
        await expect(page.get_by_text("not_found")).to_be_visible()


async def test_code_examples_and_facts_of_a_page(page: Page, tmp_path: Path) -> None:
    async with crawled(tmp_path, {"guide.html": html("Guide", OLD)}) as source:
        await page.goto(await source.page_url("guide.html", "?tab=code"))
        example = page.get_by_test_id("page-code")
        await expect(example).to_have_count(1)
        await expect(example.locator("pre")).to_have_text("turn(90)")
        await example.get_by_role("link", name="Show in the text").click()
        await expect(page.locator(".cited pre")).to_have_text("turn(90)")
        stored = await source.client.one(f"/pages/{await source.page_id('guide.html')}")
        await page.get_by_role("tab", name="About").click()
        about = page.get_by_role("tabpanel")
        for text in ("text/html", "Fetched over HTTP", stored["content_hash"], stored["url"], "200"):
            await expect(about).to_contain_text(text)
        await expect(page).to_have_url(re.compile(re.escape("?tab=about") + "$"))
        async with page.expect_download() as download:
            await page.get_by_role("button", name="Download .md").click()
        file = await download.value
        assert file.suggested_filename.endswith("-guide.md")
        assert Path(await file.path()).read_text() == stored["markdown"]


HOSTILE = (
    "<p>poison <a href='javascript:window.__xss=1'>script</a> <a href='data:text/html,x'>data</a> "
    "<img src='https://evil.example/x.png' onerror='window.__xss=2'> a\u202eb</p>"
    "<pre><code>&lt;script&gt;window.__xss=3&lt;/script&gt;\u2066\n[x](javascript:window.__xss=4)</code></pre>"
    "<p>&lt;img src=x onerror=window.__xss=5&gt; ![i](https://evil.example/y.png) &lt;style&gt;*{display:none}&lt;/style&gt;</p>"
    f"<p>{'unbroken' * 400}</p>"
    f"<table>{'<tr>' + '<td>wide cell of a table</td>' * 12 + '</tr>'}"
    + "".join(f"<tr>{''.join(f'<td>{row}:{cell}</td>' for cell in range(6))}</tr>" for row in range(1_500))
    + "</table>"
)


async def test_a_hostile_page_runs_nothing_and_fits_a_phone(page: Page, tmp_path: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    async with crawled(tmp_path, {"bad.html": html("Bad \u202etitle", HOSTILE)}) as source:
        await page.set_viewport_size({"width": 390, "height": 844})
        address = await source.page_url("bad.html")
        for tab in ("", "?tab=code", "?tab=versions", "?tab=about", "?chunks=shown"):
            await page.goto(f"{address}{tab}")
            await expect(page.get_by_role("heading", level=1)).to_contain_text("Bad ⟨RLO⟩title")
            if "tab" not in tab:
                await all_there(page)
                await expect(page.get_by_text("1499:5")).to_be_attached()
                assert await page.locator(".prose img, .prose script, .prose style, .prose [onerror]").count() == 0
                assert await page.locator(".prose a[href^='javascript:'], .prose a[href^='data:']").count() == 0
                await expect(page.get_by_text("a⟨RLO⟩b")).to_be_visible()
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), tab
            assert await page.evaluate("[window.__violations, window.__xss ?? null]") == [[], None]
        assert [url for url in asked if not url.startswith((source.server.url, "data:", "blob:"))] == []


COUNT_AT_FOCUS = """document.addEventListener('focusin', ({ target }) => {
    if (target.textContent === 'Part 300') window.__sectionsAtFocus = document.querySelectorAll('.prose h3').length;
});"""


async def test_a_long_page_is_read_before_all_of_it_is_there(page: Page, tmp_path: Path) -> None:
    async with crawled(tmp_path, {"long.html": html("Wombats", sections(400))}) as source:
        stored = await source.client.one(f"/pages/{await source.page_id('long.html')}")
        assert stored["chars"] > 450_000
        await page.add_init_script(COUNT_AT_FOCUS)
        await page.goto(await source.page_url("long.html", "#h:part-300"))
        await expect(page.get_by_role("heading", name="Part 300", exact=True)).to_be_focused()
        assert 0 < await page.evaluate("window.__sectionsAtFocus") < 400
        await all_there(page)
        assert await page.locator(".prose h3").count() == 400
        await in_view(page, page.get_by_role("heading", name="Part 300", exact=True))


async def test_the_place_is_kept_until_all_is_there_however_long_that_takes(page: Page, tmp_path: Path) -> None:
    """By a clock that stands still while the text comes; the browser itself keeps no place."""
    heading = page.get_by_role("heading", name="Part 300", exact=True)
    async with crawled(tmp_path, {"long.html": html("Wombats", sections(400))}) as source:
        await page.clock.install(time=0)
        await page.clock.pause_at(1_000)
        await page.goto(await source.page_url("long.html", "#h:part-300"))
        await page.evaluate(
            "document.documentElement.style.overflowAnchor = document.body.style.overflowAnchor = 'none'"
        )
        while not await heading.is_visible():
            await page.clock.run_for(1)
        await expect(heading).to_be_focused()
        await page.clock.fast_forward(60_000)
        await expect(page.locator(".prose")).to_have_attribute("aria-busy", "true")
        await page.clock.resume()
        await all_there(page)
        await in_view(page, heading)
