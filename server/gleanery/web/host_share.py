"""The share that one process has of a host, where several processes crawl: of its places, its delay and its pauses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Protocol, Self

from gleanery import errors, log
from gleanery.model import Clock, HostUse, utc_now
from gleanery.store.base import HostStore

_log = log.get(__name__)

BEAT_SECONDS = 1.0
GONE = timedelta(seconds=5)
"""A process that has told nothing of a host for so long uses it no more."""
SLOT_SECONDS = 2.0
"""How long a process has its place when there are more processes than places."""
LATE = 0.25
"""By so much of a delay a request may start after the moment that is its process's."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a process knows of a host by itself: the pause that the site asked for (0 without), and the delay it keeps."""

    pause_seconds: float
    delay_seconds: float


@dataclass(frozen=True, slots=True)
class Others:
    """A host as seen with the other processes: how many use it, this one among them as number `rank` from 0, the longest
    delay and pause that any of the others has, and the time slot."""

    processes: int = 1
    rank: int = 0
    delay_seconds: float = 0.0
    pause_seconds: float = 0.0
    slot: int = 0

    def places(self, most: int) -> int:
        """This process's part of `most` places: all parts together are `most`, at any time.

        With more processes than places they take turns: `most` of them have one place each, the next ones in the next slot.
        """
        if self.processes > most:
            return int((self.rank - self.slot * most) % self.processes < most)
        return most // self.processes + (self.rank < most % self.processes)

    def turn(self, at: float, delay_seconds: float) -> float:
        """When this process may start that wants to at `at` (seconds of the clock of all): each has its own moments, the delay
        apart from those of the next process."""
        if self.processes == 1 or delay_seconds <= 0:
            return at
        cycle = delay_seconds * self.processes
        past = (at - self.rank * delay_seconds) % cycle
        return at if past < LATE * delay_seconds else at + cycle - past

    def rest(self, delay_seconds: float) -> float:
        """How long this process leaves the host alone after a start, at least: until shortly before its next moment."""
        return delay_seconds if self.processes == 1 else delay_seconds * (self.processes - LATE)


ALONE = Others()


class Sharer(Protocol):
    """Who shares hosts with other processes: the limiter."""

    def need(self, host: str) -> Need: ...

    def hear(self, host: str) -> None:
        """What the others do at this host may have changed."""
        ...


@dataclass(slots=True)
class _Use:
    users: int = 0
    most_users: int = 0
    others: Others = ALONE
    is_known: asyncio.Event = field(default_factory=asyncio.Event)


