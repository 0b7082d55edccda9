"""A worker that stands still for longer than its lease, stopped by a signal or by its own handler, and then goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from gleanery.engine.handler import TaskContext
from gleanery.model import Task, TaskStatus
from tests.engine.faults import history
from tests.engine.faults.child import Child, child
from tests.engine.stage import Acting, Stage

pytestmark = pytest.mark.e2e

LEASE = ("--lease", "1", "--worker-id", "frozen")


async def by_the_other(ctx: TaskContext) -> dict[str, str]:
    return {"by": "the other"}


async def taken_over(stage: Stage, task: Task) -> Task:
    """The task once a worker of this process has completed it."""
    async with stage.worker(Acting(by_the_other, task.task_type), lease_seconds=1.0, worker_id="other"):
        done = await stage.ended(task)
    assert (done.status, done.result, done.attempt) == (TaskStatus.COMPLETED, {"by": "the other"}, 2)
    return done


async def wrote_nothing(stage: Stage, done: Task, frozen: Child) -> None:
    """The worker that comes to itself says that it lost its lease, and row and events are what they were."""
    events = await stage.events(done)
    assert (await frozen.until_logged("lease lost"))["task_id"] == done.task_id
    frozen.terminate()
    assert await frozen.until("lost") == "1"
    assert await frozen.over() == 0
    assert await stage.tasks.get(done.task_id) == done
    assert await stage.events(done) == events
    assert events == ["task_queued", "task_started", *events[2:-3], "task_queued", "task_resumed", "task_completed"]
    await history.check_all(stage.tasks)


async def test_a_stopped_process_loses_its_task_and_writes_nothing_when_it_goes_on(
    shared: Stage, database: Path
) -> None:
    """Expected: SIGSTOP for longer than the lease, another worker completes the task; after SIGCONT nothing changes."""
    task = await shared.enqueue("waits")
    async with child(database, "work", *LEASE) as frozen:
        assert await frozen.until("began") == task.task_id
        frozen.freeze()
        done = await taken_over(shared, task)
        frozen.thaw()
        await wrote_nothing(shared, done, frozen)


@pytest.mark.parametrize("reports", [True, False], ids=["and-reports", "and-completes"])
async def test_a_handler_that_blocks_its_loop_loses_its_task_and_its_outcome(
    shared: Stage, database: Path, reports: bool
) -> None:
    """Expected: blocked for longer than the lease, another worker completes the task; the late outcome is refused."""
    task = await shared.enqueue("blocks", payload={"reports": reports})
    async with child(database, "work", *LEASE) as blocked:
        assert await blocked.until("began") == task.task_id
        done = await taken_over(shared, task)
        blocked.go_on()
        await wrote_nothing(shared, done, blocked)
