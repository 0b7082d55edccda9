"""Vectors end to end: a crawl that embeds while it stores, an embedder that fails and is healed, another model, the local one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.api.client import Client, Crawl
from tests.api.sites import SMALL
from tests.api.watcher import Watcher
from tests.conftest import GIT_DOCS, ServePages, StartServer
from tests.sites import Site
from tests.sites.openai_api import Fault, OpenAIApi, openai_api

LOCAL_MODEL = Path(sys.prefix) / "share" / "gleanery" / "models" / "all-MiniLM-L6-v2"


@pytest.fixture
async def api() -> AsyncIterator[OpenAIApi]:
    async with openai_api() as api:
        yield api


@pytest.fixture
async def site(serve_pages: ServePages) -> Site:
    return await serve_pages(SMALL)


async def embedding_server(start_server: StartServer, api: OpenAIApi, **flags: Any) -> Client:
    usual = {"embedder": "openai", "openai_api_key": "sk-test-secret", "openai_base_url": api.base_url}
    return await start_server(**{**usual, **flags})


async def search(client: Client, query: str, mode: str) -> dict[str, Any]:
    reply = await client.post("/search", {"query": query, "mode": mode})
    assert reply.status == 200, reply
    body: dict[str, Any] = reply.body
    return body


async def test_a_crawl_embeds_every_chunk_once(start_server: StartServer, api: OpenAIApi, site: Site) -> None:
    client = await embedding_server(start_server, api)
    crawl = await client.crawl(f"{site.url}/index.html")
    assert crawl.status == "completed"
    source = await client.one(f"/sources/{crawl.source_id}")
    assert source["embedded_chunks"] == source["chunks"] > 0
    sent = [text for request in api.requests for text in request.input]
    assert len(sent) == len(set(sent)) == source["chunks"]
    assert all("sk-test-secret" in request.authorization for request in api.requests)
    assert crawl.task["result"]["embedded_pages"] == 5
    assert "text-embedding-3-small" in crawl.task["result"]["embedding_model"]
    assert crawl.task["progress"]["stages"]["embedded"] == {"done": 5, "total": 5}
    told = [event["data"] for event in crawl.events if event["type"] == "pages_embedded"]
    assert sum(data["pages"] for data in told) == 5


async def test_the_three_modes_of_search(start_server: StartServer, api: OpenAIApi, site: Site) -> None:
    client = await embedding_server(start_server, api)
    crawl = await client.crawl(f"{site.url}/index.html")
    chunks = (await client.one(f"/sources/{crawl.source_id}"))["chunks"]
    for mode, parts in (("hybrid", {"keyword", "vector"}), ("vector", {"vector"}), ("keyword", {"keyword"})):
        body = await search(client, "orchard", mode)
        assert body["mode"] == mode
        hits = body["hits"]
        assert len(hits) == (1 if mode == "keyword" else chunks), "by meaning everything is a hit, near or far"
        best = next(hit for hit in hits if "orchard" in hit["content"])
        assert {name for name in best["scores"] if "_" not in name} == parts
    (best, *_) = (await search(client, "orchard", "hybrid"))["hits"]
    assert best["title"] == "Apples"


async def test_a_crawl_goes_on_however_much_is_searched(client: Client, site: Site) -> None:
    crawling = asyncio.create_task(client.crawl(f"{site.url}/index.html"))

    async def ask_on() -> None:
        while not crawling.done():
            await search(client, "orchard", "keyword")

    await asyncio.gather(ask_on(), ask_on())
    crawl = await crawling
    assert (crawl.status, (await client.one(f"/sources/{crawl.source_id}"))["pages"]) == ("completed", 5)
    assert len((await search(client, "orchard", "keyword"))["hits"]) == 1


async def test_without_an_embedder_hybrid_is_by_words_and_vector_an_error(client: Client, site: Site) -> None:
    await client.crawl(f"{site.url}/index.html")
    body = await search(client, "orchard", "hybrid")
    assert body["mode"] == "keyword"
    reply = await client.post("/search", {"query": "orchard", "mode": "vector"})
    assert (reply.status, reply.error["details"]["field"]) == (422, "mode")


def ranking(body: dict[str, Any]) -> list[tuple[str, float]]:
    """Hits with their raw scores as far as half precision, in which vectors are kept, tells them."""
    return [(hit["chunk_id"], round(hit["scores"]["vector_raw"], 2)) for hit in body["hits"]]


async def failed_crawl(client: Client, api: OpenAIApi, site: Site) -> Crawl:
    """A crawl whose embedder refuses the key."""
    api.fail_with(Fault.KEY_REFUSED, times=1000)
    return await client.crawl(f"{site.url}/index.html")


async def test_a_refused_key_fails_the_task_but_loses_no_page(
    start_server: StartServer, api: OpenAIApi, site: Site
) -> None:
    client = await embedding_server(start_server, api)
    crawl = await failed_crawl(client, api, site)
    assert (crawl.status, crawl.task["error"]["code"]) == ("failed", "embed_key_refused")
    assert "sk-test-secret" not in str(crawl.task)
    assert "sk-test-secret" not in str(crawl.events)
    assert [e["data"]["code"] for e in crawl.events if e["type"] == "warning_raised"] == ["embed_key_refused"]
    source = await client.one(f"/sources/{crawl.source_id}")
    assert (source["pages"], source["embedded_chunks"]) == (5, 0)
    body = await search(client, "orchard", "hybrid")
    assert (body["mode"], len(body["hits"])) == ("keyword", 1)


async def test_healed_and_retried_it_is_complete_without_fetching_again(
    start_server: StartServer, api: OpenAIApi, site: Site
) -> None:
    client = await embedding_server(start_server, api)
    crawl = await failed_crawl(client, api, site)
    (missing,) = [path for path in site.counts if path == "/gone.html"]
    before = site.counts.copy()
    api.heal()
    assert (await client.post(f"/tasks/{crawl.task_id}/retry", {})).status == 202
    again = await client.ended(crawl.task_id, after=crawl.task["last_seq"])
    assert (again.status, again.task["error"]) == ("completed", None)
    assert site.counts - before == {missing: 1}, "only what had failed is asked for again"
    source = await client.one(f"/sources/{crawl.source_id}")
    assert source["embedded_chunks"] == source["chunks"]
    assert again.task["progress"]["percentage"] == 100
    assert again.task["result"]["embedded_pages"] == 5


async def test_a_passing_fault_is_waited_out(start_server: StartServer, api: OpenAIApi, site: Site) -> None:
    client = await embedding_server(start_server, api)
    api.fail_with(Fault.RATE_LIMITED, retry_after="0")
    api.fail_with(Fault.SERVER_ERROR)
    crawl = await client.crawl(f"{site.url}/index.html")
    assert crawl.status == "completed"
    assert crawl.task["result"]["embedded_pages"] == 5


async def test_another_model_is_filled_in_by_a_task_of_its_own(
    start_server: StartServer, api: OpenAIApi, site: Site
) -> None:
    async with AsyncExitStack() as first_life:
        client = await embedding_server(start_server, api, until=first_life)
        crawl = await client.crawl(f"{site.url}/index.html")
    fetched = site.counts.copy()
    client = await embedding_server(start_server, api, embedding_model="text-embedding-3-large")
    async with asyncio.timeout(10):
        while not (tasks := await client.every("/tasks?task_type=embed_source")):
            pass  # the server looks for them after its start, beside its other work
    (task,) = tasks
    watcher = Watcher(client.url, task["task_id"])
    async with watcher:
        await watcher.connect()
        ack = await watcher.subscribe(0)
        if ack["task"]["status"] != "completed":
            await watcher.hear_the_end()
            assert watcher.names == {"task_progress"}
    done = await client.ended(task["task_id"])
    assert (done.status, watcher.events) == ("completed", done.events)
    source = await client.one(f"/sources/{crawl.source_id}")
    assert source["embedded_chunks"] == source["chunks"] == done.task["result"]["chunks"]
    assert {request.model for request in api.requests} == {"text-embedding-3-small", "text-embedding-3-large"}
    assert (await search(client, "orchard", "hybrid"))["mode"] == "hybrid"
    assert site.counts == fetched


async def test_vectors_are_there_after_a_restart(start_server: StartServer, api: OpenAIApi, site: Site) -> None:
    async with AsyncExitStack() as first_life:
        client = await embedding_server(start_server, api, until=first_life)
        await client.crawl(f"{site.url}/index.html")
        before = await search(client, "orchard", "vector")
    asked = len([text for request in api.requests for text in request.input])
    client = await embedding_server(start_server, api)
    async with asyncio.timeout(10):
        while " 5 vectors" not in (await client.call("GET", "/health")).body["parts"]["embedder"]["message"]:
            pass  # they are loaded beside the server's other work
    after = await search(client, "orchard", "vector")
    assert ranking(after) == ranking(before) != []
    assert len([text for request in api.requests for text in request.input]) == asked + 1, "the query alone"
    assert await client.every("/tasks?task_type=embed_source") == []


async def test_a_deleted_source_leaves_the_vectors_too(start_server: StartServer, api: OpenAIApi, site: Site) -> None:
    client = await embedding_server(start_server, api)
    crawl = await client.crawl(f"{site.url}/index.html")
    assert (await client.delete(f"/sources/{crawl.source_id}")).status == 204
    assert (await search(client, "orchard", "vector"))["hits"] == []
    assert "0 vectors" in (await client.call("GET", "/health")).body["parts"]["embedder"]["message"]


@pytest.mark.slow
async def test_the_local_model_finds_by_meaning(start_server: StartServer, git_docs: Site) -> None:
    assert LOCAL_MODEL.is_dir(), "make setup builds it"
    client = await start_server(embedder="local")
    pages = ["git-stash.html", "git-bisect.html", "git-blame.html"]
    assert all((GIT_DOCS / name).is_file() for name in pages)
    for name in pages:
        crawl = await client.crawl(f"{git_docs.url}/{name}", max_depth=0)
        assert crawl.status == "completed"
        source = await client.one(f"/sources/{crawl.source_id}")
        assert source["embedded_chunks"] == source["chunks"] > 0
    for query, name in (
        ("put my unfinished work aside for later", "git-stash.html"),
        ("find the change that introduced a bug by halving", "git-bisect.html"),
        ("who wrote each line of a file", "git-blame.html"),
    ):
        hits = (await search(client, query, "vector"))["hits"]
        assert any(name in hit["url"] for hit in hits[:2]), query
