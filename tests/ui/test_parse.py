"""One page parsed in the browser: the form, the steps, and the screenshot whose drawn elements lie where the page has them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.api.client import Client
from tests.e2e.server_process import ServerProcess
from tests.sites import Site
from tests.sites.written import Answer, Answers, moved, written_site

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

LOGIN = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in · Wombat Bank</title><style>
body { margin: 0; font: 16px sans-serif; } header { background: #20304f; padding: 20px 40px; } header a { color: #fff; }
form { width: 360px; margin: 60px auto; display: grid; gap: 16px; } input, button, select { font: inherit; padding: 12px; }
#go { background: rgb(47, 111, 79); color: rgb(47, 111, 79); border: 0; }</style></head><body>
<header><nav aria-label="Bank"><a href="/">Home</a> <a href="/docs">Docs</a></nav></header><main>
<form id="login" action="/session" method="post">
<h1>Sign in</h1><label>Email <input id="email" type="email" name="email" required placeholder="you@example.com"></label>
<label>Password <input type="password" name="password" required></label>
<label>Country <select name="country"><option>Australia<option selected>France<option disabled>Germany</select></label>
<label><input type="checkbox" name="stay" checked> Stay signed in</label><button id="go">Sign in</button>
<button type="button" disabled>Sign in with a key</button><a href="/forgot">Forgot your password?</a></form>
<table><caption>Opening hours</caption><tr><th>Day<th>From<th>To</tr><tr><td>Monday<td>9<td>17</tr></table>
<h2>Where we are</h2><p>All about wombats and their money, in a burrow near you.</p><div style="height: 1600px"></div></main>
<footer><a href="/imprint">Imprint</a></footer><script>console.error("wombat is missing"); alert("Hello!");</script></body></html>"""
HOSTILE = (
    "<!doctype html><html lang='en'><title>Bank \u202eliveE &lt;img src=x onerror=window.__xss=1&gt;</title>"
    "<main><h1>\u202eevil <script>window.__xss=2</script></h1>"
    "<a href='javascript:parent.__xss=3' aria-label='&lt;script&gt;window.__xss=4&lt;/script&gt; \u202egnp.exe'>go</a>"
    "<input placeholder='&lt;svg onload=window.__xss=5&gt;' value='\u2067x'><table><tr><th>&lt;b&gt;<th>y</tr>"
    "<tr><td>&lt;img src=x onerror=window.__xss=6&gt;<td>z</tr></table>"
    "<p>[x](javascript:window.__xss=7) ![p](https://evil.example/pixel.png) some more words of the page</p></main>"
)


@pytest.fixture
def answers() -> Answers:
    return {"/login": LOGIN, "/": moved("/login", 302), "/hostile": HOSTILE}


@pytest.fixture
async def site(answers: Answers) -> AsyncIterator[Site]:
    async with written_site(answers) as site:
        yield site


@pytest.fixture
async def client(server: ServerProcess, stack: AsyncExitStack) -> Client:
    return Client(server.url, await stack.enter_async_context(aiohttp.ClientSession()))


async def parse(page: Page, server: ServerProcess, url: str) -> str:
    """From the form to the page of the parse; the task's id."""
    await page.goto(f"{server.url}/parse")
    await page.get_by_test_id("url-input").fill(url)
    await page.get_by_test_id("start-parse").click()
    await page.wait_for_url("**/parse/tsk_*")
    return page.url.rsplit("/", 1)[1].partition("?")[0]


async def shows(page: Page, state: str) -> None:
    await expect(page.get_by_test_id("status").first).to_have_attribute("data-status", state, timeout=40_000)


async def parsed(page: Page, server: ServerProcess, client: Client, url: str) -> dict[str, Any]:
    """The parse as the API gives it, once it shows as done."""
    task_id = await parse(page, server, url)
    await shows(page, "completed")
    await expect(page.get_by_test_id("parsed-head")).to_be_visible()
    return await client.one(f"/web-pages/{task_id}")


def element(body: dict[str, Any], name: str) -> dict[str, Any]:
    """The element whose name begins so."""
    return next(each for each in body["page"]["elements"] if each["name"].startswith(name))


