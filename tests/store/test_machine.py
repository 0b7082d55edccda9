"""The promise of the task store, held against a plain model of it: hypothesis plays what clients, workers and clocks do.

Two stores over one database stand for two processes; each step goes through one of them.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gleanery.errors import GleaneryError, InvalidInput, LeaseLost, NotFound, WrongState
from gleanery.model import (
    DependencyFailure,
    ErrorInfo,
    Fence,
    NewEvent,
    NewTask,
    Progress,
    StageCount,
    Task,
    TaskStatus,
)
from gleanery.store.base import Store
from gleanery.store.values import SUSPECT_LOSSES, Change, Retention, TaskFilter, Wanted
from tests.ground.supabase import Project
from tests.store.conftest import OpenStore, embedded, over_supabase
from tests.store.mirror import (
    CANCELLED,
    COMPLETED,
    FAILED,
    PAUSED,
    QUEUED,
    RUNNING,
    UNFINISHED,
    WAITING,
    Mirror,
    Model,
    TickingClock,
    facts_of,
)

T = TypeVar("T")
BROKEN = ErrorInfo("broken", "It broke.")
ALL = 100_000


KEYS = st.sampled_from([None, None, "k1", "k2"])
TYPES = st.sampled_from(["a", "b"])
PICKS = st.sampled_from(range(240))
"""Which of the tasks or attempts there are at that time."""
WORKERS = st.sampled_from(["w1", "w2"])
RETRIES = st.sampled_from([0, 1, 1, 2, 3])
DELAYS = st.sampled_from([0, 10, 60])


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = TickingClock()
        self.model = Model()
        self._random = random.Random()
        self.task_ids: list[str] = []
        self.fences: list[Fence] = []
        self.told: list[tuple[int, str, int, str]] = []
        self.accepted: set[tuple[str, int]] = set()
        self._folder = tempfile.TemporaryDirectory()
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        opener = self.opener(Path(self._folder.name))

        async def opened() -> list[Store]:
            return [await self._stack.enter_async_context(opener(self._hear)) for _ in range(2)]

        self._stores = self._runner.run(opened())
        self._turns: Iterator[Store] = itertools.cycle(self._stores)

    def opener(self, folder: Path) -> OpenStore:
        """Opens a store that has no rows yet."""
        return embedded(folder, self.clock)

    def teardown(self) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()
        self._folder.cleanup()

    def _hear(self, changes: Sequence[Change]) -> None:
        for change in changes:
            first = change.number - len(change.events) + 1
            self.told += [(first + n, change.task.task_id, e.seq, e.type) for n, e in enumerate(change.events)]

    def ask(self, call: Callable[[Store], Awaitable[T]]) -> T:
        """Through one store, then the other."""

        async def answer() -> T:
            return await call(next(self._turns))

        return self._runner.run(answer())

    def _spread(self, pick: int) -> int:
        """Hypothesis likes small numbers; from them alone most tasks would never be met."""
        return pick + self._random.randrange(240)

    def task_id(self, pick: int, likely: Sequence[TaskStatus] = tuple(TaskStatus)) -> str:
        """Most often one in these states, now and then any or one that was pruned."""
        pick = self._spread(pick)
        there = list(self.model.tasks)
        some = [name for name, task in self.model.tasks.items() if task.status in likely]
        known = (some, some, there, self.task_ids)[max(0, pick % 8 - 4)] or there or self.task_ids
        return known[pick // 8 % len(known)]

    def fence(self, pick: int) -> Fence:
        """Of an attempt that runs, or now and then of one that is over."""
        pick = self._spread(pick)
        live = [fence for fence in self.fences if self.model.running(fence) is not None]
        known = self.fences if pick % 4 == 3 or not live else live
        return known[pick // 4 % len(known)]

    def rows(self) -> dict[str, Task]:
        found = self.ask(lambda store: store.tasks.list(TaskFilter(), after=None, limit=ALL))
        return {task.task_id: task for task in found}

    def refused(self, expected: type[GleaneryError] | None, call: Callable[[Store], Awaitable[Any]]) -> bool:
        """Call it; when it is to be refused it must be, without having written anything."""
        if expected is None:
            self.ask(call)
            return False
        before = len(self.told)
        with pytest.raises(expected):
            self.ask(call)
        assert len(self.told) == before
        return True

    # --- clients ---

    @initialize(priorities=st.lists(st.integers(0, 3), min_size=1, max_size=4), seed=st.integers(0, 2**32))
    def begin(self, priorities: list[int], seed: int) -> None:
        self._random.seed(seed)
        for priority in priorities:
            self.made(NewTask("a", {}, priority=priority))

    @rule(
        task_type=TYPES,
        priority=st.integers(0, 3),
        depends_on=st.lists(PICKS, max_size=2),
        on_failure=st.sampled_from(DependencyFailure),
        coalesce_key=KEYS,
        serial_key=KEYS,
        delay=st.sampled_from([None, None, None, 0, 30]),
        max_retries=RETRIES,
    )
    def create(
        self,
        task_type: str,
        priority: int,
        depends_on: list[int],
        on_failure: DependencyFailure,
        coalesce_key: str | None,
        serial_key: str | None,
        delay: int | None,
        max_retries: int,
    ) -> None:
        new = NewTask(
            task_type,
            {},
            priority=priority,
            depends_on=tuple(map(self.task_id, depends_on)),
            on_dependency_failure=on_failure,
            coalesce_key=coalesce_key,
            serial_key=serial_key,
            run_at=None if delay is None else self.clock() + timedelta(seconds=delay),
            max_retries=max_retries,
        )
        is_known = all(name in self.model.tasks for name in new.depends_on)
        if is_known and not self.model.takes_the_place_of_what_it_waits_for(coalesce_key, new.depends_on):
            self.made(new)
        else:
            assert self.refused(InvalidInput, lambda store: store.tasks.create(new))

    @rule(priority=st.integers(0, 3), max_retries=RETRIES, coalesce_key=KEYS)
    def create_a_plain_one(self, priority: int, max_retries: int, coalesce_key: str | None) -> None:
        self.made(NewTask("a", {}, priority=priority, max_retries=max_retries, coalesce_key=coalesce_key))

    @rule(pick=PICKS, on_failure=st.sampled_from(DependencyFailure))
    def create_one_that_waits(self, pick: int, on_failure: DependencyFailure) -> None:
        depends_on = self.task_id(pick, UNFINISHED)
        if depends_on in self.model.tasks:
            self.made(NewTask("a", {}, depends_on=(depends_on,), on_dependency_failure=on_failure))

    def made(self, new: NewTask) -> None:
        task = self.ask(lambda store: store.tasks.create(new))
        assert task.run_at == (new.run_at or task.created_at)
        self.model.add(
            Mirror(
                task.task_id,
                new.task_type,
                task.created_at,
                task.run_at,
                new.priority,
                task.max_retries,
                new.depends_on,
                new.on_dependency_failure,
                new.coalesce_key,
                new.serial_key,
                wakes_at=new.run_at,
            )
        )
        self.task_ids.append(task.task_id)

    @rule(pick=PICKS)
    def cancel(self, pick: int) -> None:
        task_id = self.task_id(pick, UNFINISHED)
        task = self.model.tasks.get(task_id)
        expected = NotFound if task is None else WrongState if task.status.is_final else None
        if self.refused(expected, lambda store: store.tasks.request_cancel(task_id)) or task is None:
            return
        if task.status is RUNNING:
            task.is_cancel_requested = True
        else:
            self.model.end(task, CANCELLED)

    @rule(pick=PICKS)
    def pause(self, pick: int) -> None:
        task_id = self.task_id(pick, (QUEUED, RUNNING))
        task = self.model.tasks.get(task_id)
        expected = NotFound if task is None else WrongState if task.status.is_final else None
        if self.refused(expected, lambda store: store.tasks.request_pause(task_id)) or task is None:
            return
        if task.status is QUEUED:
            task.status = PAUSED
        elif task.status is RUNNING and not task.is_cancel_requested:
            task.is_pause_requested = True

    @rule(pick=PICKS)
    def resume(self, pick: int) -> None:
        task_id = self.task_id(pick, (RUNNING, PAUSED))
        task = self.model.tasks.get(task_id)
        is_right = task is not None and (task.status is PAUSED or task.is_pause_requested)
        expected = NotFound if task is None else None if is_right else WrongState
        if self.refused(expected, lambda store: store.tasks.resume(task_id)) or task is None:
            return
        if task.status is PAUSED:
            task.is_due_anew = True
            self.model.queue(task)
        task.is_pause_requested = False

    @rule(pick=PICKS, only_failed=st.sampled_from([False, False, True]))
    def retry(self, pick: int, only_failed: bool) -> None:
        task_id = self.task_id(pick, (FAILED, CANCELLED))
        task = self.model.tasks.get(task_id)
        is_right = (
            task is not None
            and task.status in (FAILED, CANCELLED)
            and not only_failed
            and not (task.on_failure is DependencyFailure.FAIL and self.model.has_failed_dependency(task))
        )
        expected = NotFound if task is None else None if is_right else WrongState
        if self.refused(expected, lambda store: store.tasks.retry(task_id, only_failed=only_failed)) or task is None:
            return
        task.retries, task.losses, task.mark, task.wakes_at = 0, 0, 0.0, None
        task.is_due_anew, task.run_at = True, task.created_at
        self.model.queue(task)

    @rule(
        pick=PICKS,
        priority=st.none() | st.integers(0, 3),
        picks=st.none() | st.lists(PICKS, max_size=2),
    )
    def change(self, pick: int, priority: int | None, picks: list[int] | None) -> None:
        task_id = self.task_id(pick, WAITING)
        depends_on = None if picks is None else [self.task_id(each, WAITING) for each in picks]
        task = self.model.tasks.get(task_id)
        expected: type[GleaneryError] | None = NotFound if task is None else None
        if task is not None and task.status not in WAITING:
            expected = WrongState
        elif task is not None and depends_on is not None and tuple(depends_on) != task.depends_on:
            wrong = any(n not in self.model.tasks or n == task_id or self.model.reaches(n, task_id) for n in depends_on)
            expected = InvalidInput if wrong else None
        if (
            self.refused(expected, lambda store: store.tasks.change(task_id, priority=priority, depends_on=depends_on))
            or task is None
        ):
            return
        task.priority = task.priority if priority is None else priority
        if depends_on is not None and tuple(depends_on) != task.depends_on:
            task.depends_on = tuple(depends_on)
            self.model.fail_if_orphaned(task)

    # --- workers ---

    @rule(pick=PICKS, worker_id=WORKERS)
    def claim(self, pick: int, worker_id: str) -> None:
        task_id = self.task_id(pick, (QUEUED,))
        task = self.model.tasks.get(task_id)
        may_run = task is not None and self.model.may_run(task, self.clock())
        claimed = self.ask(lambda store: store.tasks.claim(task_id, worker_id, 60.0))
        assert (claimed is not None) == may_run
        if claimed is not None:
            self.started(claimed)

    def started(self, task: Task) -> None:
        self.model.start(task)
        self.fences.append(Fence(task.task_id, task.attempt))

    @rule(
        worker_id=WORKERS,
        limit=st.integers(1, 3),
        types=st.sampled_from([("a", "b"), ("a", "b"), ("a",), ("b",)]),
        type_limits=st.just({}) | st.dictionaries(TYPES, st.integers(1, 2)),
    )
    def claim_due(self, worker_id: str, limit: int, types: tuple[str, ...], type_limits: dict[str, int]) -> None:
        self.claimed(worker_id, limit, types, type_limits)

    def claimed(self, worker_id: str, limit: int, types: tuple[str, ...], type_limits: dict[str, int]) -> None:
        wanted = Wanted(worker_id, 60.0, types, type_limits)
        now = self.clock()
        claimed = self.ask(lambda store: store.tasks.claim_due(wanted, limit))
        for task in claimed:
            best = min(map(self.rank, self.allowed(wanted, now)))
            assert self.rank(self.model.tasks[task.task_id]) == best, "not the best of those that may run"
            self.started(task)
        assert len(claimed) == limit or not self.allowed(wanted, now), "one more could have been claimed"

    @rule(limit=st.integers(2, 4))
    def claim_what_there_is(self, limit: int) -> None:
        self.claimed("w1", limit, ("a", "b"), {})

    def rank(self, task: Mirror) -> tuple[int, datetime, datetime]:
        return -task.priority, task.run_at, task.created_at

    def allowed(self, wanted: Wanted, now: datetime) -> list[Mirror]:
        tasks = self.model.tasks.values()
        return [
            task
            for task in tasks
            if task.task_type in wanted.task_types
            and self.model.may_run(task, now)
            and sum(o.status is RUNNING and o.task_type == task.task_type for o in tasks)
            < wanted.type_limits.get(task.task_type, ALL)
            and (task.losses < SUSPECT_LOSSES or not self.model.is_suspect_watched(now))
        ]

    @precondition(lambda self: self.fences)
    @rule(pick=PICKS, done=st.integers(0, 3), events=st.integers(0, 2))
    def report(self, pick: int, done: int, events: int) -> None:
        fence = self.fence(pick)
        task = self.model.running(fence)
        progress = Progress(stages={"stored": StageCount(done, 3)})
        news = [NewEvent("page_stored", str(n)) for n in range(events)]
        if self.refused(None if task else LeaseLost, lambda store: store.tasks.report(fence, news, progress)):
            return
        assert task is not None
        if done > task.mark or events:
            task.losses, task.mark = 0, max(task.mark, done)

    @precondition(lambda self: self.fences)
    @rule(pick=PICKS, name=st.sampled_from(["s1", "s2"]), value=st.integers(0, 9))
    def keep_step(self, pick: int, name: str, value: int) -> None:
        fence = self.fence(pick)
        task = self.model.running(fence)
        if self.refused(None if task else LeaseLost, lambda store: store.tasks.keep_step(fence, name, value)):
            return
        assert task is not None
        if name not in task.steps:
            task.losses, task.steps[name] = 0, value
        assert self.ask(lambda store: store.tasks.step(fence.task_id, name)) == (task.steps[name],)

    @precondition(lambda self: self.fences)
    @rule(pick=PICKS, status=st.sampled_from([COMPLETED, COMPLETED, FAILED, CANCELLED, PAUSED]))
    def finish(self, pick: int, status: TaskStatus) -> None:
        self.finished(self.fence(pick), status, None)

    @precondition(lambda self: self.fences)
    @rule(pick=PICKS, retry_in=st.none() | DELAYS)
    def back_to_the_queue(self, pick: int, retry_in: int | None) -> None:
        """For another try, or put back as if it had not run."""
        self.finished(self.fence(pick), QUEUED, retry_in)

    def finished(self, fence: Fence, status: TaskStatus, retry_in: int | None) -> None:
        task = self.model.running(fence)
        is_retry = status is QUEUED and retry_in is not None
        error = BROKEN if is_retry or status is FAILED else None
        run_at = self.clock() + timedelta(seconds=retry_in or 0) if is_retry else None
        events = [NewEvent("ended", status)]
        if self.refused(
            None if task else LeaseLost,
            lambda store: store.tasks.finish(fence, status, events, error=error, run_at=run_at),
        ):
            return
        assert task is not None
        assert (fence.task_id, fence.attempt) not in self.accepted, "two outcomes of one attempt were accepted"
        self.accepted.add((fence.task_id, fence.attempt))
        if task.is_cancel_requested and status in WAITING:
            status = CANCELLED
        elif task.is_pause_requested and status is QUEUED:
            status = PAUSED
        task.losses, task.run_at, task.wakes_at = 0, run_at or task.run_at, run_at
        task.retries += status is QUEUED and is_retry
        if status is QUEUED:
            self.model.queue(task)
        else:
            self.model.end(task, status, BROKEN.code if status is FAILED else None)

    @precondition(lambda self: self.fences)
    @rule(picks=st.lists(PICKS, min_size=1, max_size=3), lease_seconds=st.sampled_from([60.0, 600.0]))
    def beat(self, picks: list[int], lease_seconds: float) -> None:
        fences = [self.fence(pick) for pick in picks]
        asked = self.ask(lambda store: store.tasks.beat(fences, lease_seconds, {}))
        alive = {fence.task_id: task for fence in fences if (task := self.model.running(fence)) is not None}
        assert {name: (a.to_cancel, a.to_pause) for name, a in asked.items()} == {
            name: (task.is_cancel_requested, task.is_pause_requested) for name, task in alive.items()
        }
        rows = self.rows()
        for task in alive.values():
            task.lease_until = rows[task.task_id].lease_until

    @rule(gone=st.sampled_from([["w1", "w2"], ["w1"], ["w2"], []]), picks=st.lists(PICKS, max_size=1))
    def reap(self, gone: list[str], picks: list[int]) -> None:
        now, spare = self.clock(), [self.task_id(pick) for pick in picks]
        lost = [
            task
            for task in self.model.tasks.values()
            if task.status is RUNNING and task.task_id not in spare
            if task.worker_id in gone or (task.lease_until is not None and task.lease_until < now)
        ]
        taken = self.ask(lambda store: store.tasks.reap(gone=gone, spare=spare))
        assert {task.task_id for task in taken} == {task.task_id for task in lost}
        for name in [task.task_id for task in taken]:
            self.taken_back(self.model.tasks[name])

    def taken_back(self, task: Mirror) -> None:
        task.losses += 1
        if task.is_cancel_requested:
            self.model.end(task, CANCELLED)
        elif task.losses > task.max_retries:
            self.model.end(task, FAILED, "worker_lost")
        elif task.is_pause_requested:
            self.model.end(task, PAUSED)
        else:
            self.model.queue(task)

    # --- time and room ---

    @rule(seconds=st.sampled_from([10, 70, 700]))
    def time_passes(self, seconds: int) -> None:
        self.clock.jump(seconds)

    @rule(events_per_task=st.none() | st.integers(1, 4), has_tasks=st.sampled_from([False, False, True]))
    def prune(self, events_per_task: int | None, has_tasks: bool) -> None:
        before = self.clock() + timedelta(days=1) if has_tasks else None
        retention = Retention(tasks_before=before, events_per_task=events_per_task)
        removed = self.ask(lambda store: store.tasks.prune(retention, ALL))
        going = self.model.forgettable() if has_tasks else set()
        assert removed.tasks == len(going)
        for name in going:
            del self.model.tasks[name]
        if events_per_task is not None:
            assert all(task.last_seq - task.first_seq < events_per_task for task in self.rows().values())

    # --- what always holds ---

    @invariant()
    def the_rows_are_the_model(self) -> None:
        rows = self.rows()
        assert rows.keys() == self.model.tasks.keys(), "an accepted task is gone"
        for name, task in self.model.tasks.items():
            if task.is_due_anew:
                assert task.run_at <= rows[name].run_at <= max(task.run_at, self.clock()), (
                    "due since then, or later still"
                )
                task.run_at, task.is_due_anew = rows[name].run_at, False
            assert facts_of(rows[name]) == task.facts
            if task.status in UNFINISHED:
                assert rows[name].waits_for == self.model.unfinished(task.depends_on)
            assert (rows[name].waited_seconds or 0) >= 0
            assert rows[name].ran_seconds >= 0
            assert (rows[name].processing_completed_at is not None) == task.status.is_final
        counts = {s: n for s in TaskStatus if (n := sum(t.status is s for t in rows.values()))}
        assert self.ask(lambda store: store.tasks.count_by_status()) == counts

    @invariant()
    def keys_are_held_once(self) -> None:
        running = [t.serial_key for t in self.model.tasks.values() if t.serial_key and t.status is RUNNING]
        assert len(set(running)) == len(running)
        queued = [t.coalesce_key for t in self.model.tasks.values() if t.coalesce_key and t.status is QUEUED]
        assert len(set(queued)) == len(queued)

    @invariant()
    def what_was_told_is_what_is_stored(self) -> None:
        assert [number for number, *_ in self.told] == list(range(1, len(self.told) + 1))
        assert self.ask(lambda store: store.tasks.last_number()) == len(self.told)
        rows = self.rows()
        first = {task.task_id: task.first_seq for task in rows.values()}
        kept = [(name, seq, kind) for _, name, seq, kind in self.told if name in first and seq >= first[name]]
        stored = self.ask(lambda store: store.tasks.changes_after(0, ALL))
        assert [(c.task.task_id, e.seq, e.type) for c in stored for e in c.events] == kept
        for task in rows.values():
            seqs = [seq for name, seq, _ in kept if name == task.task_id]
            assert seqs == list(range(task.first_seq, task.last_seq + 1))


# Shrinking a failure takes minutes, so that is for who looks for its cause: take the phases away.
StoreMachine.TestCase.settings = settings(
    phases=[Phase.explicit, Phase.generate],
    max_examples=40,
    stateful_step_count=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestStoreMachine = StoreMachine.TestCase


class SupabaseMachine(StoreMachine):
    """The same over Supabase, fewer times: each step is a call over HTTP."""

    project: ClassVar[Project]

    def opener(self, folder: Path) -> OpenStore:
        self.project.empty()
        return over_supabase(self.project, self.clock)


@pytest.fixture
def project_of_the_machine(supabase_project: Project) -> None:
    SupabaseMachine.project = supabase_project


SupabaseMachine.TestCase.settings = settings(StoreMachine.TestCase.settings, max_examples=8, stateful_step_count=50)
TestSupabaseMachine = pytest.mark.usefixtures("project_of_the_machine")(SupabaseMachine.TestCase)
