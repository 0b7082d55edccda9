"""A process with a store and a worker, to be killed, stopped and blocked: `python -m tests.engine.faults.process DATABASE MODE`.

`work` runs tasks until SIGTERM, `submit` creates tasks without end, `lock [SECONDS]` holds the database's write lock,
without a number until there is a line on standard input. Each line on standard output is a word with its facts, or a
line of the log as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from gleanery import log
from gleanery.engine.dispatch import LocalDispatcher, ringing
from gleanery.engine.events import ChangeFeed
from gleanery.engine.handler import TaskContext, by_type
from gleanery.engine.tail import Tail
from gleanery.engine.worker import Worker
from gleanery.errors import LeaseLost
from gleanery.model import NewEvent, NewTask, Progress
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.presence import FilePresence
from tests.engine.stage import Acting

SUBMITTERS = 10


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


class Effects:
    """A file that holds the key of every effect, in the order in which they happened: what the world outside saw."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def steps(self, ctx: TaskContext) -> Mapping[str, object]:
        """`steps` effects, each of which takes `seconds`, each a step of the task."""
        payload = ctx.task.payload
        values = []
        for n in range(payload["steps"]):

            async def work(name: str = f"s{n}") -> int:
                await asyncio.sleep(payload["seconds"])
                with self._path.open("a") as file:
                    file.write(ctx.idempotency_key(name) + "\n")
                return ctx.task.attempt

            values.append(await ctx.step(f"s{n}", work))
        return {"attempts": values}


async def exits(ctx: TaskContext) -> None:
    """Poison: takes the whole process along."""
    os._exit(1)


async def waits(ctx: TaskContext) -> None:
    """Says that it began, and waits until it is interrupted."""
    await ctx.report(Progress(10.0), NewEvent("stage_started", "At it"))
    say("began", ctx.task.task_id)
    await asyncio.Event().wait()


async def blocks(ctx: TaskContext) -> Mapping[str, object]:
    """Holds the whole loop until there is a line on standard input, then tries to report and to complete."""
    say("began", ctx.task.task_id)
    sys.stdin.readline()
    if ctx.task.payload.get("reports"):
        try:
            await ctx.report(Progress(99.0), NewEvent("warning_raised", "too late"))
        except LeaseLost:
            say("refused", ctx.task.task_id)
            raise
    return {"by": "the blocked one"}


async def work(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    feed, dispatcher = ChangeFeed(), LocalDispatcher()
    tail = Tail(feed.publish)
    tail.is_alone = False
    feed.listen(ringing(dispatcher))
    effects = Effects(options.database.with_name("effects"))
    handlers = [
        Acting(effects.steps, "steps"),
        Acting(exits, "exits"),
        Acting(waits, "waits"),
        Acting(blocks, "blocks"),
    ]
    async with EmbeddedStore(options.database, tail.hear) as store:
        worker = Worker(
            store,
            by_type(handlers),
            concurrency=options.concurrency,
            lease_seconds=options.lease,
            worker_id=options.worker_id,
            presence=FilePresence(options.database.with_name("workers")),
        )
        dispatcher.listen(worker.hear)
        await tail.start(store.tasks)
        await worker.start()
        say("ready")
        await stop.wait()
        await worker.stop()
        await tail.stop()
        say("lost", worker.leases_lost)


async def submit(options: argparse.Namespace) -> None:
    numbers = itertools.count()
    async with EmbeddedStore(options.database, lambda _: None) as store:
        say("ready")

        async def some() -> None:
            for n in numbers:
                say("kept", (await store.tasks.create(NewTask("steps", {"n": n}))).task_id)

        await asyncio.gather(*(some() for _ in range(SUBMITTERS)))


def lock(options: argparse.Namespace) -> None:
    connection = sqlite3.connect(options.database, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    say("held")
    if options.seconds is None:
        sys.stdin.readline()
    else:
        time.sleep(options.seconds)
    connection.execute("COMMIT")
    connection.close()
    say("released")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("database", type=Path)
    modes = parser.add_subparsers(dest="mode", required=True)
    working = modes.add_parser("work")
    working.add_argument("--worker-id")
    working.add_argument("--lease", type=float, default=600.0)
    working.add_argument("--concurrency", type=int, default=4)
    modes.add_parser("submit")
    modes.add_parser("lock").add_argument("seconds", type=float, nargs="?")
    options = parser.parse_args()
    log.set_up("info", sys.stdout)
    if options.mode == "lock":
        lock(options)
    else:
        asyncio.run(work(options) if options.mode == "work" else submit(options))


if __name__ == "__main__":
    main()
