"""robots.txt: what it allows, and that it is asked for once, whoever asks."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from jwm.robotstxt.googlebot import RobotsMatcher

from gleanery import errors
from gleanery.web.fetch import Document, Fetcher, FetchLimits
from gleanery.web.robots import MAX_ROBOTS_BYTES, Robots, RobotsCache, parse
from gleanery.web.robots_rules import MAX_WILDCARD_CHARS
from tests.sites import run
from tests.sites.hostile import hostile_site
from tests.web.conftest import AGENT, LOCAL

ORIGIN = "https://h"


def rules(*lines: str) -> Robots:
    return parse("\n".join(lines).encode(), ORIGIN)


def allowed(robots: Robots, *paths: str) -> list[bool]:
    return [robots.allows(ORIGIN + path) for path in paths]


def test_the_group_that_names_us_stands_alone() -> None:
    robots = rules("User-agent: *", "Disallow: /", "", "User-agent: Gleanery/2.0", "Disallow: /private")
    assert allowed(robots, "/", "/private", "/private/x") == [True, False, False]


def test_the_group_for_everybody_holds_when_none_names_us() -> None:
    robots = rules("User-agent: gleanery-news", "Disallow:", "User-agent: *", "Disallow: /x")
    assert allowed(robots, "/", "/x") == [True, False]


def test_the_longest_rule_decides_and_allow_wins_a_tie() -> None:
    robots = rules("User-agent: *", "Disallow: /a", "Allow: /a/b", "Disallow: /a/b/*.pdf$", "Allow: /c", "Disallow: /c")
    assert allowed(robots, "/a", "/a/b", "/a/b/x.pdf", "/a/b/x.pdf?y", "/c") == [False, True, False, True, True]


def test_escapes_are_compared_in_their_normal_form() -> None:
    robots = rules("User-agent: *", "Disallow: /~joe", "Disallow: /ä")
    assert allowed(robots, "/%7Ejoe", "/%7ejoe", "/%C3%A4", "/%c3%a4", "/joe") == [False, False, False, False, True]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xef\xbb\xbf",
        b"\0\xff\xfe",
        b"Disallow: /",
        b"<!doctype html><p>Not found: <a href=/x>/x</a>",
        b"<html><pre>User-agent: * Disallow: /</pre>",
        b"\x1f\x8b\x08" + bytes(range(256)),
    ],
)
def test_what_says_nothing_allows_everything(body: bytes) -> None:
    assert parse(body, ORIGIN).allows("https://h/x")


def test_delay_and_sitemaps() -> None:
    robots = rules(
        "Sitemap: https://o/a.xml",
        "User-agent: *",
        "Crawl-delay: 9",
        "Disallow:",
        "sitemap: /b.xml",
        "User-agent: gleanery",
        "Crawl-delay: 1.5",
        "Disallow:",
        "Sitemap: /b.xml",
        "Sitemap: javascript:x",
    )
    assert robots.crawl_delay_seconds == 1.5
    assert robots.sitemaps == ("https://o/a.xml", "https://h/b.xml")


@pytest.mark.parametrize("delay", ["0", "-1", "inf", "nan", "soon", ""])
def test_a_delay_that_is_none(delay: str) -> None:
    assert rules("User-agent: *", f"Crawl-delay: {delay}").crawl_delay_seconds is None


def test_what_lies_behind_500_kib_is_not_read() -> None:
    start = b"User-agent: *\nDisallow: /a\n#"
    body = start + b"x" * (MAX_ROBOTS_BYTES - len(start)) + b"\nDisallow: /b\n"
    assert allowed(parse(body, ORIGIN), "/a", "/b") == [False, True]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_any_unicode_form_that_names_itself_is_read(encoding: str) -> None:
    robots = parse("User-agent: *\r\nDisallow: /ä\r\n".encode(encoding), ORIGIN)
    assert allowed(robots, "/%C3%A4", "/a") == [False, True]


def test_nul_bytes_do_not_cut_a_line_short() -> None:
    assert allowed(parse(b"User-agent: *\nDis\0allow: /\0a\n", ORIGIN), "/a", "/b") == [False, True]


def test_a_rule_behind_a_huge_line_is_read() -> None:
    body = b"User-agent: *\nDisallow: /" + b"x" * 400_000 + b"\nDisallow: /b\n"
    assert allowed(parse(body, ORIGIN), "/a", "/b") == [True, False]


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        (["Request-rate: 1/5"], 5.0),
        (["request-rate: 10/1m 0600-0845"], 6.0),
        (["Crawl-delay: 2", "Request-rate: 1/10s"], 10.0),
        (["Crawl-delay: 20", "Request-rate: 1/10s"], 20.0),
        (["Request-rate: 0/5"], None),
        (["Request-rate: 5/0"], None),
        (["Request-rate: slow"], None),
    ],
)
def test_a_rate_is_a_delay_and_the_longer_one_holds(lines: list[str], seconds: float | None) -> None:
    assert rules("User-agent: *", *lines).crawl_delay_seconds == seconds


def test_what_a_url_holds_of_special_characters_is_meant_by_its_escape() -> None:
    robots = rules("User-agent: *", "Disallow: /a%2Ab", "Disallow: /c%24$", "Disallow: /d$e")
    assert allowed(robots, "/a*b", "/a%2ab", "/axb", "/c$", "/c$d", "/d$e", "/d") == [False] * 2 + [True] * 1 + [
        False,
        True,
        False,
        True,
    ]


def wildcards(verb: str, count: int) -> list[str]:
    return [f"{verb}: /a/*/{n:05}" for n in range(count)]


def test_beyond_a_measure_of_wildcards_a_disallow_is_wider_and_an_allow_is_gone() -> None:
    count = MAX_WILDCARD_CHARS // len("/a/*/00000")
    few = rules("User-agent: *", *wildcards("Disallow", count))
    assert allowed(few, "/a/x/00000", "/a/x/00000y", "/a/x/y", "/b/x/00000") == [False, False, True, True]
    many = rules("User-agent: *", *wildcards("Disallow", count + 1))
    assert allowed(many, "/a/x/00000", "/a/x/y", "/b/x/00000") == [False, False, True]
    permits = rules("User-agent: *", "Disallow: /a/", *wildcards("Allow", count + 1))
    assert allowed(permits, "/a/x/00000", f"/a/x/{count:05}") == [True, False]


def test_rules_that_are_made_to_be_slow_are_not() -> None:
    """Read anew by Google's matcher, these take seconds for each URL."""
    robots = rules("User-agent: *", *(f"Disallow: /*{n}b" for n in range(30_000)))
    started = time.process_time()
    assert not robots.allows(f"{ORIGIN}/{'a' * 2000}")  # far beyond the measure: /* it is
    assert time.process_time() - started < 1


