"""A whole server that keeps everything in Supabase: a crawl from the first request to the hits, and a database that goes away."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import pytest

from tests.api.client import Client
from tests.api.test_parses import png
from tests.api.test_traces import settled, traces
from tests.conftest import ServePages, StartServer
from tests.ground.supabase import Gateway, Project


@pytest.fixture
async def server(supabase_project: Project, gateway: Gateway, start_server: StartServer) -> Client:
    # In this order: the way to the database is there until the server has ended.
    return await start_server(supabase_url=gateway.url, supabase_service_key=supabase_project.service_key)


async def health(client: Client) -> dict[str, Any]:
    reply = await client.call("GET", "/health")
    assert reply.status == 200
    body: dict[str, Any] = reply.body
    return body


async def test_a_site_is_crawled_searched_and_refreshed(server: Client) -> None:
    crawl = await server.crawl(f"{server.url}/example/")
    assert (crawl.status, crawl.task["result"]["failed"]) == ("completed", 0)
    pages = await server.every(f"/sources/{crawl.source_id}/pages")
    assert len(pages) == crawl.task["result"]["pages"] > 20
    seqs = [event["seq"] for event in crawl.events]
    assert seqs == list(range(1, len(seqs) + 1))
    hits = (await server.one("/search?q=webhook+secret"))["hits"]
    assert hits
    again = await server.post(f"/sources/{crawl.source_id}/refresh", {})
    assert again.status == 202
    refreshed = await server.ended(str(again.body["task_id"]))
    assert refreshed.status == "completed"


async def test_who_has_nothing_to_do_asks_whether_there_is_something_and_no_more(
    server: Client, gateway: Gateway
) -> None:
    """Expected: no webhook and no schedule is fetched before one is due, nothing is asked of tasks where none runs, and a free
    place asks for a task once a second."""
    loops = ("tasks_owners", "outbox_next_at", "schedules_next_at", "tasks_claim_due")
    begun_at = time.monotonic()
    while min(gateway.asked.count(f"gleanery_{name}") for name in loops) < 4:
        assert (await health(server))["status"] == "ok"
        await asyncio.sleep(0.1)
    asked = Counter(gateway.asked)
    # At the start and once a second; some of it was asked before this test began to count its seconds.
    assert asked["gleanery_tasks_claim_due"] <= time.monotonic() - begun_at + 5
    for name in ("outbox_claim", "schedules_due", "tasks_asked_of"):
        assert asked[f"gleanery_{name}"] == 0, name


async def test_a_backup_of_the_folder_is_refused(server: Client) -> None:
    reply = await server.post("/backup", {})
    assert (reply.status, reply.error["code"]) == (409, "wrong_state")


async def test_traces_are_grouped_in_a_process_that_knows_no_database(server: Client) -> None:
    reply = await server.post("/traces", {"traces": traces(30)})
    assert (reply.status, reply.body["stored"]) == (202, 30)
    (group,) = await settled(server, 30)
    assert [variable["name"] for variable in group["variables"]] == ["name", "message"]
    assert group["trace_count"] == 30


@pytest.mark.browser
async def test_a_page_is_parsed_and_its_screenshot_kept(server: Client, serve_pages: ServePages) -> None:
    site = await serve_pages({"index.html": "<title>One</title><h1>One</h1><button>Go</button>"})
    started = await server.post("/web-pages/parse", {"url": site.url})
    assert started.status == 202
    task = (await server.ended(str(started.body["task_id"]))).task
    assert task["status"] == "completed", task["error"]
    page = await server.one(f"/web-pages/{task['result']['web_page_id']}")
    assert page["title"] == "One"
    status, _, data = await png(server, task["result"]["web_page_id"])
    assert (status, data[:4]) == (200, b"\x89PNG")


async def test_frameworks_and_workspaces_are_kept(server: Client) -> None:
    frameworks = (await server.one("/compliance/frameworks"))["items"]
    assert frameworks
    assert all(row["is_bundled"] for row in frameworks)
    assert (await server.one("/stories"))["items"] == []
    assert (await server.one("/workspaces"))["items"] == []


async def test_a_crawl_goes_on_when_the_database_comes_back(
    server: Client, gateway: Gateway, serve_pages: ServePages
) -> None:
    site = await serve_pages(
        {
            "index.html": "<p>" + " ".join(f'<a href="{n}.html">page {n}</a>' for n in range(60)) + "</p>",
            **{f"{n}.html": f"<h1>Page {n}</h1><p>{f'words of page {n} ' * 20}</p>" for n in range(60)},
        }
    )
    assert (await health(server))["parts"]["database"]["status"] == "ok"
    task_id = str((await server.start(site.url))["task_id"])
    gateway.is_down = True
    await gateway.refuses()
    told = await health(server)
    assert (told["status"], told["parts"]["database"]["status"]) == ("degraded", "failed")
    await gateway.refuses(20)  # all that waits is tried again and again
    gateway.is_down = False
    crawl = await server.ended(task_id)
    assert (crawl.status, crawl.task["result"]["pages"], crawl.task["result"]["failed"]) == ("completed", 61, 0)
    assert (await health(server))["parts"]["database"]["status"] == "ok"


async def test_who_follows_a_task_is_told_without_the_database_being_asked(server: Client, gateway: Gateway) -> None:
    """Expected: a reader at the end of a log hears of each event by what its server is told, not by a read."""
    reply = await server.post("/tasks", {"task_type": "test", "payload": {"steps": 30, "seconds": 0.05, "lines": 1}})
    task_id = str(reply.body["task_id"])
    ended = await server.ended(task_id)
    assert [event["seq"] for event in ended.events] == list(range(1, ended.task["last_seq"] + 1))
    assert len(ended.events) > 30
    assert gateway.asked.count("gleanery_tasks_events") < len(ended.events) / 3
