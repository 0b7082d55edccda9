"""The worker: claims due tasks, starts their attempts, keeps their leases, takes back what lost workers held.

Doorbells wake it; once a second it looks by itself, so that a lost doorbell costs a second and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from gleanery import __version__, errors, log
from gleanery.engine.attempt import Attempts, Run, Stop
from gleanery.engine.handler import Handler
from gleanery.engine.memory import own_mb
from gleanery.engine.presence import Presence, Unseen
from gleanery.model import Clock, Task, TaskStatus, WorkerInfo, utc_now
from gleanery.store.base import WorkerStore
from gleanery.store.jump_watch import JumpWatch
from gleanery.store.task_store import TaskStore
from gleanery.store.values import Asked, TaskFilter, Wanted

_log = log.get(__name__)

LOOK_SECONDS = 1.0
GRACE_SECONDS = 1.0
LAST_WRITES_SECONDS = 2.0
BEATS_AT_ONCE = 100
RUNNING_AT_MOST = 100_000
TELL_SECONDS = 5.0
"""Between two lines of the worker about itself."""
FORGET_SECONDS = 60.0
"""After so long without a line a worker that nobody can see is taken off the list."""


class Parts(Protocol):
    """What of a Store a worker works with."""

    @property
    def tasks(self) -> TaskStore: ...
    @property
    def workers(self) -> WorkerStore: ...


class Worker:
    """Runs up to `concurrency` tasks at once in this loop. `start` and `stop` it; `hear` is for a dispatcher.

    `queue_limits` bounds how many tasks of a queue run at once over all workers, as the handlers' specs do for their types.
    """

    def __init__(
        self,
        store: Parts,
        handlers: Mapping[str, Handler],
        *,
        concurrency: int,
        lease_seconds: float,
        worker_id: str | None = None,
        queue_limits: Mapping[str, int] | None = None,
        presence: Presence | None = None,
        grace_seconds: float = GRACE_SECONDS,
        last_writes_seconds: float = LAST_WRITES_SECONDS,
        clock: Clock = utc_now,
    ) -> None:
        self.worker_id = worker_id or f"{os.uname().nodename}-{os.getpid()}"
        self.concurrency = concurrency
        self.leases_lost = 0
        self.room = asyncio.Event()
        """Set while a doorbell would be of use: there are free places, and no look is due anyway."""
        self._tasks: TaskStore = store.tasks
        self._registry: WorkerStore = store.workers
        self._handlers = handlers
        self._lease_seconds = lease_seconds
        self._grace_seconds = grace_seconds
        self._last_writes_seconds = last_writes_seconds
        self._presence = presence or Unseen()
        self._clock = clock
        self._attempts = Attempts(store.tasks, clock)
        self._wanted = Wanted(
            self.worker_id,
            lease_seconds,
            tuple(handlers),
            {name: h.spec.concurrency for name, h in handlers.items() if h.spec.concurrency is not None},
            dict(queue_limits or {}),
            tuple(name for name, h in handlers.items() if h.spec.runs_apart),
        )
        self._own_limits = {
            name: handler.spec.worker_concurrency
            for name, handler in handlers.items()
            if handler.spec.worker_concurrency is not None
        }
        self._runs: dict[str, Run] = {}
        self._bell = asyncio.Event()
        self._beat_bell = asyncio.Event()
        self._to_beat: set[str] = set()
        self._rung_while_claiming: set[str] = set()
        self._jobs: list[asyncio.Task[None]] = []
        self._is_stopping = False
        self._is_drained = False
        self._started_at = clock()
        self._told_at = float("-inf")
        self._jump = JumpWatch(clock, lease_seconds)

    @property
    def task_types(self) -> Sequence[str]:
        return self._wanted.task_types

    @property
    def running(self) -> int:
        return len(self._runs)

    @property
    def free(self) -> int:
        """How many tasks it may take."""
        return self.concurrency - len(self._runs)

    async def start(self) -> None:
        """Take back what workers that are gone left running, then begin to claim. Raises InvalidInput for an id in use."""
        await self._presence.hold(self.worker_id)
        self._jump = JumpWatch(self._clock, self._lease_seconds)
        await self._reap(is_first=True)
        await self._tell_of_itself("running")
        if self.concurrency:
            self._jobs.append(asyncio.create_task(self._claim_forever(), name="worker"))
            self._jobs.append(asyncio.create_task(self._beat_forever(), name="beats"))
        self._jobs.append(asyncio.create_task(self._look_forever(), name="look"))

    async def stop(self) -> None:
        """Stop claiming, let short tasks end, put the others back as if they had not run, wait for their last writes.

        A task that goes on where it stopped anyway is put back at once.
        """
        self._is_stopping = True
        self.room.clear()
        self._bell.set()
        if self._jobs and self.concurrency:
            # Not cancelled at once: a claim that is under way would leave its task running by the row alone.
            await asyncio.wait(self._jobs[:1], timeout=self._last_writes_seconds)
        for run in self._runs.values():
            if self._handlers[run.task.task_type].spec.can_pause:
                run.interrupt(Stop.SHUTDOWN)
        await self._wait_for_runs(self._grace_seconds)
        for run in self._runs.values():
            run.interrupt(Stop.SHUTDOWN)
        for job in await self._wait_for_runs(self._last_writes_seconds):
            _log.warning("task did not stop in time", extra={"job": job.get_name()})
        for own in self._jobs:
            own.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        try:
            await self._registry.remove([self.worker_id])
        except errors.StorageError as error:
            _log.error("worker not taken off the list", extra={"code": error.code})
        await self._presence.release()

    async def _wait_for_runs(self, seconds: float) -> set[asyncio.Task[None]]:
        jobs = [run.job for run in self._runs.values() if run.job is not None]
        return (await asyncio.wait(jobs, timeout=seconds))[1] if jobs else set()

    def hear(self, task_id: str) -> None:
        """A doorbell: look whether something can be claimed, or what is asked of a task that runs here."""
        run = self._runs.get(task_id)
        if run is not None and run.is_ending:
            return  # its own end: `_run` knows what follows
        self.room.clear()
        self._bell.set()
        if run is not None:
            self._to_beat.add(task_id)
            self._beat_bell.set()
        else:
            self._rung_while_claiming.add(task_id)

    # Claiming

    async def _claim_forever(self) -> None:
        while not self._is_stopping:
            self._bell.clear()
            try:
                wait = await self._claim_due()
            except errors.StorageError as error:
                _log.error("store did not answer the worker", extra={"code": error.code, "reason": error.message})
                wait = LOOK_SECONDS
            if self._is_stopping:
                return
            try:
                async with asyncio.timeout(wait):
                    await self._bell.wait()
            except TimeoutError:
                continue

    async def _claim_due(self) -> float:
        """Fill the free slots; how long to wait for a doorbell after that."""
        self.room.clear()
        while (free := self.free) > 0:
            self._rung_while_claiming.clear()
            wanted, most = self._within_own_limits(free)
            claimed = await self._tasks.claim_due(wanted, most)
            for task in claimed:
                self._begin(task)
            self._is_drained = len(claimed) < most
            if self._is_drained:
                if not (self._bell.is_set() or self._is_stopping):
                    self.room.set()
                return await self._seconds_to_next()
        return LOOK_SECONDS

    def _within_own_limits(self, free: int) -> tuple[Wanted, int]:
        """What may be claimed now, and how many: no more of a type than may run in this worker, whichever come."""
        if not self._own_limits:
            return self._wanted, free
        running = Counter(run.task.task_type for run in self._runs.values())
        room = {name: most - running[name] for name, most in self._own_limits.items()}
        types = tuple(name for name in self._wanted.task_types if room.get(name, free) > 0)
        return replace(self._wanted, task_types=types), min(free, *(room.get(name, free) for name in types), free)

    def _begin(self, task: Task) -> None:
        old = self._runs.get(task.task_id)
        if old is not None:  # its lease ran out before it could beat, as when the machine slept
            old.interrupt(Stop.LEASE_LOST)
        run = self._runs[task.task_id] = Run(task)
        run.job = asyncio.create_task(self._run(run), name=task.task_id)
        if task.task_id in self._rung_while_claiming:
            self._to_beat.add(task.task_id)
            self._beat_bell.set()

    async def _seconds_to_next(self) -> float:
        """Until something becomes due that isn't yet. What is due and not claimed waits for another's end, which rings."""
        due_at = await self._tasks.next_due_at(self._wanted.task_types)
        return LOOK_SECONDS if due_at is None else min(LOOK_SECONDS, (due_at - self._clock()).total_seconds())

    async def _run(self, run: Run) -> None:
        try:
            await self._attempts.run(run, self._handlers[run.task.task_type])
        finally:
            self.leases_lost += run.is_lost
            if self._runs.get(run.task.task_id) is run:
                del self._runs[run.task.task_id]
            if self._may_follow(run):
                self._bell.set()

    def _may_follow(self, run: Run) -> bool:
        """Whether the end of this attempt may let another begin. What is new since the last look has rung itself."""
        if not self._is_drained or run.ended is None or not run.ended.status.is_final:
            return True
        return run.task.serial_key is not None or bool(
            self._wanted.type_limits or self._wanted.queue_limits or self._own_limits
        )

    # Leases

    async def _beat_forever(self) -> None:
        all_at = time.monotonic() + self._lease_seconds / 4
        while True:
            try:
                async with asyncio.timeout(max(0.0, all_at - time.monotonic())):
                    await self._beat_bell.wait()
            except TimeoutError:
                all_at = time.monotonic() + self._lease_seconds / 4
                self._to_beat.update(self._runs)
            self._beat_bell.clear()
            ids, self._to_beat = list(self._to_beat), set()
            for start in range(0, len(ids), BEATS_AT_ONCE):
                await self._beat([self._runs[i] for i in ids[start : start + BEATS_AT_ONCE] if i in self._runs])

    async def _beat(self, runs: Sequence[Run]) -> None:
        try:
            memory = self._memory(runs)
            asked = await self._tasks.beat([run.fence for run in runs], self._lease_seconds, memory)
        except errors.StorageError as error:
            _log.error("heartbeat not stored", extra={"tasks": len(runs), "code": error.code})
            return
        for run in runs:
            self._answer(run, asked.get(run.task.task_id))

    def _answer(self, run: Run, asked: Asked | None) -> None:
        if asked is None:
            if self._runs.get(run.task.task_id) is run:  # one that ends right now is told by its last write
                run.interrupt(Stop.LEASE_LOST)
        elif asked.to_cancel:
            run.interrupt(Stop.CANCEL)
        elif asked.to_pause:
            run.interrupt(Stop.PAUSE)
        else:
            run.hear(asked.payload)

    def _memory(self, runs: Sequence[Run]) -> Mapping[str, float]:
        """What each attempt takes in MB; one over its limit is stopped."""
        own = own_mb()
        taken = dict[str, float]()
        for run in runs:
            children = run.memory.child_mb()
            measured = None if run.memory.measure is None else run.memory.measure()
            taken[run.task.task_id] = next((mb for mb in (children, measured) if mb is not None), own)
            limit = self._handlers[run.task.task_type].spec.memory_limit_mb
            if children is not None and limit is not None and children > limit:
                run.interrupt(Stop.MEMORY)
        return taken

    # Once a second

    async def _look_forever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._reap()
                await self._tell_of_itself("stopping" if self._is_stopping else "running")
                if self._runs:
                    for task_id in await self._tasks.asked_of(self.worker_id):
                        self.hear(task_id)
            except errors.StorageError as error:
                _log.error("look failed", extra={"code": error.code, "reason": error.message})
            self._beat_those_with_processes()

    def _beat_those_with_processes(self) -> None:
        """Their memory is looked at, and kept, every second: a process may grow faster than leases are prolonged."""
        if growing := [task_id for task_id, run in self._runs.items() if run.memory.pids]:
            self._to_beat.update(growing)
            self._beat_bell.set()

    async def _reap(self, *, is_first: bool = False) -> None:
        """Take back what is lost. Not right after a jump of the clock: by it every lease looks over, also of the living."""
        owners = await self._tasks.owners()
        gone = list(await self._presence.ended([owner for owner in owners if owner != self.worker_id]))
        if is_first:
            gone.append(self.worker_id)  # an earlier life under this name
        spare = [*self._runs]
        self._jump.look()
        if self._jump.is_recent:
            if not gone:
                return
            spare += await self._held_by_others(gone)
        for task in await self._tasks.reap(gone=gone, spare=spare):
            _log.warning(
                "task taken back", extra={"task_id": task.task_id, "status": str(task.status), "attempt": task.attempt}
            )

    async def _held_by_others(self, gone: Sequence[str]) -> Sequence[str]:
        running = await self._tasks.list(TaskFilter((TaskStatus.RUNNING,)), after=None, limit=RUNNING_AT_MOST)
        return [task.task_id for task in running if task.worker_id not in gone]

    async def _tell_of_itself(self, state: str) -> None:
        if time.monotonic() - self._told_at < TELL_SECONDS:
            return
        self._told_at = time.monotonic()
        now = self._clock()
        others = await self._registry.list()
        silent = [other.worker_id for other in others if (now - other.beat_at).total_seconds() > FORGET_SECONDS]
        gone = {*silent, *await self._presence.gone([o.worker_id for o in others if o.worker_id != self.worker_id])}
        if gone:
            await self._registry.remove(sorted(gone))
        await self._registry.put(
            WorkerInfo(
                self.worker_id,
                os.uname().nodename,
                os.getpid(),
                __version__,
                tuple(self._handlers),
                self.concurrency,
                len(self._runs),
                round(own_mb(), 1),
                state,
                self._started_at,
                now,
            )
        )
