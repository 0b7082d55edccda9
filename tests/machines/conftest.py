"""Several machines over one Supabase project: each a process with a folder of its own, and a wall clock of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gleanery.engine.events import ChangeFeed
from gleanery.engine.tail import Tail
from gleanery.store.supabase import SupabaseStore
from tests.engine.faults.child import ROOT, Child
from tests.ground.supabase import Gateway, Project
from tests.machines.cluster import PATIENCE_SECONDS, Cluster

StartMachine = Callable[..., Awaitable[Child]]
SHIFT = Path(__file__).with_name("shifted_time.c")


@pytest.fixture(scope="session")
def shift(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that shifts the wall clock of the process it is preloaded into."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    library = tmp_path_factory.mktemp("shift") / "shifted_time.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SHIFT, "-ldl"], check=True)
    return library


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
        home = cluster.folder / (folder or name)
        home.mkdir(exist_ok=True)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.machines.process",
            cluster.gateway.url,
            str(home),
            name,
            *flags,
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{ROOT / 'server'}:{ROOT}",
                "SUPABASE_SERVICE_KEY": cluster.project.service_key,
                "LD_PRELOAD": str(shift),
                "SHIFTED_SECONDS": str(ahead_seconds),
            },
            stdout=PIPE,
            limit=1 << 20,
        )
        child = Child(process, PATIENCE_SECONDS)
        stack.push_async_callback(child.kill)
        return child

    return start
