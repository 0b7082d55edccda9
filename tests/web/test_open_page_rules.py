"""What needs no browser: the line for places, who turns a browser away, which headers may be asked for."""

from __future__ import annotations

import asyncio

import pytest

from gleanery.web.browser.blocked import PageSigns, blocked, challenge, refusal
from gleanery.web.browser.headers import header_fault
from gleanery.web.browser.line import Line

URL = "https://shop.example.org/"


async def entered(line: Line, places: list[int]) -> None:
    await line.enter(places.append)


async def begun(*waits: asyncio.Task[None]) -> None:
    """Each of them has come as far as it can."""
    await asyncio.wait(waits, timeout=0)


async def test_the_line_is_served_in_order_and_everybody_knows_their_place() -> None:
    line = Line(1)
    told: list[list[int]] = [[], [], [], []]
    waits = [asyncio.create_task(entered(line, places)) for places in told]
    await begun(*waits)
    assert (told, line.taken, line.waiting) == ([[0], [1], [2], [3]], 1, 3)
    line.leave()
    await begun(*waits)
    assert (told, line.taken, line.waiting) == ([[0], [1, 0], [2, 1], [3, 2]], 1, 2)
    waits[2].cancel()
    await begun(*waits)
    assert (told[3], line.waiting) == ([3, 2, 1], 1)
    line.leave()
    await begun(*waits)
    assert (told[3], line.taken, line.waiting) == ([3, 2, 1, 0], 1, 0)
    line.leave()
    assert line.taken == 0


async def test_who_leaves_the_line_just_when_called_passes_the_place_on() -> None:
    line = Line(1)
    await line.enter()
    told: list[list[int]] = [[], []]
    waits = [asyncio.create_task(entered(line, places)) for places in told]
    await begun(*waits)
    line.leave()
    waits[0].cancel()  # the place is given, and the waiter has not woken yet
    await begun(*waits)
    assert (told[1], waits[0].cancelled(), line.taken, line.waiting) == ([2, 1, 0], True, 1, 0)


async def test_the_last_one_who_is_cancelled_leaves_no_place_taken() -> None:
    line = Line(1)
    await line.enter()
    wait = asyncio.create_task(line.enter())
    await begun(wait)
    line.leave()
    wait.cancel()
    await begun(wait)
    assert (line.taken, line.waiting) == (0, 0)
    await line.enter()
    assert line.taken == 1


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        (200, {}, None),
        (404, {}, None),
        (401, {"www-authenticate": "Basic"}, None),
        (503, {"retry-after": "3"}, None),
        (403, {}, "forbidden"),
        (429, {}, "too_many_requests"),
        (403, {"cf-mitigated": "challenge"}, "challenge_cloudflare"),
        (503, {"cf-mitigated": "Challenge"}, "challenge_cloudflare"),
        (200, {"cf-mitigated": "none"}, None),
        (200, {"cf-ray": "1", "server": "cloudflare"}, None),
        (202, {"x-amzn-waf-action": "challenge"}, "challenge_aws_waf"),
        (403, {"x-datadome": "protected"}, "challenge_datadome"),
        (403, {"x-dd-b": "1"}, "challenge_datadome"),
    ],
)
def test_an_answer_tells_whether_it_turns_us_away(status: int, headers: dict[str, str], reason: str | None) -> None:
    assert refusal(status, headers) == reason


def signs(markup: str, title: str = "", text: str = "", length: int | None = None, fields: int = 0) -> PageSigns:
    return PageSigns(
        title, text, len(text) if length is None else length, fields, f"<html><body>{markup}</body></html>"
    )


