"""SIGTERM amid work: what can go on later is put back at once, the rest gets the grace time, nothing is left running."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from gleanery.engine.handler import TaskContext
from gleanery.model import NewEvent, NewTask, Progress, TaskStatus
from gleanery.store.embedded import EmbeddedStore
from tests.engine.faults import history
from tests.engine.faults.child import PATIENCE_SECONDS
from tests.engine.stage import Acting, Stage

EACH = 7
LONG_GRACE_SECONDS = 600.0
SHORT_GRACE_SECONDS = 0.2


async def test_a_stop_with_20_running_puts_back_what_can_pause_and_waits_for_the_quick(stage: Stage) -> None:
    """Expected: those that can pause are put back at once and the quick complete, both in the grace time; the slow of another
    worker are put back after its own; nothing is left running, no retry is counted; a next worker completes all."""
    is_stopping = asyncio.Event()

    async def forever(ctx: TaskContext) -> None:
        await ctx.report(Progress(10.0), NewEvent("stage_started", "At it"))
        await asyncio.Event().wait()

    async def quick(ctx: TaskContext) -> None:
        await ctx.report(Progress(10.0), NewEvent("stage_started", "At it"))
        await is_stopping.wait()
        await ctx.report(Progress(90.0))

    async def nothing(ctx: TaskContext) -> None:
        return

    handlers = Acting(forever, "pausing", can_pause=True), Acting(quick, "quick")
    async with (
        stage.worker(Acting(forever, "slow"), concurrency=EACH, grace_seconds=SHORT_GRACE_SECONDS, worker_id="slow"),
        stage.worker(*handlers, concurrency=2 * EACH, grace_seconds=LONG_GRACE_SECONDS, worker_id="quick") as worker,
    ):
        kinds = {kind: [await stage.enqueue(kind) for _ in range(EACH)] for kind in ("pausing", "slow", "quick")}
        for task in (task for tasks in kinds.values() for task in tasks):
            await stage.told(task.task_id, "stage_started")
        stopping = asyncio.create_task(worker.stop())
        for task in kinds["pausing"]:
            await stage.told(task.task_id, "task_queued", times=2)
        assert {(await stage.tasks.get(task.task_id)).status for task in kinds["quick"]} == {TaskStatus.RUNNING}
        is_stopping.set()
        await stopping
        late = await stage.enqueue("pausing")
    ended = await history.check_all(stage.tasks)
    expected = {"pausing": TaskStatus.QUEUED, "slow": TaskStatus.QUEUED, "quick": TaskStatus.COMPLETED}
    for task in ended:
        assert (task.status, task.retry_attempts, task.error) == (expected[task.task_type], 0, None)
        assert task.attempt == (0 if task.task_id == late.task_id else 1)

    async with stage.worker(*(Acting(nothing, kind) for kind in kinds), concurrency=4):
        for task in ended:
            assert (await stage.ended(task)).status is TaskStatus.COMPLETED
    await history.check_all(stage.tasks)


@asynccontextmanager
async def serving(data_dir: Path, **settings: str) -> AsyncIterator[Process]:
    """`gleanery serve`, ready, with its log on standard error; killed afterwards if it still lives."""
    usual = {
        "GLEANERY_PORT": "0",
        "GLEANERY_EMBEDDER": "none",
        "GLEANERY_WORKER_CONCURRENCY": "20",
        "GLEANERY_GRACE_SECONDS": "60",  # tasks that can pause stop at once, and so long they may write that
    }
    environment = {"PATH": os.environ["PATH"], "GLEANERY_DATA_DIR": str(data_dir), **usual, **settings}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gleanery", "serve", env=environment, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def line_with(stream: asyncio.StreamReader | None, text: str) -> str:
    assert stream is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while line := (await stream.readline()).decode():
            if text in line:
                return line
    raise AssertionError(f"ended without {text!r}")


async def run_20(process: Process) -> None:
    """Start 20 tasks that take a day, and wait until all of them run."""
    url = "http" + (await line_with(process.stdout, "http://")).split("http", 1)[1].split()[0].rstrip("/")
    async with aiohttp.ClientSession(url) as session:
        for _ in range(20):
            body = {"task_type": "test", "payload": {"steps": 1, "seconds": 80_000}}
            async with session.post("/api/v1/tasks", json=body) as reply:
                assert reply.status == 202, await reply.text()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                async with session.get("/api/v1/tasks?status=running&limit=50") as reply:
                    if len((await reply.json())["items"]) == 20:
                        return


async def check_put_back(data_dir: Path, statuses: set[TaskStatus]) -> None:
    async with EmbeddedStore(data_dir / "gleanery.db", lambda _: None) as store:
        tasks = [task for task in await history.check_all(store.tasks) if task.task_type == "test"]
        assert {(task.status, task.attempt, task.retry_attempts) for task in tasks} == {(s, 1, 0) for s in statuses}
        assert len(tasks) == 20
        await store.tasks.create(NewTask("test", {"steps": 1, "seconds": 0}))  # and the file can be written


@pytest.mark.e2e
async def test_sigterm_puts_20_running_tasks_of_a_server_back(tmp_path: Path) -> None:
    """Expected: exit code 0, all 20 are queued, no retry is counted."""
    async with serving(tmp_path / "data") as process:
        await run_20(process)
        process.terminate()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await process.communicate()
        assert process.returncode == 0
    await check_put_back(tmp_path / "data", {TaskStatus.QUEUED})


@pytest.mark.e2e
async def test_a_second_sigterm_ends_a_server_at_once(tmp_path: Path) -> None:
    """Expected: while the first one waits for a database that can't be written, the second ends the process at once, with
    130; the rows say `running`, and the next start takes them back."""
    data_dir = tmp_path / "data"
    async with serving(data_dir) as process:
        await run_20(process)
        connection = sqlite3.connect(data_dir / "gleanery.db", isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        process.terminate()
        await line_with(process.stderr, "stopping")
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await process.communicate()
        connection.execute("ROLLBACK")
        connection.close()
        assert process.returncode == 130
    await check_put_back(data_dir, {TaskStatus.RUNNING})
    async with serving(data_dir) as process:
        await line_with(process.stdout, "http://")
        process.terminate()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await process.communicate()
    async with EmbeddedStore(data_dir / "gleanery.db", lambda _: None) as store:
        for task in await history.check_all(store.tasks):
            assert (task.status, task.retry_attempts) in {(TaskStatus.QUEUED, 0), (TaskStatus.COMPLETED, 0)}
