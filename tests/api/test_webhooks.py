"""`/webhooks/deliveries`: a task's calls listed, read, and sent again after they were given up."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.client import API, Client
from tests.sites.receiver import Answer, Receiver, receiver

DELIVERIES = "/webhooks/deliveries"
SETTLED_SECONDS = 20.0
FACTS = {
    "delivery_id", "task_id", "url", "type", "state", "attempts", "created_at", "next_at", "settled_at",
    "last_status_code", "last_error",
}  # fmt: skip


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    async with receiver() as it:
        yield it


async def run_task(client: Client, webhook_url: str, **options: Any) -> str:
    """A task of one step without duration, to its end; its id."""
    body = {"task_type": "test", "payload": {"steps": 1, "seconds": 0}, "webhook_url": webhook_url, **options}
    reply = await client.post("/tasks", body)
    assert reply.status == 202, reply
    return (await client.ended(str(reply.body["task_id"]))).task_id


async def settled(client: Client, task_id: str) -> list[dict[str, Any]]:
    """The calls of a task, newest first, once none is pending: nothing but the rows tells of that."""
    async with asyncio.timeout(SETTLED_SECONDS):
        while True:
            rows = await client.every(f"{DELIVERIES}?task_id={task_id}")
            if rows and all(row["state"] != "pending" for row in rows):
                return rows


async def test_a_call_from_a_task_to_its_receiver(client: Client, there: Receiver, tmp_path: Path) -> None:
    task_id = await run_task(client, f"{there.url}/hook?token=1")
    [row] = await settled(client, task_id)
    assert set(row) == FACTS
    assert (row["task_id"], row["url"], row["type"]) == (task_id, f"{there.url}/hook?token=1", "task.completed")
    assert (row["state"], row["attempts"], row["last_status_code"]) == ("delivered", 1, 204)
    assert (row["next_at"], row["last_error"], row["settled_at"] is None) == (None, None, False)
    [call] = there.calls
    one = await client.one(f"{DELIVERIES}/{row['delivery_id']}")
    assert one == {**row, "body": json.loads(call.body)}
    assert one["body"]["data"]["task_id"] == task_id
    secret = (tmp_path / "data" / "webhook.secret").read_text().strip().removeprefix("whsec_")
    signed = f"{row['delivery_id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    expected = base64.b64encode(hmac.new(base64.b64decode(secret), signed, hashlib.sha256).digest()).decode()
    assert (call.id, call.headers["webhook-signature"]) == (row["delivery_id"], f"v1,{expected}")


async def test_calls_of_several_states_come_in_order(client: Client, there: Receiver) -> None:
    task_id = await run_task(client, there.url, webhook_states=["running", "completed"])
    rows = await settled(client, task_id)
    assert [row["type"] for row in rows][-1] == "task.running"
    await there.heard(2)
    assert [json.loads(call.body)["type"] for call in there.calls] == ["task.running", "task.completed"]


async def test_a_dead_call_is_listed_and_sent_again(client: Client, there: Receiver) -> None:
    there.answer(Answer(410))
    task_id = await run_task(client, there.url)
    [row] = await settled(client, task_id)
    assert (row["state"], row["attempts"], row["last_status_code"]) == ("dead", 1, 410)
    assert row["last_error"] == "The receiver answered 410 Gone: it wants no more calls."
    assert await client.every(f"{DELIVERIES}?state=dead") == [row]
    assert await client.every(f"{DELIVERIES}?state=delivered") == []
    path = f"{DELIVERIES}/{row['delivery_id']}"
    reply = await client.post(f"{path}/retry", None)
    assert (reply.status, reply.headers["Location"]) == (202, f"{API}{path}")
    assert (reply.body["state"], reply.body["attempts"]) == ("pending", 0)
    [row] = await settled(client, task_id)
    assert (row["state"], row["attempts"]) == ("delivered", 1)
    assert [call.id for call in there.calls] == [row["delivery_id"]] * 2
    refused = await client.post(f"{path}/retry", None)
    assert (refused.status, refused.error["code"]) == (409, "wrong_state")
    assert refused.error["details"] == {"delivery_id": row["delivery_id"], "state": "delivered"}


async def test_a_listing_has_pages(client: Client, there: Receiver) -> None:
    task_ids = [await run_task(client, there.url) for _ in range(3)]
    for task_id in task_ids:
        await settled(client, task_id)
    first = await client.one(f"{DELIVERIES}?limit=2")
    assert [row["task_id"] for row in first["items"]] == task_ids[:0:-1]
    rest = await client.one(f"{DELIVERIES}?limit=2&cursor={first['next_cursor']}")
    assert ([row["task_id"] for row in rest["items"]], rest["next_cursor"]) == (task_ids[:1], None)
    assert [row["task_id"] for row in await client.every(DELIVERIES, limit=1)] == task_ids[::-1]


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        (f"{DELIVERIES}?state=lost", 422, "state"),
        (f"{DELIVERIES}?limit=0", 422, "limit"),
        (f"{DELIVERIES}?cursor=nonsense", 422, "cursor"),
        (f"{DELIVERIES}/msg_unknown", 404, None),
    ],
)
async def test_bad_requests(client: Client, path: str, status: int, field: str | None) -> None:
    reply = await client.get(path)
    assert (reply.status, reply.error["details"].get("field")) == (status, field)


async def test_an_unknown_call_cannot_be_sent_again(client: Client) -> None:
    reply = await client.post(f"{DELIVERIES}/msg_unknown/retry", None)
    assert (reply.status, reply.error["code"]) == (404, "not_found")


async def test_a_private_webhook_is_refused_at_the_door(client: Client) -> None:
    reply = await client.post("/tasks", {"task_type": "test", "payload": {}, "webhook_url": "http://10.0.0.1/hook"})
    assert (reply.status, reply.error["code"]) == (422, "address_forbidden")
    assert reply.error["details"]["field"] == "webhook_url"
