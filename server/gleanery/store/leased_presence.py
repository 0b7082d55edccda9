"""`Presence` over a store that several machines share: by leases there, and by locked files for those in the same folder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from uuid import uuid4

from gleanery import errors, log
from gleanery.store.presence import FilePresence, in_use
from gleanery.store.processes import Holder, Life, ProcessStore, Seen

_log = log.get(__name__)

LOOK_SECONDS = 0.5
"""What was seen of the leases so short a time ago is seen again."""
AWAY_SECONDS = 3.0
"""Without an answer for so long at least, the store was away."""


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
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._monotonic = monotonic
        self._files = files
        self._lease_seconds = lease_seconds
        self._life: Life | None = None
        self._seen: Sequence[Seen] = ()
        self._looked_at: float | None = None
        self._looking = asyncio.Lock()
        self._away_at = float("-inf")

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
                await asyncio.sleep(max(0.05, min(other.seconds, until - self._monotonic())))
            other = await self._store.hold(life, self._lease_seconds, gone=gone)
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

    async def gone(self, worker_ids: Sequence[str]) -> Sequence[str]:
        """Raises StorageError."""
        if self._life is None:
            return ()
        here = self._life.place
        known = {seen.worker_id: seen for seen in await self._look(self._life)}
        in_folder = [one for one in worker_ids if one in known and known[one].place == here]
        elsewhere = [one for one in worker_ids if one in known and known[one].place != here and known[one].is_over]
        return [*await self._files.gone(in_folder), *(() if self._was_away() else elsewhere)]

    async def _look(self, life: Life) -> Sequence[Seen]:
        async with self._looking:
            if self._looked_at is None or self._monotonic() - self._looked_at >= LOOK_SECONDS:
                self._seen = await self._store.look(life.worker_id, life.life)
                now, before = self._monotonic(), self._looked_at
                self._looked_at = now
                if before is not None and now - before > max(self._lease_seconds / 4, AWAY_SECONDS):
                    self._away_at = now
                if not any(seen.is_own for seen in self._seen):
                    await self._hold_again(life)
            return self._seen

    def _was_away(self) -> bool:
        """Whether the store could not be asked for long, until just now: then nobody could prolong a lease, and each has one
        more to do it."""
        return self._monotonic() - self._away_at < self._lease_seconds

    async def _hold_again(self, life: Life) -> None:
        """After a standstill for longer than the lease the name may be lost, and may be another one's."""
        other = await self._store.hold(life, self._lease_seconds)
        if other is not None:
            _log.error(
                "another worker has this name now: start one of them under another", extra=_told(life.worker_id, other)
            )


def _told(worker_id: str, other: Holder) -> dict[str, object]:
    return {"worker_id": worker_id, "seconds": round(other.seconds, 1)}
