"""Starts a machine: a process of `tests.machines.process` with a folder and a wall clock of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from tests.engine.faults.child import ROOT, Child
from tests.machines.cluster import PATIENCE_SECONDS, Cluster

SHIFT = Path(__file__).with_name("shifted_time.c")


def compiled_shift(folder: Path) -> Path:
    """A library that shifts the wall clock of the process it is preloaded into. Raises OSError without a C compiler."""
    library = folder / "shifted_time.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, SHIFT, "-ldl"], check=True)
    return library


async def machine(
    cluster: Cluster, shift: Path, name: str, *flags: str, ahead_seconds: int = 0, folder: str = ""
) -> Child:
    """One with that name, whose wall clock is so many seconds ahead. Whoever starts it kills it."""
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
    return Child(process, PATIENCE_SECONDS)