SEGMENTS = [
    "a",
    "b",
    "index.html",
    "index.htm",
    "*",
    "$",
    "a*",
    "*b$",
    "?x=1",
    "~a",
    "ä",
    "",
    "*?",
    "a$b",
    "**",
    "*a*b*",
    "*$",
]
PATHS = [
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/a/index.html",
    "/index.html",
    "/~a",
    "/%C3%A4",
    "/a?x=1",
    "/b//a",
    "/a$b",
    "/$",
    "/aab/b/ab",
]
LINES = st.one_of(
    st.sampled_from(
        ["User-agent: *", "User-agent: gleanery", "User-agent: Gleanery/2", "User-agent: other", "User-agent: * x"]
    ),
    st.sampled_from(["Sitemap: /s", "Crawl-delay: 2", "", "# comment", "Unknown: x"]),
    st.builds(
        lambda verb, start, segments: f"{verb}: {start}{'/'.join(segments)}",
        st.sampled_from(["Allow", "Disallow", "disalow"]),
        st.sampled_from(["/", "", "*"]),
        st.lists(st.sampled_from(SEGMENTS), max_size=3),
    ),
)


@given(st.lists(LINES, max_size=10))
def test_every_decision_is_that_of_googles_matcher(lines: list[str]) -> None:
    text = "\n".join(lines)
    robots = rules(text)
    google = [bool(RobotsMatcher().OneAgentAllowedByRobots(text, "gleanery", ORIGIN + path)) for path in PATHS]
    assert allowed(robots, *PATHS) == google


async def test_one_request_for_many_who_ask(fetcher: Fetcher) -> None:
    async with hostile_site(robots="User-agent: *\nDisallow: /ok/2\nSitemap: /map.xml") as site:
        cache = RobotsCache(fetcher)
        found = await asyncio.gather(*(cache.get(f"{site.url}/ok/{n}") for n in range(50)))
        assert site.requests == ["/robots.txt"]
        assert len({id(robots) for robots in found}) == 1
        assert [found[0].allows(f"{site.url}/ok/{n}") for n in (1, 2)] == [True, False]
        assert found[0].sitemaps == (f"{site.url}/map.xml",)


