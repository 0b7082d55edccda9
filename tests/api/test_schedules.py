"""The routes of schedules: made, listed, changed, run at once, removed; and what is refused at the door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.client import API, Client, Reply

FIELDS = {
    "schedule_id", "name", "task_type", "payload", "cron", "interval_seconds", "time_zone", "jitter_seconds",
    "missed_ticks", "priority", "queue_name", "max_retries", "webhook_url", "source_id", "is_paused", "created_at",
    "next_at", "last_at", "last_task_id", "skipped_count", "last_error",
}  # fmt: skip
QUICK = {"steps": 1, "seconds": 0}
NIGHTLY: dict[str, Any] = {"name": "nightly", "task_type": "test", "payload": QUICK, "cron": "30 2 * * *"}
HOURLY: dict[str, Any] = {"name": "hourly", "task_type": "test", "payload": QUICK, "interval_seconds": 3600}


async def made(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    reply = await client.post("/schedules", body)
    assert reply.status == 201, reply
    assert reply.headers["Location"] == f"{API}/schedules/{reply.body['schedule_id']}"
    found: dict[str, Any] = reply.body
    return found


async def patched(client: Client, schedule_id: str, body: dict[str, Any]) -> Reply:
    return await client.call("PATCH", f"{API}/schedules/{schedule_id}", json=body)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_a_schedule_by_cron_in_a_time_zone(client: Client) -> None:
    body = await made(client, {**NIGHTLY, "time_zone": "Asia/Kathmandu"})
    assert set(body) == FIELDS | {"next_ticks"}
    assert (body["name"], body["task_type"], body["payload"]) == ("nightly", "test", QUICK)
    assert (body["cron"], body["interval_seconds"], body["time_zone"]) == ("30 2 * * *", None, "Asia/Kathmandu")
    assert (body["missed_ticks"], body["priority"], body["queue_name"]) == ("once", 50, "default")
    assert (body["jitter_seconds"], body["max_retries"], body["webhook_url"]) == (0, None, None)
    assert (body["is_paused"], body["skipped_count"], body["last_task_id"]) == (False, 0, None)
    ticks = [at(text) for text in body["next_ticks"]]
    assert body["next_at"] == body["next_ticks"][0]
    assert [(tick.hour, tick.minute) for tick in ticks] == [(20, 45)] * 3  # UTC+5:45, all year
    assert [tick - ticks[0] for tick in ticks] == [timedelta(days=n) for n in range(3)]
    assert timedelta() < ticks[0] - datetime.now(UTC) <= timedelta(days=1)
    assert await client.one(f"/schedules/{body['schedule_id']}") == body


async def test_a_schedule_by_interval_counts_from_its_creation(client: Client) -> None:
    body = await made(
        client,
        {**HOURLY, "jitter_seconds": 60, "missed_ticks": "all", "priority": 90, "queue_name": "slow", "max_retries": 0},
    )
    created = at(body["created_at"])
    assert [at(text) - created for text in body["next_ticks"]] == [timedelta(hours=n) for n in (1, 2, 3)]
    assert (body["jitter_seconds"], body["missed_ticks"], body["priority"]) == (60, "all", 90)
    assert (body["queue_name"], body["max_retries"]) == ("slow", 0)


async def test_they_are_listed_page_by_page(client: Client) -> None:
    wanted = {(await made(client, {**HOURLY, "name": f"number {n}"}))["schedule_id"] for n in range(5)}
    rows = await client.every("/schedules", limit=2)
    assert all(set(row) == FIELDS for row in rows)
    assert [row["schedule_id"] for row in rows] == sorted(wanted)


@pytest.mark.parametrize("cursor", ["x", "WzFd", "W10"])
async def test_a_cursor_of_something_else_is_refused(client: Client, cursor: str) -> None:
    reply = await client.get(f"/schedules?cursor={cursor}")
    assert (reply.status, reply.error["details"]["field"]) == (422, "cursor")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"task_type": "nonsense"}, "task_type"),
        ({"payload": {"steps": 0}}, "payload.steps"),
        ({"payload": {"stepz": 1}}, "payload.stepz"),
        ({"payload": []}, "payload"),
        ({"cron": None}, "cron"),
        ({"interval_seconds": 60}, "cron"),
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "* * * * * *"}, "cron"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"cron": None, "interval_seconds": 9}, "interval_seconds"),
        ({"cron": None, "interval_seconds": "soon"}, "interval_seconds"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"jitter_seconds": -1}, "jitter_seconds"),
        ({"jitter_seconds": 3601}, "jitter_seconds"),
        ({"cron": None, "interval_seconds": 60, "jitter_seconds": 60}, "jitter_seconds"),
        ({"missed_ticks": "some"}, "missed_ticks"),
        ({"priority": 101}, "priority"),
        ({"queue_name": "no blanks"}, "queue_name"),
        ({"max_retries": -1}, "max_retries"),
        ({"webhook_url": "ftp://hook.test/"}, "webhook_url"),
        ({"webhook_url": "nonsense"}, "webhook_url"),
        ({"is_paused": "perhaps"}, "is_paused"),
        ({"often": True}, "often"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_kept(client: Client, change: dict[str, Any], field: str) -> None:
    reply = await client.post("/schedules", {**NIGHTLY, **change})
    assert (reply.status, reply.error["details"]["field"]) == (422, field)
    assert await client.every("/schedules") == []


async def test_a_change_leaves_the_rest_as_it_is(client: Client) -> None:
    before = await made(client, NIGHTLY)
    reply = await patched(client, before["schedule_id"], {"name": "other", "max_retries": 1, "payload": {"steps": 2}})
    assert reply.status == 200
    assert reply.body == {**before, "name": "other", "max_retries": 1, "payload": {"steps": 2}}
    assert await client.one(f"/schedules/{before['schedule_id']}") == reply.body


async def test_a_change_of_its_times_gives_other_ticks(client: Client) -> None:
    schedule_id = (await made(client, {**NIGHTLY, "max_retries": 2}))["schedule_id"]
    body = (await patched(client, schedule_id, {"interval_seconds": 7200})).body
    assert (body["cron"], body["interval_seconds"]) == (None, 7200)
    assert at(body["next_at"]) - at(body["created_at"]) == timedelta(hours=2)
    body = (await patched(client, schedule_id, {"cron": "0 * * * *", "max_retries": None})).body
    assert (body["cron"], body["interval_seconds"], body["max_retries"]) == ("0 * * * *", None, None)
    assert all(at(tick).minute == 0 for tick in body["next_ticks"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": None}, "name"),
        ({"cron": None}, "cron"),
        ({"cron": "* * * * *", "interval_seconds": 60}, "cron"),
        ({"payload": {"steps": 0}}, "payload.steps"),
        ({"payload": None}, "payload"),
        ({"time_zone": "nowhere"}, "time_zone"),
        ({"webhook_url": "nonsense"}, "webhook_url"),
        ({"schedule_id": "sch_other"}, "schedule_id"),
    ],
)
async def test_a_wrong_change_changes_nothing(client: Client, change: dict[str, Any], field: str) -> None:
    before = await made(client, NIGHTLY)
    reply = await patched(client, before["schedule_id"], change)
    assert (reply.status, reply.error["details"]["field"]) == (422, field)
    assert await client.one(f"/schedules/{before['schedule_id']}") == before


async def test_a_paused_one_has_no_next_tick_until_it_is_resumed(client: Client) -> None:
    before = await made(client, {**HOURLY, "is_paused": True})
    assert (before["is_paused"], before["next_at"], before["next_ticks"]) == (True, None, [])
    (row,) = await client.every("/schedules")
    assert row["next_at"] is None
    after = (await patched(client, before["schedule_id"], {"is_paused": False})).body
    assert after["is_paused"] is False
    assert at(after["next_at"]) > datetime.now(UTC)
    assert len(after["next_ticks"]) == 3


async def test_running_it_now_makes_one_task_and_moves_no_tick(client: Client) -> None:
    before = await made(client, {**NIGHTLY, "priority": 80})
    path = f"/schedules/{before['schedule_id']}"
    reply = await client.post(f"{path}/run", {}, headers={"Idempotency-Key": "now"})
    assert reply.status == 202
    assert set(reply.body) == {"schedule_id", "task_id"}
    assert reply.headers["Location"] == f"{API}/tasks/{reply.body['task_id']}"
    again = await client.post(f"{path}/run", {}, headers={"Idempotency-Key": "now"})
    assert again.body == reply.body
    task = await client.one(f"/tasks/{reply.body['task_id']}")
    assert (task["task_type"], task["title"], task["priority"]) == ("test", "nightly", 80)
    assert task["schedule_id"] == before["schedule_id"]
    after = await client.one(path)
    assert after["last_task_id"] == reply.body["task_id"]
    assert after == {**before, "last_task_id": after["last_task_id"], "last_at": after["last_at"]}
    assert (await client.ended(reply.body["task_id"])).status == "completed"


async def test_removed_it_is_gone(client: Client) -> None:
    schedule_id = (await made(client, NIGHTLY))["schedule_id"]
    assert (await client.delete(f"/schedules/{schedule_id}")).status == 204
    assert await client.every("/schedules") == []
    for reply in (
        await client.get(f"/schedules/{schedule_id}"),
        await patched(client, schedule_id, {"name": "x"}),
        await client.post(f"/schedules/{schedule_id}/run", {}),
        await client.delete(f"/schedules/{schedule_id}"),
    ):
        assert (reply.status, reply.error["code"]) == (404, "not_found")


async def test_a_payload_that_cannot_be_kept_is_refused(client: Client) -> None:
    body = '{"name": "x", "task_type": "test", "cron": "0 0 * * *", "payload": {"seconds": NaN}}'
    reply = await client.call("POST", f"{API}/schedules", data=body, headers={"Content-Type": "application/json"})
    assert reply.status == 422
    assert reply.error["details"]["field"].startswith("payload")


async def test_a_key_makes_one_schedule(client: Client) -> None:
    headers = {"Idempotency-Key": "nightly-1"}
    first = await client.post("/schedules", NIGHTLY, headers=headers)
    await patched(client, first.body["schedule_id"], {"name": "another name"})
    again = await client.post("/schedules", NIGHTLY, headers=headers)
    assert (first.status, again.status) == (201, 201)
    assert again.body == {**first.body, "name": "another name"}, "as it stands now"
    assert again.headers["Location"] == first.headers["Location"]
    assert len(await client.every("/schedules")) == 1
    other = await client.post("/schedules", HOURLY, headers=headers)
    assert (other.status, other.error["code"]) == (409, "idempotency_conflict")
    task = await client.post("/tasks", {"task_type": "test"}, headers=headers)
    assert (task.status, task.error["code"]) == (409, "idempotency_conflict")
    await client.delete(f"/schedules/{first.body['schedule_id']}")
    anew = await client.post("/schedules", NIGHTLY, headers=headers)
    assert anew.status == 201
    assert anew.body["schedule_id"] != first.body["schedule_id"]
