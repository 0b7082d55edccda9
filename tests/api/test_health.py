"""`/health/background-tasks`: what it tells of the queue, the workers and the webhooks, and when it is degraded."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from gleanery import app
from tests.api.client import Client
from tests.conftest import StartServer, settings
from tests.sites.receiver import Answer, receiver

FIELDS = {
    "status", "reasons", "queue", "active_tasks", "failures_last_hour", "store", "browser_pool", "page_pool", "workers", "webhooks",
    "dispatcher",
}  # fmt: skip


async def health(client: Client, **options: Any) -> dict[str, Any]:
    reply = await client.call("GET", "/health/background-tasks", **options)
    assert reply.status == 200, reply
    body: dict[str, Any] = reply.body
    assert set(body) == FIELDS
    return body


async def submit(client: Client, steps: int = 1, seconds: float = 0, **fields: Any) -> str:
    payload = {"steps": steps, "seconds": seconds, **fields.pop("payload", {})}
    reply = await client.post("/tasks", {"task_type": "test", "payload": payload, **fields})
    assert reply.status == 202, reply
    return str(reply.body["task_id"])


async def test_a_quiet_server_is_well(start_server: StartServer, tmp_path: Path) -> None:
    client = await start_server(browser=tmp_path / "none")
    body = await health(client)
    assert (body["status"], body["reasons"], body["active_tasks"]) == ("ok", [], [])
    assert body["queue"] == {
        "by_status": dict.fromkeys(("queued", "running", "paused", "completed", "failed", "cancelled"), 0),
        "due": 0,
        "oldest_due_seconds": None,
    }
    assert body["store"]["status"] == "ok"
    assert body["browser_pool"]["status"] == "off"
    assert body["webhooks"] == {"pending": 0, "delivered": 0, "dead": 0}
    (worker,) = body["workers"]
    assert (worker["is_alive"], worker["concurrency"], worker["running"], worker["state"]) == (True, 8, 0, "running")
    types = [one["task_type"] for one in (await client.one("/task-types"))["items"]]
    assert sorted(worker["task_types"]) == sorted(types)
    assert len(types) > 15
    assert "listening" in body["dispatcher"]


async def test_it_shows_what_runs_and_counts_failures(client: Client) -> None:
    failed = await client.ended(await submit(client, payload={"fail_at": 1}, max_retries=0))
    assert failed.status == "failed"
    task_id = await submit(client, steps=2, seconds=60, title="a long one")
    await client.until(task_id, lambda event: event["type"] == "task_started")
    body = await health(client)
    assert (body["status"], body["failures_last_hour"]) == ("ok", 1)
    (active,) = body["active_tasks"]
    assert {name: active[name] for name in ("task_id", "task_type", "title", "status", "attempt", "percentage")} == {
        "task_id": task_id,
        "task_type": "test",
        "title": "a long one",
        "status": "running",
        "attempt": 1,
        "percentage": 0,
    }
    assert active["worker_id"] == body["workers"][0]["worker_id"]
    assert active["attempt_started_at"] is not None
    await client.put(f"/tasks/{task_id}/cancel")


async def test_due_tasks_without_a_worker_degrade_it(start_server: StartServer) -> None:
    client = await start_server(worker_concurrency=0)
    await submit(client, run_at="2100-01-01T00:00:00Z")
    assert (await health(client))["status"] == "ok"
    await submit(client)
    body = await health(client)
    assert (body["status"], body["queue"]["due"]) == ("degraded", 1)
    assert body["reasons"] == ["No worker lives and tasks are due: 1. Start one with 'gleanery worker'."]


async def test_a_type_that_no_living_worker_runs_degrades_it(start_server: StartServer, tmp_path: Path) -> None:
    client = await start_server(worker_concurrency=0)
    await submit(client)
    async with app.working(settings(tmp_path / "data"), "crawler", ["crawl"]):
        body = await health(client)
        assert body["reasons"] == ["Tasks of type test are due and no living worker runs that type."]
        assert {worker["worker_id"]: worker["task_types"] for worker in body["workers"]}["crawler"] == [
            "crawl",
            "crawl_part",
        ]
        async with app.working(settings(tmp_path / "data"), "tester", ["test"]):
            body = await health(client)
            assert (body["status"], body["reasons"]) == ("ok", [])
    assert "crawler" not in {worker["worker_id"] for worker in (await health(client))["workers"]}


async def test_dead_letters_degrade_it(client: Client) -> None:
    async with receiver() as there:
        there.answer(Answer(410))
        await client.ended(await submit(client, webhook_url=there.url))
        await there.heard(1)
    async with asyncio.timeout(20):
        while (body := await health(client))["webhooks"]["pending"]:
            pass
    assert body["webhooks"] == {"pending": 0, "delivered": 0, "dead": 1}
    assert (body["status"], body["reasons"]) == (
        "degraded",
        ["Webhook calls that were given up: 1. See GET /api/v1/webhooks/deliveries?state=dead."],
    )


async def test_it_needs_the_key_and_plain_health_does_not(start_server: StartServer) -> None:
    locked = await start_server(api_keys="secret")
    assert (await locked.call("GET", "/health/background-tasks")).status == 401
    assert (await locked.call("GET", "/health")).status == 200
    assert (await health(locked, headers={"X-API-Key": "secret"}))["status"] == "ok"