async def test_it_is_asked_again_when_its_time_is_over(fetcher: Fetcher) -> None:
    clock = Clock()
    async with hostile_site() as site:
        cache = RobotsCache(fetcher, fresh_seconds=100, clock=clock)
        asked = []
        for clock.now in (0.0, 99.0, 101.0):
            await cache.get(site.url)
            asked.append(site.counts["/robots.txt"])
        assert asked == [1, 1, 2]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_4xx_allows(fetcher: Fetcher, status: int) -> None:
    async with hostile_site(robots=status) as site:
        assert (await RobotsCache(fetcher).get(site.url)).allows(f"{site.url}/x")


@pytest.mark.parametrize(
    ("status", "phrase"), [(500, "Internal Server Error"), (503, "Service Unavailable"), (429, "Too Many Requests")]
)
async def test_5xx_and_429_stop(fetcher: Fetcher, status: int, phrase: str) -> None:
    async with hostile_site(robots=status) as site:
        with pytest.raises(errors.RobotsUnreachable) as caught:
            await RobotsCache(fetcher).get(site.url)
    assert (caught.value.code, caught.value.can_retry) == ("robots_unreachable", True)
    assert caught.value.details["cause"] == f"http_{status}"
    assert caught.value.message == (
        f"{site.url}/robots.txt answered {status}, so nothing of this site may be fetched now: "
        f"The site answered {status} {phrase}."
    )


def hops(other: str) -> web.Application:
    """`/robots.txt` leads to the hop before, at `URL#number` of `other`, each hop to the one before; hop 0 forbids all."""

    async def hop(request: web.Request) -> web.Response:
        n = int(request.match_info.get("n", other.rpartition("#")[2] or 0))
        if n == 0:
            return web.Response(text="User-agent: *\nDisallow: /")
        raise web.HTTPFound(f"{other.partition('#')[0]}/hop/{n - 1}")

    app = web.Application()
    app.router.add_get("/robots.txt", hop)
    app.router.add_get("/hop/{n}", hop)
    return app


@pytest.mark.parametrize(("redirects", "is_allowed"), [(1, False), (5, False), (6, True)])
async def test_five_redirects_are_followed_to_any_host(fetcher: Fetcher, redirects: int, is_allowed: bool) -> None:
    async with run(hops(""), "127.0.0.1") as last, run(hops(f"{last}#{redirects}"), "127.0.0.1") as first:
        assert (await RobotsCache(fetcher).get(first)).allows(f"{first}/x") is is_allowed


async def test_a_site_that_is_not_there_stops(fetcher: Fetcher) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(errors.RobotsUnreachable) as caught:
            await RobotsCache(fetcher).get(f"{origin}/x")
    assert caught.value.message == (
        f"{origin}/robots.txt could not be read, so nothing of this site may be fetched now: "
        f"Nothing answers at {origin[7:]}: the connection was refused."
    )


async def test_a_private_site_is_called_private(fetcher: Fetcher) -> None:
    with pytest.raises(errors.AddressForbidden):
        await RobotsCache(fetcher).get("http://10.0.0.1/")


