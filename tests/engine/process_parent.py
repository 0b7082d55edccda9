"""A process that waits for a child of its own, to be killed: `python -m tests.engine.process_parent FOLDER PORT`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gleanery.engine.handler import TaskContext
from gleanery.engine.process import in_process
from gleanery.model import NewTask
from gleanery.store.embedded import EmbeddedStore


async def main(folder: Path, port: int) -> None:
    async with EmbeddedStore(folder / "gleanery.db", lambda _: None) as store:
        task = await store.tasks.create(NewTask("demo", {}))
        await in_process(TaskContext(task, store.tasks), "tests.engine.process_jobs:hold", port)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
