"""robots.txt: what it allows, and that it is asked for once, whoever asks."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwm.robotstxt.googlebot import RobotsMatcher

from gleanery import errors
from gleanery.web.fetch import Document, Fetcher, FetchLimits
from gleanery.web.robots import MAX_ROBOTS_BYTES, Robots, RobotsCache, parse
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


@pytest.mark.parametrize("body", [b"", b"\xef\xbb\xbf", b"<!doctype html><p>Not found", b"\0\xff\xfe", b"Disallow: /"])
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


SEGMENTS = ["a", "b", "index.html", "index.htm", "*", "$", "a*", "*b$", "?x=1", "~a", "ä", "", "*?", "a$b"]
PATHS = ["/", "/a", "/a/", "/a/b", "/a/index.html", "/index.html", "/~a", "/%C3%A4", "/a?x=1", "/b//a", "/a$b", "/$"]
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
    times = iter([0.0, 99.0, 101.0, 101.0])  # one look when it is stored, one at each use of what is stored
    async with hostile_site() as site:
        cache = RobotsCache(fetcher, ttl_seconds=100, clock=lambda: next(times))
        for _ in range(3):
            await cache.get(site.url)
        assert site.counts["/robots.txt"] == 2


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


async def queued(*tasks: asyncio.Task[Robots]) -> None:
    for _ in range(5 * len(tasks)):
        await asyncio.sleep(0)


async def test_those_who_wait_share_a_failure_and_the_next_one_tries_again() -> None:
    origin = Origin(errors.ConnectFailed("http://h/robots.txt", "Refused."), b"User-agent: *\nDisallow: /x")
    cache = RobotsCache(origin)
    tasks = [asyncio.create_task(cache.get("http://h/x")) for _ in range(10)]
    await queued(*tasks)
    origin.go.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} == {errors.RobotsUnreachable}
    assert origin.asked == 1
    assert not (await cache.get("http://h/")).allows("http://h/x")


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
