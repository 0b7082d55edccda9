"""Machines whose wall clocks are ten minutes off, ahead and behind: nothing is compared with them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from gleanery.engine.schedule import tick_name
from gleanery.model import MissedTicks, NewTask, Schedule, TaskStatus, new_id
from gleanery.store.values import TaskFilter
from tests.machines.cluster import PATIENCE_SECONDS, Cluster
from tests.machines.conftest import StartMachine

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

OFF = 600
LEASE = ("--lease", "60")
"""Much less than the clocks are off: by one of them each lease looks over at once."""
INTERVAL = timedelta(seconds=10)


async def test_machines_ten_minutes_ahead_and_behind_work_as_one(cluster: Cluster, start_machine: StartMachine) -> None:
    """Expected: none takes back what another one runs, while all look for what is lost; retries and start times are by
    the database's time; each is seen to live."""
    machines = [
        await start_machine(name, *LEASE, ahead_seconds=ahead)
        for name, ahead in (("behind", -OFF), ("right", 0), ("ahead", OFF))
    ]
    for machine in machines:
        await machine.until("ready")
    clock, tasks = cluster.store.clock, cluster.store.tasks
    later = clock() + timedelta(seconds=3)
    timed = await tasks.create(NewTask("steps", {}, run_at=later))
    unlucky = [await cluster.enqueue(failures=2) for _ in range(9)]
    long = [await cluster.enqueue(steps=3, seconds=1.5) for _ in range(6)]
    rows = await cluster.ended([timed, *unlucky, *long])
    assert {row.status for row in rows} == {TaskStatus.COMPLETED}
    assert [row.attempt for row in rows] == [1, *[3] * 9, *[1] * 6]
    assert rows[0].processing_started_at is not None
    assert rows[0].processing_started_at >= later
    assert all(abs(row.created_at - later).total_seconds() < OFF / 2 for row in rows)
    workers = {one.worker_id: one.beat_at for one in await cluster.store.workers.list()}
    assert set(workers) == {"behind", "right", "ahead"}
    assert all(abs((clock() - beat_at).total_seconds()) < OFF / 2 for beat_at in workers.values())
    for machine in machines:
        assert await machine.end() == 0
    await cluster.check([timed, *unlucky, *long])


async def test_two_schedulers_with_clocks_apart_make_each_tick_once(
    cluster: Cluster, start_machine: StartMachine
) -> None:
    """Expected: of a schedule whose ticks were missed for a minute each has its task, once, and none that hasn't come yet."""
    machines = [
        await start_machine(name, *LEASE, "--schedules", ahead_seconds=ahead)
        for name, ahead in (("behind", -OFF), ("ahead", OFF))
    ]
    for machine in machines:
        await machine.until("ready")
    clock, schedules = cluster.store.clock, cluster.store.schedules
    first = clock() - 6 * INTERVAL
    schedule = Schedule(
        schedule_id=new_id("sch"),
        name="Often",
        task_type="steps",
        payload={},
        cron=None,
        interval_seconds=INTERVAL.total_seconds(),
        time_zone="UTC",
        jitter_seconds=0.0,
        missed_ticks=MissedTicks.ALL,
        priority=50,
        queue_name="default",
        max_retries=None,
        webhook_url=None,
        source_id=None,
        is_paused=False,
        created_at=first - INTERVAL,
        next_at=first,
    )
    await schedules.put(schedule)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (now := await schedules.get(schedule.schedule_id)).next_at is None or now.next_at <= clock():
            await cluster.news()
    for machine in machines:
        assert await machine.end() == 0
    now = await schedules.get(schedule.schedule_id)
    assert now.next_at is not None
    ticks = round((now.next_at - first) / INTERVAL)
    assert ticks >= 6
    assert now.next_at <= clock() + INTERVAL
    made = await cluster.store.tasks.list(TaskFilter(schedule_id=schedule.schedule_id), after=None, limit=1000)
    assert len(made) == ticks
    with cluster.project.connect() as connection:
        keys = {row[0] for row in connection.execute("select key from gleanery.idempotency")}
    assert keys == {tick_name(schedule.schedule_id, first + n * INTERVAL) for n in range(ticks)}
