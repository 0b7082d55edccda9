"""`/tasks` as a queue: any task started, changed while it waits, paused, steered by the hundred, counted and removed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.client import API, Client, Reply
from tests.conftest import StartServer
from tests.sites.receiver import receiver

LATER = "2100-01-01T00:00:00Z"
QUICK = {"steps": 1, "seconds": 0}
STATES = ("queued", "running", "paused", "completed", "failed", "cancelled")


async def asked(client: Client, body: dict[str, Any], **options: Any) -> Reply:
    return await client.post("/tasks", {"task_type": "test", "payload": QUICK, **body}, **options)


async def made(client: Client, **fields: Any) -> str:
    reply = await asked(client, fields)
    assert reply.status == 202, reply
    return str(reply.body["task_id"])


async def patched(client: Client, task_id: str, body: dict[str, Any]) -> Reply:
    return await client.call("PATCH", f"{API}/tasks/{task_id}", json=body)


async def steered(client: Client, action: str, body: dict[str, Any]) -> dict[str, Any]:
    reply = await client.post(f"/tasks/{action}", body)
    assert reply.status == 200, reply
    found: dict[str, Any] = reply.body
    return found


@pytest.fixture
async def idle(start_server: StartServer) -> Client:
    """A server that runs nothing."""
    return await start_server(worker_concurrency=0)


# Starting


async def test_a_task_has_what_was_asked_for(idle: Client) -> None:
    first = await made(idle)
    body = {
        "title": "the second",
        "description": "it waits",
        "priority": 70,
        "queue_name": "slow",
        "run_at": LATER,
        "depends_on": [first, first],
        "on_dependency_failure": "wait",
        "coalesce_key": "k",
        "parent_task_id": first,
        "max_retries": 7,
        "webhook_url": "https://example.org/hook",
        "webhook_states": ["failed"],
    }
    reply = await asked(idle, body)
    assert (reply.status, reply.headers["Location"]) == (202, f"{API}/tasks/{reply.body['task_id']}")
    task = await idle.one(f"/tasks/{reply.body['task_id']}")
    assert task == reply.body
    assert {name: task[name] for name in body} == {**body, "depends_on": [first]}
    assert (task["status"], task["waits_for"], task["payload"]) == (
        "queued",
        1,
        {**QUICK, "fail_at": None, "lines": None},
    )
    assert [row["task_id"] for row in await idle.every(f"/tasks?parent_task_id={first}")] == [task["task_id"]]
    assert [row["task_id"] for row in await idle.every("/tasks?queue_name=slow")] == [task["task_id"]]


async def test_an_untold_task_has_the_defaults_of_its_type(idle: Client) -> None:
    task = await idle.one(f"/tasks/{await made(idle)}")
    (spec,) = [row for row in (await idle.one("/task-types"))["items"] if row["task_type"] == "test"]
    assert (task["title"], task["max_retries"]) == (spec["description"], spec["max_retries"])
    assert (task["priority"], task["queue_name"], task["depends_on"], task["webhook_url"]) == (50, "default", [], None)


async def test_the_types_are_told_with_their_payloads(client: Client) -> None:
    types = {row["task_type"]: row for row in (await client.one("/task-types"))["items"]}
    assert list(types) == [
        "analyze_compliance",
        "analyze_story",
        "crawl",
        "crawl_part",
        "embed_source",
        "enhance_story",
        "enrich_source",
        "fetch_evidence",
        "forget_traces",
        "generate_report",
        "group_traces",
        "import",
        "parse_page",
        "test",
        "triage_story",
        "upload",
        "write_back_story",
    ]
    schema = types["test"]["payload_schema"]
    assert set(schema["properties"]) == {"steps", "seconds", "fail_at", "lines"}
    assert (types["test"]["can_pause"], types["crawl"]["can_pause"]) == (True, True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"task_type": "nix"}, "task_type"),
        ({"task_type": ""}, "task_type"),
        ({"payload": {"steps": 0}}, "payload.steps"),
        ({"payload": {"stepz": 1}}, "payload.stepz"),
        ({"payload": []}, "payload"),
        ({"priority": 101}, "priority"),
        ({"queue_name": "a b"}, "queue_name"),
        ({"run_at": "2100-01-01T00:00:00"}, "run_at"),
        ({"run_at": "soon"}, "run_at"),
        ({"run_at": "9999-12-31T23:59:59.999999Z"}, "run_at"),
        ({"run_at": "9999-12-31T23:59:59-12:00"}, "run_at"),
        ({"run_at": "0001-01-01T00:00:00+12:00"}, "run_at"),
        ({"depends_on": ["tsk_no"]}, "depends_on.0"),
        ({"on_dependency_failure": "explode"}, "on_dependency_failure"),
        ({"max_retries": -1}, "max_retries"),
        ({"webhook_url": "ftp://example.org/"}, "webhook_url"),
        ({"webhook_states": []}, "webhook_states"),
        ({"webhook_states": ["done"]}, "webhook_states.0"),
        ({"colour": "blue"}, "colour"),
        ({"task_type": "crawl", "payload": {"url": "http://10.0.0.1/"}}, "payload.url"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_starts(idle: Client, body: dict[str, Any], field: str) -> None:
    reply = await asked(idle, body)
    assert (reply.status, reply.error["details"]["field"]) == (422, field)
    assert await idle.every("/tasks") == []


async def test_a_crawl_started_as_a_task_has_its_source(idle: Client) -> None:
    reply = await asked(idle, {"task_type": "crawl", "payload": {"url": "https://example.org/#top", "tags": ["x"]}})
    assert (reply.status, reply.body["title"]) == (202, "https://example.org/")
    source = await idle.one(f"/sources/{reply.body['payload']['source_id']}")
    assert (source["url"], source["tags"]) == ("https://example.org/", ["x"])


async def test_the_same_key_starts_nothing_twice(idle: Client) -> None:
    key = {"Idempotency-Key": "once"}
    first, second = [(await asked(idle, {}, headers=key)).body["task_id"] for _ in range(2)]
    assert first == second
    other = await asked(idle, {"priority": 1}, headers=key)
    assert (other.status, other.error["code"]) == (409, "idempotency_conflict")
    assert len(await idle.every("/tasks")) == 1


async def test_a_full_queue_says_when_to_come_again(start_server: StartServer) -> None:
    client = await start_server(worker_concurrency=0, queue_limit=2)
    for _ in range(2):
        await made(client)
    refused = await asked(client, {})
    assert (refused.status, refused.error["code"], refused.headers["Retry-After"]) == (503, "queue_full", "5")


async def test_dependencies_run_in_order_and_fail_together(client: Client) -> None:
    first = await made(client, payload={"steps": 1, "seconds": 0.05})
    second = await made(client, depends_on=[first])
    done = [await client.ended(task_id) for task_id in (first, second)]
    assert [task.status for task in done] == ["completed", "completed"]
    assert done[0].task["processing_completed_at"] <= done[1].task["processing_started_at"]
    assert "task_released" in [event["type"] for event in done[1].events]
    bad = await made(client, payload={**QUICK, "fail_at": 1}, max_retries=0)
    with_it = await client.ended(await made(client, depends_on=[bad]))
    assert (with_it.status, with_it.task["processing_started_at"]) == ("failed", None)


async def test_the_newest_of_a_key_stands_for_all(idle: Client) -> None:
    ids = [await made(idle, coalesce_key="k") for _ in range(3)]
    rows = [await idle.one(f"/tasks/{task_id}") for task_id in ids]
    assert [row["status"] for row in rows] == ["cancelled", "cancelled", "queued"]
    assert [row["error"]["code"] for row in rows[:2]] == ["superseded"] * 2


async def test_a_webhook_is_told_of_the_end(client: Client) -> None:
    async with receiver() as there:
        await client.ended(await made(client, webhook_url=there.url))
        await there.heard(1)
    assert b'"type":"task.completed"' in there.calls[0].body


# Changing what waits


async def test_priority_and_dependencies_of_one_that_waits_can_change(idle: Client) -> None:
    first, second = await made(idle), await made(idle)
    reply = await patched(idle, second, {"priority": 90, "depends_on": [first]})
    assert (reply.status, reply.body["priority"], reply.body["waits_for"]) == (200, 90, 1)
    assert (await patched(idle, second, {"depends_on": []})).body["waits_for"] == 0
    types = [row["type"] for row in (await idle.one(f"/tasks/{second}/events"))["items"]]
    assert types == ["task_queued", "task_reprioritised", "task_rebound", "task_rebound"]


async def test_what_cannot_change_is_refused(idle: Client) -> None:
    first = await made(idle)
    second = await made(idle, depends_on=[first])
    circle = await patched(idle, first, {"depends_on": [second]})
    assert (circle.status, circle.error["details"]["field"]) == (422, "depends_on.0")
    assert (await patched(idle, first, {"priority": 101})).error["details"]["field"] == "priority"
    assert (await patched(idle, first, {"title": "x"})).error["details"]["field"] == "title"
    assert (await patched(idle, "tsk_no", {"priority": 1})).status == 404
    await idle.put(f"/tasks/{first}/cancel")
    assert (await patched(idle, first, {"priority": 1})).error["code"] == "wrong_state"


async def test_the_higher_priority_runs_first(start_server: StartServer) -> None:
    client = await start_server(worker_concurrency=1)
    blocker = await made(client, payload={"steps": 1, "seconds": 0.3})
    await client.until(blocker, lambda event: event["type"] == "task_started")
    low, high = await made(client, priority=40), await made(client, priority=40)
    await patched(client, high, {"priority": 80})
    ends = {task_id: (await client.ended(task_id)).task["processing_started_at"] for task_id in (low, high)}
    assert ends[high] < ends[low]


# Pausing


async def test_a_running_task_pauses_and_goes_on_where_it_stopped(client: Client) -> None:
    task_id = await made(client, payload={"steps": 200, "seconds": 0.01})
    await client.until(task_id, lambda event: event["type"] == "task_progressed")
    reply = await client.post(f"/tasks/{task_id}/pause", None)
    assert (reply.status, reply.body["is_pause_requested"]) == (200, True)
    await client.until(task_id, lambda event: event["type"] == "task_paused")
    paused = await client.one(f"/tasks/{task_id}")
    done = paused["progress"]["stages"]["steps"]["done"]
    assert (paused["status"], 0 < done < 200) == ("paused", True)
    again = await client.post(f"/tasks/{task_id}/resume", None)
    assert (again.status, again.body["status"]) == (200, "queued")
    ended = await client.ended(task_id)
    assert (ended.status, ended.task["retry_attempts"]) == ("completed", 0)
    assert "task_resumed" in [event["type"] for event in ended.events]


async def test_a_queued_task_pauses_at_once_and_is_not_run(idle: Client) -> None:
    task_id = await made(idle)
    assert (await idle.post(f"/tasks/{task_id}/pause", None)).body["status"] == "paused"
    assert (await idle.post(f"/tasks/{task_id}/resume", None)).body["status"] == "queued"
    again = await idle.post(f"/tasks/{task_id}/resume", None)
    assert (again.status, again.error["code"]) == (409, "wrong_state")
    await idle.put(f"/tasks/{task_id}/cancel")
    refused = await idle.post(f"/tasks/{task_id}/pause", None)
    assert (refused.status, refused.error["code"]) == (409, "wrong_state")
    for action in ("pause", "resume"):
        assert (await idle.post(f"/tasks/tsk_no/{action}", None)).status == 404


# Many at once


async def test_all_that_fit_are_cancelled(idle: Client) -> None:
    ids = [await made(idle, queue_name="a" if number % 2 else "b") for number in range(250)]
    assert await steered(idle, "cancel", {"queue_name": "a"}) == {"matched": 125, "changed": 125, "passed_over": 0}
    rows = {row["task_id"]: row["status"] for row in await idle.every("/tasks")}
    assert [rows[task_id] for task_id in ids] == ["queued", "cancelled"] * 125
    assert await steered(idle, "cancel", {"status": ["completed"]}) == {"matched": 0, "changed": 0, "passed_over": 0}
    over = await steered(idle, "cancel", {"status": ["cancelled"]})
    assert over == {"matched": 125, "changed": 0, "passed_over": 125}


async def test_all_failed_ones_are_retried(client: Client) -> None:
    bad = [await made(client, payload={**QUICK, "fail_at": 1}, max_retries=0) for _ in range(3)]
    good = await client.ended(await made(client))
    ends = await asyncio.gather(*map(client.ended, bad))
    assert {task.status for task in ends} == {"failed"}
    assert await steered(client, "retry", {"task_type": "crawl"}) == {"matched": 0, "changed": 0, "passed_over": 0}
    assert await steered(client, "retry", {}) == {"matched": 3, "changed": 3, "passed_over": 0}
    again = [await client.ended(task.task_id, after=task.task["last_seq"]) for task in ends]
    assert [[event["type"] for event in task.events] for task in again] == [
        ["task_queued", "task_resumed", "task_failed"]
    ] * 3
    assert (await client.one(f"/tasks/{good.task_id}"))["last_seq"] == good.task["last_seq"]


async def test_named_tasks_and_those_of_an_error_are_steered(client: Client) -> None:
    broken = [await client.ended(await made(client, payload={**QUICK, "fail_at": 1}, max_retries=0)) for _ in range(3)]
    orphan = await made(client, depends_on=[broken[2].task_id])
    first, second, third = (task.task_id for task in broken)
    listed = await client.one("/tasks?status=failed&error_code=dependency_failed")
    assert [task["task_id"] for task in listed["items"]] == [orphan]
    assert await steered(client, "retry", {"task_ids": [first]}) == {"matched": 1, "changed": 1, "passed_over": 0}
    await client.ended(first, after=broken[0].task["last_seq"])
    assert await steered(client, "retry", {"error_code": "dependency_failed"}) == {
        "matched": 1, "changed": 0, "passed_over": 1,
    }, "what it waits for has failed"  # fmt: skip
    named = {"error_code": "step_failed", "task_ids": [second, third, orphan]}
    assert await steered(client, "retry", named) == {"matched": 2, "changed": 2, "passed_over": 0}


@pytest.mark.parametrize("action", ["cancel", "retry"])
async def test_a_selection_that_cannot_be_is_named(idle: Client, action: str) -> None:
    for body, field in (
        ({"status": ["odd"]}, "status.0"),
        ({"created_before": "x"}, "created_before"),
        ({"a": 1}, "a"),
    ):
        reply = await idle.post(f"/tasks/{action}", body)
        assert (reply.status, reply.error["details"]["field"]) == (422, field)


async def test_what_waits_is_listed_as_it_will_be_chosen(idle: Client) -> None:
    asked = (50, 90, 10, 70)
    ids = {priority: await made(idle, priority=priority) for priority in asked}
    rows = await idle.every("/tasks?order=priority&status=queued", limit=2)
    assert [row["task_id"] for row in rows] == [ids[priority] for priority in sorted(asked, reverse=True)]
    assert (await idle.get("/tasks?order=odd")).error["details"]["field"] == "order"
    newest = (await idle.one("/tasks?limit=2"))["next_cursor"]
    assert (await idle.get(f"/tasks?order=priority&cursor={newest}")).error["details"]["field"] == "cursor"


# Figures and removal


async def test_states_are_counted_and_shown_over_time(client: Client) -> None:
    await client.ended(await made(client))
    await client.ended(await made(client, payload={**QUICK, "fail_at": 1}, max_retries=0))
    await made(client, run_at=LATER)
    counts = (await client.one("/tasks/counts"))["by_status"]
    assert counts == {**dict.fromkeys(STATES, 0), "completed": 1, "failed": 1, "queued": 1}
    timeline = await client.one("/tasks/timeline?window_seconds=600&buckets=2")
    assert (timeline["window_seconds"], timeline["bucket_seconds"], timeline["is_whole"]) == (600, 300, True)
    buckets = timeline["buckets"]
    assert {name: buckets[-1][name] for name in ("queued", "running", "retrying")} == {
        "queued": 1, "running": 0, "retrying": 0,
    }  # fmt: skip
    assert {name: sum(b[name] for b in buckets) for name in ("completed", "failed", "cancelled")} == {
        "completed": 1, "failed": 1, "cancelled": 0,
    }  # fmt: skip
    assert len((await client.one("/tasks/timeline"))["buckets"]) == 60
    for query, field in (("window_seconds=59", "window_seconds"), ("buckets=0", "buckets"), ("buckets=501", "buckets")):
        assert (await client.get(f"/tasks/timeline?{query}")).error["details"]["field"] == field


async def test_the_figures_add_up(client: Client) -> None:
    quick = [await client.ended(await made(client)) for _ in range(3)]
    failed = await client.ended(await made(client, payload={**QUICK, "fail_at": 1}, max_retries=0))
    await made(client, run_at=LATER, queue_name="slow")
    for _ in range(2):
        await made(client, run_at=LATER, coalesce_key="k")
    stats = await client.one("/tasks/stats")
    assert {name: stats["by_status"].get(name, 0) for name in STATES} == {
        **dict.fromkeys(STATES, 0), "completed": 3, "failed": 1, "queued": 2, "cancelled": 1,
    }  # fmt: skip
    assert stats["by_type"] == {"test": {"completed": 3, "failed": 1, "queued": 2, "cancelled": 1}}
    assert stats["by_queue"]["slow"] == {"queued": 1}
    assert (stats["due"], stats["oldest_due_seconds"]) == (0, None)
    assert stats["ended"] == {"completed": 3, "failed": 1, "cancelled": 1}
    assert (stats["retries"], stats["coalesced"], stats["skipped"]) == (0, 1, 0)
    assert stats["throughput_per_second"] == round(5 / 3600, 4)
    assert stats["running"]["count"] == stats["waiting"]["count"] == 4
    ran = sorted(task.task["ran_seconds"] for task in (*quick, failed))
    assert (stats["running"]["p50"], stats["running"]["p95"]) == (ran[1], ran[3])
    assert stats["running_by_type"] == {"test": stats["running"]}
    assert (await client.one("/tasks/stats?window_seconds=60"))["window_seconds"] == 60
    assert (await client.get("/tasks/stats?window_seconds=0")).error["details"]["field"] == "window_seconds"


async def test_pruning_counts_first_and_removes_what_has_ended(client: Client) -> None:
    done = [await client.ended(await made(client)) for _ in range(2)]
    failed = await client.ended(await made(client, payload={**QUICK, "fail_at": 1}, max_retries=0))
    waiting = await made(client, run_at=LATER)
    body = {"older_than_days": 0, "status": ["completed"]}
    count = {"tasks": 2, "events": sum(len(task.events) for task in done)}
    dry = await client.post("/tasks/prune", {**body, "dry_run": True})
    assert (dry.status, dry.body) == (200, {**count, "dry_run": True})
    assert len(await client.every("/tasks")) == 4
    assert (await client.post("/tasks/prune", {**body, "older_than_days": 1})).body["tasks"] == 0
    gone = await client.post("/tasks/prune", body)
    assert gone.body == {**count, "dry_run": False}
    assert {row["task_id"] for row in await client.every("/tasks")} == {failed.task_id, waiting}
    assert (await client.get(f"/tasks/{done[0].task_id}")).status == 404


async def test_no_state_to_prune_removes_nothing(idle: Client) -> None:
    task_id = await made(idle)
    await idle.put(f"/tasks/{task_id}/cancel")
    for is_dry in (True, False):
        reply = await idle.post("/tasks/prune", {"older_than_days": 0, "status": [], "dry_run": is_dry})
        assert (reply.status, reply.body["tasks"]) == (200, 0)
    assert (await idle.get(f"/tasks/{task_id}")).status == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "older_than_days"),
        ({"older_than_days": -1}, "older_than_days"),
        ({"older_than_days": 0, "status": ["running"]}, "status"),
    ],
)
async def test_what_cannot_be_pruned_is_refused(idle: Client, body: dict[str, Any], field: str) -> None:
    reply = await idle.post("/tasks/prune", body)
    assert (reply.status, reply.error["details"]["field"]) == (422, field)
