"""Pages that are opened to be looked into: how they come, what is reported of them, and what they get to know."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gleanery import errors
from gleanery.model.parses import DialogSeen, Size
from gleanery.web.browser.open_page import Cookie, Guise
from gleanery.web.browser.supervisor import Browser, RenderRequest
from tests.sites import Site
from tests.sites.apps import app_site
from tests.sites.parse_traps import trapping_site
from tests.sites.watched import watched_site
from tests.web.browsers import needs_browser, until
from tests.web.conftest import AGENT
from tests.web.openings import PLAIN, QUICKLY, a_pool, inside

# One browser for all of these: none of them may spoil it for the next.
pytestmark = [pytest.mark.browser, needs_browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with a_pool(tmp_path_factory.mktemp("data")) as it:
        yield it
        assert (it.launches, it.crashes) == (1, 0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[Site]:
    async with watched_site() as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other() -> AsyncIterator[Site]:
    async with watched_site("127.0.0.2") as it:
        yield it


async def test_a_page_is_there_with_how_it_came(browser: Browser, site: Site) -> None:
    async with app_site() as apps, browser.open(f"{apps.url}/app/7", QUICKLY, PLAIN) as page:
        seen = page.navigation
        assert (seen.url, seen.final_url, seen.status) == (f"{apps.url}/app/7", f"{apps.url}/app/7", 200)
        assert (seen.content_type, seen.redirects, seen.user_agent) == ("text/html", (), AGENT)
        assert (seen.headers["etag"], "set-cookie" in seen.headers) == ('"1"', False)
        assert set(page.waited_seconds) == {"waiting", "browser", "navigation"}
        assert page.peak_memory_mb > 5
        incidents = page.incidents()
        # The document, its script, its style and its data.
        assert (incidents.request_count, incidents.console, incidents.failed_requests) == (4, (), ())
        assert "<title>Page 7</title>" in await page.html()


async def test_where_it_went_is_told(browser: Browser, site: Site, other: Site) -> None:
    start = f"{site.url}/redirect?to={other.url}/plain"
    async with browser.open(start, QUICKLY, PLAIN) as page:
        seen = page.navigation
        assert (seen.url, seen.final_url, seen.redirects) == (start, f"{other.url}/plain", (f"{other.url}/plain",))


async def test_a_route_that_a_script_draws_is_where_it_went(browser: Browser, site: Site) -> None:
    async with browser.open(f"{site.url}/plain#/settings", QUICKLY, PLAIN) as page:
        seen = page.navigation
    assert (seen.url, seen.final_url, seen.redirects) == (
        f"{site.url}/plain#/settings",
        f"{site.url}/plain#/settings",
        (),
    )
    async with browser.open(f"{site.url}/plain#part", QUICKLY, PLAIN) as page:
        assert (page.navigation.final_url, page.navigation.redirects) == (f"{site.url}/plain", ())


async def test_taking_the_html_leaves_the_page_as_it_is(browser: Browser, site: Site) -> None:
    async with browser.open(f"{site.url}/plain", QUICKLY, PLAIN) as page:
        taken = await page.html()
        assert "<style>" not in taken
        assert "<h1>Plain</h1>" in taken
        assert await inside(page).evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(1, 2, 3)"
        assert await page.html() == taken


async def test_pictures_are_loaded_and_elements_know_their_roles(browser: Browser, site: Site) -> None:
    async with browser.open(f"{site.url}/picture", QUICKLY, PLAIN) as page:
        shown = inside(page)
        await shown.wait_for_load_state("load")
        assert await shown.evaluate("picture.naturalWidth") == 1
        roles = "[...document.querySelectorAll('img, button')].map(e => [e.computedRole, e.computedName])"
        assert await shown.evaluate(roles) == [["image", "A dot"], ["button", "Go"]]


async def test_the_guise_is_what_the_page_sees(browser: Browser, site: Site) -> None:
    guise = Guise(
        user_agent="wombat/1",
        viewport=Size(width=400, height=700),
        cookies=(Cookie("a", "1"), Cookie("b", "2", path="/plain", is_http_only=True)),
    )
    site.headers.clear()
    async with browser.open(f"{site.url}/plain", QUICKLY, guise) as page:
        looks = "[innerWidth, innerHeight, devicePixelRatio, navigator.userAgent, document.cookie]"
        assert await inside(page).evaluate(looks) == [400, 700, 1, "wombat/1", "a=1"]
        assert page.navigation.user_agent == "wombat/1"
    sent = site.headers[0]
    assert (sent["User-Agent"], sent["Cookie"]) == ("wombat/1", "b=2; a=1")


async def test_a_cookie_that_is_none_is_refused(browser: Browser, site: Site) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        async with browser.open(f"{site.url}/plain", QUICKLY, Guise(cookies=(Cookie("a", "1", domain="..", path=""),))):
            pass
    assert caught.value.field == "cookies"


async def test_headers_that_are_the_browsers_own_are_refused(browser: Browser, site: Site) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        async with browser.open(f"{site.url}/plain", QUICKLY, Guise(headers=(("X-A", "1\r\nHost: b"),))):
            pass
    assert caught.value.field == "headers"


async def seen_by(browser: Browser, url: str, *sites: Site) -> dict[str, str | None]:
    """What each site was told by `X-Key`, by the path that it was asked for."""
    for site in sites:
        site.requests.clear()
        site.headers.clear()
    guise = Guise(headers=(("X-Key", "secret"), ("accept-language", "de")))
    async with browser.open(url, QUICKLY, guise) as page:
        await inside(page).wait_for_load_state("load")
    return {
        f"{name} {path.partition('?')[0]}": headers.get("X-Key")
        for name, site in zip("ab", sites, strict=False)
        for path, headers in zip(site.requests, site.headers, strict=True)
    }


async def test_headers_go_to_the_host_that_was_asked_for(browser: Browser, site: Site, other: Site) -> None:
    url = f"{site.url}/links?image={site.url}/dot.png&image={other.url}/dot.png&frame={other.url}/picture"
    assert await seen_by(browser, url, site, other) == {
        "a /links": "secret",
        "a /dot.png": "secret",
        "b /dot.png": None,
        "b /picture": None,
    }
    assert {headers["Accept-Language"] for headers in site.headers} == {"de"}


async def test_headers_stay_behind_at_a_redirect_to_another_host(browser: Browser, site: Site, other: Site) -> None:
    assert await seen_by(browser, f"{site.url}/redirect?to={other.url}/plain", site, other) == {
        "a /redirect": "secret",
        "b /plain": None,
    }
    url = f"{site.url}/links?image={site.url}/redirect%3Fto={other.url}/dot.png"
    assert await seen_by(browser, url, site, other) == {
        "a /links": "secret",
        "a /redirect": "secret",
        "b /dot.png": None,
    }


async def test_headers_follow_a_redirect_on_the_same_host(browser: Browser, site: Site, other: Site) -> None:
    assert await seen_by(browser, f"{site.url}/redirect?to=/plain", site) == {
        "a /redirect": "secret",
        "a /plain": "secret",
    }
    # Away and back again: each stop is judged by itself.
    url = f"{site.url}/redirect?to={other.url}/redirect%3Fto={site.url}/plain"
    assert await seen_by(browser, url, site, other) == {
        "a /redirect": "secret",
        "b /redirect": None,
        "a /plain": "secret",
    }


@pytest.mark.parametrize("status", [400, 401, 404, 410, 418])
async def test_the_page_of_an_error_is_a_page(browser: Browser, site: Site, status: int) -> None:
    async with browser.open(f"{site.url}/status/{status}", QUICKLY, PLAIN) as page:
        assert page.navigation.status == status
        assert f"<h1>Status {status}</h1>" in await page.html()
        assert page.incidents().failed_requests == ()


@pytest.mark.parametrize(
    ("path", "error", "code"),
    [
        ("/status/404?empty", errors.HttpStatus, "http_404"),
        ("/status/404?json", errors.HttpStatus, "http_404"),
        ("/status/500", errors.HttpStatus, "http_500"),
        ("/status/503?empty", errors.HttpStatus, "http_503"),
        ("/status/204", errors.EmptyPage, "empty_page"),
        ("/file", errors.NotHtml, "not_html"),
        ("/redirect?to=/file", errors.NotHtml, "not_html"),
        ("/redirect?to=http://10.0.0.1/", errors.AddressForbidden, "address_forbidden"),
        ("/redirect?to=http://nowhere.invalid/", errors.HostNotFound, "host_not_found"),
        ("/never", errors.TimedOut, "timed_out"),
        ("/asks-without-end", errors.TimedOut, "timed_out"),
        ("/forever", errors.RedirectLoop, "redirect_loop"),
        ("/opens-many", errors.PageTooHeavy, "page_too_heavy"),
    ],
)
async def test_what_goes_wrong_has_a_name(
    browser: Browser, site: Site, path: str, error: type[errors.FetchError], code: str
) -> None:
    seconds = 3 if error is errors.TimedOut else 60
    with pytest.raises(error) as caught:
        async with browser.open(f"{site.url}{path}", RenderRequest(timeout_seconds=seconds), PLAIN):
            pass
    assert (caught.value.code, caught.value.url) == (code, f"{site.url}{path}")


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/status/403", 403, "forbidden"),
        ("/status/403?empty", 403, "forbidden"),
        ("/status/429", 429, "too_many_requests"),
        ("/status/429?json", 429, "too_many_requests"),
        ("/status/503?mitigated", 503, "challenge_cloudflare"),
        ("/status/200?mitigated", 200, "challenge_cloudflare"),
    ],
)
async def test_a_site_that_turns_us_away_is_named(
    browser: Browser, site: Site, path: str, status: int, reason: str
) -> None:
    with pytest.raises(errors.PageBlocked) as caught:
        async with browser.open(f"{site.url}{path}", QUICKLY, PLAIN):
            pass
    told = caught.value.details
    assert (told["status"], told["reason"], told["retry_after"]) == (status, reason, 7.0)
    assert caught.value.can_retry


async def test_what_is_waited_for_is_there(browser: Browser, site: Site) -> None:
    async with app_site() as apps:
        late = RenderRequest(wait_for="h1", timeout_seconds=60)
        async with browser.open(f"{apps.url}/late", late, PLAIN) as page:
            assert "<h1>Late</h1>" in await page.html()
        with pytest.raises(errors.TimedOut) as caught:
            async with browser.open(f"{apps.url}/late", RenderRequest(wait_for="h2", timeout_seconds=5), PLAIN):
                pass
        assert caught.value.details["wait_for"] == "h2"


@pytest.mark.parametrize("text", ["!!", "a:nope", "1a", "a:not(:nope)", "a:has-text('Late')", "h1 >> nth=0"])
async def test_what_is_no_selector_is_refused_before_anything_is_asked_for(
    browser: Browser, site: Site, text: str
) -> None:
    with pytest.raises(errors.RenderFailed) as refused:
        async with browser.open("http://192.0.2.1/", RenderRequest(wait_for=text), PLAIN):
            pass
    assert refused.value.message == f"wait_for: {text} is not a CSS selector."
    assert (refused.value.details["reason"], refused.value.can_retry) == ("bad_selector", False)


async def test_a_line_without_a_break_is_named_when_it_takes_too_long(browser: Browser) -> None:
    async with trapping_site() as traps:
        with pytest.raises(errors.TimedOut) as caught:
            async with browser.open(f"{traps.url}/unbroken", RenderRequest(timeout_seconds=15), PLAIN):
                raise AssertionError("it can't be shown")
    assert caught.value.message == (
        "The page was not rendered within 15 seconds: the browser was still laying it out. Tens of thousands of links or words in"
        " one line that can't be broken take it minutes."
    )
    assert caught.value.details["busy_with"] == "layout"


async def test_a_page_that_has_come_and_keeps_the_browser_busy_is_said_to(browser: Browser) -> None:
    async with trapping_site() as traps:
        with pytest.raises(errors.TimedOut) as caught:
            async with browser.open(f"{traps.url}/spins-later", RenderRequest(timeout_seconds=6), PLAIN):
                pass
        assert caught.value.message == (
            "The page was not rendered within 6 seconds: all of it had come, and the browser was still busy with its scripts"
            " or its layout."
        )
        assert caught.value.details["has_come"] is True


# Incidents


async def test_the_console_is_told(browser: Browser, site: Site) -> None:
    async with browser.open(f"{site.url}/console", QUICKLY, PLAIN) as page:
        seen = page.incidents()
    said = [(message.level, message.text) for message in seen.console]
    assert said[:3] == [("warning", "careful 1"), ("error", "x" * 1000), ("error", "untrue")]
    assert ("error", "TypeError: Cannot read properties of null (reading 'missing')") in said
    assert ("error", "Error: alone") in said
    assert (seen.console_count, len(said)) == (5, 5)
    assert (seen.console[0].url, seen.console[0].line) == (f"{site.url}/console", 1)


@pytest.mark.parametrize("path", ["/console-flood", "/console-for-ever"])
async def test_a_console_that_is_flooded_is_heard_no_further(browser: Browser, site: Site, path: str) -> None:
    async with browser.open(f"{site.url}{path}", QUICKLY, PLAIN) as page:
        seen = page.incidents()
    assert (len(seen.console), seen.console_count) == (100, 300)


async def test_what_could_not_be_loaded_is_told(browser: Browser, site: Site) -> None:
    async with browser.open(f"{site.url}/broken-parts", QUICKLY, PLAIN) as page:
        await until(lambda: page.incidents().failed_request_count >= 4)
        seen = page.incidents()
    failed = {request.url.rpartition("/")[2]: request for request in seen.failed_requests}
    assert {name: (one.kind, one.reason, one.status) for name, one in failed.items()} == {
        "404": ("image", "http_404", 404),
        "500": ("stylesheet", "http_500", 500),
        "a.png": ("image", "host_not_found", None),
        "a.js": ("script", "address_forbidden", None),
    }
    assert seen.failed_request_count == 4


async def test_what_is_asked_is_answered_and_told(browser: Browser, site: Site) -> None:
    async with browser.open(f"{site.url}/asks", QUICKLY, PLAIN) as page:
        assert "<p>false null</p>" in await page.html()
        seen = page.incidents().dialogs
    assert [(one.kind, one.message, one.answer) for one in seen] == [
        ("alert", "one", "closed"),
        ("confirm", "two", "cancelled"),
        ("prompt", "", "cancelled"),
        ("print", "", "not printed"),
        ("permission", "notifications", "denied"),
        ("permission", "geolocation", "denied"),
        ("permission", "camera", "denied"),
        ("confirm", "three", "cancelled"),
        ("prompt", "four", "cancelled"),
    ]


async def test_questions_of_frames_are_told_and_those_of_strangers_are_not(browser: Browser, site: Site) -> None:
    async with browser.open(f"{site.url}/asks-in-a-frame", QUICKLY, PLAIN) as page:
        assert page.incidents().dialogs == (DialogSeen(kind="alert", message="inside", answer="closed"),)
    async with browser.open(f"{site.url}/says-it-was-asked", QUICKLY, PLAIN) as page:
        assert page.incidents().dialogs == ()


async def test_questions_without_end_are_told_to_some_extent(browser: Browser, site: Site) -> None:
    asked = RenderRequest(timeout_seconds=60, settle_seconds=1)
    async with browser.open(f"{site.url}/asks-for-ever", asked, PLAIN) as page:
        await until(lambda: len(page.incidents().dialogs) >= 20)
        await inside(page).evaluate("new Promise((done) => setTimeout(() => { alert('again'); done(); }, 50))")
        assert len(page.incidents().dialogs) == 20


async def test_a_page_that_does_not_want_to_be_left_is_left(browser: Browser, site: Site) -> None:
    async with browser.open(f"{site.url}/leaves-with-a-question", QUICKLY, PLAIN) as page:
        assert page.navigation.final_url == f"{site.url}/plain"
        asked = {(dialog.kind, dialog.answer) for dialog in page.incidents().dialogs}
    assert asked == {("beforeunload", "left")}


async def test_windows_are_noted_and_closed(browser: Browser, site: Site) -> None:
    async with browser.open(f"{site.url}/opens", QUICKLY, PLAIN) as page:
        assert page.incidents().popups == (f"{site.url}/plain?one", f"{site.url}/never?two", "about:blank")
        await until(lambda: inside(page).context.pages == [inside(page)])


async def test_ten_pages_are_the_most(browser: Browser, site: Site) -> None:
    for path in ("/opens-many", "/opens-for-ever"):
        with pytest.raises(errors.PageTooHeavy) as caught:
            async with browser.open(f"{site.url}{path}", QUICKLY, PLAIN):
                pass
        assert (caught.value.details["limit"], caught.value.details["max"]) == ("pages", 10)


async def test_downloads_are_refused_and_noted(browser: Browser, site: Site) -> None:
    async with browser.open(f"{site.url}/downloads", QUICKLY, PLAIN) as page:
        await until(lambda: page.incidents().downloads != ())
        assert page.incidents().downloads == (f"{site.url}/file",)
        assert "<p>Downloads</p>" in await page.html()


async def test_the_time_of_the_request_spans_the_block(browser: Browser, site: Site) -> None:
    began = time.monotonic()
    with pytest.raises(errors.TimedOut):
        async with browser.open(f"{site.url}/plain", RenderRequest(timeout_seconds=2), PLAIN):
            await asyncio.Event().wait()
    assert time.monotonic() - began > 1.9


async def test_what_the_reader_raises_passes(browser: Browser, site: Site) -> None:
    with pytest.raises(TimeoutError, match="mine"):
        async with browser.open(f"{site.url}/plain", QUICKLY, PLAIN):
            raise TimeoutError("mine")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "chrome://crash", "data:text/html,x"])
async def test_only_the_web_is_opened(browser: Browser, url: str) -> None:
    with pytest.raises(errors.InvalidUrl):
        async with browser.open(url, QUICKLY, PLAIN):
            pass


# What is read


async def test_all_of_it_is_read(browser: Browser, site: Site) -> None:
    async with browser.open(f"{site.url}/picture", QUICKLY, PLAIN) as page:
        await page.dom(include_tree=True)
        read = await page.elements()
        assert [(element.role, element.name, element.is_enabled) for element in read.elements] == [
            ("button", "Go", False)
        ]
        png, shot = await page.screenshot(is_full_page=True)
        assert (png[:4], shot.width, shot.height) == (b"\x89PNG", 1280, 720)


async def test_a_page_that_goes_on_meanwhile_is_read_where_it_went(browser: Browser, site: Site) -> None:
    async with browser.open(f"{site.url}/picture", QUICKLY, PLAIN) as page:
        assert page.navigation.final_url == f"{site.url}/picture"
        await inside(page).evaluate("location.href = '/plain'")
        await inside(page).wait_for_url("**/plain")
        await page.dom(include_tree=False)
        read = await page.elements()
        assert [heading.text for heading in read.dom.headings] == ["Plain"]
        assert page.navigation.redirects == (f"{site.url}/plain",)