class Clock:
    """Time that a test sets; who sleeps sets it too."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Origin(Fetcher):
    """Answers as told, when told; counts how often it was asked."""

    def __init__(self, *answers: bytes | errors.FetchError) -> None:
        super().__init__(LOCAL, AGENT, limits=FetchLimits())
        self.answers = list(answers)
        self.asked = 0
        self.go = asyncio.Event()

    async def fetch_prefix(self, url: str, max_bytes: int, **_: Any) -> Document:
        answer = self.answers[self.asked]
        self.asked += 1
        await self.go.wait()
        if isinstance(answer, errors.FetchError):
            raise answer
        return Document(url, url, 200, "text/plain", None, answer, None, None, 0.0, ())


def unavailable(retry_after: float | None = None) -> errors.HttpStatus:
    return errors.HttpStatus("http://h/robots.txt", 503, "Service Unavailable", retry_after)


NO = b"User-agent: *\nDisallow: /x"


def ready(*answers: bytes | errors.FetchError) -> tuple[Origin, Clock, RobotsCache]:
    origin, clock = Origin(*answers), Clock()
    origin.go.set()
    return origin, clock, RobotsCache(origin, clock=clock, sleep=clock.sleep)


async def queued(*tasks: asyncio.Task[Robots]) -> None:
    for _ in range(5 * len(tasks)):
        await asyncio.sleep(0)


async def test_those_who_wait_share_a_failure() -> None:
    origin = Origin(errors.ConnectFailed("http://h/robots.txt", "Refused."))
    cache = RobotsCache(origin)
    tasks = [asyncio.create_task(cache.get("http://h/x")) for _ in range(10)]
    await queued(*tasks)
    origin.go.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} == {errors.RobotsUnreachable}
    assert len({id(result) for result in results}) == 10
    assert origin.asked == 1


async def test_where_there_is_no_site_the_next_one_tries_again() -> None:
    origin, _, cache = ready(errors.HostNotFound("http://h/robots.txt", "No such host."), NO)
    with pytest.raises(errors.HostNotFound):
        await cache.get("http://h/x")
    assert not (await cache.get("http://h/")).allows("http://h/x")
    assert origin.asked == 2


async def outage(cache: RobotsCache) -> tuple[float, float, float]:
    with pytest.raises(errors.RobotsUnreachable) as caught:
        await cache.get("http://h/x")
    details = caught.value.details
    return details["retry_in_seconds"], details["unreachable_seconds"], details["times"]


async def test_one_that_cannot_be_had_is_asked_for_again_later_and_later() -> None:
    origin, clock, cache = ready(*[unavailable()] * 8, NO)
    waits = []
    for _ in range(8):
        wait, _, _ = await outage(cache)
        waits.append(wait)
        clock.now += wait / 2
        asked = origin.asked
        assert await outage(cache) == (wait / 2, clock.now, asked)  # nobody is asked before the time
        assert origin.asked == asked
        clock.now += wait / 2
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert not (await cache.get("http://h/")).allows("http://h/x")


@pytest.mark.parametrize(("retry_after", "wait"), [(0.0, 1.0), (7.0, 7.0), (3600.0, 600.0)])
async def test_retry_after_says_when_it_is_asked_for_again(retry_after: float, wait: float) -> None:
    _, _, cache = ready(unavailable(retry_after))
    assert await outage(cache) == (wait, 0.0, 1)


async def test_an_outage_that_is_over_is_forgotten() -> None:
    _, clock, cache = ready(unavailable(9.0), b"", unavailable())
    await outage(cache)
    clock.now = 9.0
    await cache.get("http://h/")
    clock.now = 100_000.0
    assert await outage(cache) == (1.0, 0.0, 1)


async def test_for_a_day_the_last_good_one_holds() -> None:
    origin, clock, cache = ready(NO, unavailable(), unavailable(), unavailable())
    await cache.get("http://h/")
    asked = []
    for clock.now in (3600.0, 3600.5, 24 * 3600.0 - 1):
        assert not (await cache.get("http://h/")).allows("http://h/x")
        asked.append(origin.asked)
    clock.now = 24 * 3600.0 + 60
    assert await outage(cache) == (4.0, 20 * 3600.0 + 3 * 3600.0 + 60, 3)
    assert asked == [2, 2, 3]


async def test_who_has_patience_waits_and_hears_why() -> None:
    origin, clock, cache = ready(unavailable(), unavailable(30.0), NO)
    heard: list[tuple[str, float, int]] = []

    async def on_wait(error: errors.RobotsUnreachable) -> None:
        heard.append((error.details["cause"], error.details["retry_in_seconds"], error.details["times"]))

    robots = await cache.get_patiently("http://h/x", on_wait=on_wait)
    assert not robots.allows("http://h/x")
    assert (origin.asked, clock.now) == (3, 31.0)
    assert heard == [("http_503", 1.0, 1), ("http_503", 30.0, 2)]


async def test_patience_ends() -> None:
    origin, clock, cache = ready(*[unavailable()] * 5)
    for _ in range(2):  # the second one comes too late to wait at all
        with pytest.raises(errors.RobotsUnreachable) as caught:
            await cache.get_patiently("http://h/x", patience_seconds=20.0)
        assert caught.value.details["unreachable_seconds"] == 15.0
    assert (origin.asked, clock.now) == (5, 15.0)


async def test_when_the_first_is_cancelled_the_next_in_line_takes_over() -> None:
    origin = Origin(b"", b"User-agent: *\nDisallow: /x")
    cache = RobotsCache(origin)
    tasks = [asyncio.create_task(cache.get("http://h/x")) for _ in range(3)]
    await queued(*tasks)
    tasks[0].cancel()
    await queued(*tasks)
    origin.go.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1] is results[2]
    assert origin.asked == 2


async def test_the_cache_is_bounded() -> None:
    origin = Origin(*[b""] * 4)
    origin.go.set()
    cache = RobotsCache(origin, max_origins=2)
    for host in ("a", "b", "c", "a"):
        await cache.get(f"http://{host}/")
    assert origin.asked == 4
