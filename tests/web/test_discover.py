"""Discovery: what is found on real servers, in what order it is asked for, and what stops it."""

from __future__ import annotations

import asyncio
import gzip
from datetime import UTC, datetime

import pytest

from gleanery import errors
from gleanery.web.discover import DiscoverLimits, Discovery, FetchAny, FoundUrl, Outcome, Target, discover, folders
from gleanery.web.fetch import Document, Fetcher
from gleanery.web.robots import Robots
from tests.sites import Site
from tests.sites.discovery import HTML, Answer, index, offering_site, urlset

SOFT_404 = Answer("<!doctype html><html><body><h1>Oops</h1></body></html>", HTML)


def through(fetcher: Fetcher) -> FetchAny:
    async def fetch(url: str, *, accept: str, max_bytes: int) -> Document:
        document = await fetcher.fetch_any(url, accept=accept)
        if len(document.body) > max_bytes:
            raise errors.TooLarge(url, "It is too large.", max_bytes=max_bytes)
        return document

    return fetch


def named(site: Site, *paths: str) -> Robots:
    return Robots(sitemaps=tuple(path if "://" in path else site.url + path for path in paths))


def paths(site: Site, found: Discovery) -> list[str]:
    return sorted(each.url.removeprefix(site.url) for each in found.urls)


def outcomes(site: Site, found: Discovery) -> dict[str, tuple[str, int, str]]:
    return {each.url.removeprefix(site.url): (each.outcome.value, each.found, each.reason) for each in found.tried}


async def test_sitemaps_of_robots_txt_with_indexes_gzip_and_dates(fetcher: Fetcher) -> None:
    answers: dict[str, Answer | str] = {
        "/map.xml": index("{url}/1.xml", "{url}/2.xml.gz", "{url}/gone.xml"),
        "/1.xml": urlset("{url}/a", "{url}/b", "https://elsewhere.example/c", lastmod="2024-05-03"),
        "/2.xml.gz": Answer(gzip.compress(urlset("/b", "/d").encode()), "application/gzip"),
    }
    async with offering_site(answers) as site:
        found = await discover(f"{site.url}/", named(site, "/map.xml"), through(fetcher))
        day = datetime(2024, 5, 3, tzinfo=UTC)
        assert sorted(found.urls, key=lambda each: each.url) == [
            FoundUrl(f"{site.url}/a", day, Target.SITEMAP),
            FoundUrl(f"{site.url}/b", day, Target.SITEMAP),
            FoundUrl(f"{site.url}/d", None, Target.SITEMAP),
        ]
        assert outcomes(site, found) == {
            "/map.xml": ("found", 3, ""),
            "/1.xml": ("found", 3, ""),
            "/2.xml.gz": ("found", 2, ""),
            "/gone.xml": ("not_there", 0, "http_404"),
            "/llms.txt": ("not_there", 0, "http_404"),
            "/llms-full.txt": ("not_there", 0, "http_404"),
        }
        assert (found.is_complete, found.llms, found.llms_full_url) == (True, None, None)
        assert "/sitemap.xml" not in site.counts


async def test_the_well_known_places_are_asked_in_turn_when_robots_txt_names_none(fetcher: Fetcher) -> None:
    answers: dict[str, Answer | str] = {"/sitemap.xml": SOFT_404, "/sitemap.xml.gz": urlset("/a")}
    async with offering_site(answers) as site:
        found = await discover(f"{site.url}/", Robots(), through(fetcher))
        assert paths(site, found) == ["/a"]
        assert outcomes(site, found) == {
            "/sitemap.xml": ("not_usable", 0, "html"),
            "/sitemap_index.xml": ("not_there", 0, "http_404"),
            "/sitemap.xml.gz": ("found", 1, ""),
            "/llms.txt": ("not_there", 0, "http_404"),
            "/llms-full.txt": ("not_there", 0, "http_404"),
        }


