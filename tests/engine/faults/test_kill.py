"""SIGKILL: of workers at any moment, of a process that submits, and by a task that takes its process along."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from gleanery.model import TaskStatus
from tests.engine.faults import history
from tests.engine.faults.child import child
from tests.engine.stage import Stage

pytestmark = pytest.mark.e2e

KILLS = 15
TASKS = 60
STEPS = 3


@pytest.mark.slow
async def test_workers_killed_at_any_moment_every_task_completes_once(shared: Stage, database: Path) -> None:
    """Expected: every task ends once as `completed`, each of its steps is accepted once. An effect may have happened again
    in the attempt after a kill, never in two attempts that both count."""
    rng = random.Random(7)
    payload = {"steps": STEPS, "seconds": 0.03}
    tasks = [await shared.enqueue("steps", payload=payload, max_retries=2 * KILLS) for _ in range(TASKS)]
    for _ in range(KILLS):
        async with child(database, "work") as worker:
            await worker.until("ready")
            await worker.read_for(rng.uniform(0, 0.25))
    async with child(database, "work") as worker:
        for task in tasks:
            await shared.ended(task)
        assert await worker.end() == 0

    effects = Counter((database.with_name("effects")).read_text().split())
    for task in await history.check_all(shared.tasks):
        assert task.status is TaskStatus.COMPLETED
        assert task.result is not None
        accepted = task.result["attempts"]
        assert accepted == sorted(accepted)
        assert (await shared.events(task)).count("task_step_completed") == STEPS
        for n, attempt in enumerate(accepted):
            assert 1 <= effects[f"{task.task_id}:s{n}"] <= attempt, "once in each attempt at most, and never after it"
    assert any(task.attempt > 1 for task in await history.check_all(shared.tasks)), "no kill hit a task: kill later"


async def test_a_kill_amid_many_submits_keeps_each_that_was_answered(shared: Stage, database: Path) -> None:
    """Expected: every id that was answered exists once, with its first event; of the others those that were under way at most."""
    async with child(database, "submit") as submitter:
        for _ in range(random.Random(3).randrange(300, 700)):
            await submitter.until("kept")
        await submitter.kill()
    kept = [line.split()[1] for line in submitter.lines if line.startswith("kept ")]
    rows = {task.task_id: task for task in await history.check_all(shared.tasks)}
    assert len(set(kept)) == len(kept)
    assert set(kept) <= set(rows)
    assert len(rows) <= len(kept) + 50, "what one commit holds at most"
    for task in rows.values():
        assert await shared.events(task) == ["task_queued"]


@pytest.mark.slow
async def test_a_poison_pill_fails_and_harms_no_other_task(shared: Stage, database: Path) -> None:
    """Expected: a task that ends its process fails with `worker_lost` after its attempts, though the process is started
    again each time; the tasks that ran beside it, as long and with as few retries, complete."""
    payload = {"steps": 1, "seconds": 0.3}
    others = [await shared.enqueue("steps", payload=payload) for _ in range(6)]
    poison = await shared.enqueue("exits", priority=90)
    for _ in range(1 + poison.max_retries):
        async with child(database, "work") as worker:
            assert await worker.over() == 1
    async with child(database, "work") as worker:
        failed, *ended = [await shared.ended(task) for task in (poison, *others)]
        assert await worker.end() == 0
    assert (failed.status, failed.attempt) == (TaskStatus.FAILED, 1 + poison.max_retries)
    assert failed.error is not None
    assert failed.error.code == "worker_lost"
    assert [task.status for task in ended] == [TaskStatus.COMPLETED] * 6
    await history.check_all(shared.tasks)
