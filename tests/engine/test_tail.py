"""The tail of the event log: every change is published once and in order, whichever process made it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from gleanery.engine.tail import TOGETHER_SECONDS, Tail
from gleanery.errors import StorageError
from gleanery.model import Event, NewEvent, NewTask, Progress, Task, TaskStatus
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.task_store import TaskStore
from gleanery.store.values import Change
from tests.engine.stage import PATIENCE_SECONDS, Through
from tests.store.samples import HALF_WAY, LEASE_SECONDS, fence_of, told

Fact = tuple[int, str, int, str]
FOREVER = 600.0


class Published:
    """What a tail has published."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self._news = asyncio.Event()

    def __call__(self, changes: Sequence[Change]) -> None:
        self.changes += changes
        self._news.set()

    @property
    def facts(self) -> list[Fact]:
        """Number, task, seq and type of each event."""
        facts: list[Fact] = []
        for change in self.changes:
            first = change.number - len(change.events) + 1
            facts += [(first + n, change.task.task_id, e.seq, e.type) for n, e in enumerate(change.events)]
        return facts

    async def up_to(self, number: int) -> list[Fact]:
        """The facts, once that number is among them."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not self.facts or self.facts[-1][0] < number:
                self._news.clear()
                await self._news.wait()
        return self.facts


class Process:
    """A store with its tail, as one process has them."""

    def __init__(self, path: Path, **settings: float) -> None:
        self.published = Published()
        self.tail = Tail(self.published, **settings)
        self.store = EmbeddedStore(path, self.tail.hear)
        self.tasks: TaskStore = self.store.tasks

    async def __aenter__(self) -> Process:
        await self.store.__aenter__()
        await self.tail.start(self.tasks)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.tail.stop()
        await self.store.__aexit__(None, None, None)

    async def running(self) -> Task:
        task = await self.tasks.create(NewTask("demo", {}))
        claimed = await self.tasks.claim(task.task_id, "w", LEASE_SECONDS)
        assert claimed is not None
        return claimed


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[tuple[Process, Process]]:
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(Process(tmp_path / "gleanery.db")) for _ in range(2)]
        one.tail.is_alone = other.tail.is_alone = False
        yield one, other


async def stored(process: Process, after: int = 0) -> list[Fact]:
    """What is to be published: the log itself."""
    log = Published()
    log(await process.tasks.changes_after(after, 100_000))
    numbers = range(after + 1, after + 1 + sum(len(change.events) for change in log.changes))
    facts: list[tuple[Task, Event]] = [(change.task, event) for change in log.changes for event in change.events]
    return [(n, task.task_id, event.seq, event.type) for n, (task, event) in zip(numbers, facts, strict=True)]


async def check(processes: Sequence[Process]) -> None:
    """Every tail publishes all that is in the log, in its order, once."""
    log = await stored(processes[0])
    for process in processes:
        assert await process.published.up_to(log[-1][0]) == log


async def test_a_process_alone_publishes_its_commits_before_their_callers_go_on(tmp_path: Path) -> None:
    async with Process(tmp_path / "gleanery.db") as alone:
        task = await alone.running()
        assert [kind for *_, kind in alone.published.facts] == ["task_queued", "task_started"]
        await alone.tasks.report(fence_of(task), [], HALF_WAY)
        assert alone.published.changes[-1].task.progress == HALF_WAY
        await alone.tasks.finish(fence_of(task), TaskStatus.COMPLETED, told())
        assert alone.published.facts == await stored(alone)
        assert alone.published.changes[-1].task.status is TaskStatus.COMPLETED


async def test_what_was_written_before_the_start_is_not_published(tmp_path: Path) -> None:
    async with Process(tmp_path / "gleanery.db") as first:
        await first.running()
    async with Process(tmp_path / "gleanery.db") as second:
        task = await second.running()
        assert [(number, name) for number, name, *_ in second.published.facts] == [(3, task.task_id), (4, task.task_id)]


async def test_what_one_process_writes_both_publish(two: tuple[Process, Process]) -> None:
    one, other = two
    task = await one.running()
    await one.tasks.report(fence_of(task), told() * 3, HALF_WAY)
    await check(two)
    assert other.published.changes[-1].task == await one.tasks.get(task.task_id)


async def test_turns_between_processes_are_published_in_their_order(two: tuple[Process, Process]) -> None:
    one, other = two
    task = await one.tasks.create(NewTask("demo", {}))
    claimed = await other.tasks.claim(task.task_id, "w", LEASE_SECONDS)
    assert claimed is not None
    for n in range(30):
        await two[n % 2].tasks.report(fence_of(claimed), [NewEvent("page_stored", str(n))], Progress())
    await one.tasks.request_cancel(task.task_id)
    await other.tasks.finish(fence_of(claimed), TaskStatus.CANCELLED, told())
    await check(two)
    assert [seq for _, _, seq, _ in one.published.facts] == list(range(1, 35))


async def test_both_writing_the_same_task_at_once_leave_no_gap(two: tuple[Process, Process]) -> None:
    task = await two[0].running()

    async def write(process: Process, name: str) -> None:
        for n in range(60):
            events = [NewEvent("page_stored", f"{name} {n}.{i}") for i in range(n % 4)]
            await process.tasks.report(fence_of(task), events, Progress())

    await asyncio.gather(*(write(process, str(n)) for n, process in enumerate(two) for _ in range(3)))
    await check(two)
    assert [seq for _, _, seq, _ in two[0].published.facts] == list(range(1, 2 + 6 * 90 + 1))


async def test_many_tasks_of_both_at_once_are_published_in_one_order(two: tuple[Process, Process]) -> None:
    async def whole_life(process: Process) -> None:
        task = await process.running()
        await process.tasks.report(fence_of(task), told() * 2, HALF_WAY)
        await process.tasks.finish(fence_of(task), TaskStatus.COMPLETED, told(), result={})

    await asyncio.gather(*(whole_life(process) for process in two for _ in range(40)))
    await check(two)
    assert two[0].published.facts == two[1].published.facts


async def test_more_than_one_look_takes_is_published_whole(two: tuple[Process, Process]) -> None:
    one, other = two
    task = await one.running()
    await asyncio.gather(*(one.tasks.report(fence_of(task), told() * 100, Progress()) for _ in range(16)))
    await check([other, one])


async def test_a_process_that_is_behind_publishes_its_own_commits_after_those_of_the_other(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(Process(tmp_path / "gleanery.db")) for _ in range(2)]
        # Nobody looks by the clock: what finds the other's changes is the gap before one's own.
        theirs = await other.running()
        mine = await one.running()
        log = await stored(one)
        assert await one.published.up_to(4) == log
        assert {name for _, name, *_ in log} == {theirs.task_id, mine.task_id}


async def test_the_first_word_of_another_process_makes_a_tail_look_often(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(Process(tmp_path / "gleanery.db")) for _ in range(2)]
        await other.running()
        await one.published.up_to(2)
        assert (one.tail.is_alone, other.tail.is_alone) == (False, True)


class Asked(Through):
    """Keeps when the log was asked for, when it answered, and how many changes it had."""

    def __init__(self, inner: TaskStore) -> None:
        super().__init__(inner)
        self.looks: list[tuple[float, float, int]] = []
        self.news = asyncio.Event()

    async def changes_after(self, number: int, limit: int) -> Sequence[Change]:
        asked_at = time.monotonic()
        changes = await self.inner.changes_after(number, limit)
        self.looks.append((asked_at, time.monotonic(), len(changes)))
        self.news.set()
        return changes


@asynccontextmanager
async def watched(path: Path, **settings: float) -> AsyncIterator[tuple[Process, Asked]]:
    """A process, and what its tail asks."""
    process = Process(path, **settings)
    process.tasks = log = Asked(process.tasks)
    async with process:
        yield process, log


async def test_who_writes_without_a_gap_need_not_look(tmp_path: Path) -> None:
    """Expected: as long as one's own numbers follow each other nothing of another's can be there, and nobody asks for it until
    so long after the last of them."""
    noticed_seconds, told_at = 0.5, list[float]()
    async with watched(tmp_path / "gleanery.db", noticed_seconds=noticed_seconds) as (process, log):
        process.tail.is_noticed = lambda: True
        task = await process.running()
        until = time.monotonic() + 1.4 * noticed_seconds
        while time.monotonic() < until:
            told_at.append(time.monotonic())  # it is told after this, and before the call ends
            await process.tasks.report(fence_of(task), told(), HALF_WAY)
        for asked_at, *_ in log.looks:  # where the machine stood still meanwhile
            assert asked_at - max(at for at in told_at if at <= asked_at) >= noticed_seconds


async def test_what_one_look_finds_is_not_looked_for_again_at_once(tmp_path: Path) -> None:
    async with watched(tmp_path / "gleanery.db") as (process, log), Process(tmp_path / "gleanery.db") as other:
        await other.running()
        await process.published.up_to(2)
        first = next(n for n, (*_, found) in enumerate(log.looks) if found)
        while len(log.looks) < first + 2:
            log.news.clear()
            await log.news.wait()
        (_, found_at, _), (asked_at, *_) = log.looks[first : first + 2]
        assert asked_at - found_at >= TOGETHER_SECONDS


async def test_an_answer_that_a_look_has_overtaken_is_no_gap(tmp_path: Path) -> None:
    """Expected: it was published, so it is passed over, and nobody looks for what came before it."""
    async with watched(tmp_path / "gleanery.db", noticed_seconds=FOREVER) as (process, log):
        process.tail.is_noticed = lambda: True
        task = await process.running()
        process.tail.hear(await process.store.tasks.changes_after(0, 10))
        await process.tasks.report(fence_of(task), told(), HALF_WAY)
        assert process.published.facts == await stored(process)
        assert len(log.looks) == 1, "the one that `stored` has asked for"


class Unreadable(Through):
    """Its log can't be read the first time."""

    def __init__(self, inner: TaskStore) -> None:
        super().__init__(inner)
        self.fails = 1

    async def changes_after(self, number: int, limit: int) -> Sequence[Change]:
        if self.fails:
            self.fails -= 1
            raise StorageError("The database could not do that.")
        return await self.inner.changes_after(number, limit)


async def test_a_log_that_cannot_be_read_is_read_later(tmp_path: Path) -> None:
    async with Process(tmp_path / "gleanery.db") as writer:
        published = Published()
        tail = Tail(published)
        tail.is_alone = False
        await tail.start(Unreadable(writer.tasks))
        try:
            await writer.running()
            assert await published.up_to(2) == await stored(writer)
        finally:
            await tail.stop()


async def test_a_tail_that_never_started_can_be_stopped() -> None:
    await Tail(Published()).stop()
