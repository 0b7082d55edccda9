"""What the browser makes of pages: those that need their scripts, and those whose scripts misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gleanery import errors
from gleanery.web.browser.supervisor import Browser, RenderRequest, WaitUntil
from tests.sites import Site
from tests.sites.apps import LINKS, SECTIONS, app_site
from tests.web.browsers import a_browser, needs_browser
from tests.web.conftest import AGENT

# One browser for all of these: none of them may spoil it for the next.
pytestmark = [pytest.mark.browser, needs_browser, pytest.mark.asyncio(loop_scope="module")]

RESTLESS = RenderRequest(settle_seconds=1)
START = '<!DOCTYPE html><html><head><meta charset="utf-8"><title>An app</title></head><body>'
END = "</body></html>"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with a_browser(tmp_path_factory.mktemp("data")) as it:
        yield it
        assert (it.launches, it.crashes) == (1, 0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[Site]:
    async with app_site() as it:
        yield it


async def text_of(browser: Browser, url: str, request: RenderRequest | None = None, session: str = "") -> str:
    return (await browser.render(url, request, session=session)).body.decode()


async def test_an_app_is_read_as_it_is_shown(browser: Browser, site: Site) -> None:
    document = await browser.render(f"{site.url}/app/7")
    text = document.body.decode()
    assert (document.url, document.requested_url, document.status) == (f"{site.url}/app/7", f"{site.url}/app/7", 200)
    assert (document.content_type, document.charset, document.redirects) == ("text/html", "utf-8", ())
    assert (document.etag, document.robots_tag) == ('"1"', "noarchive")
    assert text.startswith("<!DOCTYPE html><html><head>")
    assert "<title>Page 7</title>" in text
    assert (text.count("<section>"), text.count("<a href=")) == (SECTIONS, LINKS)
    assert '<code class="language-python">feed(19)\nfeed(19)\n' in text


async def test_it_says_who_it_is(browser: Browser, site: Site) -> None:
    site.headers.clear()
    await browser.render(f"{site.url}/app/8")
    assert {headers["User-Agent"] for headers in site.headers} == {AGENT}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/late", "<h1>Late</h1>"),
        ("/noscript", '<p>Shown</p><script type="math/tex">x^2</script>'),
        ("/shadow", "<p>Before</p><x-note><b>Note: read <i>this</i></b></x-note>"),
        ("/alert", "<p>after the dialogs</p>"),
        ("/print", "<p>printed</p>"),
        ("/unload", "<p>Do not leave</p>"),
        ("/popups", "<p>Popups</p>"),
        ("/stream", "<p>Streams for ever</p>"),
        ("/keeps-asking", "<p>Asks</p>"),
        ("/worker", "<p>0 workers</p>"),
        ("/rtc", "<p>undefined denied</p>"),
        ("/breaks-prototypes", "<p>Broken</p>"),
        ("/goes-on", "<h1>Late</h1>"),
        ("/goes-on-later", "<h1>Late</h1>"),
    ],
)
async def test_pages_are_taken_when_they_have_come_to_rest(browser: Browser, site: Site, path: str, body: str) -> None:
    request = RESTLESS if path in ("/stream", "/keeps-asking") else None
    assert await text_of(browser, f"{site.url}{path}", request) == f"{START}{body}{END}"


async def test_a_page_that_never_rests_is_taken_all_the_same(browser: Browser, site: Site) -> None:
    assert '<p>Clock</p><p id="c"><b>' in await text_of(browser, f"{site.url}/ticking", RESTLESS)


@pytest.mark.parametrize(
    ("state", "path", "shown"),
    [(WaitUntil.LOAD, "/ticking", "<p>Clock</p>"), (WaitUntil.NETWORKIDLE, "/app/9", "<title>Page 9</title>")],
)
async def test_when_a_page_counts_as_shown_can_be_said(
    browser: Browser, site: Site, state: WaitUntil, path: str, shown: str
) -> None:
    assert shown in await text_of(browser, f"{site.url}{path}", RenderRequest(wait_until=state))


async def test_windows_that_a_page_opens_are_closed(browser: Browser, site: Site) -> None:
    text = await text_of(browser, f"{site.url}/links-to-windows")
    assert text.startswith(f"{START}<p>Windows</p>")
    assert await text_of(browser, f"{site.url}/late") == f"{START}<h1>Late</h1>{END}"


async def test_characters_survive_the_way_in_parts(browser: Browser, site: Site) -> None:
    text = await text_of(browser, f"{site.url}/emoji")
    assert text == f"{START}<p>{chr(0x1F600) * 300_000}?</p>{END}"


async def test_xhtml_stays_xhtml(browser: Browser, site: Site) -> None:
    document = await browser.render(f"{site.url}/xhtml")
    assert document.content_type == "application/xhtml+xml"
    assert b"<p>X<br /></p>" in document.body


async def test_where_it_went_is_told(browser: Browser, site: Site) -> None:
    pushed = await browser.render(f"{site.url}/pushes")
    assert (pushed.url, pushed.redirects) == (f"{site.url}/pushed", (f"{site.url}/pushed",))
    gone = await browser.render(f"{site.url}/redirect?to=/goes-on-later")
    assert gone.url == f"{site.url}/late"
    assert gone.redirects == (f"{site.url}/goes-on-later", f"{site.url}/late")


@pytest.mark.parametrize("path", ["/redirect?to=/late", "/goes-on", "/goes-on-later", "/pushes"])
async def test_going_on_can_be_vetoed(browser: Browser, site: Site, path: str) -> None:
    with pytest.raises(errors.RedirectRefused) as caught:
        await browser.render(f"{site.url}{path}", may_follow=lambda _target: "outside_path")
    assert caught.value.details["reason"] == "outside_path"
    assert caught.value.url == f"{site.url}{path}"


@pytest.mark.parametrize(
    ("path", "error", "code"),
    [
        ("/status/404", errors.HttpStatus, "http_404"),
        ("/status/503?empty", errors.HttpStatus, "http_503"),
        ("/goes-to-missing", errors.HttpStatus, "http_404"),
        ("/goes-to-nowhere", errors.HostNotFound, "host_not_found"),
        ("/goes-to-private", errors.AddressForbidden, "address_forbidden"),
        ("/goes-to-blank", errors.RedirectRefused, "redirect_refused"),
        ("/circle", errors.RedirectLoop, "redirect_loop"),
        ("/redirect?to=file:///etc/passwd", errors.RedirectRefused, "redirect_refused"),
        ("/redirect?to=http://10.0.0.1/", errors.AddressForbidden, "address_forbidden"),
        ("/redirect?to=https://10.0.0.1/", errors.AddressForbidden, "address_forbidden"),
        ("/file", errors.NotHtml, "not_html"),
        ("/attachment", errors.NotHtml, "not_html"),
        ("/json", errors.NotHtml, "not_html"),
        ("/nothing", errors.EmptyPage, "empty_page"),
        ("/blank", errors.EmptyPage, "empty_page"),
        ("/endless", errors.TimedOut, "timed_out"),
        ("/endless-later", errors.TimedOut, "timed_out"),
        ("/huge", errors.TooLarge, "too_large"),
        ("/requests", errors.TooLarge, "too_large"),
    ],
)
async def test_what_goes_wrong_has_a_name(
    browser: Browser, site: Site, path: str, error: type[errors.FetchError], code: str
) -> None:
    seconds = 3 if error is errors.TimedOut else 30
    with pytest.raises(error) as caught:
        await browser.render(f"{site.url}{path}", RenderRequest(timeout_seconds=seconds))
    assert (caught.value.code, caught.value.url) == (code, f"{site.url}{path}")


async def test_retry_after_is_passed_on(browser: Browser, site: Site) -> None:
    with pytest.raises(errors.HttpStatus) as caught:
        await browser.render(f"{site.url}/status/429")
    assert (caught.value.retry_after, caught.value.can_retry) == (7.0, True)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("https://nowhere.invalid/", errors.HostNotFound),
        ("http://nowhere.invalid/", errors.HostNotFound),
        ("https://10.0.0.1/", errors.AddressForbidden),
        ("http://10.0.0.1/", errors.AddressForbidden),
        ("http://127.0.0.1:6379/", errors.AddressForbidden),
        ("https://127.0.0.1:22/", errors.AddressForbidden),
    ],
)
async def test_what_the_network_refuses_has_a_name(browser: Browser, url: str, error: type[errors.FetchError]) -> None:
    with pytest.raises(error):
        await browser.render(url)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "chrome://crash", "view-source:http://127.0.0.1/", "raw:<p>"])
async def test_only_the_web_is_rendered(browser: Browser, url: str) -> None:
    with pytest.raises(errors.InvalidUrl) as caught:
        await browser.render(url)
    assert caught.value.code == "unsupported_scheme"


async def test_nothing_is_shared_between_sessions(browser: Browser, site: Site) -> None:
    first = await text_of(browser, f"{site.url}/cookie", session="one")
    other = await text_of(browser, f"{site.url}/cookie", session="two")
    again = await text_of(browser, f"{site.url}/cookie", session="one")
    assert [text.removeprefix(START).removesuffix(END) for text in (first, other, again)] == [
        "<p>seen: null</p>",
        "<p>seen: null</p>",
        "<p>seen: seen=yesyes</p>",
    ]


async def test_many_pages_at_once_are_all_rendered_by_few_tabs(browser: Browser, site: Site) -> None:
    site.counts.clear()
    texts = await asyncio.gather(*(text_of(browser, f"{site.url}/app/{n}", session="many") for n in range(24)))
    assert [f"<title>Page {n}</title>" in text for n, text in enumerate(texts)] == [True] * 24
    assert site.counts["/app.js"] <= 4  # tabs that are reused keep what they have loaded


async def test_an_actions_result_is_waited_for(browser: Browser, site: Site) -> None:
    text = await text_of(browser, f"{site.url}/tabs", RenderRequest(clicks=("#b",), wait_for=".shown"))
    assert '<div id="out"><p class="shown">npm install</p></div>' in text


async def test_scripts_run_and_may_wait(browser: Browser, site: Site) -> None:
    code = "const answer = await fetch('/api/5'); document.body.innerHTML = (await answer.json()).title;"
    assert await text_of(browser, f"{site.url}/late", RenderRequest(scripts=(code,))) == f"{START}Page 5{END}"


async def test_a_script_may_go_to_another_page(browser: Browser, site: Site) -> None:
    document = await browser.render(f"{site.url}/late", RenderRequest(scripts=("location.href = '/app/3'",)))
    assert document.redirects == (f"{site.url}/app/3",)
    assert b"<title>Page 3</title>" in document.body


async def test_scrolling_brings_what_waits_below(browser: Browser, site: Site) -> None:
    plain = await text_of(browser, f"{site.url}/scrolls")
    scrolled = await text_of(browser, f"{site.url}/scrolls", RenderRequest(scroll=True))
    assert (plain.count(">item "), scrolled.count(">item ")) == (10, 50)


async def test_scrolling_goes_through_a_list_that_keeps_only_what_is_seen(browser: Browser, site: Site) -> None:
    text = await text_of(browser, f"{site.url}/virtual", RenderRequest(scroll=True))
    assert [n for n in range(60) if f">row {n}.<" not in text] == []


async def test_what_is_drawn_with_the_next_frame_is_waited_for_after_each_scroll(browser: Browser, site: Site) -> None:
    text = await text_of(browser, f"{site.url}/scrolls-late", RenderRequest(scroll=True))
    assert text.count(">item ") == 15
    text = await text_of(browser, f"{site.url}/virtual-late", RenderRequest(scroll=True))
    assert [n for n in range(20) if f">row {n}.<" not in text] == []


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        (RenderRequest(wait_for=".never", timeout_seconds=5), errors.TimedOut, ".never was shown within "),
        (RenderRequest(wait_for="!!!"), errors.RenderFailed, "!!! is not a CSS selector"),
        (RenderRequest(clicks=("#missing",)), errors.RenderFailed, "nothing matches #missing"),
        (RenderRequest(scripts=("throw new Error('mine')",)), errors.RenderFailed, "Error: mine"),
        (RenderRequest(scripts=("this is no script",)), errors.RenderFailed, "SyntaxError"),
        (RenderRequest(scripts=("while (true) {}",), timeout_seconds=3), errors.TimedOut, "within 3 seconds"),
    ],
)
async def test_actions_that_fail_are_named(
    browser: Browser, site: Site, request_: RenderRequest, error: type[errors.FetchError], message: str
) -> None:
    with pytest.raises(error) as caught:
        await browser.render(f"{site.url}/late", request_)
    assert message in caught.value.message
    assert caught.value.can_retry is (error is errors.TimedOut)
