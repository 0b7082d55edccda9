"""Three machines, of which one dies, stands still, or comes back under its name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from gleanery.model import TaskStatus
from gleanery.store.supabase.doorbells import SILENT_SECONDS
from tests.ground.supabase import Project
from tests.machines.cluster import PATIENCE_SECONDS, Cluster
from tests.machines.conftest import StartMachine

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NAMES = ("one", "two", "three")


async def test_of_three_one_is_killed_and_one_stands_still(cluster: Cluster, start_machine: StartMachine) -> None:
    """Expected: all tasks complete; what the killed one and the frozen one ran goes on elsewhere; the frozen one, awake again,
    writes nothing of what it lost."""
    machines = {name: await start_machine(name) for name in NAMES}
    for machine in machines.values():
        await machine.until("ready")
    tasks = [await cluster.enqueue(steps=4, seconds=0.2, key=f"k{n % 9}") for n in range(27)]
    await machines["one"].until("began")
    await machines["one"].kill()
    frozen = await machines["two"].until("began")
    machines["two"].freeze()
    ended = await cluster.ended(tasks)
    machines["two"].thaw()
    lost = await machines["two"].until_logged("lease lost")
    assert {task.status for task in ended} == {TaskStatus.COMPLETED}
    assert lost["task_id"] in {task.task_id for task in tasks}
    assert frozen
    assert await machines["two"].end() == 0
    assert await machines["three"].end() == 0
    assert sum(task.attempt > 1 for task in ended) >= 2
    await cluster.check(tasks)


async def test_a_machine_that_crashed_in_its_folder_takes_its_tasks_back_at_once(
    cluster: Cluster, start_machine: StartMachine
) -> None:
    """Expected: with leases of ten minutes, the process that starts after the crash, under another name or under the same,
    runs the task, and doesn't wait for the lease."""
    task = await cluster.enqueue(steps=40, seconds=0.1)
    for name in ("first", "second", "second"):
        machine = await start_machine(name, "--lease", "600", folder="same")
        await machine.until("ready")
        await cluster.running(task, name)
        await machine.kill()
    last = await start_machine("third", "--lease", "600", folder="same")
    (done,) = await cluster.ended([task])
    assert (done.status, done.attempt) == (TaskStatus.COMPLETED, 4)
    assert await last.end() == 0
    await cluster.check([task])


async def test_a_name_that_lives_elsewhere_is_refused(cluster: Cluster, start_machine: StartMachine) -> None:
    """Expected: also where the first one comes late to prolong its lease, which it does each second."""
    lease = ("--lease", "20")
    first = await start_machine("same", *lease, folder="here")
    await first.until("ready")
    second = await start_machine("same", *lease, folder="there")
    assert await second.over() == 1
    task = await cluster.enqueue()
    (done,) = await cluster.ended([task])
    assert (done.status, done.attempt) == (TaskStatus.COMPLETED, 1)
    assert await first.end() == 0


class Doorbells:
    """Procrastinate's tables as the owner of the database sees them, while nobody can take a doorbell out of them."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def execute(self, sql: str) -> Sequence[tuple[Any, ...]]:
        with self._project.connect() as connection:
            connection.execute("set search_path = gleanery_procrastinate")
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    async def until(self, sql: str) -> Sequence[tuple[Any, ...]]:
        """What is asked for, once there is something."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (rows := await asyncio.to_thread(self.execute, sql)):  # noqa: ASYNC110 - these tables tell nobody
                await asyncio.sleep(0.05)
        return rows

    @contextmanager
    def held(self) -> Iterator[None]:
        """Who wants to delete one waits."""
        self.execute(
            "create function wait() returns trigger language plpgsql as $$ begin"
            " perform pg_advisory_xact_lock(8); return old; end $$;"
            " create trigger wait before delete on procrastinate_jobs for each row execute function wait()"
        )
        with self._project.connect() as connection:
            connection.execute("select pg_advisory_lock(8)")
            try:
                yield
            finally:
                self.execute(
                    "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and not granted"
                )
                self.execute("drop function wait cascade")


async def test_what_a_killed_machine_had_heard_is_swept_and_done_by_another(
    cluster: Cluster, start_machine: StartMachine
) -> None:
    """Expected: the machine dies between hearing a doorbell and saying so; its task is done by the other one, and once the
    dead listener has been silent for long enough nothing of it is left."""
    doorbells = Doorbells(cluster.project)
    database = ("--database", cluster.project.database_url)
    first = await start_machine("first", *database)
    await first.until("ready")
    await doorbells.until("select 1 from procrastinate_workers")
    with doorbells.held():
        task = await cluster.enqueue(steps=40, seconds=0.1)
        ((listener,),) = await doorbells.until("select worker_id from procrastinate_jobs where status = 'doing'")
        await cluster.running(task, "first")
        await first.kill()
    # Nobody is to find it silent yet, however long the second one takes to start.
    heard = f"update procrastinate_workers set last_heartbeat = last_heartbeat %s where id = {listener}"
    doorbells.execute(heard % "+ interval '1 hour'")
    second = await start_machine("second", *database)
    await second.until("ready")
    (done,) = await cluster.ended([task])
    assert (done.status, done.attempt) == (TaskStatus.COMPLETED, 2)
    left = f"select 1 from procrastinate_jobs where worker_id = {listener}"
    assert doorbells.execute(left)
    doorbells.execute(heard % f"- interval '1 hour {SILENT_SECONDS} s'")
    await doorbells.until(f"select 1 where not exists ({left})")
    await doorbells.until(f"select 1 where not exists (select from procrastinate_workers where id = {listener})")
    assert await second.end() == 0
    await cluster.check([task])
