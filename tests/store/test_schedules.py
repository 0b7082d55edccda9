"""Schedules as rows: kept, listed, due, and moved on by compare-and-set."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gleanery.errors import NotFound
from gleanery.model import ErrorInfo, MissedTicks, Schedule, utc_now
from gleanery.store.base import Store
from tests.store.conftest import OpenStore

AT = datetime(2026, 6, 1, 12, 0, 0, 123457, tzinfo=UTC)
HOUR = timedelta(hours=1)
REFUSED = ErrorInfo("invalid_field", "payload.url: is missing", {"field": "payload.url"})


def sample(schedule_id: str = "sch_1", **fields: object) -> Schedule:
    usual = Schedule(
        schedule_id=schedule_id,
        name="Every night — jede Nacht",
        task_type="demo",
        payload={"n": [1, 2.5, None], "text": "ü"},
        cron="30 2 * * *",
        interval_seconds=None,
        time_zone="Europe/Berlin",
        jitter_seconds=12.5,
        missed_ticks=MissedTicks.ALL,
        priority=70,
        queue_name="nightly",
        max_retries=0,
        webhook_url="https://hook.test/",
        source_id=None,
        is_paused=False,
        created_at=AT,
        next_at=AT + HOUR,
    )
    return replace(usual, **fields)  # type: ignore[arg-type]


async def test_a_schedule_is_kept_as_it_is(store: Store) -> None:
    for schedule in (
        sample("sch_1"),
        sample("sch_2", cron=None, interval_seconds=3600.5, max_retries=None, webhook_url=None, next_at=None),
        sample("sch_3", is_paused=True, source_id="src_1", missed_ticks=MissedTicks.SKIP),
    ):
        assert await store.schedules.put(schedule) == schedule
        assert await store.schedules.get(schedule.schedule_id) == schedule


async def test_what_has_run_stays_when_a_schedule_is_changed(store: Store) -> None:
    before = await store.schedules.put(sample())
    assert await store.schedules.advance("sch_1", AT + HOUR, AT + 2 * HOUR, skipped=1, error=REFUSED)
    assert await store.schedules.advance("sch_1", AT + 2 * HOUR, AT + 3 * HOUR, task_id="tsk_1", skipped=3)
    ran = await store.schedules.get("sch_1")
    kept = await store.schedules.put(replace(before, name="other", created_at=AT - HOUR, next_at=AT + 9 * HOUR))
    assert kept == replace(ran, name="other", next_at=AT + 9 * HOUR)
    assert (kept.created_at, kept.last_task_id, kept.skipped_count) == (AT, "tsk_1", 4)


async def test_a_source_has_one_schedule_the_newest(store: Store) -> None:
    await store.schedules.put(sample("sch_1", source_id="src_1"))
    await store.schedules.put(sample("sch_2", source_id="src_2"))
    newest = await store.schedules.put(sample("sch_3", source_id="src_1"))
    assert newest.source_id == "src_1"
    assert [row.schedule_id for row in await store.schedules.list(after=None, limit=10)] == ["sch_2", "sch_3"]


async def test_they_are_listed_by_id_in_pages(store: Store) -> None:
    names = [f"sch_{number}" for number in range(5)]
    for name in reversed(names):
        await store.schedules.put(sample(name))
    first = await store.schedules.list(after=None, limit=3)
    rest = await store.schedules.list(after=first[-1].schedule_id, limit=3)
    assert [row.schedule_id for row in (*first, *rest)] == names


async def test_one_that_is_not_there_is_said_so(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.schedules.get("sch_1")
    with pytest.raises(NotFound):
        await store.schedules.delete("sch_1")
    assert not await store.schedules.advance("sch_1", AT, None)
    await store.schedules.put(sample())
    await store.schedules.delete("sch_1")
    with pytest.raises(NotFound):
        await store.schedules.get("sch_1")


async def test_due_are_those_whose_time_has_come_oldest_first(store: Store) -> None:
    now = utc_now()
    assert (await store.schedules.next_at(), await store.schedules.due(10)) == (None, [])
    await store.schedules.put(sample("sch_later", next_at=now + HOUR))
    assert await store.schedules.next_at() == now + HOUR
    await store.schedules.put(sample("sch_b", next_at=now - HOUR))
    await store.schedules.put(sample("sch_a", next_at=now - 2 * HOUR))
    await store.schedules.put(sample("sch_paused", next_at=now - 3 * HOUR, is_paused=True))
    await store.schedules.put(sample("sch_over", next_at=None))
    assert [row.schedule_id for row in await store.schedules.due(10)] == ["sch_a", "sch_b"]
    assert [row.schedule_id for row in await store.schedules.due(1)] == ["sch_a"]
    assert await store.schedules.next_at() == now - 2 * HOUR


async def test_a_tick_is_taken_once(store: Store) -> None:
    await store.schedules.put(sample())
    won = await asyncio.gather(
        *(store.schedules.advance("sch_1", AT + HOUR, AT + 2 * HOUR, task_id=f"tsk_{n}", skipped=1) for n in range(5))
    )
    assert sorted(won) == [False, False, False, False, True]
    row = await store.schedules.get("sch_1")
    assert (row.next_at, row.last_task_id, row.skipped_count) == (AT + 2 * HOUR, f"tsk_{won.index(True)}", 1)


async def test_a_tick_that_ran_is_told_from_one_that_was_passed_over(store: Store) -> None:
    await store.schedules.put(sample())
    assert await store.schedules.advance("sch_1", AT + HOUR, AT + 2 * HOUR, skipped=1)
    row = await store.schedules.get("sch_1")
    assert (row.last_at, row.last_task_id, row.skipped_count) == (None, None, 1)
    before = utc_now()
    assert await store.schedules.advance("sch_1", AT + 2 * HOUR, None, task_id="tsk_1")
    row = await store.schedules.get("sch_1")
    assert (row.next_at, row.last_task_id, row.skipped_count) == (None, "tsk_1", 1)
    assert row.last_at is not None
    assert before <= row.last_at <= utc_now()


async def test_the_last_error_is_known_until_a_tick_has_run(store: Store) -> None:
    await store.schedules.put(sample())
    assert await store.schedules.advance("sch_1", AT + HOUR, AT + 2 * HOUR, skipped=1, error=REFUSED)
    assert (await store.schedules.get("sch_1")).last_error == REFUSED
    assert await store.schedules.advance("sch_1", AT + 2 * HOUR, AT + 3 * HOUR, skipped=1)
    assert (await store.schedules.get("sch_1")).last_error == REFUSED
    assert await store.schedules.advance("sch_1", AT + 3 * HOUR, AT + 4 * HOUR, task_id="tsk_1")
    assert (await store.schedules.get("sch_1")).last_error is None


async def test_every_microsecond_can_be_compared_with(store: Store) -> None:
    """Times are kept as numbers: what is read must equal what was written, or no tick could ever be taken."""
    at = AT
    await store.schedules.put(sample(next_at=at))
    for micros in range(1, 60):
        following = at + timedelta(seconds=3600, microseconds=micros * 16_661)
        stored = (await store.schedules.get("sch_1")).next_at
        assert stored == at
        assert await store.schedules.advance("sch_1", stored, following)
        at = following


async def test_schedules_outlive_the_process(open_store: OpenStore) -> None:
    async with open_store(lambda _: None) as store:
        await store.schedules.put(sample())
    async with open_store(lambda _: None) as store:
        assert await store.schedules.get("sch_1") == sample()
