"""What a crawl decides on the URLs it meets: by what pages say of themselves, by versions and languages, by limits."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from gleanery.handlers.crawl.judge import forbids_index
from tests.api.client import Client
from tests.conftest import StartServer
from tests.handlers.crawled import STORED, ends_of, event_of, failed, pages_of, rows_of, skipped
from tests.sites.written import Answer, Answers, html, moved, rel, text_of, urlset, written_site


async def test_a_canonical_url_in_scope_stands_for_the_page(client: Client) -> None:
    answers: Answers = {
        "/docs/": html("Start", ("print", "a?view=wide", "mirror", "gone", "up"), head=rel("canonical", "/docs/other")),
        "/docs/print": html("Print", head=rel("canonical", "a")),
        "/docs/a?view=wide": html("A", head=rel("canonical", "a#top")),
        "/docs/a": html("A", head=rel("canonical", "{url}/docs/a")),
        "/docs/mirror": html("Mirror", head=rel("canonical", "https://h.invalid/mirror")),
        "/docs/gone": html("Gone", head=rel("canonical", "not-there")),
        "/docs/up": html("Up", head=rel("canonical", "/up")),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/docs/")
        rows = await rows_of(client, crawl, site)
        pages = await pages_of(client, crawl, site)
    assert {path: (row["state"], row["reason"], row["origin"]) for path, row in rows.items()} == {
        "/docs/": ("stored", None, "start"),
        "/docs/print": ("skipped", "canonical", "link"),
        "/docs/a?view=wide": ("skipped", "canonical", "link"),
        "/docs/a": ("stored", None, "canonical"),
        "/docs/mirror": ("stored", None, "link"),
        "/docs/gone": ("stored", None, "link"),
        "/docs/not-there": ("failed", "http_404", "canonical"),
        "/docs/up": ("stored", None, "link"),
    }
    assert rows["/docs/print"]["same_as"] == rows["/docs/a?view=wide"]["same_as"]
    assert rows["/docs/print"]["message"] == f"It names {site.url}/docs/a as its canonical URL."
    assert set(pages) == {"/docs/", "/docs/a", "/docs/mirror", "/docs/gone", "/docs/up"}


async def test_chains_and_circles_of_canonical_urls(client: Client) -> None:
    answers: Answers = {
        "/": html("Start", ("one", "two", "three", "x", "a", "b", "r")),
        "/one": html("One", head=rel("canonical", "two")),
        "/two": html("Two", head=rel("canonical", "three")),
        "/three": html("Three"),
        "/x": html("X", head=rel("canonical", "y")),
        "/y": html("Y", head=rel("canonical", "x")),
        "/a": html("A", head=rel("canonical", "b")),
        "/b": html("B", head=rel("canonical", "a")),
        "/r": html("R", head=rel("canonical", "s")),
        "/s": moved("/r"),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/")
        ends = await ends_of(client, crawl, site)
        pages = await pages_of(client, crawl, site)
    assert ends == {
        "/": STORED,
        "/one": skipped("canonical"),
        "/two": skipped("canonical"),
        "/three": STORED,
        "/x": skipped("canonical"),
        "/y": STORED,
        "/a": STORED,
        "/b": STORED,
        "/r": skipped("canonical"),
        "/s": STORED,
    }
    assert set(pages) == {"/", "/three", "/y", "/a", "/b", "/r"}


async def test_a_link_header_names_the_canonical_url(client: Client) -> None:
    answers: Answers = {
        "/": html("Start", ("a", "b")),
        "/a": Answer(html("A"), headers={"Link": '</style.css>; rel=preload, </b>; rel="canonical"'}),
        "/b": Answer(html("B"), headers={"Link": '</a>; rel="next"; title="canonical"'}),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/")
        assert await ends_of(client, crawl, site) == {"/": STORED, "/a": skipped("canonical"), "/b": STORED}


@pytest.mark.parametrize(
    ("tag", "is_stored"),
    [
        ("noindex", False),
        ("none", False),
        ("nofollow, NoIndex", False),
        ("googlebot: nofollow, noindex", True),
        ("gleanery: noindex", False),
        ("otherbot: noindex, gleanery: nofollow", True),
        ("unavailable_after: 25 Jun 2010 15:00:00 PST", True),
        ("max-snippet: 0, noindex", False),
        ("noarchive", True),
    ],
)
async def test_x_robots_tag(client: Client, tag: str, is_stored: bool) -> None:
    answers: Answers = {"/": html("Start", ("a",)), "/a": Answer(html("A"), headers={"X-Robots-Tag": tag})}
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/")
        assert await ends_of(client, crawl, site) == {"/": STORED, "/a": STORED if is_stored else skipped("noindex")}


async def test_pages_that_ask_not_to_be_indexed_or_followed(client: Client) -> None:
    def robots(content: str) -> str:
        return f'<meta name="ROBOTS" content="{content}">'

    answers: Answers = {
        "/": html("Start", ("hidden", "quiet", "both"), head=robots("noindex")),
        "/hidden": html("Hidden", ("behind",), head=robots("noindex, follow")),
        "/quiet": html("Quiet", ("unfollowed",), head=robots("nofollow")),
        "/both": html("Both", ("unfollowed",), head=robots("none")),
        "/behind": html("Behind"),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/")
        ends = await ends_of(client, crawl, site)
    assert ends == {
        "/": STORED,
        "/hidden": skipped("noindex"),
        "/quiet": STORED,
        "/both": skipped("noindex"),
        "/behind": STORED,
    }


async def test_one_content_under_several_urls_is_stored_once(client: Client) -> None:
    answers: Answers = {
        "/": html("Start", ("a", "a?x=1", "moved", "moved-too")),
        "/a": html("A"),
        "/moved": moved("/target"),
        "/moved-too": moved("/moved", 302),
        "/target": html("Target"),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/")
        rows = await rows_of(client, crawl, site)
        pages = await pages_of(client, crawl, site)
    assert set(pages) == {"/", "/a", "/target"} or set(pages) == {"/", "/a?x=1", "/target"}
    ends = {path: (row["state"], row["reason"]) for path, row in rows.items()}
    assert sorted([ends["/a"], ends["/a?x=1"]], key=str) == sorted([STORED, skipped("same_content")], key=str)
    assert sorted([ends["/moved"], ends["/moved-too"]], key=str) == sorted([STORED, skipped("duplicate")], key=str)
    [twin] = [row for row in rows.values() if row["reason"] == "same_content"]
    assert twin["page_id"] in {page["page_id"] for page in pages.values()}


def not_found(title: str) -> str:
    return html(title, text="We could not find what you were looking for. Try the search.")


@pytest.mark.parametrize("title", ["404", "Page not found", "Error 404 - Not Found", "Seite wurde nicht gefunden"])
async def test_a_soft_404_is_none_where_the_site_has_real_ones(client: Client, title: str) -> None:
    answers: Answers = {"/": html("Start", ("missing", "a")), "/missing": not_found(title), "/a": html("A")}
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/")
        assert await ends_of(client, crawl, site) == {"/": STORED, "/missing": STORED, "/a": STORED}
        answers["/gleanery-asks-for-a-page-that-is-not-there"] = not_found("404")
        again = await client.crawl(f"{site.url}/")
        ends = await ends_of(client, again, site)
    assert ends == {"/": STORED, "/missing": skipped("soft_404"), "/a": STORED}


async def test_series_bases_and_translations_lead_on(client: Client) -> None:
    answers: Answers = {
        "/": html("Start", ("one",), head='<base href="/deep/">'),
        "/deep/one": html("One", head=rel("next", "two")),
        "/deep/two": html("Two", head=rel("next", "three") + rel("prev", "zero")),
        "/deep/three": html("Three", head=rel("alternate", "/deep/three.fr", hreflang="fr")),
        "/deep/three.fr": html("Trois"),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/", all_variants=True)
        rows = await rows_of(client, crawl, site)
    assert {path: (row["state"], row["depth"]) for path, row in rows.items()} == {
        "/": ("stored", 0),
        "/deep/one": ("stored", 1),
        "/deep/two": ("stored", 2),
        "/deep/three": ("stored", 3),
        "/deep/three.fr": ("stored", 4),
    }


NAMES = ("intro", "setup", "usage", "faq")


def variants(*folders: str) -> Answers:
    """A site whose start links to the same four pages below each of these folders."""
    links = tuple(f"/{folder}/{name}" for name in NAMES for folder in folders)
    pages = {f"/{folder}/{name}": html(f"{folder} {name}") for folder in folders for name in NAMES}
    return {"/": html("Start", links), **pages}


@pytest.mark.parametrize(
    ("folders", "taken", "reason"),
    [
        (("de", "en", "ja"), "en", "other_language"),
        (("1.0", "2.0", "latest"), "latest", "other_version"),
        (("docs/1.9", "docs/1.10"), "docs/1.10", "other_version"),
    ],
)
async def test_one_of_several_variants_is_taken(
    client: Client, folders: tuple[str, ...], taken: str, reason: str
) -> None:
    async with written_site(variants(*folders)) as site:
        crawl = await client.crawl(f"{site.url}/")
        ends = await ends_of(client, crawl, site)
        whole = await client.crawl(f"{site.url}/", all_variants=True)
        assert set((await ends_of(client, whole, site)).values()) == {STORED}
    assert ends == {
        "/": STORED,
        **{f"/{folder}/{name}": STORED if folder == taken else skipped(reason) for folder in folders for name in NAMES},
    }


async def test_the_variant_of_the_start_is_the_one_that_is_taken(client: Client) -> None:
    answers = variants("de", "en")
    answers["/de/intro"] = html("de intro", ("/en/intro", "/en/setup", "/en/usage", "setup", "usage", "faq"))
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/de/intro", include=["/**"])
        ends = await ends_of(client, crawl, site)
    assert {path for path, end in ends.items() if end == STORED} == {f"/de/{name}" for name in NAMES}
    assert {end for path, end in ends.items() if path.startswith("/en/")} == {skipped("other_language")}


async def test_translations_that_a_page_names_are_left_out(client: Client) -> None:
    translations = rel("alternate", "/b", hreflang="en") + rel("alternate", "/x-b", hreflang="fr")
    answers: Answers = {
        "/": html("Start", ("b",), head=rel("alternate", "/", hreflang="en") + rel("alternate", "/x", hreflang="fr")),
        "/b": html("B", head=translations),
        "/x": html("X"),
        "/x-b": html("XB"),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/")
        ends = await ends_of(client, crawl, site)
    assert ends == {"/": STORED, "/b": STORED, "/x": skipped("other_language"), "/x-b": skipped("other_language")}


async def test_a_choice_of_variant_outlives_the_server(start_server: StartServer) -> None:
    """The first life has seen that /ja/ and /en/ are languages; the second meets a /ja/ page that is linked nowhere else."""
    gate = asyncio.Event()
    answers = variants("ja", "en")
    answers["/en/faq"] = Answer(html("en faq", ("/ja/only",)), gate=gate)
    answers["/ja/only"] = html("ja only")
    async with written_site(answers) as site:
        async with AsyncExitStack() as first:
            client = await start_server(until=first)
            task_id = (await client.start(f"{site.url}/"))["task_id"]
            await client.until_stored(task_id, 4)
        gate.set()
        client = await start_server()
        crawl = await client.ended(task_id)
        ends = await ends_of(client, crawl, site)
    assert ends["/ja/only"] == skipped("other_language")
    assert {path for path, end in ends.items() if end == STORED} == {"/", *(f"/en/{name}" for name in NAMES)}


@pytest.mark.parametrize("subdomains", [False, True])
async def test_other_hosts_belong_to_a_crawl_when_they_are_below_its_own(client: Client, subdomains: bool) -> None:
    answers: Answers = {"/other": html("Other")}
    async with written_site(answers) as site:
        port = site.url.rpartition(":")[2]
        home, below = f"http://localhost:{port}", f"http://api.localhost:{port}"
        answers["/"] = html("Start", (f"{below}/other", f"http://localhost.invalid:{port}/"))
        crawl = await client.crawl(f"{home}/", subdomains=subdomains)
        rows = await client.every(f"/tasks/{crawl.task_id}/pages")
    # Whether a name below localhost resolves is the machine's matter: it is asked for, or it isn't.
    assert [(row["url"], row["reason"] == "other_host") for row in rows] == [
        (f"{home}/", False),
        (f"{below}/other", not subdomains),
        (f"http://localhost.invalid:{port}/", True),
    ]


async def test_max_minutes_ends_a_crawl_with_what_is_stored(client: Client) -> None:
    never = asyncio.Event()
    answers: Answers = {
        "/": html("Start", tuple(f"p{n}" for n in range(40))),
        **{f"/p{n}": html(f"p{n}", (f"q{n}",)) for n in range(40)},
        "/sitemap.xml": Answer(gate=never),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/", max_minutes=0.0001)
        ends = await ends_of(client, crawl, site)
    assert crawl.status == "completed"
    assert set(ends.values()) <= {STORED, skipped("time_limit")}
    assert skipped("time_limit") in ends.values()


async def test_render_http_says_once_that_a_browser_was_needed(client: Client) -> None:
    shell = (
        '<!doctype html><html lang="en"><head><title>App</title></head><body><div id="root"></div>'
        '<script src="/app.js"></script></body></html>'
    )
    answers: Answers = {"/": html("Start", ("app", "app2")), "/app": shell, "/app2": shell}
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/", render="http")
        ends = await ends_of(client, crawl, site)
        assert "/app.js" not in site.counts
    assert ends == {"/": STORED, "/app": skipped("empty_page"), "/app2": skipped("empty_page")}
    assert event_of(crawl, "warning_raised")["code"] == "needs_browser"


@pytest.mark.parametrize("options", [{"browser": {"scroll": True}}, {"browser": {"scroll": True}, "render": "auto"}])
async def test_options_of_the_browser_need_the_browser(client: Client, options: dict[str, object]) -> None:
    reply = await client.post("/knowledge/add", {"url": "https://docs.example.org/", **options})
    assert (reply.status, reply.error["code"], reply.error["details"]["field"]) == (422, "invalid_field", "browser")
    assert await client.every("/tasks") == []


async def test_unknown_filters_are_refused_and_strange_reasons_find_nothing(client: Client) -> None:
    async with written_site({"/": html("Start", ("gone",))}) as site:
        crawl = await client.crawl(f"{site.url}/")
        assert await ends_of(client, crawl, site) == {"/": STORED, "/gone": failed("http_404")}
    assert await client.every(f"/tasks/{crawl.task_id}/pages?reason=nonsense") == []
    both = await client.every(f"/tasks/{crawl.task_id}/pages?reason=http_404&status=failed")
    assert [row["reason"] for row in both] == ["http_404"]
    assert await client.every(f"/tasks/{crawl.task_id}/pages?reason=http_404&status=stored") == []
    reply = await client.get(f"/tasks/{crawl.task_id}/pages?status=nonsense")
    assert (reply.status, reply.error["details"]["field"]) == (422, "state")


async def test_a_translation_of_a_sitemap_is_known_for_one(client: Client) -> None:
    alternates = (
        '<xhtml:link rel="alternate" hreflang="en" href="{url}/a"/>'
        '<xhtml:link rel="alternate" hreflang="fr" href="{url}/zz-a"/>'
    )
    sitemap = (
        urlset("{url}/a", "{url}/zz-a")
        .replace("</loc>", f"</loc>{alternates}")
        .replace("<urlset ", '<urlset xmlns:xhtml="http://www.w3.org/1999/xhtml" ')
    )
    async with written_site(
        {"/": html("Start"), "/a": html("A"), "/zz-a": html("ZA", text=text_of("za")), "/sitemap.xml": sitemap}
    ) as site:
        crawl = await client.crawl(f"{site.url}/")
        ends = await ends_of(client, crawl, site)
    assert ends == {"/": STORED, "/a": STORED, "/zz-a": skipped("other_language")}


@pytest.mark.parametrize(
    ("robots_tag", "is_forbidden"),
    [
        ("noindex", True),
        ("googlebot: noindex", False),
        ("googlebot: nofollow\nnoindex", True),
        ("gleanery: none", True),
        ("max-snippet: 0, noindex", True),
        ("nofollow", False),
    ],
)
def test_each_robots_header_stands_for_itself(robots_tag: str, is_forbidden: bool) -> None:
    assert forbids_index(robots_tag) is is_forbidden