class HostShare:
    """Tells the other processes once a second which hosts this one uses, and looks at what they tell; idle it does nothing.

    Use as an async context manager, within the store's. A process that begins with a host looks first. The others notice
    at their next look, so for up to a second both may have more than their part. While the store can't be asked, what was
    last known holds, and for GONE longer, since the others could tell nothing either. `clock` is the store's: all processes
    go by it, whatever their machines' clocks say.
    """

    def __init__(self, store: HostStore, worker_id: str, *, clock: Clock = utc_now) -> None:
        self._store = store
        self._worker_id = worker_id
        self._clock = clock
        self._sharer: Sharer | None = None
        self._uses: dict[str, _Use] = {}
        self._urgent = asyncio.Event()
        self._beating = asyncio.Lock()
        self._job: asyncio.Task[None] | None = None
        self._is_failing = False
        self._looked_at: datetime | None = None
        """When the others were looked at last; None when idle since."""
        self._since = self._kept_until = datetime.min.replace(tzinfo=UTC)

    async def __aenter__(self) -> Self:
        self._job = asyncio.create_task(self._run(), name="host-share")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._job is not None:
            self._job.cancel()
            await asyncio.wait([self._job])
        try:
            await self._store.forget(self._worker_id)
        except errors.StorageError as failure:
            _log.warning("hosts not given back", extra={"code": failure.code, "reason": failure.message})

    def attach(self, sharer: Sharer) -> None:
        self._sharer = sharer

    def enter(self, host: str) -> None:
        """One more wants to ask this host. Whoever enters must `leave`."""
        use = self._uses.setdefault(host, _Use())
        use.users += 1
        use.most_users = max(use.most_users, use.users)

    def leave(self, host: str) -> None:
        self._uses[host].users -= 1

    async def join(self, host: str) -> None:
        """Wait until it is known who else uses a host that was entered; at once when that is known already."""
        use = self._uses[host]
        if use.is_known.is_set() or self._job is None or self._job.done():
            return
        self._urgent.set()
        await use.is_known.wait()

    def turn_in(self, host: str, seconds: float, delay_seconds: float) -> float:
        """In how many seconds this process may start at the host, which wants to in `seconds`."""
        now = self._clock().timestamp()
        return self.others(host).turn(now + seconds, delay_seconds) - now

    @asynccontextmanager
    async def processes(self, host: str) -> AsyncIterator[int]:
        """How many processes use this host, this one among them from now until the end of the block."""
        self.enter(host)
        try:
            await self.join(host)
            yield self.others(host).processes
        finally:
            self.leave(host)

    def urge(self) -> None:
        """Tell the others now, not at the next beat: there is a pause to obey."""
        self._urgent.set()

    def others(self, host: str) -> Others:
        use = self._uses.get(host)
        return use.others if use else ALONE

    async def beat(self) -> None:
        """Tell and look once. The job does it each second; hosts that nobody used since the last time are given up."""
        async with self._beating:
            await self._tell_and_look()

    async def _tell_and_look(self) -> None:
        self._urgent.clear()
        now = self._clock()
        rows = [self._row(host, use, now) for host, use in self._uses.items()]
        if not rows:
            return
        for use in self._uses.values():
            use.most_users = use.users
        try:
            found = await self._told(rows)
        except errors.StorageError as error:
            self._tell_failure(error)
            found = None
        else:
            self._is_failing = False
        for row in rows:
            self._look(row, found)

    async def _told(self, rows: Sequence[HostUse]) -> Mapping[str, Sequence[HostUse]]:
        """What all tell of these hosts, once this process has told its own."""
        await self._store.use(rows)
        now = self._clock()
        if self._looked_at is not None and now - self._looked_at > GONE:
            self._kept_until = now + GONE
        self._since = min(self._since, now - GONE) if now < self._kept_until else now - GONE
        found = _by_host(await self._store.used([row.host for row in rows], self._since))
        self._looked_at = now
        return found

    async def _run(self) -> None:
        try:
            while True:
                if not self._uses:
                    await self._urgent.wait()
                await self.beat()
                try:
                    async with asyncio.timeout(BEAT_SECONDS):
                        await self._urgent.wait()
                except TimeoutError:
                    continue
        finally:
            for use in self._uses.values():  # nobody waits for a look that will not come
                use.is_known.set()

    def _row(self, host: str, use: _Use, now: datetime) -> HostUse:
        need = self._sharer.need(host) if self._sharer else Need(0.0, 0.0)
        pause_until = now + timedelta(seconds=need.pause_seconds) if need.pause_seconds > 0 else None
        return HostUse(host, self._worker_id, use.most_users, pause_until, need.delay_seconds, now)

    def _look(self, row: HostUse, found: Mapping[str, Sequence[HostUse]] | None) -> None:
        use = self._uses[row.host]
        if found is not None:
            # The time is asked anew: a store that takes long must not make the pauses longer.
            use.others = seen(self._worker_id, found.get(row.host, ()), self._clock(), self._since)
        use.is_known.set()
        if row.users == 0 and use.users == 0 and found is not None:
            del self._uses[row.host]
            if not self._uses:
                self._looked_at = None
        elif self._sharer is not None:
            self._sharer.hear(row.host)

    def _tell_failure(self, error: errors.StorageError) -> None:
        if not self._is_failing:
            _log.warning("hosts not shared", extra={"code": error.code, "reason": error.message})
        self._is_failing = True


def _by_host(rows: Sequence[HostUse]) -> Mapping[str, Sequence[HostUse]]:
    found: dict[str, list[HostUse]] = {}
    for row in rows:
        found.setdefault(row.host, []).append(row)
    return found


def seen(worker_id: str, rows: Sequence[HostUse], now: datetime, since: datetime) -> Others:
    """What the rows of one host, told at `since` or later, come to for this worker. It counts as a user whatever its own row
    says."""
    others = [row for row in rows if row.worker_id != worker_id]
    using = [row for row in others if row.users > 0 and row.beat_at >= since]
    names = sorted([worker_id, *(row.worker_id for row in using)])
    pauses = [(row.pause_until - now).total_seconds() for row in others if row.pause_until is not None]
    return Others(
        processes=len(names),
        rank=names.index(worker_id),
        delay_seconds=max((row.delay_seconds for row in using), default=0.0),
        pause_seconds=max(0.0, *pauses) if pauses else 0.0,
        slot=int(now.timestamp() // SLOT_SECONDS),
    )