# Written by hand after what is known of these pages; none was recorded.
CLOUDFLARE = (
    '<div class="main-wrapper" role="main"><noscript><span id="challenge-error-text">Enable JavaScript and cookies to '
    'continue</span></noscript></div><script>window._cf_chl_opt={cvId:"3"};var a=document.createElement("script");'
    'a.src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1?ray=8c";</script>'
)
DATADOME = (
    "<p id=\"cmsg\">Please enable JS and disable any ad blocker</p><script>var dd={'rt':'c','cid':'AHrlqAAAA',"
    "'host':'geo.captcha-delivery.com'}</script><script src='https://ct.captcha-delivery.com/c.js'></script>"
)
PERIMETERX = (
    '<h1>Access to this page has been denied</h1><div id="px-captcha"></div><script>window._pxAppId = "PXu6b";</script>'
)
IMPERVA = (
    '<iframe id="main-iframe" src="/_Incapsula_Resource?SWUDNSAI=31&xinfo=9-1" frameborder=0>Request unsuccessful. '
    "Incapsula incident ID: 1263000210</iframe>"
)
AKAMAI = '<div id="sec-if-cpt-container"></div><script src="/_sec/cp_challenge/ak-challenge-4-3.htm"></script>'
AKAMAI_DENIED = "<h1>Access Denied</h1>Reference #18.6f <p>https://errors.edgesuite.net/18.6f</p>"
AWS = '<script src="https://1a2b.eu-west-1.token.awswaf.com/1a2b/challenge.js"></script><div id="challenge-container"></div>'
HCAPTCHA = '<p>Please verify you are a human.</p><div class="h-captcha" data-sitekey="a"></div>'
RECAPTCHA = (
    '<p>Our systems have detected unusual traffic</p><script src="https://www.google.com/recaptcha/api.js"></script>'
)


@pytest.mark.parametrize(
    ("page", "whose"),
    [
        (signs(CLOUDFLARE, "Just a moment..."), "challenge_cloudflare"),
        (signs(DATADOME, "shop.example.org"), "challenge_datadome"),
        (signs(PERIMETERX, "Access to this page has been denied"), "challenge_perimeterx"),
        (signs(IMPERVA), "challenge_imperva"),
        (signs(AKAMAI), "challenge_akamai"),
        (signs(AKAMAI_DENIED, "Access Denied", "Access Denied"), "challenge_akamai"),
        (signs(AWS), "challenge_aws_waf"),
        (signs(HCAPTCHA, "Shop", "Please verify you are a human."), "challenge_captcha"),
        (signs(RECAPTCHA, "Sorry", "Our systems have detected unusual traffic"), "challenge_captcha"),
        # A form with a captcha, an article about them, a page whose text has the words, an empty page.
        (signs('<div class="g-recaptcha"></div>', "Sign up", "Make an account", fields=2), None),
        (signs(HCAPTCHA, "Contact", "Verify you are a human", fields=5), None),
        (signs(CLOUDFLARE, "How to pass Cloudflare", "Just a moment", length=20_000), None),
        (signs("<p>Just a moment</p>", "Just a moment", "Just a moment"), None),
        (signs('<script src="/cdn-cgi/challenge-platform/scripts/jsd/main.js"></script>', "Docs", "Hello"), None),
        (signs("", "", ""), None),
    ],
)
def test_a_page_tells_whether_it_is_a_challenge(page: PageSigns, whose: str | None) -> None:
    assert challenge(page) == whose


def test_when_to_come_again_is_told() -> None:
    told = blocked(URL, 429, {"retry-after": "120"}, "too_many_requests")
    assert told.message == "The site turns the browser away: it answers 429 (too many requests)."
    assert told.details == {"url": URL, "status": 429, "reason": "too_many_requests", "retry_after": 120.0}
    assert blocked(URL, 403, {}, "forbidden").details["retry_after"] is None
    assert "a human" in blocked(URL, 403, {}, "challenge_akamai").message


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-Key", "a b"), ("Authorization", "Bearer x"), ("accept-language", "de, en;q=0.5"), ("X-Empty", "")],
)
def test_headers_that_may_be_asked_for(name: str, value: str) -> None:
    assert header_fault(name, value) is None


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("X Key", "a", "is no name of a header"),
        ("X-Key:", "a", "is no name of a header"),
        ("", "a", "is no name of a header"),
        ("X-Key\r\nHost", "a", "is no name of a header"),
        ("Host", "a", "is set by the browser itself"),
        ("COOKIE", "a", "is set by the browser itself"),
        ("User-Agent", "a", "is set by the browser itself"),
        ("Sec-Fetch-Site", "a", "is set by the browser itself"),
        ("Proxy-Authorization", "a", "is set by the browser itself"),
        ("X-Key", "a\r\nHost: b", "has a value with characters that a header can't carry"),
        ("X-Key", "a\0", "has a value with characters that a header can't carry"),
        ("X-Key", "ü", "has a value with characters that a header can't carry"),
        ("X-Key", "a\n", "has a value that is longer than 8192 characters, or has space around it"),
        ("X-Key", "a" * 8193, "has a value that is longer than 8192 characters, or has space around it"),
    ],
)
def test_headers_that_may_not(name: str, value: str, fault: str) -> None:
    assert header_fault(name, value) == fault