def rows(page: Page) -> Locator:
    return page.get_by_test_id("element-list").get_by_role("option")


def chosen_row(page: Page) -> Locator:
    return page.get_by_test_id("element-list").get_by_role("option", selected=True)


def marked(page: Page, how: str) -> Locator:
    return page.locator(f".overlay rect.{how}")


async def test_a_page_is_parsed_and_everything_of_it_is_told(
    page: Page, server: ServerProcess, client: Client, site: Site
) -> None:
    body = await parsed(page, server, client, f"{site.url}/")
    await expect(page.get_by_role("heading", level=1, name="Sign in · Wombat Bank")).to_be_visible()
    head = page.get_by_test_id("parsed-head")
    await expect(head).to_contain_text("HTTP 200")
    await expect(head).to_contain_text("1 redirect")
    await expect(head.get_by_role("link", name=f"{site.url}/login")).to_be_visible()
    await expect(page.get_by_test_id("kind")).to_have_text("Log-in")
    await expect(page.get_by_test_id("times")).to_contain_text("in all")
    colours = await page.locator(".times-bar i").evaluate_all("all => all.map(each => getComputedStyle(each).color)")
    assert len(set(colours)) == len(colours) > 4, "each step has a colour of its own"
    size = await page.get_by_test_id("screenshot").evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert size == [body["page"]["screenshot"]["width"], body["page"]["screenshot"]["height"]]
    await expect(rows(page)).to_have_count(len(body["page"]["elements"]))
    texts = {
        "Outline": ("banner", "h1 Sign in", "h2 Where we are"),
        "Forms": ("Log-in", "Email", "current-password", "sends it"),
        "Tables": ("Opening hours", "Monday", "17"),
        "Meaning": ("Main menu", "Calls to action"),
        "Content": ("All about wombats and their money",),
        "Console": ("wombat is missing", "Hello!"),
        "JSON": ('"task_id"', "web_page_id"),
    }
    for tab, words in texts.items():
        await page.get_by_role("tab", name=tab).click()
        for word in words:
            await expect(page.get_by_role("tabpanel")).to_contain_text(word)
    assert "tab=json" in page.url
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download").click()
    assert (await (await download.value).path()).stat().st_size > 2000
    await page.goto(f"{server.url}/parse")
    row = page.get_by_test_id("parse-row")
    await expect(row).to_have_count(1)
    await expect(row).to_contain_text("Log-in · HTTP 200 · ")
    await row.get_by_role("link").click()
    await expect(page.get_by_test_id("screenshot")).to_be_visible()
    await page.goto(f"{server.url}/parse/{body['web_page_id']}?element={element(body, 'Forgot')['element_id']}")
    await expect(page.get_by_test_id("element-detail")).to_contain_text("Forgot your password?")


# The boxes of the path as they lie on the screen, beside the picture's own place. All in pixels of the screen.
DRAWN = """() => {
    const place = ({ x, y, width, height }) => ({ x, y, width, height });
    const svg = document.querySelector('.overlay'), matrix = svg.getScreenCTM();
    const d = [...document.querySelectorAll('.overlay .boxes')].map(path => path.getAttribute('d')).join('');
    const boxes = [...d.matchAll(/M([\\d.-]+) ([\\d.-]+)h([\\d.]+)v([\\d.]+)/g)].map(([, ...numbers]) => {
        const [x, y, width, height] = numbers.map(Number);
        const start = new DOMPoint(x, y).matrixTransform(matrix), end = new DOMPoint(x + width, y + height).matrixTransform(matrix);
        return { x: start.x, y: start.y, width: end.x - start.x, height: end.y - start.y };
    });
    const image = place(document.querySelector('[data-testid=screenshot]').getBoundingClientRect());
    const mark = document.querySelector('.overlay .mark.chosen')?.getBoundingClientRect();
    return { boxes, image, overlay: place(svg.getBoundingClientRect()), mark: mark && place(mark) };
}"""
REAL = """() => [...document.querySelectorAll('a[href], button, input, select')].map(element => {
    const { x, y, width, height } = element.getBoundingClientRect();
    return { x: x + scrollX, y: y + scrollY, width, height };
})"""
# Of the picture's own pixels: what lies just within the box of an element, and just outside of it.
PIXELS = """async ({ x, y, width, height }) => {
    const image = document.querySelector('[data-testid=screenshot]');
    await image.decode();
    const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight), to = canvas.getContext('2d');
    to.drawImage(image, 0, 0);
    const at = (left, top) => [...to.getImageData(Math.round(left), Math.round(top), 1, 1).data].slice(0, 3).join();
    const [right, bottom, half] = [x + width, y + height, y + height / 2];
    return [[at(x + 2, y + 2), at(right - 3, bottom - 3)], [at(x - 2, half), at(right + 2, half), at(x + width / 2, bottom + 2)]];
}"""