async def test_they_are_asked_as_well_when_what_robots_txt_names_has_nothing_wanted(fetcher: Fetcher) -> None:
    answers = {"/named.xml": urlset("{url}/blog/1"), "/sitemap.xml": urlset("{url}/docs/1", "{url}/blog/2")}
    async with offering_site(answers) as site:
        found = await discover(
            f"{site.url}/", named(site, "/named.xml"), through(fetcher), is_wanted=lambda url: "/docs/" in url
        )
        assert paths(site, found) == ["/docs/1"]


async def test_the_starts_folder_and_those_above_are_asked_for_theirs(fetcher: Fetcher) -> None:
    answers = {"/en/latest/sitemap.xml": urlset("/en/latest/x"), "/en/llms.txt": "# T\n- [y](y)"}
    async with offering_site(answers) as site:
        found = await discover(f"{site.url}/en/latest/guide/intro.html", named(site, "/none.xml"), through(fetcher))
        assert paths(site, found) == ["/en/latest/x", "/en/y"]
        assert found.llms is not None
        assert found.llms.title == "T"
        assert "/sitemap.xml" not in site.counts  # a wanted URL was in one of the others


def test_folders() -> None:
    assert folders("https://h/a/b/c/d/e.html?x") == [
        "https://h/a/b/c/d/", "https://h/a/b/c/", "https://h/a/b/", "https://h/",
    ]  # fmt: skip
    assert folders("https://h/docs") == ["https://h/docs/", "https://h/"]
    assert folders("https://h:81") == ["https://h:81/"]


async def test_llms_txt_names_pages_and_twins(fetcher: Fetcher) -> None:
    answers: dict[str, Answer | str] = {
        "/sitemap.xml": urlset("{url}/a", "{url}/b/", "{url}/c.html", "{url}/d"),
        "/llms.txt": "# T\n- [A](/a.md)\n- [B](/b/index.html.md)\n- [C](/c.html.md)\n- [E](/e.md)\n- [F](/f)\n- [all](/llms-full.txt)",
        "/llms-full.txt": "# D\nSource: {url}/d\n\nd\n\n# G\nSource: {url}/g\n\ng\n",
    }
    async with offering_site(answers) as site:
        found = await discover(f"{site.url}/", Robots(), through(fetcher))
        twins = {
            each.url.removeprefix(site.url): (each.origin, (each.markdown_url or "").removeprefix(site.url))
            for each in found.urls
        }
        assert twins == {
            "/a": (Target.SITEMAP, "/a.md"),
            "/b/": (Target.SITEMAP, "/b/index.html.md"),
            "/c.html": (Target.SITEMAP, "/c.html.md"),
            "/d": (Target.SITEMAP, ""),
            "/e.md": (Target.LLMS, ""),
            "/f": (Target.LLMS, ""),
            "/g": (Target.LLMS_FULL, ""),
        }
        assert found.llms_full_url == f"{site.url}/llms-full.txt"
        assert outcomes(site, found)["/llms-full.txt"] == ("found", 2, "")


async def test_nested_lists_are_followed_once(fetcher: Fetcher) -> None:
    answers = {
        "/llms.txt": "# T\n- [w](/w/llms.txt)\n- [x](https://x.example/llms.txt)",
        "/w/llms.txt": "# W\n- [a](/w/a)\n- [deeper](/w/v/llms.txt)\n- [back](/llms.txt)",
    }
    async with offering_site(answers) as site:
        found = await discover(f"{site.url}/", Robots(), through(fetcher))
        assert paths(site, found) == ["/w/a"]
        assert site.counts["/llms.txt"] == site.counts["/w/llms.txt"] == 1
        assert "/w/v/llms.txt" not in site.counts


async def test_soft_404s_are_nothing(fetcher: Fetcher) -> None:
    names = ("sitemap.xml", "sitemap_index.xml", "sitemap.xml.gz", "llms.txt", "llms-full.txt")
    async with offering_site({f"/{name}": SOFT_404 for name in names}) as site:
        found = await discover(f"{site.url}/", Robots(), through(fetcher), feed_url=f"{site.url}/sitemap.xml")
        assert (found.urls, found.llms, found.llms_full_url) == ((), None, None)
        assert {each.outcome for each in found.tried} == {Outcome.NOT_USABLE}


