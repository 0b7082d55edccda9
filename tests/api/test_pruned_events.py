"""Following a task whose events, or the first of them, are no longer kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gleanery.engine.housekeeping import prune
from gleanery.model import utc_now
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.values import Retention
from tests.api.client import API, Client
from tests.conftest import StartServer

EVENT_STREAM = {"Accept": "text/event-stream"}


async def ended_task(client: Client) -> dict[str, object]:
    reply = await client.post("/tasks", {"task_type": "test", "payload": {"steps": 1, "seconds": 0}})
    return (await client.ended(reply.body["task_id"])).task


async def pruned(folder: Path, retention: Retention) -> None:
    async with EmbeddedStore(folder / "gleanery.db", lambda _: None) as store:
        await prune(store.tasks, retention)


async def stream(client: Client, task_id: object, **headers: str) -> list[str]:
    """The whole stream, which must end, as the server wrote it: one text a message."""
    async with (
        asyncio.timeout(10),
        client.session.get(
            f"{client.url}{API}/tasks/{task_id}/events", headers={**EVENT_STREAM, **headers}
        ) as response,
    ):
        return (await response.text()).split("\n\n")[:-1]


async def test_a_stream_of_events_that_are_all_gone_ends(start_server: StartServer, tmp_path: Path) -> None:
    client = await start_server(data_dir=tmp_path)
    task = await ended_task(client)
    await pruned(tmp_path, Retention(events_before=utc_now()))
    last = task["last_seq"]
    told = await stream(client, task["task_id"])
    assert told == [f'event: start_over\ndata: {{"first_seq": {int(str(last)) + 1}, "last_seq": {last}}}']
    assert await stream(client, task["task_id"], **{"Last-Event-ID": str(last)}) == []


@pytest.mark.parametrize("seen", [0, 1])
async def test_who_is_behind_what_is_kept_is_told_to_start_over(
    start_server: StartServer, tmp_path: Path, seen: int
) -> None:
    client = await start_server(data_dir=tmp_path)
    task = await ended_task(client)
    last = int(str(task["last_seq"]))
    await pruned(tmp_path, Retention(events_per_task=1))
    first, second = await stream(client, task["task_id"], **{"Last-Event-ID": str(seen)})
    assert first == f'event: start_over\ndata: {{"first_seq": {last}, "last_seq": {last}}}'
    assert second.startswith(f"id: {last}\nevent: task_completed\n")
    [again] = await stream(client, task["task_id"], **{"Last-Event-ID": str(last - 1)})
    assert again == second


async def test_a_websocket_tells_the_state_of_a_task_whose_events_are_gone(
    start_server: StartServer, tmp_path: Path
) -> None:
    client = await start_server(data_dir=tmp_path)
    task = await ended_task(client)
    await pruned(tmp_path, Retention(events_before=utc_now()))
    async with (
        asyncio.timeout(10),
        client.session.ws_connect(f"{client.url}/ws/tasks/{task['task_id']}/status") as socket,
    ):
        update = await socket.receive_json()
    last = task["last_seq"]
    assert (update["status"], update["prevSeq"], update["seq"], update["events"]) == ("complete", last, last, [])