def near(one: dict[str, float], other: dict[str, float], pixels: float = 2.0) -> bool:
    return all(abs(one[side] - other[side]) <= pixels for side in ("x", "y", "width", "height"))


def scaled(box: dict[str, float], image: dict[str, float], per_pixel: float) -> dict[str, float]:
    return {
        "x": image["x"] + box["x"] * per_pixel,
        "y": image["y"] + box["y"] * per_pixel,
        "width": box["width"] * per_pixel,
        "height": box["height"] * per_pixel,
    }


async def test_every_drawn_box_lies_on_its_element_at_every_zoom(
    chromium: Browser, page: Page, server: ServerProcess, client: Client, site: Site
) -> None:
    body = await parsed(page, server, client, f"{site.url}/login")
    told, width = body["page"], body["page"]["screenshot"]["width"]
    seen = [each for each in told["elements"] if each["is_visible"]]
    real = await _real_boxes(chromium, f"{site.url}/login")
    assert len(seen) == len(real) == 10
    off = [each["name"] for each, box in zip(seen, real, strict=True) if not near(each["box"], box)]
    assert off == []
    inside, outside = await page.evaluate(PIXELS, element(body, "Sign in")["box"])
    assert set(inside) == {"47,111,79"}
    assert "47,111,79" not in outside
    views = [(1280, 1, zoom) for zoom in ("", "?zoom=50", "?zoom=100", "?zoom=200")]
    # What a window of 1280 × 860 holds when the browser itself is at 50 and at 200 %.
    for wide, pixels, zoom in [*views, (2560, 0.5, ""), (640, 2, ""), (640, 2, "?zoom=100")]:
        context = await chromium.new_context(
            viewport={"width": wide, "height": int(860 * wide / 1280)}, device_scale_factor=pixels
        )
        zoomed = await context.new_page()
        chosen = seen[-1]
        query = f"{zoom}{'&' if zoom else '?'}element={chosen['element_id']}"
        await zoomed.goto(f"{server.url}/parse/{body['task_id']}{query}")
        await expect(zoomed.get_by_test_id("screenshot")).to_be_visible()
        drawn = await zoomed.evaluate(DRAWN)
        per_pixel = drawn["image"]["width"] / width
        if zoom:
            assert per_pixel == pytest.approx(int(zoom.removeprefix("?zoom=")) / 100, abs=0.001)
        assert near(drawn["overlay"], drawn["image"], 0.1)
        wanted = [each for on in (True, False) for each in seen if each["is_enabled"] is on]
        assert len(drawn["boxes"]) == len(wanted)
        for each, box in zip(wanted, drawn["boxes"], strict=True):
            assert near(box, scaled(each["box"], drawn["image"], per_pixel)), (zoom, wide, each["name"])
        # The line around it is 2 px wide.
        assert near(drawn["mark"], scaled(chosen["box"], drawn["image"], per_pixel), 2.01), (zoom, wide)
        await context.close()


async def _real_boxes(chromium: Browser, url: str) -> list[dict[str, float]]:
    """Where a browser of the same size has the elements."""
    context = await chromium.new_context(viewport={"width": 1280, "height": 720})
    page = await context.new_page()
    page.on("dialog", lambda dialog: asyncio.create_task(dialog.dismiss()))
    await page.goto(url)
    boxes: list[dict[str, float]] = await page.evaluate(REAL)
    await context.close()
    return boxes


