"""Doorbells in PostgreSQL that are dropped, come tenfold, or whose connections are cut all the time: nothing depends on them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from gleanery.engine.handler import TaskContext
from gleanery.model import Progress, TaskStatus
from tests.engine.faults import history
from tests.engine.stage import Acting, Stage
from tests.ground.supabase import Project

TASKS = 20
SCHEMA = "gleanery_procrastinate"
DROPS = "return null"
TENFOLD = """insert into procrastinate_jobs (queue_name, task_name, priority, args, scheduled_at)
    select new.queue_name, new.task_name, new.priority, new.args, new.scheduled_at from generate_series(1, 9);
    return new"""
CUT = "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'gleanery %'"

on_procrastinate = pytest.mark.parametrize("stage", ["supabase-procrastinate"], indirect=True)


@contextmanager
def on_each_doorbell(project: Project, body: str) -> Iterator[None]:
    """Something of this kind happens to every doorbell that is kept."""
    with project.connect() as connection:
        connection.execute(f"set search_path = {SCHEMA}")
        connection.execute(
            f"create function fault() returns trigger language plpgsql as $$ begin {body}; end $$;"
            " create trigger fault before insert on procrastinate_jobs for each row"
            " when (pg_trigger_depth() = 0) execute function fault()"
        )
        try:
            yield
        finally:
            connection.execute("drop function fault cascade")


@asynccontextmanager
async def cutting(project: Project) -> AsyncIterator[None]:
    """Every connection for doorbells and notices is cut, again and again."""

    def cut() -> None:
        with project.connect() as connection:
            connection.execute(CUT)

    async def go_on() -> None:
        while True:
            await asyncio.to_thread(cut)
            await asyncio.sleep(0.2)

    job = asyncio.create_task(go_on())
    yield
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)


async def forever(ctx: TaskContext) -> None:
    await ctx.report(Progress(10.0))
    await asyncio.Event().wait()


async def run_all(stage: Stage) -> None:
    """Two workers: every task runs once and ends once, a running one is cancelled."""
    ran: Counter[str] = Counter()

    async def act(ctx: TaskContext) -> None:
        ran[ctx.task.task_id] += 1
        await ctx.report(Progress(50.0))

    handlers = (Acting(act), Acting(forever, "forever"))
    async with stage.worker(*handlers, worker_id="one"), stage.worker(*handlers, worker_id="two"):
        endless = await stage.enqueue("forever")
        tasks = [await stage.enqueue() for _ in range(TASKS)]
        await stage.told(endless.task_id, "task_started")
        await stage.tasks.request_cancel(endless.task_id)
        assert (await stage.ended(endless)).status is TaskStatus.CANCELLED
        assert {(await stage.ended(task)).status for task in tasks} == {TaskStatus.COMPLETED}
    assert ran == Counter(task.task_id for task in tasks)
    assert {task.attempt for task in await history.check_all(stage.tasks)} == {1}


@on_procrastinate
@pytest.mark.parametrize("body", [DROPS, TENFOLD], ids=["dropped", "tenfold"])
async def test_each_task_runs_once_whatever_happens_to_doorbells(
    stage: Stage, supabase_project: Project, body: str
) -> None:
    with on_each_doorbell(supabase_project, body):
        await run_all(stage)


@on_procrastinate
async def test_each_task_runs_once_while_connections_are_cut(stage: Stage, supabase_project: Project) -> None:
    async with cutting(supabase_project):
        await run_all(stage)
