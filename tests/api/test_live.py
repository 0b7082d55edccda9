"""Live progress over Socket.IO, with real clients: snapshot and replay, no gap, no repeat, whatever happens to the line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import socketio

from tests.api.client import Client
from tests.api.sites import SMALL, GatedSite, gated_ring, ring
from tests.api.watcher import Watcher
from tests.conftest import ServePages, StartServer

MESSAGE_FIELDS = {
    "progressId", "prevSeq", "seq", "events", "status", "taskStatus", "percentage", "stage", "stages", "currentUrl", "log",
    "etaSeconds", "ratePerSecond", "failed", "skipped", "error",
}  # fmt: skip


@pytest.fixture
async def gated() -> AsyncIterator[GatedSite]:
    async with gated_ring(16) as site:
        yield site


async def watch(stack: AsyncExitStack, client: Client, task_id: str) -> Watcher:
    """A connected watcher that has not subscribed yet."""
    watcher = await stack.enter_async_context(Watcher(client.url, task_id))
    await watcher.connect()
    return watcher


def stored_page(number: int) -> Callable[[dict[str, Any]], bool]:
    """Whether an event tells of this page of the ring."""
    return lambda event: str(event["data"].get("url", "")).endswith(f"/p{number}.html")


def seqs(events: list[dict[str, Any]]) -> list[int]:
    return [event["seq"] for event in events]


async def test_a_subscriber_sees_snapshot_then_every_event_once(
    client: Client, gated: GatedSite, stack: AsyncExitStack
) -> None:
    started = await client.start(gated.start)
    watcher = await watch(stack, client, started["task_id"])
    ack = await watcher.subscribe()
    assert (ack["progressId"], ack["found"], ack["startOver"]) == (started["task_id"], True, False)
    assert ack["task"]["task_id"] == started["task_id"]
    assert ack["task"]["last_seq"] == ack["lastSeq"] == watcher.last_seq
    await gated.let(16)
    last = await watcher.hear_the_end()
    crawl = await client.ended(started["task_id"])
    assert watcher.events == crawl.events
    assert watcher.names == {"crawl_progress"}
    assert all(set(message) == MESSAGE_FIELDS for message in watcher.messages)
    chain = [(message["prevSeq"], message["seq"]) for message in watcher.messages]
    assert [prev for prev, _ in chain[1:]] == [seq for _, seq in chain[:-1]]
    shown = [message["percentage"] for message in watcher.messages]
    assert shown == sorted(shown)
    assert (last["status"], last["percentage"], last["error"]) == ("complete", 100, None)
    assert last["log"] == crawl.events[-1]["message"]


async def test_status_words_while_a_crawl_runs(client: Client, gated: GatedSite, stack: AsyncExitStack) -> None:
    started = await client.start(gated.start)
    watcher = await watch(stack, client, started["task_id"])
    await watcher.subscribe(0)
    await gated.let(1)
    while (message := await watcher.hear())["status"] != "crawling":
        assert message["status"] in ("queued", "starting", "analyzing")
    await client.put(f"/tasks/{started['task_id']}/cancel")
    last = await watcher.hear_the_end()
    assert (last["status"], last["taskStatus"]) == ("cancelled", "cancelled")


async def test_a_failed_crawl_shows_minus_one_and_why(
    client: Client, serve_pages: ServePages, stack: AsyncExitStack
) -> None:
    site = await serve_pages({})
    started = await client.start(f"{site.url}/gone.html")
    watcher = await watch(stack, client, started["task_id"])
    await watcher.subscribe(0)
    last = await watcher.hear_the_end()
    assert (last["status"], last["percentage"], last["error"]["code"]) == ("error", -1, "http_404")


async def test_a_client_that_drops_and_comes_back_has_lost_and_doubled_nothing(
    client: Client, gated: GatedSite, stack: AsyncExitStack
) -> None:
    started = await client.start(gated.start)
    task_id = started["task_id"]
    watcher = await watch(stack, client, task_id)
    await watcher.subscribe(0)
    for round_ in range(4):
        await gated.let(2)
        await client.until(task_id, stored_page(2 * round_))
        if round_ % 2:
            await watcher.hear_to(watcher.last_seq + 1)
        await watcher.drop()
        await gated.let(1)
        await watcher.connect()
        ack = await watcher.subscribe(watcher.last_seq)
        assert ack["startOver"] is False
    await gated.let(16)
    if watcher.events[-1]["type"] != "task_completed":
        await watcher.hear_the_end()
    crawl = await client.ended(task_id)
    assert watcher.events == crawl.events
    assert seqs(watcher.events) == list(range(1, crawl.task["last_seq"] + 1))


async def test_a_task_that_has_ended_meanwhile_is_told_by_the_ack(
    client: Client, serve_pages: ServePages, stack: AsyncExitStack
) -> None:
    crawl = await client.crawl(f"{(await serve_pages(SMALL)).url}/index.html")
    for last_seq in (0, 1, crawl.task["last_seq"] - 1, crawl.task["last_seq"]):
        watcher = await watch(stack, client, crawl.task_id)
        ack = await watcher.subscribe(last_seq)
        assert ack["task"] == crawl.task
        assert ack["events"] == crawl.events[last_seq:]
        assert (ack["lastSeq"], ack["more"]) == (crawl.task["last_seq"], False)


async def test_a_last_seq_from_another_life_starts_over(
    client: Client, serve_pages: ServePages, stack: AsyncExitStack
) -> None:
    crawl = await client.crawl(f"{(await serve_pages(SMALL)).url}/index.html")
    ack = await (await watch(stack, client, crawl.task_id)).subscribe(crawl.task["last_seq"] + 1)
    assert ack["startOver"] is True
    assert ack["events"] == crawl.events


async def test_a_long_replay_comes_in_pages(client: Client, serve_pages: ServePages, stack: AsyncExitStack) -> None:
    crawl = await client.crawl(f"{(await serve_pages(ring(520))).url}/index.html")
    assert len(crawl.events) > 500
    watcher = await watch(stack, client, crawl.task_id)
    assert ((await watcher.subscribe(0))["more"], watcher.last_seq) == (True, 500)
    assert (await watcher.subscribe(watcher.last_seq))["more"] is False
    assert watcher.events == crawl.events
    fresh = await (await watch(stack, client, crawl.task_id)).subscribe()
    assert fresh["events"] == crawl.events[-200:]
    assert fresh["firstSeq"] == crawl.events[-200]["seq"]


async def test_an_unknown_task_is_not_found_and_joins_no_room(
    client: Client, serve_pages: ServePages, stack: AsyncExitStack
) -> None:
    """`tasks` is the name of a room inside: asking for it as an id must not let anybody hear it."""
    site = await serve_pages(SMALL)
    watcher = await watch(stack, client, "tasks")
    heard: list[Any] = []
    assert watcher._line is not None
    watcher._line.on("tasks_changed", heard.append)
    ack = await watcher.subscribe(0)
    assert (ack["found"], ack["task"], ack["events"], ack["lastSeq"]) == (False, None, [], 0)
    follower = socketio.AsyncClient()
    told: asyncio.Queue[Any] = asyncio.Queue()
    follower.on("tasks_changed", told.put)
    await follower.connect(client.url, transports=["websocket"])
    stack.push_async_callback(follower.disconnect)
    await follower.call("subscribe_to_tasks")
    await client.crawl(f"{site.url}/index.html")
    await asyncio.wait_for(told.get(), 10)
    await watcher.ask("unsubscribe_from_progress", {"progressId": "tsk_x"})  # whatever was sent before has come
    assert heard == []


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (None, "progressId"),
        ("tsk_x", "progressId"),
        ([], "progressId"),
        ({}, "progressId"),
        ({"progressId": 7}, "progressId"),
        ({"progressId": None, "lastSeq": 1}, "progressId"),
        ({"progressId": "tsk_x", "lastSeq": "1"}, "lastSeq"),
        ({"progressId": "tsk_x", "lastSeq": -1}, "lastSeq"),
        ({"progressId": "tsk_x", "lastSeq": True}, "lastSeq"),
        ({"progressId": "tsk_x", "lastSeq": 1.5}, "lastSeq"),
    ],
)
async def test_a_bad_subscription_is_answered_with_the_field(
    client: Client, stack: AsyncExitStack, payload: Any, field: str
) -> None:
    watcher = await watch(stack, client, "tsk_x")
    for event in ("subscribe_to_progress", "unsubscribe_from_progress"):
        ack = await watcher.ask(event, payload)
        assert ack["error"]["code"] == "invalid_field"
        assert ack["error"]["details"]["field"] == field


async def test_a_number_beyond_64_bits_is_no_defect(client: Client, stack: AsyncExitStack) -> None:
    watcher = await watch(stack, client, "tsk_\ud7ff")
    assert (await watcher.ask("subscribe_to_progress", {"progressId": "tsk_x", "lastSeq": 2**80}))["found"] is False


async def test_who_leaves_hears_nothing_more(client: Client, gated: GatedSite, stack: AsyncExitStack) -> None:
    started = await client.start(gated.start)
    stayer = await watch(stack, client, started["task_id"])
    leaver = await watch(stack, client, started["task_id"])
    await stayer.subscribe(0)
    await leaver.subscribe(0)
    left = await leaver.ask("unsubscribe_from_progress", {"progressId": started["task_id"]})
    assert left == {"progressId": started["task_id"]}
    before = leaver._arrived.qsize()
    await gated.let(16)
    await stayer.hear_the_end()
    await leaver.ask("unsubscribe_from_progress", {"progressId": started["task_id"]})
    assert leaver._arrived.qsize() == before


async def test_a_quiet_room_hears_its_head(start_server: StartServer, stack: AsyncExitStack) -> None:
    client = await start_server(worker_concurrency=0)
    started = await client.start("https://docs.example.org/")
    watcher = await watch(stack, client, started["task_id"])
    await watcher.subscribe(0)
    head = await watcher.hear()
    assert (head["prevSeq"], head["seq"], head["events"], head["status"]) == (1, 1, [], "queued")


async def test_at_most_ten_messages_a_second(client: Client, serve_pages: ServePages, stack: AsyncExitStack) -> None:
    started = await client.start(f"{(await serve_pages(ring(150))).url}/index.html")
    watcher = await watch(stack, client, started["task_id"])
    loop = asyncio.get_running_loop()
    before = loop.time()
    await watcher.subscribe(0)
    await watcher.hear_the_end()
    assert len(watcher.messages) <= 10 * (loop.time() - before) + 2
    assert len(watcher.events) > 150


async def test_the_list_of_tasks_is_told_of_every_change(
    client: Client, serve_pages: ServePages, stack: AsyncExitStack
) -> None:
    site = await serve_pages(SMALL)
    first = await client.crawl(f"{site.url}/a.html")
    line = socketio.AsyncClient()
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    line.on("tasks_changed", told.put)
    await line.connect(client.url, transports=["websocket"])
    stack.push_async_callback(line.disconnect)
    ack = await line.call("subscribe_to_tasks")
    assert ack == {"items": [first.task]}
    started = await client.start(f"{site.url}/index.html")
    known: dict[str, Any] = {}
    async with asyncio.timeout(20):
        while known.get(started["task_id"], {}).get("status") != "completed":
            known |= {task["task_id"]: task for task in (await told.get())["items"]}
    assert known == {started["task_id"]: await client.one(f"/tasks/{started['task_id']}")}
    assert await line.call("unsubscribe_from_tasks") == {}


@pytest.mark.parametrize("auth", [None, {"key": "wrong"}, {"key": 7}, {"key": ""}, "right-key"])
async def test_without_the_key_there_is_no_line(start_server: StartServer, auth: Any) -> None:
    client = await start_server(api_keys="right-key")
    line = socketio.AsyncClient(reconnection=False)
    refusals: asyncio.Queue[Any] = asyncio.Queue()
    line.on("connect_error", refusals.put)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await line.connect(client.url, auth=auth, transports=["websocket"])
    refusal = await refusals.get()
    assert refusal["data"] == {"code": "unauthorized"}
    assert "key" in refusal["message"]
    assert not line.connected


async def test_the_key_comes_as_auth_or_as_header(
    start_server: StartServer, serve_pages: ServePages, stack: AsyncExitStack
) -> None:
    client = await start_server(api_keys="right-key")
    for options in ({"auth": {"key": "right-key"}}, {"headers": {"Authorization": "Bearer right-key"}}):
        line = socketio.AsyncClient(reconnection=False)
        await line.connect(client.url, transports=["websocket"], **options)
        stack.push_async_callback(line.disconnect)
        assert (await line.call("subscribe_to_tasks")) == {"items": []}


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}])
async def test_pages_of_other_sites_get_no_line(client: Client, headers: dict[str, str]) -> None:
    line = socketio.AsyncClient(reconnection=False)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await line.connect(client.url, headers=headers, transports=["websocket"])


async def poll(client: Client, **headers: str) -> Callable[[str | None], Awaitable[str]]:
    """Engine.IO over plain HTTP: gives a function that posts a packet, or reads what waits when there is none."""
    path = "/socket.io/?EIO=4&transport=polling"
    opened = await client.call("GET", path, headers=headers)
    path += f"&sid={json.loads(opened.body[1:])['sid']}"

    async def exchange(packet: str | None) -> str:
        method = "GET" if packet is None else "POST"
        return str((await client.call(method, path, data=packet, headers=headers)).body)

    return exchange


async def test_long_polling_works_as_well(client: Client, gated: GatedSite) -> None:
    started = await client.start(gated.start)
    exchange = await poll(client)
    await exchange("40")
    assert (await exchange(None)).startswith("40")
    await exchange(f'420["subscribe_to_progress",{{"progressId":"{started["task_id"]}"}}]')
    async with asyncio.timeout(20):
        while '"found":true' not in await exchange(None):  # the room may be heard before the answer
            pass
        await gated.let(16)
        while '"taskStatus":"completed"' not in await exchange(None):
            pass


async def test_a_rebound_name_gets_no_line_by_polling_either(client: Client) -> None:
    exchange = await poll(client, Host="evil.example")
    await exchange("40")
    refusal = await exchange(None)
    assert refusal.startswith("44")
    assert json.loads(refusal[2:])["data"] == {"code": "forbidden"}


async def test_a_client_behind_the_oldest_event_that_is_kept_starts_over(
    start_server: StartServer, serve_pages: ServePages, stack: AsyncExitStack
) -> None:
    async with AsyncExitStack() as first_life:
        client = await start_server(until=first_life)
        crawl = await client.crawl(f"{(await serve_pages(ring(150))).url}/index.html")
    last = crawl.task["last_seq"]
    client = await start_server(keep_events=100)
    async with asyncio.timeout(20):
        while (await client.one(f"/tasks/{crawl.task_id}"))["first_seq"] == 1:
            pass
    assert (await client.one(f"/tasks/{crawl.task_id}"))["first_seq"] == last - 99
    behind = await (await watch(stack, client, crawl.task_id)).subscribe(5)
    assert (behind["startOver"], behind["firstSeq"], behind["lastSeq"]) == (True, last - 99, last)
    assert seqs(behind["events"]) == list(range(last - 99, last + 1))
    just = await (await watch(stack, client, crawl.task_id)).subscribe(last - 100)
    assert (just["startOver"], just["firstSeq"]) == (False, last - 99)
    page = await client.one(f"/tasks/{crawl.task_id}/events?after=0&limit=3")
    assert seqs(page["items"]) == [last - 99, last - 98, last - 97]


async def test_a_client_of_many_rooms_hears_them_all_at_once(client: Client) -> None:
    """One transaction ends 250 tasks: a message for each of them is no sign of a client that doesn't read."""
    first = await client.post("/tasks", {"task_type": "test", "payload": {"steps": 1, "seconds": 3600}})
    rest = [
        await client.post("/tasks", {"task_type": "test", "depends_on": [first.body["task_id"]]}) for _ in range(250)
    ]
    ended: dict[str, str] = {}
    all_ended = asyncio.Event()
    line = socketio.AsyncClient(reconnection=False)

    async def hear(message: dict[str, Any]) -> None:
        if message["taskStatus"] != "queued":  # of its beginning it may hear as well
            ended[message["progressId"]] = message["taskStatus"]
        if len(ended) == len(rest):
            all_ended.set()

    line.on("task_progress", hear)
    line.on("disconnect", lambda *_: all_ended.set())
    await line.connect(client.url, transports=["websocket"])
    for reply in rest:
        await line.call("subscribe_to_progress", {"progressId": reply.body["task_id"]}, timeout=10)
    await client.put(f"/tasks/{first.body['task_id']}/cancel")
    async with asyncio.timeout(20):
        await all_ended.wait()
    await line.disconnect()
    assert ended == {reply.body["task_id"]: "failed" for reply in rest}


async def test_a_client_that_never_reads_is_cut_off(
    client: Client, serve_pages: ServePages, caplog: pytest.LogCaptureFixture
) -> None:
    """It asks for long replays and takes none of them: the server must not keep them all for it."""
    crawl = await client.crawl(f"{(await serve_pages(ring(300))).url}/index.html")
    line = await client.session.ws_connect(f"{client.url}/socket.io/?EIO=4&transport=websocket", max_msg_size=0)
    await line.send_str("40")
    question = f'["subscribe_to_progress",{{"progressId":"{crawl.task_id}","lastSeq":0}}]'

    async def ask_until_cut_off() -> int:
        for sent in range(5000):
            try:
                await line.send_str(f"42{sent}{question}")
            except ConnectionError:
                return sent
            await client.call("GET", "/health")  # a round trip: the server has had its turn
        raise AssertionError("never cut off")

    assert 100 < await ask_until_cut_off() < 1000
    assert "slow client cut off" in caplog.text
    fresh = Watcher(client.url, crawl.task_id)
    async with fresh:
        await fresh.connect()
        assert (await fresh.subscribe(0))["found"] is True
