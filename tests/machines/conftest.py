"""Several machines over one Supabase project: each a process with a folder of its own, and a wall clock of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gleanery.engine.events import ChangeFeed
from gleanery.engine.tail import Tail
from gleanery.store.supabase import SupabaseStore
from tests.engine.faults.child import Child
from tests.ground.supabase import Gateway, Project
from tests.machines.cluster import Cluster
from tests.machines.machine import compiled_shift, machine

StartMachine = Callable[..., Awaitable[Child]]


@pytest.fixture(scope="session")
def shift(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled_shift(tmp_path_factory.mktemp("shift"))


@pytest.fixture
async def cluster(supabase_project: Project, gateway: Gateway, tmp_path: Path) -> AsyncIterator[Cluster]:
    """The project with nothing in it, seen from this process."""
    feed = ChangeFeed()
    tail = Tail(feed.publish)
    tail.is_alone = False
    async with SupabaseStore(gateway.url, supabase_project.service_key, tail.hear) as store:
        cluster = Cluster(supabase_project, gateway, store, tmp_path)
        feed.listen(cluster.hear)
        await tail.start(store.tasks)
        yield cluster
        await tail.stop()


@pytest.fixture
async def start_machine(cluster: Cluster, shift: Path, stack: AsyncExitStack) -> StartMachine:
    """Starts a machine with that name, whose wall clock is so many seconds ahead; it ends with the test."""

    async def start(name: str, *flags: str, ahead_seconds: int = 0, folder: str = "") -> Child:
        child = await machine(cluster, shift, name, *flags, ahead_seconds=ahead_seconds, folder=folder)
        stack.push_async_callback(child.kill)
        return child

    return start
