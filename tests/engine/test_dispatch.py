"""The contract of `Dispatcher`. A second dispatcher is one more entry of DISPATCHERS: all of it then runs over it too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from gleanery.engine.dispatch import Dispatcher, LocalDispatcher, ringing
from gleanery.engine.events import ChangeFeed
from gleanery.model import ErrorInfo, NewTask, Task, TaskStatus
from gleanery.store.embedded import EmbeddedStore
from tests.engine.stage import Stage
from tests.store.samples import HALF_WAY, LEASE_SECONDS, fence_of, told

Heard = list[str]


@asynccontextmanager
async def _local() -> AsyncIterator[Dispatcher]:
    yield LocalDispatcher()


DISPATCHERS: dict[str, Callable[[], AbstractAsyncContextManager[Dispatcher]]] = {"local": _local}


@pytest.fixture(params=list(DISPATCHERS))
async def dispatcher(request: pytest.FixtureRequest) -> AsyncIterator[Dispatcher]:
    async with DISPATCHERS[request.param]() as it:
        yield it


async def test_everybody_who_listens_hears_every_doorbell(dispatcher: Dispatcher) -> None:
    one, two = Heard(), Heard()
    dispatcher.listen(one.append)
    dispatcher.ring("a")
    dispatcher.listen(two.append)
    dispatcher.ring("b")
    dispatcher.ring("b")
    await dispatcher.drain()
    assert (one, two) == (["a", "b", "b"], ["b", "b"])


async def test_a_doorbell_that_nobody_hears_is_lost(dispatcher: Dispatcher) -> None:
    dispatcher.ring("a")
    heard = Heard()
    dispatcher.listen(heard.append)
    await dispatcher.drain()
    assert heard == []


async def test_who_has_stopped_hears_no_more_and_the_others_do(dispatcher: Dispatcher) -> None:
    one, two = Heard(), Heard()
    stop = dispatcher.listen(one.append)
    dispatcher.listen(two.append)
    stop()
    dispatcher.ring("a")
    await dispatcher.drain()
    assert (one, two) == ([], ["a"])


async def test_whoever_hears_may_stop_listen_and_ring(dispatcher: Dispatcher) -> None:
    heard = Heard()

    def hear(task_id: str) -> None:
        heard.append(task_id)
        stop()
        dispatcher.listen(heard.append)
        dispatcher.ring("b")

    stop = dispatcher.listen(hear)
    dispatcher.ring("a")
    await dispatcher.drain()
    assert heard == ["a", "b"]


async def test_a_drained_one_delivers_nothing_and_never_fails(dispatcher: Dispatcher) -> None:
    heard = Heard()
    dispatcher.listen(heard.append)
    await dispatcher.drain()
    dispatcher.ring("a")
    await dispatcher.drain()
    assert heard == []


async def test_its_health_is_one_line(dispatcher: Dispatcher) -> None:
    listening = dispatcher.health()
    await dispatcher.drain()
    for sentence in (listening, dispatcher.health()):
        assert sentence
        assert "\n" not in sentence


# --- what rings --------------------------------------------------------------------------------------------------


class Doorbells(LocalDispatcher):
    """Keeps what rang since it was last asked."""

    def __init__(self) -> None:
        super().__init__()
        self._rang = Heard()
        self.listen(self._rang.append)

    def rang(self) -> Heard:
        rang, self._rang[:] = list(self._rang), []
        return rang


@pytest.fixture
def bells(stage: Stage) -> Doorbells:
    bells = Doorbells()
    stage.feed.listen(ringing(bells))
    return bells


async def running(stage: Stage, bells: Doorbells, **fields: Any) -> Task:
    """A task that runs; how it came to that has been heard."""
    task = await stage.enqueue(**fields)
    claimed = await stage.tasks.claim(task.task_id, "w", LEASE_SECONDS)
    assert claimed is not None
    bells.rang()
    return claimed


async def test_a_new_task_rings_and_its_claim_and_progress_do_not(stage: Stage, bells: Doorbells) -> None:
    task = await stage.enqueue()
    assert bells.rang() == [task.task_id]
    claimed = await stage.tasks.claim(task.task_id, "w", LEASE_SECONDS)
    assert claimed is not None
    await stage.tasks.report(fence_of(claimed), told(), HALF_WAY)
    assert bells.rang() == []


async def test_what_is_asked_of_a_running_task_rings(stage: Stage, bells: Doorbells) -> None:
    for ask in (stage.tasks.request_pause, stage.tasks.request_cancel):
        task = await running(stage, bells)
        await ask(task.task_id)
        assert bells.rang() == [task.task_id]


@pytest.mark.parametrize("status", [status for status in TaskStatus if status is not TaskStatus.RUNNING])
async def test_every_end_of_an_attempt_rings(stage: Stage, bells: Doorbells, status: TaskStatus) -> None:
    task = await running(stage, bells, serial_key="k")
    await stage.tasks.finish(fence_of(task), status, told(), error=ErrorInfo("broken", "It broke."))
    assert bells.rang() == [task.task_id]


async def test_a_release_rings_for_those_that_waited(stage: Stage, bells: Doorbells) -> None:
    first = await running(stage, bells)
    last = await stage.enqueue(depends_on=(first.task_id,))
    bells.rang()
    await stage.tasks.finish(fence_of(first), TaskStatus.COMPLETED, told(), result={})
    assert bells.rang() == [first.task_id, last.task_id]


async def test_resume_retry_change_and_reap_ring(stage: Stage, bells: Doorbells) -> None:
    task = await running(stage, bells)
    await stage.tasks.reap(gone=["w"], spare=[])
    await stage.tasks.request_pause(task.task_id)
    await stage.tasks.resume(task.task_id)
    await stage.tasks.change(task.task_id, priority=99)
    await stage.tasks.request_cancel(task.task_id)
    await stage.tasks.retry(task.task_id, only_failed=False)
    assert bells.rang() == [task.task_id] * 6


async def test_a_dispatcher_that_loses_everything_breaks_no_feed(stage: Stage) -> None:
    feed = ChangeFeed()
    lost = LocalDispatcher()
    await lost.drain()
    feed.listen(ringing(lost))
    async with EmbeddedStore(stage.folder / "other.db", feed.publish) as store:
        await store.tasks.create(NewTask("demo", {}))
        assert await store.tasks.count_by_status() == {"queued": 1}