async def test_a_feed_when_told_of_one_or_when_robots_txt_names_it(fetcher: Fetcher) -> None:
    feed = "<rss><channel><item><link>{url}/%s</link><pubDate>Fri, 03 May 2024 00:00:00 GMT</pubDate></item></channel></rss>"
    async with offering_site({"/feed": feed % "a", "/other": feed % "b"}) as site:
        found = await discover(f"{site.url}/", named(site, "/other"), through(fetcher), feed_url=f"{site.url}/feed")
        day = datetime(2024, 5, 3, tzinfo=UTC)
        assert set(found.urls) == {
            FoundUrl(f"{site.url}/a", day, Target.FEED),
            FoundUrl(f"{site.url}/b", day, Target.FEED),
        }


@pytest.mark.parametrize(
    ("status", "expected"),
    [(404, "not_there"), (410, "not_there"), (401, "refused"), (403, "refused"), (429, "failed"), (500, "failed")],
)
async def test_what_a_status_means(fetcher: Fetcher, status: int, expected: str) -> None:
    async with offering_site({"/llms.txt": Answer(status=status)}) as site:
        found = await discover(f"{site.url}/", Robots(), through(fetcher))
        assert outcomes(site, found)["/llms.txt"] == (expected, 0, f"http_{status}")


async def test_what_may_not_be_fetched_is_told(fetcher: Fetcher) -> None:
    ask = through(fetcher)

    async def guarded(url: str, *, accept: str, max_bytes: int) -> Document:
        if url.endswith("llms.txt"):
            raise errors.RobotsDenied(url, "robots.txt says no.")
        return await ask(url, accept=accept, max_bytes=max_bytes)

    async with offering_site({}) as site:
        found = await discover(f"{site.url}/", named(site, "http://10.0.0.1/map.xml"), guarded)
        told = outcomes(site, found)
        assert told["/llms.txt"] == ("refused", 0, "robots_denied")
        assert told["http://10.0.0.1/map.xml"] == ("refused", 0, "address_forbidden")


async def test_an_index_may_not_lead_elsewhere_nor_in_circles_nor_down_for_ever(fetcher: Fetcher) -> None:
    answers = {
        f"/{n}.xml": index(f"{{url}}/{n + 1}.xml", "{url}/0.xml", "https://victim.example/big.xml") for n in range(9)
    }
    async with offering_site(answers) as site:
        found = await discover(
            f"{site.url}/", named(site, "/0.xml"), through(fetcher), limits=DiscoverLimits(max_depth=3)
        )
        told = outcomes(site, found)
        assert told["https://victim.example/big.xml"] == ("refused", 0, "other_host")
        assert told["/4.xml"] == ("refused", 0, "too_deep")
        assert [site.counts[f"/{n}.xml"] for n in range(6)] == [1, 1, 1, 1, 0, 0]
        assert not found.is_complete


async def test_a_sitemap_on_a_host_that_robots_txt_vouches_for(fetcher: Fetcher) -> None:
    async with (
        offering_site({}) as site,
        offering_site({"/m.xml": index("/n.xml"), "/n.xml": urlset(f"{site.url}/a")}) as other,
    ):
        found = await discover(f"{site.url}/", named(site, f"{other.url}/m.xml"), through(fetcher))
        assert paths(site, found) == ["/a"]


async def test_the_starts_own_part_of_an_index_comes_first(fetcher: Fetcher) -> None:
    many = [f"{{url}}/blog/{n}.xml" for n in range(50)]
    answers = {"/map.xml": index(*many, "{url}/docs/s.xml"), "/docs/s.xml": urlset("/docs/a")}
    async with offering_site(answers) as site:
        limits = DiscoverLimits(max_files=12, concurrency=1)
        found = await discover(f"{site.url}/docs/", named(site, "/map.xml"), through(fetcher), limits=limits)
        assert paths(site, found) == ["/docs/a"]
        assert len(found.tried) == 12
        assert not found.is_complete


