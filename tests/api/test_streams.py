"""Server-sent events and the plain WebSocket: the same events as everywhere, resumed where a client left off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import WSCloseCode, WSMsgType

from tests.api.client import API, Client
from tests.api.sites import SMALL, GatedSite, gated_ring
from tests.conftest import ServePages, StartServer

EVENT_STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
async def gated() -> AsyncIterator[GatedSite]:
    async with gated_ring(12) as site:
        yield site


async def websocket_messages(client: Client, task_id: str, last_seq: int = 0) -> list[dict[str, Any]]:
    """All messages of the plain WebSocket up to the one that tells the task's end."""
    messages: list[dict[str, Any]] = []
    async with (
        asyncio.timeout(30),
        client.session.ws_connect(f"{client.url}/ws/tasks/{task_id}/status?lastSeq={last_seq}") as socket,
    ):
        while not messages or messages[-1]["taskStatus"] != "completed":
            messages.append(await socket.receive_json())
    return messages


def events_of(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for message in messages for event in message["events"]]


async def test_every_door_tells_the_same_events(client: Client, gated: GatedSite) -> None:
    task_id = (await client.start(gated.start))["task_id"]
    async with asyncio.TaskGroup() as group:
        by_websocket = group.create_task(websocket_messages(client, task_id))
        by_sse = group.create_task(client.ended(task_id))
        await client.until(task_id, lambda event: event["data"].get("url") == gated.start)
        await gated.let(12)
    events = await client.every(f"/tasks/{task_id}/events", limit=7)
    assert by_sse.result().events == events
    assert events_of(by_websocket.result()) == events
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


async def test_the_websocket_speaks_as_the_room_does(client: Client, gated: GatedSite) -> None:
    task_id = (await client.start(gated.start))["task_id"]
    await gated.let(12)
    messages = await websocket_messages(client, task_id)
    assert messages[0]["prevSeq"] == 0
    assert [message["prevSeq"] for message in messages[1:]] == [message["seq"] for message in messages[:-1]]
    assert (messages[-1]["status"], messages[-1]["percentage"]) == ("complete", 100)


@pytest.mark.parametrize("last_seq", [0, 3])
async def test_a_websocket_resumes_after_the_last_seq(client: Client, serve_pages: ServePages, last_seq: int) -> None:
    crawl = await client.crawl(f"{(await serve_pages(SMALL)).url}/index.html")
    messages = await websocket_messages(client, crawl.task_id, last_seq)
    assert (len(messages), messages[0]["prevSeq"]) == (1, last_seq)
    assert messages[0]["events"] == crawl.events[last_seq:]
    start_over = await websocket_messages(client, crawl.task_id, 10_000)
    assert (start_over[0]["prevSeq"], events_of(start_over)) == (0, crawl.events)


async def test_a_websocket_for_nothing_is_refused_before_it_opens(client: Client) -> None:
    reply = await client.call("GET", "/ws/tasks/tsk_no/status")
    assert (reply.status, reply.error["code"]) == (404, "not_found")


async def test_a_websocket_ends_when_its_task_is_removed(start_server: StartServer) -> None:
    client = await start_server(worker_concurrency=0)
    task_id = (await client.post("/tasks", {"task_type": "test"})).body["task_id"]
    await client.put(f"/tasks/{task_id}/cancel")
    async with client.session.ws_connect(f"{client.url}/ws/tasks/{task_id}/status") as socket:
        assert (await socket.receive_json())["taskStatus"] == "cancelled"
        assert (await client.post("/tasks/prune", {"older_than_days": 0, "status": ["cancelled"]})).body["tasks"] == 1
        async with asyncio.timeout(15):
            end = await socket.receive()
    assert (end.type, end.data, end.extra) == (WSMsgType.CLOSE, WSCloseCode.OK, "the task was removed")


async def test_a_websocket_says_which_parameter_is_wrong(start_server: StartServer) -> None:
    client = await start_server(worker_concurrency=0)
    started = await client.start("https://docs.example.org/")
    reply = await client.call("GET", f"/ws/tasks/{started['task_id']}/status?lastSeq=-1")
    assert (reply.status, reply.error["details"]["field"]) == (422, "lastSeq")


async def test_what_a_websocket_client_says_changes_nothing(client: Client, gated: GatedSite) -> None:
    task_id = (await client.start(gated.start))["task_id"]
    async with client.session.ws_connect(f"{client.url}/ws/tasks/{task_id}/status") as socket:
        await socket.send_str('{"cancel": true}')
        await socket.send_bytes(b"\xff")
        await gated.let(12)
        assert (await client.ended(task_id)).status == "completed"


async def test_server_sent_events_resume(client: Client, serve_pages: ServePages) -> None:
    crawl = await client.crawl(f"{(await serve_pages(SMALL)).url}/index.html")
    by_id = [event async for event in client.follow(crawl.task_id, headers={"Last-Event-ID": "4"})]
    by_query = [event async for event in client.follow(crawl.task_id, after=4)]
    assert by_id == by_query == crawl.events[4:]
    assert [event async for event in client.follow(crawl.task_id, after=crawl.task["last_seq"])] == []
    assert [event async for event in client.follow(crawl.task_id, after=10_000)] == crawl.events


async def test_a_last_event_id_that_is_none_counts_as_none(client: Client, serve_pages: ServePages) -> None:
    crawl = await client.crawl(f"{(await serve_pages(SMALL)).url}/a.html", max_depth=0)
    for last_id in ("x", "-1", "²", "9" * 40):
        assert [
            event async for event in client.follow(crawl.task_id, headers={"Last-Event-ID": last_id})
        ] == crawl.events


async def test_events_of_an_unknown_task_are_404_as_a_stream_too(client: Client) -> None:
    reply = await client.get("/tasks/tsk_no/events", headers=EVENT_STREAM)
    assert (reply.status, reply.error["code"]) == (404, "not_found")


async def test_a_reader_that_goes_is_no_error(
    client: Client, gated: GatedSite, caplog: pytest.LogCaptureFixture
) -> None:
    task_id = (await client.start(gated.start))["task_id"]
    for _ in range(3):
        async with client.session.get(f"{client.url}{API}/tasks/{task_id}/events", headers=EVENT_STREAM) as response:
            await response.content.readline()
            response.close()
    await gated.let(12)
    assert (await client.ended(task_id)).status == "completed"
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