INSIDE = """([mark, frame]) => {
    const [one, other] = [mark, frame].map(selector => document.querySelector(selector).getBoundingClientRect());
    return one.top >= other.top - 1 && one.bottom <= other.bottom + 1;
}"""


async def test_screenshot_and_list_are_linked_both_ways(
    page: Page, server: ServerProcess, client: Client, site: Site
) -> None:
    body = await parsed(page, server, client, f"{site.url}/login")
    email, go, last = (element(body, name)["element_id"] for name in ("Email", "Sign in", "Imprint"))
    elements = page.get_by_test_id("element-list")
    await elements.get_by_role("option", name="Email").hover()
    await expect(marked(page, "hovered")).to_have_attribute("data-element", email)
    overlay = await page.get_by_test_id("overlay").bounding_box()
    assert overlay is not None
    per_pixel = overlay["width"] / body["page"]["screenshot"]["width"]
    box = element(body, "Sign in")["box"]
    x, y = ((box[at] + box[size] / 2) * per_pixel for at, size in (("x", "width"), ("y", "height")))
    await page.mouse.move(overlay["x"] + x, overlay["y"] + y)
    await expect(marked(page, "hovered")).to_have_attribute("data-element", go)
    await expect(page.locator(f".element.hovered[data-element={go}]")).to_be_visible()
    await page.mouse.click(overlay["x"] + x, overlay["y"] + y)
    await expect(chosen_row(page)).to_contain_text("Sign in")
    await expect(marked(page, "chosen")).to_have_attribute("data-element", go)
    await expect(page).to_have_url(re.compile(rf"\?element={go}$"))
    detail = page.get_by_test_id("element-detail")
    await expect(detail.get_by_test_id("locator")).to_have_text(element(body, "Sign in")["locator"]["selector"])
    await elements.focus()
    await page.keyboard.press("End")
    await expect(marked(page, "chosen")).to_have_attribute("data-element", last)
    assert await page.evaluate(INSIDE, [".overlay .mark.chosen", ".shot-frame"])
    assert await page.locator(".shot-frame").evaluate("frame => frame.scrollTop") > 0
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Home")
    await page.keyboard.press("ArrowDown")
    await expect(chosen_row(page)).to_contain_text("Docs")
    active = await elements.get_attribute("aria-activedescendant")
    assert active == await chosen_row(page).get_attribute("id")
    await page.reload()
    await expect(chosen_row(page)).to_contain_text("Docs")
    await page.get_by_test_id("element-list").focus()
    await page.keyboard.press("Escape")
    await expect(detail).to_have_count(0)
    await page.get_by_label("Role", exact=True).select_option("textbox")
    await expect(rows(page)).to_contain_text(["Email", "Password"])
    assert len((await page.evaluate(DRAWN))["boxes"]) == 2
    await page.get_by_label("Words", exact=True).fill("you@example")
    await expect(rows(page)).to_have_count(1)
    await expect(page).to_have_url(re.compile("role=textbox&q=you%40example$"))


async def test_a_place_of_the_outline_shows_on_the_screenshot(
    page: Page, server: ServerProcess, client: Client, site: Site
) -> None:
    body = await parsed(page, server, client, f"{site.url}/login")
    await page.get_by_role("tab", name="Outline").click()
    await page.get_by_role("button", name="contentinfo").focus()
    await expect(marked(page, "place")).to_have_count(1)
    assert await page.evaluate(INSIDE, [".overlay .mark.place", ".shot-frame"])
    await page.get_by_role("tab", name="Forms").click()
    await page.get_by_role("button", name="Email").click()
    await expect(marked(page, "chosen")).to_have_attribute("data-element", element(body, "Email")["element_id"])
    await expect(page).to_have_url(re.compile("tab=forms"))


