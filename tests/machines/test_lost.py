"""Three machines, of which one dies, stands still, or comes back under its name."""

from __future__ import annotations

import pytest

from gleanery.model import TaskStatus
from tests.machines.cluster import Cluster
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
    first = await start_machine("same", folder="here")
    await first.until("ready")
    second = await start_machine("same", folder="there")
    assert await second.over() == 1
    task = await cluster.enqueue()
    (done,) = await cluster.ended([task])
    assert (done.status, done.attempt) == (TaskStatus.COMPLETED, 1)
    assert await first.end() == 0
