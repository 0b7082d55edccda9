"""The routes' contract: statuses, Location, shapes, listings and cursors, idempotency, states, the full queue."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.client import API, Client, Crawl
from tests.api.sites import SMALL, gated_ring
from tests.conftest import ServePages, StartServer
from tests.sites import Site

TASK_FIELDS = {
    "task_id", "task_type", "title", "description", "status", "priority", "queue_name", "payload", "result", "error",
    "progress", "progress_details", "retry_attempts", "max_retries", "run_at", "created_at", "processing_started_at",
    "processing_completed_at", "estimated_completion_at", "last_error_at", "error_details", "worker_id",
    "background_task_id", "browser_session_id", "memory_usage_mb", "depends_on", "coalesce_key", "parent_task_id",
    "webhook_url", "webhook_states", "on_dependency_failure", "waits_for", "serial_key", "schedule_id",
    "is_cancel_requested", "is_pause_requested", "waited_seconds", "ran_seconds", "first_seq", "last_seq",
}  # fmt: skip


@pytest.fixture
async def site(serve_pages: ServePages) -> Site:
    return await serve_pages(SMALL)


@pytest.fixture
async def crawl(client: Client, site: Site) -> Crawl:
    """The small site, crawled."""
    return await client.crawl(f"{site.url}/index.html", tags=["fruit"])


async def test_a_start_answers_with_202_and_where_to_look(client: Client, site: Site) -> None:
    reply = await client.post("/knowledge/add", {"url": f"{site.url}/index.html#part"})
    body = reply.body
    assert reply.status == 202
    assert set(body) == {"success", "task_id", "progress_id", "source_id", "status", "message"}
    assert body["success"] is True
    assert body["progress_id"] == body["task_id"]
    assert body["status"] == "queued"
    assert reply.headers["Location"] == f"{API}/tasks/{body['task_id']}"
    task = await client.call("GET", reply.headers["Location"])
    assert task.body["payload"]["url"] == f"{site.url}/index.html"
    assert task.body["payload"]["source_id"] == body["source_id"]


async def test_a_task_has_all_fields_of_its_record(client: Client, crawl: Crawl) -> None:
    task = crawl.task
    assert set(task) == TASK_FIELDS
    assert (task["task_type"], task["status"], task["priority"]) == ("crawl", "completed", 50)
    assert task["progress"]["percentage"] == 100
    assert task["progress_details"] == {"current_step": task["progress"]["stage"], "progress": 100}
    assert task["error"] is None
    assert task["last_seq"] == crawl.events[-1]["seq"] == len(crawl.events)
    times = [task[name] for name in ("created_at", "processing_started_at", "processing_completed_at")]
    assert times == sorted(times)
    assert all(str(datetime.fromisoformat(at).tzinfo) == "UTC" for at in times)


async def test_status_speaks_the_words_of_progress_clients(client: Client, crawl: Crawl) -> None:
    body = await client.one(f"/knowledge/status/{crawl.task_id}")
    assert set(body) == {"task_id", "progress_id", "status", "done", "cancelled", "progress", "last_seq"}
    assert (body["status"], body["done"], body["cancelled"]) == ("complete", True, False)
    assert body["progress"] == crawl.task["progress"]


async def test_the_source_and_what_hangs_from_it(client: Client, crawl: Crawl, site: Site) -> None:
    source = await client.one(f"/sources/{crawl.source_id}")
    assert (source["url"], source["title"], source["tags"]) == (f"{site.url}/index.html", "Start", ["fruit"])
    assert source["last_task_id"] == crawl.task_id
    base = f"/sources/{crawl.source_id}"
    pages, chunks = await client.every(f"{base}/pages"), await client.every(f"{base}/chunks")
    codes = await client.every(f"{base}/code-examples")
    assert (source["pages"], source["chunks"], source["code_examples"]) == (len(pages), len(chunks), len(codes))
    assert [page["url"].removeprefix(site.url) for page in pages] == [
        "/index.html",  # which is the folder itself
        "/a.html",
        "/b.html",
        "/deep/c.html",
        "/deep/d.html",
    ]
    assert [code["code"] for code in codes] == ["def peel(banana):\n    return banana[1:]\n"]
    assert (codes[0]["language"], codes[0]["url"]) == ("python", f"{site.url}/b.html")
    assert await client.every(f"{base}/code-examples?language=python") == codes
    assert await client.every(f"{base}/code-examples?language=rust") == []
    of_page = {page["url"]: await client.every(f"{base}/code-examples?page_id={page['page_id']}") for page in pages}
    assert of_page == {page["url"]: codes if page["url"] == f"{site.url}/b.html" else [] for page in pages}
    assert await client.every("/sources") == [source]
    assert await client.every(f"/sources?url={quote(source['url'] + '?utm_source=x#top')}") == [source]
    assert await client.every(f"/sources?url={quote(source['url'] + 'elsewhere/')}") == []
    assert (await client.get("/sources?url=ftp%3A%2F%2Fh%2F")).error["details"]["field"] == "url"


async def test_chunks_are_slices_of_their_page(client: Client, crawl: Crawl) -> None:
    for row in await client.every(f"/sources/{crawl.source_id}/pages"):
        page = await client.one(f"/pages/{row['page_id']}")
        assert {name: page[name] for name in row} == row
        assert page["task_id"] == crawl.task_id
        assert page["status_code"] == 200
        chunks = await client.every(f"/sources/{crawl.source_id}/chunks?page_id={row['page_id']}")
        assert chunks
        assert [chunk["ordinal"] for chunk in chunks] == list(range(len(chunks)))
        for chunk in chunks:
            assert page["markdown"][chunk["start"] : chunk["end"]] == chunk["content"]
        assert [page["markdown"][h["offset"] :].splitlines()[0] for h in page["outline"]] == [
            f"{'#' * h['level']} {h['text']}" for h in page["outline"]
        ]


async def test_urls_are_looked_up_as_they_are_written(client: Client, crawl: Crawl, site: Site) -> None:
    pages = {page["url"]: page["page_id"] for page in await client.every(f"/sources/{crawl.source_id}/pages")}
    path, a = f"/sources/{crawl.source_id}/pages/lookup", f"{site.url}/a.html"
    urls = [a, f"{a}#there", f"{a}?utm_source=x", f"{site.url}/gone.html", "javascript:alert(1)", "", "http://["]
    reply = await client.post(path, {"urls": urls})
    assert (reply.status, reply.body) == (200, {"pages": dict.fromkeys(urls[:3], pages[a])})
    refused = await client.post(path, {"urls": [a] * 501})
    assert (refused.status, refused.error["details"]["field"]) == (422, "urls")
    assert (await client.post("/sources/src_9/pages/lookup", {"urls": []})).status == 404


async def test_listings_give_every_row_once_whatever_the_limit(client: Client, crawl: Crawl) -> None:
    source = f"/sources/{crawl.source_id}"
    for path, key in (
        (f"{source}/pages", "page_id"),
        (f"{source}/chunks", "chunk_id"),
        (f"{source}/code-examples", "code_id"),
        (f"/tasks/{crawl.task_id}/pages", "url"),
        (f"/tasks/{crawl.task_id}/events", "seq"),
        ("/sources", "source_id"),
        ("/tasks", "task_id"),
    ):
        rows = await client.every(path)
        assert len({row[key] for row in rows}) == len(rows) > 0, path
        for limit in (1, 2, 3):
            assert await client.every(path, limit) == rows, (path, limit)


async def test_task_list_is_newest_first_and_filters(client: Client, site: Site) -> None:
    crawls = [await client.crawl(f"{site.url}/{name}") for name in ("a.html", "b.html")]
    failed = await client.crawl(f"{site.url}/gone.html")
    ids = [failed.task_id, crawls[1].task_id, crawls[0].task_id]
    assert [task["task_id"] for task in await client.every("/tasks", limit=1)] == ids
    assert [task["task_id"] for task in await client.every("/tasks?status=completed")] == ids[1:]
    assert [task["task_id"] for task in await client.every("/tasks?status=failed,cancelled")] == ids[:1]
    assert [task["task_id"] for task in await client.every("/tasks?task_type=crawl", limit=2)] == ids
    assert await client.every("/tasks?task_type=parse_page") == []


async def test_events_page_forward_and_backward(client: Client, crawl: Crawl) -> None:
    path, last = f"/tasks/{crawl.task_id}/events", crawl.task["last_seq"]
    assert await client.every(path) == crawl.events
    assert (await client.one(f"{path}?after=3&limit=2"))["items"] == crawl.events[3:5]
    assert (await client.one(f"{path}?before={last}&limit=2"))["items"] == crawl.events[-3:-1]
    assert await client.one(f"{path}?after={last}") == {"items": [], "next_cursor": None}
    assert [set(event) for event in crawl.events] == [{"seq", "at", "type", "message", "data"}] * last


async def test_pages_of_a_task_by_state(client: Client, crawl: Crawl, site: Site) -> None:
    stored = await client.every(f"/tasks/{crawl.task_id}/pages?status=stored")
    failed = await client.every(f"/tasks/{crawl.task_id}/pages?state=failed")
    assert len(stored) == crawl.task["result"]["pages"] == 5
    assert [(row["url"], row["reason"], row["status_code"]) for row in failed] == [
        (f"{site.url}/gone.html", "http_404", 404)
    ]
    assert failed[0]["found_on"] == f"{site.url}/index.html"


UNKNOWN = [
    ("GET", "/tasks/tsk_no"),
    ("GET", "/tasks/tsk_no/events"),
    ("GET", "/tasks/tsk_no/pages"),
    ("PUT", "/tasks/tsk_no/cancel"),
    ("POST", "/tasks/tsk_no/retry"),
    ("GET", "/knowledge/status/tsk_no"),
    ("GET", "/sources/src_no"),
    ("DELETE", "/sources/src_no"),
    ("GET", "/sources/src_no/pages"),
    ("GET", "/sources/src_no/chunks"),
    ("GET", "/sources/src_no/code-examples"),
    ("GET", "/pages/pg_no"),
    ("GET", "/sources/src_%00no"),
    ("GET", "/tasks/%ff%fe"),
    ("GET", "/nothing"),
    ("POST", "/nothing"),
]


async def test_what_is_unknown_is_404(client: Client) -> None:
    for method, path in UNKNOWN:
        reply = await client.call(method, f"{API}{path}")
        assert (reply.status, reply.error["code"]) == (404, "not_found"), (method, path)


async def test_search_in_an_unknown_source_is_404(client: Client) -> None:
    for path in ("/search", "/search/code"):
        reply = await client.post(path, {"query": "x", "source_id": "src_no"})
        assert (reply.status, reply.error["code"]) == (404, "not_found")
        assert reply.error["details"] == {"kind": "source", "id": "src_no"}


WRONG_METHODS = [
    ("POST", "/tasks/tsk_x/cancel", "PUT"),
    ("GET", "/tasks/tsk_x/retry", "POST"),
    ("DELETE", "/tasks/tsk_x", "GET"),
    ("DELETE", "/search", "POST"),
    ("PUT", "/sources/src_x", "DELETE"),
]


async def test_a_wrong_method_is_405_and_says_what_is_possible(client: Client) -> None:
    for method, path, allowed in WRONG_METHODS:
        reply = await client.call(method, f"{API}{path}")
        assert (reply.status, reply.error["code"]) == (405, "method_not_allowed"), (method, path)
        assert allowed in reply.headers["Allow"].split(", ")


async def test_what_has_ended_cannot_be_cancelled_nor_a_good_crawl_be_retried(client: Client, site: Site) -> None:
    done = await client.crawl(f"{site.url}/a.html", max_depth=0)
    cancel = await client.put(f"/tasks/{done.task_id}/cancel")
    assert (cancel.status, cancel.error["code"]) == (409, "wrong_state")
    assert cancel.error["details"] == {"task_id": done.task_id, "status": "completed"}
    for body in ({}, {"only": "failed"}):
        retry = await client.post(f"/tasks/{done.task_id}/retry", body)
        assert (retry.status, retry.error["code"]) == (409, "wrong_state")


async def test_a_waiting_task_is_cancelled_at_once_and_can_be_retried(start_server: StartServer, site: Site) -> None:
    client = await start_server(worker_concurrency=0)
    started = await client.start(f"{site.url}/a.html")
    path = f"/tasks/{started['task_id']}"
    refused = await client.post(f"{path}/retry", {})
    assert (refused.status, refused.error["details"]["status"]) == (409, "queued")
    cancelled = await client.put(f"{path}/cancel")
    assert (cancelled.status, cancelled.body["status"]) == (200, "cancelled")
    status = await client.one(f"/knowledge/status/{started['task_id']}")
    assert (status["status"], status["done"], status["cancelled"]) == ("cancelled", True, True)
    again = await client.post(f"{path}/retry", {})
    assert (again.status, again.body["status"]) == (202, "queued")
    assert again.headers["Location"] == f"{API}{path}"


async def test_the_same_idempotency_key_starts_nothing_twice(client: Client, site: Site) -> None:
    body, key = {"url": f"{site.url}/a.html"}, {"Idempotency-Key": "k-1"}
    replies = await asyncio.gather(*(client.post("/knowledge/add", body, headers=key) for _ in range(8)))
    assert {reply.status for reply in replies} == {202}
    assert len({reply.body["task_id"] for reply in replies}) == 1
    assert len(await client.every("/tasks")) == 1
    await client.ended(replies[0].body["task_id"])
    late = await client.post("/knowledge/add", body, headers=key)
    assert (late.status, late.body["task_id"]) == (202, replies[0].body["task_id"])
    assert late.body["status"] == "completed"


async def test_an_idempotency_key_with_another_request_is_a_conflict(client: Client, site: Site) -> None:
    key = {"Idempotency-Key": "k-1"}
    await client.post("/knowledge/add", {"url": f"{site.url}/a.html"}, headers=key)
    reply = await client.post("/knowledge/add", {"url": f"{site.url}/b.html"}, headers=key)
    assert (reply.status, reply.error["code"]) == (409, "idempotency_conflict")
    assert len(await client.every("/tasks")) == 1
    assert len(await client.every("/sources")) == 1


async def test_a_full_queue_is_503_and_leaves_nothing_behind(start_server: StartServer, site: Site) -> None:
    client = await start_server(worker_concurrency=0, queue_limit=2)
    for name in ("a.html", "b.html"):
        await client.start(f"{site.url}/{name}")
    reply = await client.post("/knowledge/add", {"url": f"{site.url}/deep/c.html"})
    assert (reply.status, reply.error["code"]) == (503, "queue_full")
    assert int(reply.headers["Retry-After"]) > 0
    assert len(await client.every("/tasks")) == 2
    assert len(await client.every("/sources")) == 2


async def test_starts_are_answered_while_a_crawl_runs(client: Client) -> None:
    """Expected: ten are answered while the site lets the crawl get no further."""
    async with gated_ring(60) as site:
        started = await client.start(site.start)
        await client.until_stored(started["task_id"], 1)
        for n in range(10):
            await client.start(f"{site.site.url}/p{n}.html", max_depth=0)
        assert (await client.one(f"/tasks/{started['task_id']}"))["status"] == "running"
        await site.let(60)
        assert (await client.ended(started["task_id"])).status == "completed"


async def test_health_names_the_parts(client: Client) -> None:
    reply = await client.call("GET", "/health")
    assert reply.status == 200
    assert reply.body["status"] == "ok"
    assert set(reply.body["parts"]) >= {"database", "embedder", "browser", "worker"}
    assert reply.body["parts"]["embedder"]["status"] == "off"
    assert reply.body["needs_key"] is False
    example: dict[str, Any] = (await client.crawl(reply.body["example_url"], max_pages=3)).task
    assert example["status"] == "completed"
