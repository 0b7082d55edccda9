"""The event log's tail: changes in the order of all tasks, whichever process made them.

A commit of this process is told at once when nothing of another one came before it. A gap in the numbers shows that
something did; then, when a notice says so, and after a while without either, the log is read from the last number told.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

from gleanery import errors, log
from gleanery.store.task_store import TaskStore
from gleanery.store.values import Change

_log = log.get(__name__)

ALONE_SECONDS = 0.25
"""From a look at the log to the next while no other process is known: the first word of one comes so late. A commit of one's own
without a gap before it is as good as a look."""
TOGETHER_SECONDS = 0.05
NOTICED_SECONDS = 1.0
"""Between two looks while notices are heard: what was lost of them is healed so late."""
PAUSE_SECONDS = 0.05
"""From one look to the next while notices are heard, at least: what comes meanwhile is read by one."""
OWN_SECONDS = 0.01
"""A notice may overtake the answer to the call of this process that wrote the event: so long it is waited for."""
AGAIN_SECONDS = 1.0
"""After a look that failed."""
ROWS = 500


class Tail:
    """Give `hear` to the store, `publish` is told. `start` before the first change, `stop` at the end."""

    def __init__(
        self, publish: Callable[[Sequence[Change]], None], *, noticed_seconds: float = NOTICED_SECONDS
    ) -> None:
        self._publish = publish
        self._noticed_seconds = noticed_seconds
        self._last = 0
        self._noticed = 0
        self._looked_at = float("-inf")
        self._known_at = float("-inf")
        self._is_behind = False
        self._kick = asyncio.Event()
        self._job: asyncio.Task[None] | None = None
        self._is_alone = True
        self.is_noticed: Callable[[], bool] = lambda: False
        """Whether somebody calls `notice` for every event."""

    @property
    def is_alone(self) -> bool:
        """Whether no other process is known: then the log is looked at less often."""
        return self._is_alone

    @is_alone.setter
    def is_alone(self, value: bool) -> None:
        if self._is_alone and not value:
            self._kick.set()  # the wait of one that is alone is too long now
        self._is_alone = value

    async def start(self, tasks: TaskStore) -> None:
        self._tasks = tasks
        self._last, self._known_at = await tasks.last_number(), time.monotonic()
        self._job = asyncio.create_task(self._follow(), name="tail")

    async def stop(self) -> None:
        if self._job is not None:
            self._job.cancel()
            await asyncio.gather(self._job, return_exceptions=True)

    def hear(self, changes: Sequence[Change]) -> None:
        """What a commit of this process did."""
        told = list[Change]()
        for change in changes:
            if change.events and change.number <= self._last:
                continue  # a look was faster than the answer
            if self._is_behind or (change.events and change.number - len(change.events) != self._last):
                self._is_behind = True
                self._kick.set()
                break
            told.append(change)
            if change.number:
                self._last, self._known_at = change.number, time.monotonic()
        if told:
            self._publish(told)

    def notice(self, payload: str) -> None:
        """The event with this number is there; without one, some may be that nobody noticed."""
        if not payload.isdecimal():
            self._kick.set()
        elif int(payload) > max(self._last, self._noticed):
            self._noticed = int(payload)
            asyncio.get_running_loop().call_later(OWN_SECONDS, self._kick_for_notice)

    def _kick_for_notice(self) -> None:
        if self._noticed > self._last:
            self._kick.set()

    def _wait_seconds(self) -> float:
        if self.is_noticed():
            return self._noticed_seconds
        return ALONE_SECONDS if self._is_alone else TOGETHER_SECONDS

    async def _follow(self) -> None:
        while True:
            await self._wait()
            await self._pause()
            try:
                await self._look()
                self._known_at = time.monotonic()
            except errors.StorageError as error:
                _log.error("event log not read", extra={"code": error.code, "reason": error.message})
                await asyncio.sleep(AGAIN_SECONDS)
            self._kick_for_notice()

    async def _wait(self) -> None:
        """Until something says that the log goes on, or nothing has said for too long that it does not."""
        while not self._kick.is_set() and (left := self._known_at + self._wait_seconds() - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._kick.wait()

    async def _pause(self) -> None:
        now = time.monotonic()
        if self.is_noticed() and now - self._looked_at < PAUSE_SECONDS:
            await asyncio.sleep(PAUSE_SECONDS - (now - self._looked_at))
        self._looked_at = time.monotonic()

    async def _look(self) -> None:
        while True:
            self._kick.clear()
            last, noticed = self._last, self._noticed
            changes = await self._tasks.changes_after(last, ROWS)
            if self._last != last:
                return  # what this process told meanwhile came right after: no other one has written
            if changes:
                self._is_alone = False  # these are another's
                self._last = changes[-1].number
                self._publish(changes)
            elif self._noticed == noticed:
                self._noticed = last  # what is not there now was removed since
            # What this process has written meanwhile is not among these: who is behind looks again for it.
            is_all = sum(len(change.events) for change in changes) < ROWS
            if is_all and not (self._is_behind and self._kick.is_set()):
                self._is_behind = False
                return