async def test_caps_on_urls_and_bytes(fetcher: Fetcher) -> None:
    body = urlset(*(f"/{n}" for n in range(500)))
    answers = {"/sitemap.xml": body, "/llms.txt": "# T\n- [x](/x)"}
    async with offering_site(answers) as site:
        ask = through(fetcher)
        few = await discover(f"{site.url}/", Robots(), ask, limits=DiscoverLimits(max_urls=100, concurrency=1))
        assert len(few.urls) == 100
        assert outcomes(site, few)["/llms.txt"] == ("not_asked", 0, "enough_urls")
        small = await discover(f"{site.url}/", Robots(), ask, limits=DiscoverLimits(max_sitemap_bytes=1000))
        assert outcomes(site, small)["/sitemap.xml"] == ("too_large", 0, "too_large")
        spent = await discover(
            f"{site.url}/", Robots(), ask, limits=DiscoverLimits(max_total_bytes=len(body), concurrency=1)
        )
        assert outcomes(site, spent)["/llms.txt"] == ("not_asked", 0, "no_bytes_left")
        assert (few.is_complete, spent.is_complete) == (False, False)


async def test_a_packed_sitemap_counts_as_what_it_unpacks_to(fetcher: Fetcher) -> None:
    body = gzip.compress(urlset("/a").encode() + b"<!-- x -->" * 500_000)
    async with offering_site({"/sitemap.xml": Answer(body)}) as site:
        limits = DiscoverLimits(max_sitemap_bytes=100_000)
        found = await discover(f"{site.url}/", Robots(), through(fetcher), limits=limits)
        assert paths(site, found) == ["/a"]
        assert outcomes(site, found)["/sitemap.xml"] == ("found", 1, "too_large")


async def test_when_time_is_over_what_is_there_counts(fetcher: Fetcher) -> None:
    async with offering_site({"/sitemap.xml": urlset("/a"), "/llms.txt": Answer(is_silent=True)}) as site:
        found = await discover(f"{site.url}/", Robots(), through(fetcher), limits=DiscoverLimits(total_seconds=3))
        assert paths(site, found) == ["/a"]
        assert outcomes(site, found)["/llms.txt"] == ("not_asked", 0, "no_time_left")
        assert not found.is_complete


async def test_no_more_at_once_than_said(fetcher: Fetcher) -> None:
    ask = through(fetcher)
    running = most = 0

    async def counted(url: str, *, accept: str, max_bytes: int) -> Document:
        nonlocal running, most
        running, most = running + 1, max(most, running + 1)
        try:
            return await ask(url, accept=accept, max_bytes=max_bytes)
        finally:
            running -= 1

    async with offering_site({}) as site:
        robots = named(site, *(f"/{n}.xml" for n in range(20)))
        await discover(f"{site.url}/", robots, counted, limits=DiscoverLimits(concurrency=3))
        assert most == 3


async def test_cancelled_it_leaves_nothing_behind(fetcher: Fetcher) -> None:
    before = asyncio.all_tasks()
    async with offering_site({"/sitemap.xml": Answer(is_silent=True)}) as site:
        ours = asyncio.all_tasks()
        task = asyncio.create_task(discover(f"{site.url}/", Robots(), through(fetcher)))
        await site.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert {each for each in asyncio.all_tasks() - ours if "discover" in repr(each)} == set()
    assert before <= asyncio.all_tasks()


async def test_translations_stay_with_their_page(fetcher: Fetcher) -> None:
    body = '<urlset><url><loc>/a</loc><link rel="alternate" hreflang="de" href="/de/a"/></url></urlset>'
    async with offering_site({"/sitemap.xml": body}) as site:
        found = await discover(f"{site.url}/", Robots(), through(fetcher))
        assert [each.alternates for each in found.urls] == [(("de", f"{site.url}/de/a"),)]


async def test_hundreds_of_named_sitemaps_do_not_crowd_out_the_rest(fetcher: Fetcher) -> None:
    async with offering_site({"/llms.txt": "# T\n- [x](/x)"}) as site:
        robots = named(site, *(f"/{n}.xml" for n in range(300)))
        found = await discover(f"{site.url}/", robots, through(fetcher), limits=DiscoverLimits(max_files=30))
        assert found.llms is not None
        assert (len(found.tried), found.is_complete) == (30, False)
