"""Taking away what nobody can see any more: deleted sources, old versions of pages, rows whose page never came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from gleanery import errors, log
from gleanery.knowledge.vectors import Vectors
from gleanery.store.generation_store import GenerationStore
from gleanery.store.values import Change

_log = log.get(__name__)

RETRY_SECONDS = 60.0
MOST_REST_SECONDS = 0.1


class Tidying:
    """Works whenever a source was deleted or a task on one has ended, and once at the start. `hear` is for the change feed.

    Each step is a short transaction of its own, so that nothing else waits for it.
    """

    def __init__(self, store: GenerationStore, vectors: Vectors, keep: int) -> None:
        self._store = store
        self._vectors = vectors
        self._keep = keep
        self._bell = asyncio.Event()
        self._bell.set()

    def hear(self, changes: Sequence[Change]) -> None:
        if any(change.task.status.is_final and change.task.payload.get("source_id") for change in changes):
            self._bell.set()

    def forget(self, source_id: str) -> None:
        """The source was deleted."""
        self._vectors.forget(source_id)
        self._bell.set()

    async def _step(self) -> int:
        """Half of the time belongs to the others: each step is followed by a rest as long as it took."""
        began = time.monotonic()
        removed = await self._store.prune(self._keep)
        await asyncio.sleep(min(MOST_REST_SECONDS, time.monotonic() - began))
        return removed

    async def run(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            try:
                while await self._step():
                    pass
            except errors.StorageError as error:
                _log.error("old rows not removed", extra={"reason": error.message})
                await asyncio.sleep(RETRY_SECONDS)
                self._bell.set()
