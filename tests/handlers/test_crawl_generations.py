"""A refresh through the doors: built beside what is seen, judged, swapped in at once, taken back; what vanished goes later."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from tests.api.client import Client, Crawl
from tests.conftest import StartServer
from tests.sites import Site
from tests.sites.openai_api import openai_api
from tests.sites.written import Answer, Answers, html, written_site


def many(count: int, **changed: str) -> Answers:
    """A front page and `count` pages below it, each with a text of its own."""
    names = tuple(f"p{n}" for n in range(count))
    pages: dict[str, Any] = {"/": Answer(html("Start", names), is_dated=True)}
    for name in names:
        pages[f"/{name}"] = Answer(
            html(name.upper(), text=changed.get(name, f"The text of {name} alone.")), is_dated=True
        )
    return pages


async def refresh(client: Client, source_id: str, **options: Any) -> Crawl:
    reply = await client.post(f"/sources/{source_id}/refresh", options)
    assert reply.status == 202, reply
    assert reply.headers["Location"] == f"/api/v1/tasks/{reply.body['task_id']}"
    assert reply.body["source_id"] == source_id
    return await client.ended(reply.body["task_id"])


async def seen(client: Client, source_id: str, site: Site) -> dict[str, str]:
    """Path and Markdown of every page that is seen."""
    rows = await client.every(f"/sources/{source_id}/pages")
    pages = [await client.one(f"/pages/{row['page_id']}") for row in rows]
    return {page["url"].removeprefix(site.url): page["markdown"] for page in pages}


async def found(client: Client, words: str) -> list[str]:
    reply = await client.post("/search", {"query": f'"{words}"', "mode": "keyword"})
    return [hit["url"] for hit in reply.body["hits"]]


def brought(crawl: Crawl) -> Mapping[str, int]:
    result = crawl.task["result"]
    return {name: result[f"pages_{name}"] for name in ("added", "changed", "removed")}


async def test_a_refresh_of_an_unchanged_site_saves_all_of_it(start_server: StartServer) -> None:
    async with openai_api() as api:
        client = await start_server(embedder="openai", openai_api_key="sk-test", openai_base_url=api.base_url)
        async with written_site(many(6)) as site:
            first = await client.crawl(f"{site.url}/")
            chunks = await client.every(f"/sources/{first.source_id}/chunks")
            embedded = len(api.requests)
            again = await refresh(client, first.source_id)
    assert again.status == "completed"
    assert len(api.requests) == embedded, "nothing was embedded again"
    assert brought(again) == {"added": 0, "changed": 0, "removed": 0}
    saved = again.task["result"]["saved"]
    assert (saved["pages_not_fetched"], saved["pages_unchanged"], saved["chunks"]) == (6, 7, len(chunks))
    assert saved["tokens"] > len(chunks)
    assert again.task["result"]["generation"] == 2


async def test_what_is_built_is_seen_all_at_once(client: Client) -> None:
    gate = asyncio.Event()
    answers = many(4)
    async with written_site(answers) as site:
        first = await client.crawl(f"{site.url}/")
        answers["/p0"] = html("P0", text="It says something else now: ocarina.")
        answers["/p9"] = html("P9", text="A page that is new: bassoon.")
        answers["/"] = html("Start", ("p0", "p1", "p2", "p3", "p9"))
        answers["/p3"] = Answer(html("P3", text="Another text: lute."), gate=gate)
        reply = await client.post(f"/sources/{first.source_id}/refresh", {})
        task_id = reply.body["task_id"]
        waited_for = {f"{site.url}/p0", f"{site.url}/p9"}

        def are_stored(event: dict[str, Any]) -> bool:
            waited_for.discard(event["data"].get("url") if event["type"] == "page_stored" else None)
            return not waited_for

        await client.until(task_id, are_stored)
        assert await found(client, "ocarina") == await found(client, "bassoon") == []
        assert "/p9" not in await seen(client, first.source_id, site)
        gate.set()
        again = await client.ended(task_id)
        assert brought(again) == {"added": 1, "changed": 2, "removed": 0}
        assert await found(client, "ocarina") == [f"{site.url}/p0"]
        assert await found(client, "bassoon") == [f"{site.url}/p9"]
        states = await client.every(f"/sources/{first.source_id}/generations")
        assert [(s["number"], s["state"], s["is_visible"], s["base"]) for s in states] == [
            (2, "complete", True, 1),
            (1, "complete", False, None),
        ]
        back = await client.post(f"/sources/{first.source_id}/generations/1/activate", {})
        assert (back.status, back.body["is_visible"]) == (200, True)
        assert await found(client, "ocarina") == []
        assert "/p9" not in await seen(client, first.source_id, site)
        assert (await client.one(f"/sources/{first.source_id}"))["generation"] == 1


async def test_a_site_that_emptied_does_not_empty_the_source(client: Client) -> None:
    answers = many(12)
    async with written_site(answers) as site:
        first = await client.crawl(f"{site.url}/")
        answers["/"] = html("Start", ("p0",))
        rejected = await refresh(client, first.source_id)
        assert (rejected.status, rejected.task["error"]["code"]) == ("failed", "refresh_rejected")
        [reason] = rejected.task["error"]["details"]["reasons"]
        assert "2 pages where there were 13" in reason
        assert rejected.task["error"]["message"].count("generations/2/activate") == 1
        assert len(await seen(client, first.source_id, site)) == 13
        [second, _] = await client.every(f"/sources/{first.source_id}/generations")
        assert (second["state"], second["is_visible"], second["result"]["reasons"]) == ("rejected", False, [reason])
        forced = await refresh(client, first.source_id, force=True)
        assert forced.status == "completed"
        assert any(
            event["type"] == "warning_raised" and "refresh_differs" in event["message"] for event in forced.events
        )


async def test_a_site_that_is_down_leaves_the_source_as_it_is(client: Client) -> None:
    answers = many(3)
    async with written_site(answers) as site:
        first = await client.crawl(f"{site.url}/")
        before = await seen(client, first.source_id, site)
        answers["/"] = Answer("gone", status=404)
        failed = await refresh(client, first.source_id)
        assert (failed.status, failed.task["error"]["code"]) == ("failed", "http_404")
        assert await seen(client, first.source_id, site) == before


@pytest.mark.parametrize(("days", "left"), [(3, {"/", "/p0", "/p1", "/p2", "/p3"}), (0, {"/", "/p0", "/p1", "/p2"})])
async def test_pages_that_vanish_go_after_the_grace(start_server: StartServer, days: float, left: set[str]) -> None:
    client = await start_server(vanished_grace_days=days)
    answers = many(4)
    async with written_site(answers) as site:
        first = await client.crawl(f"{site.url}/")
        answers["/"] = html("Start", ("p0", "p1", "p2"))
        again = await refresh(client, first.source_id)
        assert set(await seen(client, first.source_id, site)) == left
        assert brought(again)["removed"] == 5 - len(left)
        missing = {
            row["url"].removeprefix(site.url)
            for row in await client.every(f"/sources/{first.source_id}/pages")
            if row["missing_since"] is not None
        }
        assert missing == left & {"/p3"}


async def test_what_could_not_be_looked_at_is_not_missing(start_server: StartServer) -> None:
    client = await start_server(vanished_grace_days=0)
    answers = many(6)
    async with written_site(answers) as site:
        first = await client.crawl(f"{site.url}/")
        answers["/p1"] = Answer("broken", status=403)
        answers["/p2"] = Answer("gone", status=410)
        again = await refresh(client, first.source_id)
        assert again.status == "completed"
        assert set(await seen(client, first.source_id, site)) == {"/", "/p0", "/p1", "/p3", "/p4", "/p5"}
        answers["/"] = Answer(html("Start, longer", tuple(f"p{n}" for n in range(6))))
        # A limit: what its turn never came for is not gone either.
        limited = await client.crawl(f"{site.url}/", max_pages=3)
        assert limited.status == "completed", limited.task["error"]
        assert len(await seen(client, first.source_id, site)) == 6


async def test_a_full_refresh_gets_every_page_and_keeps_what_says_the_same(client: Client) -> None:
    answers = many(3)
    async with written_site(answers) as site:
        first = await client.crawl(f"{site.url}/")
        answers["/p1"] = Answer(html("P1", text="The text of p1 alone.").replace("<body", "<!-- noise --><body"))
        asked = site.pages
        again = await refresh(client, first.source_id, full=True)
        assert +(site.pages - asked) == dict.fromkeys(answers, 1)
    assert brought(again) == {"added": 0, "changed": 0, "removed": 0}
    saved = again.task["result"]["saved"]
    assert (saved["pages_not_fetched"], saved["pages_unchanged"]) == (0, 4)


async def test_a_lying_last_modified_changes_nothing(client: Client) -> None:
    """A CDN that dates every answer anew: the content tells."""
    answers: Answers = {
        "/": Answer(html("Start", ("a",)), headers={"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        "/a": Answer(html("A"), headers={"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}),
    }
    async with written_site(answers) as site:
        first = await client.crawl(f"{site.url}/")
        for path, links in (("/", ("a",)), ("/a", ())):
            title = "Start" if path == "/" else "A"
            answers[path] = Answer(html(title, links), headers={"Last-Modified": "Thu, 22 Oct 2015 07:28:00 GMT"})
        again = await refresh(client, first.source_id)
    assert brought(again) == {"added": 0, "changed": 0, "removed": 0}
    assert again.task["result"]["saved"]["pages_unchanged"] == 2


async def test_the_doors_say_what_is_wrong(client: Client) -> None:
    answers = many(1)
    async with written_site(answers) as site:
        first = await client.crawl(f"{site.url}/")
        source = f"/sources/{first.source_id}"
        assert (await client.post("/sources/src_nobody/refresh", {})).status == 404
        assert (await client.get("/sources/src_nobody/generations")).status == 404
        assert (await client.get(f"{source}/generations?cursor=WzEsMl0")).status == 422
        for number, status in (("9", 404), ("x", 404), ("-1", 404), ("9" * 30, 404)):
            assert (await client.post(f"{source}/generations/{number}/activate", {})).status == status
        reply = await client.post(f"{source}/refresh", {"ful": True})
        assert (reply.status, reply.error["details"]["field"]) == (422, "ful")
        reply = await client.post(f"{source}/refresh", {"webhook_url": "file:///x"})
        assert (reply.status, reply.error["details"]["field"]) == (422, "webhook_url")


async def test_a_file_is_sent_again_instead(client: Client) -> None:
    form = aiohttp.FormData()
    form.add_field("file", b"# Pears\n\nThey are sweet.\n", filename="pears.md")
    reply = await client.call("POST", "/api/v1/knowledge/upload", data=form)
    assert reply.status == 202
    done = await client.ended(reply.body["task_id"])
    answer = await client.post(f"/sources/{done.source_id}/refresh", {})
    assert (answer.status, answer.error["code"]) == (409, "wrong_state")
