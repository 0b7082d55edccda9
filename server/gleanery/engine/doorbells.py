"""Doorbells between processes, carried by Procrastinate over PostgreSQL.

The transaction that makes a task runnable keeps a doorbell for its type; one that asks something of a running task keeps one for
its worker (store/supabase/sql/015_doorbells.sql). One worker hears it. Whatever goes wrong here, all look once a second.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import Protocol

from gleanery import errors, log
from gleanery.engine.dispatch import Hear, LocalDispatcher
from gleanery.store.supabase.doorbells import Doorbell, Doorbells, channel_of, of_type, of_worker
from gleanery.store.supabase.notices import Notices

_log = log.get(__name__)

FETCH_SECONDS = 5.0
"""Between two looks for doorbells without a notice: delayed ones, and those whose notice was lost."""
BEAT_SECONDS = 5.0
SWEEP_EVERY = 6
"""Beats from one sweep to the next."""
AGAIN_SECONDS = 1.0


class Place(Protocol):
    """Of a worker: whether a doorbell would be of use to it now, and how many tasks it may take."""

    worker_id: str
    room: asyncio.Event

    @property
    def task_types(self) -> Sequence[str]: ...
    @property
    def free(self) -> int: ...


class ProcrastinateDispatcher:
    """`Dispatcher` for one worker among those of many processes. `ring` is for what this process wrote itself: its own worker
    hears it at once, the others what is kept in the database.

    Doorbells of a type are fetched only while the worker has room: else they are there for another one.
    """

    def __init__(
        self,
        database_url: str,
        notices: Notices,
        place: Place,
        *,
        fetch_seconds: float = FETCH_SECONDS,
        beat_seconds: float = BEAT_SECONDS,
    ) -> None:
        self._database_url = database_url
        self._notices = notices
        self._place = place
        self._fetch_seconds = fetch_seconds
        self._beat_seconds = beat_seconds
        self._local = LocalDispatcher()
        self._job: asyncio.Task[None] | None = None
        self._drained = asyncio.Event()
        self._trouble: str | None = "not started"
        self.heard = 0
        """Doorbells that came from the database."""
        self._asks, self._asked = [of_worker(place.worker_id)], asyncio.Event()
        self._types, self._due = [of_type(name) for name in place.task_types], asyncio.Event()
        notices.listen(map(channel_of, self._asks), lambda _: self._asked.set())
        notices.listen(map(channel_of, self._types), lambda _: self._due.set())

    def ring(self, task_id: str) -> None:
        self._local.ring(task_id)

    def listen(self, hear: Hear) -> Callable[[], None]:
        return self._local.listen(hear)

    async def start(self) -> None:
        self._job = asyncio.create_task(self._run(), name="doorbells")

    async def drain(self) -> None:
        """What waits is woken besides being cancelled: who waits for a connection may miss a cancellation that comes together
        with it (asyncio.wait_for, until Python 3.12)."""
        await self._local.drain()
        for event in (self._drained, self._asked, self._due):
            event.set()
        if self._job is not None:
            self._job.cancel()
            await asyncio.gather(self._job, return_exceptions=True)
            self._job = None
            self._trouble = "drained"

    @property
    def problem(self) -> str | None:
        return self._trouble or (None if self._notices.is_heard else self._notices.problem)

    def health(self) -> str:
        if (problem := self.problem) is not None:
            return f"Procrastinate, and workers look once a second: {problem}"
        return f"Procrastinate over PostgreSQL, {self.heard} doorbells heard here"

    async def _run(self) -> None:
        while not self._drained.is_set():
            try:
                await self._listen()
            except* errors.StorageError as group:
                self._note(str(group.exceptions[0]))
            await self._wait(self._drained, AGAIN_SECONDS)

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        """For the event, and no longer than so."""
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return

    def _note(self, problem: str) -> None:
        if problem != self._trouble:
            self._trouble = problem
            _log.warning("doorbells not heard", extra={"reason": problem})

    async def _listen(self) -> None:
        """Until the database goes away."""
        async with Doorbells(self._database_url) as doorbells:
            self._trouble = None
            async with asyncio.TaskGroup() as together:
                together.create_task(self._keep(doorbells))
                together.create_task(self._hear_asks(doorbells))
                together.create_task(self._hear_due(doorbells))

    async def _keep(self, doorbells: Doorbells) -> None:
        for beats in itertools.count():
            if self._drained.is_set():
                return
            await doorbells.beat()
            if beats % SWEEP_EVERY == 0:
                await doorbells.sweep()
            await self._wait(self._drained, self._beat_seconds)

    async def _hear_asks(self, doorbells: Doorbells) -> None:
        while not self._drained.is_set():
            await self._hear(doorbells, self._asks, 1, self._asked)

    async def _hear_due(self, doorbells: Doorbells) -> None:
        while not self._drained.is_set():
            await self._place.room.wait()
            await self._hear(doorbells, self._types, max(1, self._place.free), self._due)

    async def _hear(self, doorbells: Doorbells, queues: Sequence[str], most: int, news: asyncio.Event) -> None:
        """Up to so many that wait; without any, the next notice is waited for."""
        news.clear()
        held = list[Doorbell]()
        while len(held) < most and (doorbell := await doorbells.fetch(queues)) is not None:
            held.append(doorbell)
        for doorbell in held:
            self.heard += 1
            self._local.ring(doorbell.task_id)
        for doorbell in held:
            await doorbells.done(doorbell)
        if not held and not self._drained.is_set():
            await self._wait(news, self._fetch_seconds)
