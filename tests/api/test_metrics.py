"""`/metrics`: read as Prometheus reads it, before and after tasks have run; and who may read it."""

from __future__ import annotations

import asyncio
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.api.client import Client
from tests.api.watcher import Watcher
from tests.conftest import StartServer

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def metrics(client: Client, **options: Any) -> Samples:
    reply = await client.call("GET", "/metrics", **options)
    assert reply.status == 200, reply
    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = list(text_string_to_metric_families(reply.body))
    assert len({family.name for family in families}) == len(families)
    assert all(family.name.startswith("gleanery_") and family.documentation for family in families)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((f"gleanery_{name}", frozenset(labels.items())))


async def submit(client: Client, *, fail_at: int | None = None, **fields: Any) -> str:
    payload = {"steps": 1, "seconds": 0, "fail_at": fail_at}
    reply = await client.post("/tasks", {"task_type": "test", "payload": payload, **fields})
    assert reply.status == 202, reply
    return str(reply.body["task_id"])


async def test_it_tells_of_tasks_by_state_type_and_queue(client: Client) -> None:
    before = await metrics(client)
    assert value(before, "tasks_due") == 0
    assert value(before, "events_told_total") == 0
    assert not [key for key in before if key[0] == "gleanery_tasks"]
    # From the start, or what a scrape finds first is no increase: an alert would miss whatever failed until then.
    for status in ("completed", "failed", "cancelled"):
        assert value(before, "tasks_ended_total", status=status, task_type="test") == 0
    assert value(before, "task_retries_total", task_type="test") == 0
    done = await client.ended(await submit(client))
    failed = await client.ended(await submit(client, fail_at=1, max_retries=0))
    later = await submit(client, queue_name="slow", run_at="2100-01-01T00:00:00Z")
    assert (done.status, failed.status) == ("completed", "failed")
    told = await metrics(client)
    assert value(told, "tasks", status="completed", task_type="test") == 1
    assert value(told, "tasks", status="failed", task_type="test") == 1
    assert value(told, "tasks", status="queued", task_type="test") == 1
    assert value(told, "queue_depth", queue="slow") == 1
    assert value(told, "queue_depth", queue="default") == 0
    assert (value(told, "tasks_due"), value(told, "tasks_oldest_due_seconds")) == (0, 0)
    assert value(told, "tasks_ended_total", status="completed", task_type="test") == 1
    assert value(told, "tasks_ended_total", status="failed", task_type="test") == 1
    assert value(told, "events_told_total") == len(done.events) + len(failed.events) + 1
    for name in ("task_waiting_seconds", "task_running_seconds"):
        p50, p95 = (value(told, name, task_type="test", quantile=quantile) for quantile in ("0.5", "0.95"))
        assert p50 is not None
        assert p95 is not None
        assert 0 <= p50 <= p95
    await client.put(f"/tasks/{later}/cancel")
    assert value(await metrics(client), "tasks_ended_total", status="cancelled", task_type="test") == 1


async def test_it_counts_retries_and_what_was_superseded(client: Client) -> None:
    retried = await submit(client, fail_at=1, max_retries=1)
    assert (await client.ended(retried)).task["retry_attempts"] == 1
    for _ in range(3):
        await submit(client, coalesce_key="k", run_at="2100-01-01T00:00:00Z")
    told = await metrics(client)
    assert value(told, "task_retries_total", task_type="test") == 1
    assert value(told, "tasks_ended_total", status="cancelled", task_type="test") == 2
    assert value(told, "tasks", status="queued", task_type="test") == 1


async def test_due_tasks_that_nobody_runs_are_seen(start_server: StartServer) -> None:
    client = await start_server(worker_concurrency=0)
    for _ in range(3):
        await submit(client)
    told = await metrics(client)
    assert (value(told, "tasks_due"), value(told, "queue_depth", queue="default")) == (3, 3)
    assert value(told, "tasks_due_by_type", task_type="test") == 3
    assert (value(told, "work_wanted", work="cpu"), value(told, "work_wanted", work="crawl")) == (3, 0)
    assert value(told, "workers_alive", task_type="test") is None
    oldest = value(told, "tasks_oldest_due_seconds")
    assert oldest is not None
    assert 0 < oldest < 60
    assert (value(told, "worker_concurrency"), value(told, "worker_running")) == (0, 0)


async def test_it_tells_of_the_parts_of_this_process(client: Client) -> None:
    async with Watcher(client.url, await submit(client)) as watcher:
        await watcher.connect()
        told = await metrics(client)
        async with asyncio.timeout(60):
            while value(told, "executor_threads_busy") or value(told, "executor_queued"):
                told = await metrics(client)  # what the task's end has left to do
    assert value(told, "socketio_clients") == 1
    assert (value(told, "worker_concurrency"), value(told, "leases_lost_total")) == (8, 0)
    assert (value(told, "workers_alive", task_type="crawl"), value(told, "store_up")) == (1, 1)
    free = value(told, "data_dir_free_bytes")
    assert free is not None
    assert free > 1_000_000
    threads = value(told, "executor_threads")
    assert threads is not None
    assert threads >= 4
    assert (value(told, "executor_threads_busy"), value(told, "executor_queued")) == (0, 0)
    assert (value(told, "extract_processes"), value(told, "extract_processes_busy")) == (1, 0)
    memory = value(told, "resident_memory_bytes")
    assert memory is not None
    assert memory > 20_000_000
    assert {value(told, "webhook_deliveries", state=state) for state in ("pending", "delivered", "dead")} == {0}
    assert value(told, "loop_lag_seconds_bucket", le="0.02") is not None


async def test_it_needs_the_key(start_server: StartServer) -> None:
    locked = await start_server(api_keys="secret")
    reply = await locked.call("GET", "/metrics")
    assert (reply.status, reply.error["code"]) == (401, "unauthorized")
    assert await metrics(locked, headers={"Authorization": "Bearer secret"})
