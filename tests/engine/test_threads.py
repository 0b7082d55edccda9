"""The counted threads: busy, queued, and neither once the work is done, has failed or was cancelled."""

from __future__ import annotations

import asyncio
import threading

import pytest

from gleanery.engine.threads import CountedExecutor


def boom() -> None:
    raise ValueError("boom")


async def test_it_counts_what_works_and_what_waits() -> None:
    go, started = threading.Event(), threading.Semaphore(0)

    def work() -> bool:
        started.release()
        return go.wait(10)

    with CountedExecutor(2, "t") as executor:
        assert (executor.size, executor.busy, executor.queued) == (2, 0, 0)
        jobs = [executor.submit(work) for _ in range(5)]
        assert all(started.acquire(timeout=10) for _ in range(2))
        assert (executor.busy, executor.queued) == (2, 3)
        assert jobs[-1].cancel()
        assert (executor.busy, executor.queued) == (2, 2)
        go.set()
        assert await asyncio.gather(*map(asyncio.wrap_future, jobs[:4])) == [True] * 4
    assert (executor.busy, executor.queued) == (0, 0)


async def test_a_failure_is_its_callers_and_frees_the_thread() -> None:
    with CountedExecutor(1, "t") as executor:
        with pytest.raises(ValueError, match="boom"):
            await asyncio.get_running_loop().run_in_executor(executor, boom)
        thread = await asyncio.get_running_loop().run_in_executor(executor, threading.current_thread)
        assert thread.name.startswith("t")
    assert (executor.busy, executor.queued) == (0, 0)