async def test_the_steps_are_seen_as_they_come_and_a_cancel_ends_them(
    page: Page, server: ServerProcess, site: Site, answers: Answers
) -> None:
    gate = asyncio.Event()
    answers["/slow"] = Answer(LOGIN, gate=gate)
    await parse(page, server, f"{site.url}/slow")
    await shows(page, "running")
    step = page.get_by_test_id("steps").locator("[aria-current=step]")
    await expect(step).to_contain_text("Page")
    await expect(page.get_by_test_id("steps").locator(".done")).to_have_count(2)
    await expect(page.get_by_role("progressbar", name="Progress of the parse")).to_be_visible()
    await page.get_by_test_id("cancel").click()
    await shows(page, "running")
    await page.get_by_test_id("cancel").click()
    await shows(page, "cancelled")
    await expect(page.get_by_test_id("under-way")).to_contain_text("It was cancelled")
    await page.get_by_test_id("retry").click()
    await shows(page, "running")
    gate.set()
    await shows(page, "completed")
    await expect(page.get_by_test_id("screenshot")).to_be_visible()


async def test_a_failure_says_why_and_what_was_tried(
    page: Page, server: ServerProcess, site: Site, answers: Answers
) -> None:
    answers["/file"] = Answer(b"PK\x03\x04", content_type="application/zip")
    await parse(page, server, f"{site.url}/file")
    await shows(page, "failed")
    panel = page.get_by_test_id("under-way")
    await expect(panel).to_contain_text("This is a kind of document that isn't read")
    await expect(panel.get_by_text("not_html").first).to_be_visible()
    await expect(panel.get_by_test_id("attempt")).to_have_attribute("data-action", "fail_permanently")
    answers["/file"] = LOGIN
    await page.get_by_test_id("retry").click()
    await shows(page, "completed")
    await expect(page.get_by_test_id("attempt")).to_have_count(1)


async def test_a_kept_page_answers_again_and_parse_again_loads_anew(
    page: Page, server: ServerProcess, client: Client, site: Site
) -> None:
    first = await parsed(page, server, client, f"{site.url}/login")
    assert first["cache_hit"] is False
    second = await parsed(page, server, client, f"{site.url}/login")
    assert (second["cache_hit"], second["web_page_id"]) == (True, first["web_page_id"])
    await expect(page.get_by_test_id("age")).to_contain_text("from the cache")
    assert site.counts["/login"] == 1
    await page.get_by_test_id("again").click()
    await page.wait_for_url(lambda url: not url.endswith(second["task_id"]))
    await shows(page, "completed")
    await expect(page.get_by_test_id("age")).to_contain_text("loaded just now")
    assert site.counts["/login"] == 2
    await page.get_by_role("link", name="Parse page").last.click()
    await expect(page.get_by_test_id("parse-row")).to_have_count(3)


async def test_options_are_sent_and_errors_stand_at_their_fields(
    page: Page, server: ServerProcess, client: Client, site: Site
) -> None:
    await page.goto(f"{server.url}/parse")
    await page.get_by_test_id("url-input").fill("http://10.0.0.1/")
    await page.get_by_test_id("start-parse").click()
    await expect(page.get_by_test_id("url-input")).to_be_focused()
    await expect(page.get_by_role("alert")).to_contain_text("private or reserved")
    await page.get_by_test_id("url-input").fill(f"{site.url}/login")
    await page.get_by_text("Options", exact=True).click()
    for label, wrong, right in (
        ("Window", "wide", "390 × 844"),
        ("Headers", "Host: x.test", "X-Wombat: yes"),
        ("Cookies", "nonsense", "burrow=deep"),
        ("Most seconds for one attempt", "soon", "20"),
        ("Wait for", "main[[", "form"),
    ):
        await page.get_by_label(label, exact=True).fill(wrong)
        await page.get_by_test_id("start-parse").click()
        await expect(page.get_by_label(label, exact=True)).to_be_focused()
        await expect(page.get_by_label(label, exact=True)).to_have_attribute("aria-invalid", "true")
        await page.get_by_label(label, exact=True).fill(right)
    await page.get_by_label("The document’s tree").check()
    await page.get_by_label("Of the whole page").uncheck()
    await page.get_by_test_id("start-parse").click()
    await page.wait_for_url("**/parse/tsk_*")
    await shows(page, "completed")
    body = await client.one(f"/web-pages/{page.url.rsplit('/', 1)[1]}")
    assert body["page"]["viewport"] == {"width": 390, "height": 844}
    assert (body["page"]["screenshot"]["is_full_page"], body["page"]["dom"]["tree"] is None) == (False, False)
    asked = next(headers for headers in site.headers if "X-Wombat" in headers)
    assert (asked["X-Wombat"], asked["Cookie"]) == ("yes", "burrow=deep")
    await page.get_by_role("tab", name="Outline").click()
    await expect(page.get_by_role("treeitem").first).to_be_visible()
    await page.get_by_role("link", name="Parse again…").click()
    await expect(page.get_by_label("Headers", exact=True)).to_have_value("X-Wombat: ")
    await expect(page.get_by_label("Cookies", exact=True)).to_have_value("burrow=")
    await expect(page.get_by_label("Window", exact=True)).to_have_value("390 × 844")
    assert "yes" not in await page.locator("form").inner_text()


