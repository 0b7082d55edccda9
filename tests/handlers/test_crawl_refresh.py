"""Crawling a source again: what has not changed is not downloaded and keeps what was cut from it, and leads on all the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from tests.api.client import Client, Crawl
from tests.conftest import StartServer
from tests.handlers.crawled import STORED, ends_of, pages_of, rows_of, skipped
from tests.sites import Site
from tests.sites.openai_api import openai_api
from tests.sites.written import Answer, Answers, html, markdown, moved, rel, text_of, written_site


def dated(body: str) -> Answer:
    return Answer(body, is_dated=True)


def site_of_pages() -> Answers:
    return {
        "/": dated(html("Start", ("same", "changing", "plain"))),
        "/same": dated(html("Same", ("deeper",))),
        "/deeper": dated(html("Deeper")),
        "/changing": dated(html("Changing", text="It was a lantern at first, and stood beside the harbour.")),
        "/plain": html("Plain"),
    }


async def ids(client: Client, crawl: Crawl, kind: str, name: str) -> dict[str, str]:
    """Ids of chunks or code examples, with their page."""
    return {row[name]: row["page_id"] for row in await client.every(f"/sources/{crawl.source_id}/{kind}")}


def asked_again(site: Site, before: Counter[str]) -> Counter[str]:
    site.counts.subtract(before)
    counts = +site.pages
    site.counts.update(before)
    return counts


async def test_unchanged_pages_are_not_downloaded_and_lead_on(client: Client) -> None:
    answers = site_of_pages()
    async with written_site(answers) as site:
        first = await client.crawl(f"{site.url}/")
        before = site.counts.copy()
        chunks = await ids(client, first, "chunks", "chunk_id")
        old = await pages_of(client, first, site)

        answers["/changing"] = dated(html("Changing", ("new",), text="It is a violin now, in the meadow."))
        answers["/new"] = dated(html("New"))
        second = await client.crawl(f"{site.url}/")
        rows = await rows_of(client, second, site)
        new = await pages_of(client, second, site)
        kept = await ids(client, second, "chunks", "chunk_id")
        assert asked_again(site, before) == dict.fromkeys((*answers,), 1)

    assert second.source_id == first.source_id
    assert {path: (row["state"], row["fetched_by"], row["status_code"]) for path, row in rows.items()} == {
        "/": ("stored", "http", 200),
        "/same": ("stored", "unchanged", 304),
        "/changing": ("stored", "http", 200),
        "/plain": ("stored", "http", 200),
        "/deeper": ("stored", "unchanged", 304),
        "/new": ("stored", "http", 200),
    }
    assert rows["/same"]["chunks"] == 1
    assert second.task["result"]["pages"] == 6
    assert second.task["result"]["chunks"] == len(kept) == 6
    changed = old["/changing"]["page_id"]
    assert {chunk: page for chunk, page in chunks.items() if page != changed} == {
        chunk: page for chunk, page in kept.items() if page not in (changed, new["/new"]["page_id"])
    }
    assert not {chunk for chunk, page in chunks.items() if page == changed} & set(kept)
    assert "violin" in new["/changing"]["markdown"]
    assert "lantern at first" not in new["/changing"]["markdown"]
    assert new["/same"]["fetched_at"] > old["/same"]["fetched_at"]


async def test_a_page_linked_only_from_an_unchanged_one_is_reached(client: Client) -> None:
    """`deeper` changes, and is found by nothing but the stored links of `same`."""
    answers = site_of_pages()
    async with written_site(answers) as site:
        await client.crawl(f"{site.url}/")
        answers["/deeper"] = dated(html("Deeper", ("deepest",), text="Quite another text about glaciers."))
        answers["/deepest"] = dated(html("Deepest"))
        again = await client.crawl(f"{site.url}/")
        rows = await rows_of(client, again, site)
    assert {path: row["fetched_by"] for path, row in rows.items()} == {
        "/": "http",
        "/same": "unchanged",
        "/changing": "unchanged",
        "/plain": "http",
        "/deeper": "http",
        "/deepest": "http",
    }
    assert rows["/deeper"]["found_on"] == f"{site.url}/same"


async def test_last_modified_alone_is_not_believed(client: Client) -> None:
    """A CDN that gives every state of a page the same date, and answers 304 by it."""
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    answers: Answers = {"/": html("Start", ("a",)), "/a": Answer(html("A"), headers={"Last-Modified": date})}
    async with written_site(answers) as site:
        first = await client.crawl(f"{site.url}/")
        answers["/a"] = Answer(html("A", text="It says something else: a bassoon."), headers={"Last-Modified": date})
        await client.crawl(f"{site.url}/")
        asked = [
            headers.get("If-Modified-Since")
            for path, headers in zip(site.requests, site.headers, strict=True)
            if path == "/a"
        ]
        pages = await pages_of(client, first, site)
    assert asked == [None, None]
    assert "bassoon" in pages["/a"]["markdown"]


async def test_an_unchanged_page_keeps_its_vectors(start_server: StartServer) -> None:
    async with openai_api() as api:
        client = await start_server(embedder="openai", openai_api_key="sk-test", openai_base_url=api.base_url)
        async with written_site({"/": html("Start", ("a",)), "/a": dated(html("A"))}) as site:
            first = await client.crawl(f"{site.url}/")
            asked = len(api.requests)
            second = await client.crawl(f"{site.url}/")
            assert (first.task["result"]["embedded_pages"], second.task["result"]["embedded_pages"]) == (2, 2)
            assert len(api.requests) == asked


async def test_a_page_with_code_keeps_its_examples(client: Client) -> None:
    page = html("Code").replace("</main>", "<pre><code class='language-python'>x = 1\n</code></pre></main>")
    async with written_site({"/": html("Start", ("a",)), "/a": dated(page)}) as site:
        first = await client.crawl(f"{site.url}/")
        examples = await ids(client, first, "code-examples", "code_id")
        second = await client.crawl(f"{site.url}/")
        assert len(examples) == 1
        assert await ids(client, second, "code-examples", "code_id") == examples
        assert second.task["result"]["code_examples"] == 1


async def test_markdown_of_pages_is_asked_for_again(client: Client) -> None:
    """An app shell never changes, whatever its Markdown says."""
    shell = dated(html("A", head=rel("alternate", "a.md", type="text/markdown")))
    answers: Answers = {"/": html("Start", ("a",)), "/a": shell, "/a.md": markdown("A")}
    async with written_site(answers) as site:
        await client.crawl(f"{site.url}/")
        answers["/a.md"] = markdown("A", "News of the day.")
        again = await client.crawl(f"{site.url}/")
        pages = await pages_of(client, again, site)
        rows = await rows_of(client, again, site)
    assert "News of the day." in pages["/a"]["markdown"]
    assert {path: (row["state"], row["reason"], row["fetched_by"]) for path, row in rows.items()} == {
        "/": ("stored", None, "http"),
        "/a": ("stored", None, "markdown"),
        "/a.md": ("skipped", "markdown_twin", None),
    }


async def test_two_ways_to_an_unchanged_page_are_one(client: Client) -> None:
    answers: Answers = {
        "/": html("Start", ("moved", "b")),
        "/moved": moved("/a"),
        "/b": html("B", ("a",)),
        "/a": dated(html("A")),
    }
    async with written_site(answers) as site:
        for _ in range(2):
            crawl = await client.crawl(f"{site.url}/")
            ends = await ends_of(client, crawl, site)
            assert ends == {"/": STORED, "/moved": STORED, "/b": STORED, "/a": skipped("duplicate")}
            assert crawl.task["result"]["pages"] == 3


async def test_a_refresh_that_dies_in_the_middle_ends_as_if_it_had_not(start_server: StartServer) -> None:
    gate = asyncio.Event()
    names = [f"p{n}" for n in range(8)]
    answers: Answers = {
        "/": html("Start", tuple(names)),
        **{f"/{name}": dated(html(name, (f"sub-{name}",))) for name in names},
        **{f"/sub-{name}": dated(html(f"sub-{name}")) for name in names},
    }
    async with written_site(answers) as site:
        async with AsyncExitStack() as first:
            client = await start_server(until=first)
            await client.crawl(f"{site.url}/")
            answers["/p1"] = dated(html("p1", ("sub-p1",), text=text_of("p1 renewed")))
            for name in names[4:]:
                answers[f"/{name}"] = Answer(html(name, (f"sub-{name}",)), is_dated=True, gate=gate)
            before = site.counts.copy()
            task_id = (await client.start(f"{site.url}/"))["task_id"]
            await client.until_stored(task_id, 5)
        for name in names[4:]:
            answer = answers[f"/{name}"]
            assert isinstance(answer, Answer)
            answers[f"/{name}"] = replace(answer, gate=None)
        gate.set()
        client = await start_server()
        crawl = await client.ended(task_id)
        rows = await rows_of(client, crawl, site)
        again = asked_again(site, before)
    assert len(rows) == 17
    assert Counter(row["fetched_by"] for row in rows.values()) == {"http": 2, "unchanged": 15}
    assert crawl.task["result"]["pages"] == crawl.task["result"]["chunks"] == 17
    assert {path: again[path] for path in ("/", "/p0", "/p1", "/p2", "/p3")} == dict.fromkeys(
        ("/", "/p0", "/p1", "/p2", "/p3"), 1
    )
    assert max(again.values()) <= 2


@pytest.mark.parametrize("status", [404, 403])
async def test_a_page_that_fails_at_a_refresh_stays_as_it_was(client: Client, status: int) -> None:
    answers: Answers = {"/": html("Start", ("a",)), "/a": dated(html("A"))}
    async with written_site(answers) as site:
        await client.crawl(f"{site.url}/")
        answers["/a"] = Answer(html("Gone"), status=status)
        again = await client.crawl(f"{site.url}/")
        assert (await ends_of(client, again, site))["/a"] == ("failed", f"http_{status}")
        assert text_of("A") in (await pages_of(client, again, site))["/a"]["markdown"]
        assert again.task["result"]["pages"] == 1
