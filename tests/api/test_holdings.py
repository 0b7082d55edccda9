"""What a source holds, over REST: tree, storage and what vectors took, what it is called, and the schedule that refreshes it."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from gleanery.api.holding_shapes import of_storage
from gleanery.config import EmbedderKind
from gleanery.knowledge.embedders.options import EmbedderOptions
from gleanery.model import TaskStatus
from gleanery.store.holdings import Embedding, Held, Storage
from tests.api.client import API, Client, Crawl
from tests.api.sites import SMALL, ring
from tests.conftest import ServePages, StartServer
from tests.sites.openai_api import openai_api


@pytest.fixture
async def crawl(client: Client, serve_pages: ServePages) -> Crawl:
    return await client.crawl(f"{(await serve_pages(SMALL)).url}/index.html", tags=["fruit"])


async def test_the_tree_has_every_page_once(client: Client, crawl: Crawl) -> None:
    source = f"/sources/{crawl.source_id}"
    top = await client.one(f"{source}/tree")
    assert top["under"].startswith("//127.0.0.1")
    assert [(folder["path"].removeprefix(top["under"]), folder["pages"]) for folder in top["folders"]] == [("deep/", 2)]
    deep = await client.one(f"{source}/tree?under={top['folders'][0]['path']}")
    pages = [page["page_id"] for page in (*top["items"], *deep["items"])]
    assert sorted(pages) == sorted(page["page_id"] for page in await client.every(f"{source}/pages"))
    assert [page["title"] for page in deep["items"]] == ["Cherries", "Dates"]


async def test_the_pages_of_a_branch_come_page_by_page(client: Client, serve_pages: ServePages) -> None:
    crawl = await client.crawl(f"{(await serve_pages(ring(5))).url}/index.html")
    first = await client.one(f"/sources/{crawl.source_id}/tree?limit=4")
    rest = await client.one(f"/sources/{crawl.source_id}/tree?limit=4&cursor={first['next_cursor']}")
    assert [page["title"] for page in (*first["items"], *rest["items"])] == ["Ring", *(f"Page {n}" for n in range(5))]
    assert rest["next_cursor"] is None


async def test_a_folder_that_is_none_is_refused(client: Client, crawl: Crawl) -> None:
    for under in ("", "a.html", f"{'x' * 5000}/"):
        reply = await client.get(f"/sources/{crawl.source_id}/tree", params={"under": under})
        assert (reply.status, reply.error["details"]["field"]) == (422, "under")
    assert (await client.get("/sources/src_no/tree")).status == 404
    assert (await client.get("/sources/src_no/storage")).status == 404


async def test_pages_are_filtered_by_text(client: Client, crawl: Crawl) -> None:
    rows = await client.every(f"/sources/{crawl.source_id}/pages?text=cherr")
    assert [row["title"] for row in rows] == ["Cherries"]
    assert await client.every(f"/sources/{crawl.source_id}/pages?missing=true") == []
    assert (await client.get(f"/sources/{crawl.source_id}/pages?missing=yes")).error["details"]["field"] == "missing"


async def test_storage_is_what_the_pages_chunks_and_code_say(client: Client, crawl: Crawl) -> None:
    source = f"/sources/{crawl.source_id}"
    storage = await client.one(f"{source}/storage")
    pages = [await client.one(f"/pages/{row['page_id']}") for row in await client.every(f"{source}/pages")]
    chunks, code = await client.every(f"{source}/chunks"), await client.every(f"{source}/code-examples")
    assert storage["pages"] == {"count": 5, "size_bytes": sum(len(page["markdown"].encode()) for page in pages)}
    assert storage["chunks"] == {
        "count": len(chunks),
        "size_bytes": sum(len(chunk["content"].encode()) for chunk in chunks),
    }
    assert storage["code"] == {"count": 1, "size_bytes": len(code[0]["code"].encode())}
    assert storage["vectors"] == storage["kept"] == {"count": 0, "size_bytes": 0}
    assert storage["total_bytes"] == sum(storage[part]["size_bytes"] for part in ("pages", "chunks", "code"))
    assert storage["languages"] == [{"language": "python", "count": 1}]
    assert [task["task_id"] for task in storage["tasks"]] == [crawl.task_id]
    assert (storage["embedding"]["tokens"], storage["embedding"]["cost_usd"]) == (0, 0.0)


async def test_what_vectors_took_is_told_for_each_crawl_and_in_all(
    start_server: StartServer, serve_pages: ServePages, stack: AsyncExitStack
) -> None:
    api = await stack.enter_async_context(openai_api(dimensions=8))
    client = await start_server(embedder="openai", openai_api_key="sk-test", openai_base_url=api.base_url)
    crawl = await client.crawl(f"{(await serve_pages(SMALL)).url}/index.html")
    first = await client.one(f"/sources/{crawl.source_id}/storage")
    tokens = crawl.task["result"]["embedding_tokens"]
    assert tokens > 0
    assert first["vectors"] == {"count": first["chunks"]["count"], "size_bytes": first["chunks"]["count"] * 8 * 2}
    again = await client.ended((await client.post(f"/sources/{crawl.source_id}/refresh", {})).body["task_id"])
    after = await client.one(f"/sources/{crawl.source_id}/storage")
    assert [(task["task_id"], task["tokens"], task["saved_tokens"], task["generation"]) for task in after["tasks"]] == [
        (again.task_id, 0, again.task["result"]["saved"]["tokens"], 2),
        (crawl.task_id, tokens, 0, 1),
    ]
    assert after["embedding"] == {
        "tokens": tokens,
        "cost_usd": None,  # nobody has said what this server charges
        "saved_tokens": again.task["result"]["saved"]["tokens"],
        "saved_usd": None,
        "saved_chunks": after["chunks"]["count"],
        "pages_not_fetched": again.task["result"]["saved"]["pages_not_fetched"],
    }


def test_costs_are_summed_by_the_price_of_each_model_or_not_at_all() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)

    def task(model: str, tokens: int, saved: int) -> Embedding:
        return Embedding("tsk_1", "crawl", TaskStatus.COMPLETED, at, model, tokens, 1, saved, 0, 0)

    cheap = EmbedderOptions(kind=EmbedderKind.OPENAI, model="m", price_per_million=2.0)
    storage = Storage(Held(), Held(), Held(), Held(), Held())
    known = of_storage("src_1", storage, [task("cheap", 1_000_000, 500_000), task("gone", 0, 0)], {"cheap": cheap})
    assert (known.embedding.cost_usd, known.embedding.saved_usd) == (2.0, 1.0)
    partly = of_storage("src_1", storage, [task("cheap", 10, 0), task("gone", 1, 0)], {"cheap": cheap})
    assert (partly.embedding.tokens, partly.embedding.cost_usd) == (11, None)
    assert [each.cost_usd for each in partly.tasks] == [0.00002, None]


async def change(client: Client, crawl: Crawl, **given: Any) -> dict[str, Any]:
    reply = await client.call("PATCH", f"{API}/sources/{crawl.source_id}", json=given)
    assert reply.status == 200, reply
    return dict(reply.body)


async def test_title_tags_and_kind_are_changed_and_outlive_a_refresh(client: Client, crawl: Crawl) -> None:
    changed = await change(client, crawl, title=" My fruit ", tags=["a", "b", "a"], knowledge_type="blog")
    assert (changed["title"], changed["tags"], changed["knowledge_type"]) == ("My fruit", ["a", "b"], "blog")
    await client.ended((await client.post(f"/sources/{crawl.source_id}/refresh", {"full": True})).body["task_id"])
    source = await client.one(f"/sources/{crawl.source_id}")
    assert (source["title"], source["tags"], source["knowledge_type"]) == ("My fruit", ["a", "b"], "blog")
    assert (source["last_crawl"]["status"], source["last_crawl"]["error_code"]) == ("completed", None)
    hits = (await client.post("/search", {"query": "apples", "tags": ["b"], "kind": "blog"})).body["hits"]
    assert {hit["source_id"] for hit in hits} == {crawl.source_id}


async def test_a_wrong_change_is_refused_and_changes_nothing(client: Client, crawl: Crawl) -> None:
    before = await client.one(f"/sources/{crawl.source_id}")
    for given in ({"url": "https://x.test/"}, {"tags": [""]}, {"knowledge_type": ""}, {"title": "x" * 501}):
        reply = await client.call("PATCH", f"{API}/sources/{crawl.source_id}", json=given)
        assert (reply.status, reply.error["code"]) == (422, "invalid_field"), given
    assert await client.one(f"/sources/{crawl.source_id}") == before
    assert (await client.call("PATCH", f"{API}/sources/src_no", json={})).status == 404


async def put_schedule(client: Client, crawl: Crawl, **given: Any) -> Any:
    return await client.call("PUT", f"{API}/sources/{crawl.source_id}/schedule", json=given)


async def test_a_source_is_given_one_schedule_which_goes_with_it(client: Client, crawl: Crawl) -> None:
    first = await put_schedule(client, crawl, interval_seconds=86400)
    assert first.status == 200, first
    reply = await put_schedule(client, crawl, cron="30 2 * * *", time_zone="Europe/Paris", is_paused=True)
    [kept] = await client.every("/schedules")
    assert (kept["schedule_id"], kept["source_id"]) == (reply.body["schedule_id"], crawl.source_id)
    assert (kept["cron"], kept["time_zone"], kept["is_paused"], kept["next_at"]) == (
        "30 2 * * *",
        "Europe/Paris",
        True,
        None,
    )
    await change(client, crawl, tags=["new"])
    ran = await client.post(f"/schedules/{kept['schedule_id']}/run", {})
    done = await client.ended(ran.body["task_id"])
    assert (done.status, done.source_id) == ("completed", crawl.source_id)
    assert (await client.one(f"/sources/{crawl.source_id}"))["tags"] == ["new"]
    await client.delete(f"/sources/{crawl.source_id}")
    assert await client.every("/schedules") == []


async def test_a_schedule_that_can_not_be_is_refused(client: Client, crawl: Crawl) -> None:
    for given, field in (({}, "cron"), ({"cron": "x"}, "cron"), ({"interval_seconds": 1}, "interval_seconds")):
        reply = await put_schedule(client, crawl, **given)
        assert (reply.status, reply.error["details"]["field"]) == (422, field), json.dumps(given)
    reply = await put_schedule(client, crawl, interval_seconds=3600, webhook_url="ftp://x.test/")
    assert reply.error["details"]["field"] == "webhook_url"
    assert await client.every("/schedules") == []
