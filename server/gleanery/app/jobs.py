"""Background work of the process itself, ended with it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from gleanery import log

_log = log.get(__name__)


class Jobs:
    """Started with `start`; all are cancelled at the end of the `with`. One that fails is told in the log."""

    def __init__(self) -> None:
        self._jobs: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Jobs:
        return self

    def __exit__(self, *_: object) -> None:
        for job in self._jobs:
            job.cancel()

    def start(self, work: Coroutine[None, None, None]) -> None:
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._done)

    def _done(self, job: asyncio.Task[None]) -> None:
        self._jobs.discard(job)
        if not job.cancelled() and (error := job.exception()) is not None:
            _log.error("background job failed", exc_info=error)
