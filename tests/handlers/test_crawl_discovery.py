"""What a site offers beside its links: sitemaps, robots.txt, llms.txt, llms-full.txt, feeds, Markdown of its pages."""

from __future__ import annotations

import asyncio
import gzip
from contextlib import AsyncExitStack

import pytest

from tests.api.client import Client
from tests.conftest import StartServer
from tests.handlers.crawled import STORED, ends_of, event_of, failed, pages_of, rows_of, skipped
from tests.sites.discovery import index
from tests.sites.openai_api import openai_api
from tests.sites.written import Answer, Answers, html, markdown, moved, rel, text_of, urlset, written_site


async def test_pages_that_only_a_sitemap_names_are_stored_with_its_dates(client: Client) -> None:
    answers: Answers = {
        "/robots.txt": "User-agent: *\nDisallow: /docs/secret\nSitemap: {url}/maps/index.xml\n",
        "/maps/index.xml": index("{url}/maps/one.xml", "{url}/maps/two.xml.gz"),
        "/maps/one.xml": urlset("{url}/docs/linked|2024-05-01", "{url}/docs/hidden|2024-05-02T10:00:00Z"),
        "/docs/": html("Start", ("linked",)),
        "/docs/linked": html("Linked"),
        "/docs/hidden": html("Hidden", ("deeper",)),
        "/docs/deeper": html("Deeper"),
        "/docs/packed": html("Packed"),
    }
    async with written_site(answers) as site:
        packed = urlset(
            f"{site.url}/docs/packed", f"{site.url}/blog/1", f"{site.url}/docs/secret", "https://h.invalid/x"
        )
        answers["/maps/two.xml.gz"] = Answer(gzip.compress(packed.encode()), "application/gzip")
        crawl = await client.crawl(f"{site.url}/docs/")
        rows = await rows_of(client, crawl, site)
        assert {path: (row["state"], row["reason"], row["origin"], row["depth"]) for path, row in rows.items()} == {
            "/docs/": ("stored", None, "start", 0),
            "/docs/linked": ("stored", None, "link", 1),
            "/docs/hidden": ("stored", None, "sitemap", 1),
            "/docs/packed": ("stored", None, "sitemap", 1),
            "/docs/deeper": ("stored", None, "link", 2),
            "/docs/secret": ("skipped", "robots_denied", "sitemap", 1),
            "/blog/1": ("skipped", "outside_path", "sitemap", 1),
            "https://h.invalid/x": ("skipped", "other_host", "sitemap", 1),
        }
        dates = {path: row["lastmod"] for path, row in rows.items() if row["lastmod"]}
        assert {path: date[:19] for path, date in dates.items()} == {
            "/docs/linked": "2024-05-01T00:00:00",
            "/docs/hidden": "2024-05-02T10:00:00",
        }
        seen = event_of(crawl, "site_surveyed")
        assert (seen["mode"], seen["urls"]) == ("site", 3)
        found = {
            place["url"].removeprefix(site.url): (place["found"], place["wanted"])
            for place in seen["tried"]
            if place["outcome"] == "found"
        }
        assert found == {"/maps/index.xml": (2, 0), "/maps/one.xml": (2, 2), "/maps/two.xml.gz": (4, 2)}
        assert "/sitemap.xml" not in site.counts, "robots.txt names them"


