"""`Presence` over a store that several machines share: by leases there, and by locked files for those in the same folder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

from gleanery import errors, log
from gleanery.model import Clock
from gleanery.store.jump_watch import JumpWatch
from gleanery.store.presence import FilePresence, in_use
from gleanery.store.processes import Holder, Life, ProcessStore, Seen

_log = log.get(__name__)

LOOK_SECONDS = 0.5
"""What was seen of the leases so short a time ago is seen again."""


class LeasedPresence:
    """A lease in the store for each worker, by the store's clock: over as many machines as there are. Of workers in the same
    folder its file tells at once.

    Whoever takes the name of a worker that may live waits for its lease, which is never longer than its tasks' leases.
    """

    def __init__(
        self,
        store: ProcessStore,
        files: FilePresence,
        lease_seconds: float,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._wait = wait
        self._files = files
        self._lease_seconds = lease_seconds
        self._life: Life | None = None
        self._seen: Sequence[Seen] = ()
        self._looked_at: float | None = None
        self._looking = asyncio.Lock()
        self._jump = JumpWatch(clock, lease_seconds, monotonic)

    async def hold(self, worker_id: str) -> None:
        await self._files.hold(worker_id)
        life = Life(worker_id, uuid4().hex, self._files.place())
        until = self._monotonic() + self._lease_seconds + 1.0
        other = await self._store.hold(life, self._lease_seconds)
        while other is not None:
            gone = other.life if other.place == life.place else None  # its file was free
            if self._monotonic() > until:  # it has been prolonged meanwhile
                await self._files.release()
                raise in_use(worker_id)
            if gone is None:
                _log.info("waiting for the lease of a worker of that name", extra=_told(worker_id, other))
                await self._wait(max(0.05, min(other.seconds, until - self._monotonic())))
            other = await self._store.hold(life, self._lease_seconds, gone=gone)
        self._jump = JumpWatch(self._clock, self._lease_seconds, self._monotonic)
        self._life = life

    async def release(self) -> None:
        if self._life is None:
            return
        try:
            await self._store.release(self._life.worker_id, self._life.life)
        except errors.StorageError as error:
            _log.error("worker's name not given back", extra={"code": error.code})
        self._life = None
        await self._files.release()

    async def ended(self, worker_ids: Sequence[str]) -> Sequence[str]:
        """Of those in the same folder. Raises StorageError."""
        here, _ = await self._seen_of(worker_ids)
        return await self._files.ended([seen.worker_id for seen in here])

    async def gone(self, worker_ids: Sequence[str]) -> Sequence[str]:
        """Raises StorageError."""
        here, elsewhere = await self._seen_of(worker_ids)
        silent = [] if self._jump.is_recent else [seen.worker_id for seen in elsewhere if seen.is_over]
        return [*await self._files.ended([seen.worker_id for seen in here]), *silent]

    async def _seen_of(self, worker_ids: Sequence[str]) -> tuple[Sequence[Seen], Sequence[Seen]]:
        """Those that are known: in the same folder, and elsewhere."""
        if self._life is None:
            return (), ()
        known = {seen.worker_id: seen for seen in await self._look(self._life)}
        asked = [known[one] for one in worker_ids if one in known]
        place = self._life.place
        return [seen for seen in asked if seen.place == place], [seen for seen in asked if seen.place != place]

    async def _look(self, life: Life) -> Sequence[Seen]:
        async with self._looking:
            if self._looked_at is None or self._monotonic() - self._looked_at >= LOOK_SECONDS:
                self._seen = await self._store.look(life.worker_id, life.life)
                self._looked_at = self._monotonic()
                self._jump.look()
                if not any(seen.is_own for seen in self._seen):
                    await self._hold_again(life)
            return self._seen

    async def _hold_again(self, life: Life) -> None:
        """After a standstill for longer than the lease the name may be lost, and may be another one's."""
        other = await self._store.hold(life, self._lease_seconds)
        if other is not None:
            _log.error(
                "another worker has this name now: start one of them under another", extra=_told(life.worker_id, other)
            )


def _told(worker_id: str, other: Holder) -> dict[str, object]:
    return {"worker_id": worker_id, "seconds": round(other.seconds, 1)}
