"""A process that writes to a store until it is killed: `python -m tests.store.writing DATABASE`.

Each line on standard output names what the store has acknowledged: `task ID`, `event ID SEQ` or `page PATH`.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path

from gleanery.model import NewTask
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from tests.store.samples import HALF_WAY, Crawl, fence_of, start_crawl, started, told


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def create_tasks(store: Store) -> None:
    while True:
        say("task", (await store.tasks.create(NewTask("demo", {}))).task_id)


async def report_events(store: Store) -> None:
    task = await started(store)
    while True:
        reported = await store.tasks.report(fence_of(task), told(), HALF_WAY)
        say("event", task.task_id, reported.last_seq)


async def store_pages(crawl: Crawl, worker: int) -> None:
    for n in itertools.count():
        path = f"{worker}-{n}"
        await crawl.put(path, [f"{path} {word}" for word in ("one", "two", "three")])
        say("page", path)


async def main(path: Path) -> None:
    async with EmbeddedStore(path, lambda changes: None) as store, asyncio.TaskGroup() as group:
        crawl = await start_crawl(store)
        for worker in range(3):
            group.create_task(store_pages(crawl, worker))
        group.create_task(create_tasks(store))
        group.create_task(report_events(store))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
