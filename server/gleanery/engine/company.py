"""The company of a process: whether others work on the same store, so that its tail looks at the log often enough."""

from __future__ import annotations

import asyncio

from gleanery import errors, log
from gleanery.engine.presence import Presence
from gleanery.engine.tail import Tail
from gleanery.store.base import WorkerStore

_log = log.get(__name__)

LOOK_SECONDS = 1.0


class Company:
    """`run` it: once a second it looks whether another worker lives than `worker_id`, and tells the tail."""

    def __init__(self, workers: WorkerStore, presence: Presence, worker_id: str, tail: Tail) -> None:
        self._workers = workers
        self._presence = presence
        self._worker_id = worker_id
        self._tail = tail

    async def run(self) -> None:
        while True:
            try:
                self._tail.is_alone = await self.is_alone()
            except errors.StorageError as error:
                _log.error("workers not read", extra={"code": error.code, "reason": error.message})
            await asyncio.sleep(LOOK_SECONDS)

    async def is_alone(self) -> bool:
        others = [one.worker_id for one in await self._workers.list() if one.worker_id != self._worker_id]
        return len(await self._presence.gone(others)) == len(others)