async def test_what_a_hostile_page_says_is_text(page: Page, server: ServerProcess, client: Client, site: Site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    body = await parsed(page, server, client, f"{site.url}/hostile")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("⟨RLO⟩")
    for tab in ("elements", "outline", "forms", "tables", "meaning", "content", "incidents", "json"):
        await page.goto(f"{server.url}/parse/{body['task_id']}?tab={tab}&element=e1")
        await expect(page.get_by_role("tab", selected=True)).to_be_visible()
        await expect(page.locator(".loading")).to_have_count(0)
        assert await page.evaluate("window.__xss") is None
        assert await page.evaluate("window.__violations") == []
        assert await page.locator("main a[href^='javascript:']").count() == 0
        raw = await page.locator("main").inner_text()
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", raw), tab
    assert [url for url in asked if not url.startswith((server.url, "data:", "blob:"))] == []


async def test_two_thousand_elements_are_a_handful_of_nodes(
    page: Page, server: ServerProcess, client: Client, site: Site, answers: Answers
) -> None:
    lines = "".join(f"<div><a href='/{n}'>Link {n}</a> <button>Do {n}</button></div>" for n in range(1000))
    answers["/many"] = f"<!doctype html><html lang='en'><title>Many</title><body>{lines}</body></html>"
    body = await parsed(page, server, client, f"{site.url}/many")
    assert len(body["page"]["elements"]) == 2000
    elements = page.get_by_test_id("element-list")
    await elements.focus()
    for key, name in (("End", "Do 999"), ("ArrowUp", "Link 999"), ("Home", "Link 0"), ("PageDown", "Link 5")):
        await page.keyboard.press(key)
        await expect(chosen_row(page)).to_contain_text(name)
        assert await rows(page).count() <= 200
        assert await page.evaluate("document.querySelectorAll('.overlay *').length") <= 220
    height = body["page"]["screenshot"]["height"]
    on_picture = [each for each in body["page"]["elements"] if each["is_visible"] and each["box"]["y"] < height]
    assert len(on_picture) > 1000
    assert len((await page.evaluate(DRAWN))["boxes"]) == len(on_picture)
    await page.get_by_role("tab", name="JSON").click()
    await expect(page.get_by_role("tabpanel")).to_contain_text("are shown")


async def test_a_server_with_a_key_shows_the_screenshot(
    page: Page, stack: AsyncExitStack, site: Site, tmp_path: Any
) -> None:
    server = ServerProcess(tmp_path / "keyed", GLEANERY_API_KEYS="wombat-key-0123456789")
    await server.start()
    stack.push_async_callback(server.stop)
    await page.goto(f"{server.url}/parse")
    await page.get_by_test_id("api-key").fill("wombat-key-0123456789")
    await page.keyboard.press("Enter")
    await parse(page, server, f"{site.url}/login")
    await shows(page, "completed")
    picture = page.get_by_test_id("screenshot")
    await expect(picture).to_have_attribute("src", re.compile("^blob:"))
    await expect(picture).to_have_js_property("naturalWidth", 1280)
