"""The threads for CPU-bound work, counted: how many are busy, and how much work waits for one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class CountedExecutor(ThreadPoolExecutor):
    """A ThreadPoolExecutor of `size` threads."""

    def __init__(self, size: int, name: str) -> None:
        super().__init__(size, thread_name_prefix=name)
        self.size = size
        self._counts = threading.Lock()
        self._unfinished = 0
        self._busy = 0

    @property
    def busy(self) -> int:
        return self._busy

    @property
    def queued(self) -> int:
        return max(0, self._unfinished - self._busy)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future = super().submit(self._run, fn, args, kwargs)
        with self._counts:
            self._unfinished += 1
        # Also called for work that was cancelled before a thread took it.
        future.add_done_callback(self._done)
        return future

    def _run(self, fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        with self._counts:
            self._busy += 1
        try:
            return fn(*args, **kwargs)
        finally:
            with self._counts:
                self._busy -= 1

    def _done(self, _: Future[Any]) -> None:
        with self._counts:
            self._unfinished -= 1