async def test_llms_txt_and_the_feed_of_the_page_lead_on(client: Client) -> None:
    feed = (
        '<rss version="2.0"><channel><item><link>{url}/news/1</link></item><item><link>{url}/other.png</link></item>'
        "</channel></rss>"
    )
    answers: Answers = {
        "/": html("Start", head=rel("alternate", "/feed.xml", type="application/rss+xml")),
        "/llms.txt": "# Site\n\n> About it\n\n## Docs\n\n- [One](/one): first\n- [Two]({url}/two)\n",
        "/feed.xml": feed,
        "/one": html("One"),
        "/two": html("Two"),
        "/news/1": html("News"),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/")
        rows = await rows_of(client, crawl, site)
    assert {path: (row["state"], row["reason"], row["origin"]) for path, row in rows.items()} == {
        "/": ("stored", None, "start"),
        "/one": ("stored", None, "llms"),
        "/two": ("stored", None, "llms"),
        "/news/1": ("stored", None, "feed"),
        "/other.png": ("skipped", "not_a_document", "feed"),
    }
    assert event_of(crawl, "site_surveyed")["mode"] == "recursive"


@pytest.mark.parametrize("options", [{"max_depth": 0}, {"max_pages": 1}])
async def test_a_single_page_asks_for_nothing_else(client: Client, options: dict[str, int]) -> None:
    answers: Answers = {"/": html("Start", ("a",)), "/a": html("A"), "/sitemap.xml": urlset("{url}/a")}
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/", **options)
        assert site.counts == {"/robots.txt": 1, "/": 1}
        ends = await ends_of(client, crawl, site)
    assert ends == {"/": STORED, "/a": skipped("too_deep" if "max_depth" in options else "page_limit")}
    assert "site_surveyed" not in {event["type"] for event in crawl.events}


async def test_a_start_that_is_missing_is_made_up_for_by_the_sitemap(client: Client) -> None:
    answers: Answers = {"/docs/a": html("A"), "/sitemap.xml": urlset("{url}/docs/a", "{url}/docs/b")}
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/docs/")
        assert crawl.status == "completed"
        ends = await ends_of(client, crawl, site)
    assert ends == {"/docs/": failed("http_404"), "/docs/a": STORED, "/docs/b": failed("http_404")}


async def test_a_start_that_is_missing_with_an_empty_sitemap_fails_the_crawl(client: Client) -> None:
    async with written_site({"/sitemap.xml": urlset("{url}/elsewhere/a")}) as site:
        crawl = await client.crawl(f"{site.url}/docs/")
    assert (crawl.status, crawl.task["error"]["code"]) == ("failed", "http_404")


async def test_the_site_is_surveyed_once_however_often_the_server_dies(start_server: StartServer) -> None:
    gate = asyncio.Event()
    names = [f"p{n}" for n in range(6)]
    answers: Answers = {
        "/": html("Start", ("p0",)),
        "/sitemap.xml": urlset(*(f"{{url}}/{name}|2024-01-0{n + 1}" for n, name in enumerate(names))),
        **{f"/{name}": html(name) for name in names[:3]},
        **{f"/{name}": Answer(html(name), gate=gate) for name in names[3:]},
    }
    async with written_site(answers) as site:
        async with AsyncExitStack() as first:
            client = await start_server(until=first)
            task_id = (await client.start(f"{site.url}/"))["task_id"]
            await client.until(task_id, lambda event: event["type"] == "task_step_completed")
            await client.until_stored(task_id, 4)
        gate.set()
        client = await start_server()
        crawl = await client.ended(task_id)
        assert await ends_of(client, crawl, site) == {"/": STORED, **{f"/{name}": STORED for name in names}}
        assert event_of(crawl, "site_surveyed")["urls"] == 5
        assert site.counts["/sitemap.xml"] == 1
        assert site.counts["/llms.txt"] == 1
        assert site.counts["/"] == site.counts["/p0"] == 1


async def test_a_limit_ends_the_crawl_though_the_site_never_says_what_it_offers(client: Client) -> None:
    never = asyncio.Event()
    answers: Answers = {
        "/": html("Start", ("a", "b")),
        "/a": html("A"),
        "/b": html("B"),
        "/sitemap.xml": Answer(gate=never),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/", max_pages=2)
        ends = await ends_of(client, crawl, site)
    assert sorted(ends.values(), key=str) == sorted([STORED, STORED, skipped("page_limit")], key=str)


async def test_a_sitemap_as_start_gives_what_it_lists_and_no_more(client: Client) -> None:
    answers: Answers = {
        "/maps/docs.xml": urlset("{url}/docs/a|2024-01-01", "{url}/guide/b", "https://h.invalid/x"),
        "/docs/a": html("A", ("c", "/guide/b")),
        "/docs/c": html("C"),
        "/guide/b": html("B"),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/maps/docs.xml")
        rows = await rows_of(client, crawl, site)
        assert (await client.one(f"/sources/{crawl.source_id}"))["last_task_id"] == crawl.task["task_id"]
        assert site.counts["/maps/docs.xml"] == 1
        assert set(site.counts) == {"/robots.txt", "/maps/docs.xml", "/docs/a", "/guide/b"}
    assert {path: (row["state"], row["reason"]) for path, row in rows.items()} == {
        "/maps/docs.xml": skipped("listing"),
        "/docs/a": STORED,
        "/guide/b": STORED,
        "/docs/c": skipped("too_deep"),
        "https://h.invalid/x": skipped("other_host"),
    }
    assert rows["/docs/a"]["lastmod"] is not None
    seen = event_of(crawl, "site_surveyed")
    assert (seen["mode"], seen["sentence"]) == (
        "site",
        "The start lists 2 pages of its host: those are taken, and no others.",
    )


async def test_an_index_of_sitemaps_that_is_gzipped_as_start(client: Client) -> None:
    answers: Answers = {"/one.xml": urlset("{url}/a"), "/a": html("A")}
    async with written_site(answers) as site:
        answers["/all.xml.gz"] = Answer(gzip.compress(index(f"{site.url}/one.xml").encode()), "application/x-gzip")
        crawl = await client.crawl(f"{site.url}/all.xml.gz")
        assert await ends_of(client, crawl, site) == {"/all.xml.gz": skipped("listing"), "/a": STORED}


async def test_a_list_as_start_is_read_again_after_a_death(start_server: StartServer) -> None:
    gate = asyncio.Event()
    answers: Answers = {
        "/maps/all.xml": index("{url}/maps/one.xml", "{url}/maps/two.xml"),
        "/maps/one.xml": urlset("{url}/a"),
        "/maps/two.xml": Answer(urlset("{url}/b"), "application/xml", gate=gate),
        "/a": html("A", ("c",)),
        "/b": html("B"),
    }
    async with written_site(answers) as site:
        async with AsyncExitStack() as first:
            client = await start_server(until=first)
            task_id = (await client.start(f"{site.url}/maps/all.xml"))["task_id"]
            await client.until(task_id, lambda event: event["type"] == "page_skipped")
        gate.set()
        client = await start_server()
        crawl = await client.ended(task_id)
        ends = await ends_of(client, crawl, site)
    assert ends == {"/maps/all.xml": skipped("listing"), "/a": STORED, "/b": STORED, "/c": skipped("too_deep")}


async def test_a_feed_as_start(client: Client) -> None:
    feed = (
        '<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><entry><link href="{url}/n/1"/>'
        "<updated>2024-03-04T00:00:00Z</updated></entry></feed>"
    )
    async with written_site({"/feed.xml": feed, "/n/1": html("News")}) as site:
        crawl = await client.crawl(f"{site.url}/feed.xml")
        assert await ends_of(client, crawl, site) == {"/feed.xml": skipped("listing"), "/n/1": STORED}


async def test_llms_txt_as_start_gives_what_it_lists(client: Client) -> None:
    answers: Answers = {
        "/docs/llms.txt": "# Site\n\n## Docs\n\n- [One](/docs/one.md)\n- [Two](/docs/two)\n- [Far](https://h.invalid/)\n",
        "/docs/one.md": markdown("One"),
        "/docs/two": html("Two", ("three",)),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/docs/llms.txt")
        ends = await ends_of(client, crawl, site)
    assert ends == {
        "/docs/llms.txt": skipped("listing"),
        "/docs/one.md": STORED,
        "/docs/two": STORED,
        "/docs/three": skipped("too_deep"),
        "https://h.invalid/": skipped("other_host"),
    }


async def test_a_list_that_is_to_be_one_page_is_read_as_one(client: Client) -> None:
    answers: Answers = {"/llms.txt": "# Site\n\n## Docs\n\n- [One](/one): what comes first in this documentation\n"}
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/llms.txt", max_depth=0)
        assert await ends_of(client, crawl, site) == {"/llms.txt": STORED, "/one": skipped("too_deep")}


FULL = (
    f"# One\n\nSource: {{url}}/one\n\n{text_of('One')}\n\n# Two\n\nSource: {{url}}/two.md\n\n{text_of('Two')}\n\n"
    f"# Far\n\nSource: https://h.invalid/far\n\n{text_of('Far')}\n\n# One again\n\nSource: {{url}}/one#part\n\n"
    f"{text_of('One again')}\n"
)


async def test_llms_full_txt_as_start_is_cut_into_its_pages(client: Client) -> None:
    async with written_site({"/llms-full.txt": FULL}) as site:
        crawl = await client.crawl(f"{site.url}/llms-full.txt")
        rows = await rows_of(client, crawl, site)
        pages = await pages_of(client, crawl, site)
        assert (await client.one(f"/sources/{crawl.source_id}"))["last_task_id"] == crawl.task["task_id"]
        assert site.counts == {"/robots.txt": 1, "/llms-full.txt": 1}
    assert {path: (row["state"], row["reason"], row["origin"], row["fetched_by"]) for path, row in rows.items()} == {
        "/llms-full.txt": ("skipped", "listing", "start", "http"),
        "/one": ("stored", None, "part", "markdown"),
        "/two.md": ("stored", None, "part", "markdown"),
        "/llms-full.txt#3": ("stored", None, "part", "markdown"),
        "/llms-full.txt#4": ("stored", None, "part", "markdown"),
    }
    assert {path: page["title"] for path, page in pages.items()} == {
        "/one": "One",
        "/two.md": "Two",
        "/llms-full.txt#3": "Far",
        "/llms-full.txt#4": "One again",
    }
    assert text_of("One again") in pages["/llms-full.txt#4"]["markdown"]
    assert event_of(crawl, "site_surveyed")["mode"] == "single"


async def test_max_pages_holds_for_the_pages_of_one_file(client: Client) -> None:
    async with written_site({"/llms-full.txt": FULL}) as site:
        crawl = await client.crawl(f"{site.url}/llms-full.txt", max_pages=3)
        ends = await ends_of(client, crawl, site)
    assert ends == {
        "/llms-full.txt": skipped("listing"),
        "/one": STORED,
        "/two.md": STORED,
        "/llms-full.txt#3": STORED,
        "/llms-full.txt#4": skipped("page_limit"),
    }


async def test_what_could_not_be_got_is_taken_from_llms_full_txt(start_server: StartServer) -> None:
    answers: Answers = {
        "/robots.txt": "User-agent: *\nDisallow: /private\n",
        "/": html("Start", ("one", "two", "private")),
        "/one": html("One"),
        "/two": Answer(html("Broken"), status=410),
        "/asides": html("Asides", head='<meta name="robots" content="noindex">'),
        "/three": html("Three"),
        "/llms-full.txt": "\n\n".join(
            f"# {name}\n\nSource: {{url}}/{name.lower()}{ending}\n\n{text_of(name)} [On](/three)"
            for name, ending in (("One", ""), ("Two", ".md"), ("Private", ""), ("Asides", ""))
        ),
    }
    async with openai_api() as api, written_site(answers) as site:
        client = await start_server(embedder="openai", openai_api_key="sk-test", openai_base_url=api.base_url)
        crawl = await client.crawl(f"{site.url}/")
        rows = await rows_of(client, crawl, site)
        pages = await pages_of(client, crawl, site)
    assert crawl.task["result"]["embedded_pages"] == 4
    assert {path: (row["state"], row["reason"], row["fetched_by"]) for path, row in rows.items()} == {
        "/": ("stored", None, "http"),
        "/one": ("stored", None, "http"),
        "/two": ("stored", None, "markdown"),
        "/two.md": ("failed", "http_404", None),
        "/private": ("skipped", "robots_denied", None),
        "/asides": ("skipped", "noindex", "http"),
        "/three": ("stored", None, "http"),
    }
    assert text_of("Two") in pages["/two"]["markdown"]
    assert set(pages) == {"/", "/one", "/two", "/three"}


def with_markdown(name: str, href: str, links: tuple[str, ...] = ()) -> str:
    return html(name, links, head=rel("alternate", href, type="text/markdown"))


async def test_the_markdown_that_a_page_offers_is_taken_for_it(client: Client) -> None:
    answers: Answers = {
        "/docs/": html("Start", ("a", "a.md", "b", "c", "d", "e")),
        "/docs/a": with_markdown("A", "a.md", ("a.md", "onward")),
        "/docs/a.md": markdown("A", "```python\nx  =  1\n```", "[elsewhere](nowhere)"),
        "/docs/b": with_markdown("B", "/raw/b"),
        "/raw/b": Answer(markdown("B", "Raw."), "text/plain; charset=utf-8"),
        "/docs/c": with_markdown("C", "c.md"),
        "/docs/c.md": "# C\n\nShort.\n",
        "/docs/d": with_markdown("D", "d.md"),
        "/docs/d.md": Answer(html("An app for everything")),
        "/docs/e": with_markdown("E", "e.md"),
        "/docs/onward": html("Onward"),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/docs/")
        rows = await rows_of(client, crawl, site)
        pages = await pages_of(client, crawl, site)
        assert max(site.counts.values()) == 1
    assert {path: (row["state"], row["reason"], row["fetched_by"]) for path, row in rows.items()} == {
        "/docs/": ("stored", None, "http"),
        "/docs/a": ("stored", None, "markdown"),
        "/docs/a.md": ("skipped", "markdown_twin", None),
        "/docs/b": ("stored", None, "markdown"),
        "/raw/b": ("skipped", "markdown_twin", None),
        "/docs/c": ("stored", None, "http"),
        "/docs/c.md": ("skipped", "markdown_twin", None),
        "/docs/d": ("stored", None, "http"),
        "/docs/e": ("stored", None, "http"),
        "/docs/onward": ("stored", None, "http"),
    }
    assert rows["/docs/a"]["code_examples"] == 1
    assert "x  =  1" in pages["/docs/a"]["markdown"]
    assert pages["/docs/a"]["title"] == "A"
    assert text_of("C") in pages["/docs/c"]["markdown"]


async def test_markdown_that_llms_txt_lists_stands_for_the_pages_that_links_lead_to(client: Client) -> None:
    answers: Answers = {
        "/": html("Start", ("guide/", "hidden")),
        "/hidden": html("Hidden", head='<meta name="robots" content="noindex">'),
        "/hidden.md": markdown("Hidden"),
        "/guide/": html("Guide", ("a", "b.html")),
        "/guide/a": html("A"),
        "/guide/b.html": html("B"),
        "/llms.txt": "# S\n\n- [A](/guide/a.md)\n- [B](/guide/b.html.md)\n- [Only](/only.md)\n- [H](/hidden.md)\n- [G](/guide/index.md)\n",
        "/guide/a.md": markdown("A"),
        "/guide/b.html.md": markdown("B"),
        "/only.md": markdown("Only", "[More](/more)"),
        "/more": html("More"),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/")
        rows = await rows_of(client, crawl, site)
        assert len(await pages_of(client, crawl, site)) == 6
        assert max(site.pages.values()) == 1
    assert {path: (row["state"], row["reason"], row["fetched_by"]) for path, row in rows.items()} == {
        "/": ("stored", None, "http"),
        "/guide/": ("stored", None, "http"),
        "/guide/a": ("stored", None, "markdown"),
        "/guide/b.html": ("stored", None, "markdown"),
        "/guide/a.md": ("skipped", "markdown_twin", None),
        "/guide/b.html.md": ("skipped", "markdown_twin", None),
        "/guide/index.md": ("skipped", "markdown_twin", None),
        "/only.md": ("stored", None, "http"),
        "/hidden": ("skipped", "noindex", "http"),
        "/hidden.md": ("skipped", "markdown_twin", None),
        "/more": ("stored", None, "http"),
    }


async def test_a_link_to_the_markdown_of_a_stored_page_is_not_followed(client: Client) -> None:
    answers: Answers = {
        "/": html("Start", ("a",)),
        "/a": html("A", ("a.md", "notes.md")),
        "/a.md": markdown("A"),
        "/notes.md": markdown("Notes"),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/")
        ends = await ends_of(client, crawl, site)
    assert ends == {"/": STORED, "/a": STORED, "/a.md": skipped("markdown_twin"), "/notes.md": STORED}


async def test_a_start_that_redirects_to_a_folder_is_surveyed_there(client: Client) -> None:
    answers: Answers = {
        "/": moved("/v2/"),
        "/v2/": with_markdown("Start", "index.md"),
        "/v2/index.md": markdown("Start"),
        "/v2/sitemap.xml": urlset("{url}/v2/a", "{url}/v1/a"),
        "/v2/a": html("A"),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/")
        ends = await ends_of(client, crawl, site)
        pages = await pages_of(client, crawl, site)
    assert ends == {
        "/": STORED,
        "/v2/index.md": skipped("markdown_twin"),
        "/v2/a": STORED,
        "/v1/a": skipped("outside_path"),
    }
    assert set(pages) == {"/v2/", "/v2/a"}


async def test_a_redirect_leads_nowhere_that_robots_txt_forbids(client: Client) -> None:
    answers: Answers = {
        "/robots.txt": "User-agent: *\nDisallow: /secret\n",
        "/": html("Start", ("a", "b")),
        "/a": moved("/secret/a"),
        "/b": moved("/open"),
        "/open": html("Open"),
        "/secret/a": html("Secret"),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/")
        ends = await ends_of(client, crawl, site)
        assert "/secret/a" not in site.counts
    assert ends == {"/": STORED, "/a": skipped("redirect_refused"), "/b": STORED}
