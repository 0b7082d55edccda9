"""A machine's process: a worker over a Supabase project, with a folder of its own, to be killed, stopped and shifted.

`python -m tests.machines.process URL FOLDER NAME [--lease SECONDS] [--schedules] [--database URL]`, with the key of the project in
SUPABASE_SERVICE_KEY. With the database's URL Procrastinate carries its doorbells. It says `ready`, then what it begins, and its log as
JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from gleanery import log
from gleanery.engine.dispatch import Dispatcher, LocalDispatcher, ringing
from gleanery.engine.doorbells import ProcrastinateDispatcher
from gleanery.engine.events import ChangeFeed
from gleanery.engine.handler import Handler, Outcome, TaskContext, TaskSpec, by_type
from gleanery.engine.retry import RetryPolicy
from gleanery.engine.scheduler import Scheduler
from gleanery.engine.submit import Submitter
from gleanery.engine.tail import Tail
from gleanery.engine.worker import Worker
from gleanery.errors import GleaneryError
from gleanery.model import Progress
from gleanery.store.leased_presence import LeasedPresence
from gleanery.store.presence import FilePresence
from gleanery.store.supabase import SupabaseStore
from gleanery.store.supabase.notices import Notices

BEAT_SECONDS = 0.2


class Steps(BaseModel):
    """So many steps of so many seconds; the first `failures` attempts fail at their end."""

    steps: int = 1
    seconds: float = 0.0
    failures: int = 0
    key: str | None = None


class Unlucky(GleaneryError):
    code = "unlucky"
    can_retry = True


class StepsHandler:
    """Each step is stored; what it does outside is a line in a file that all machines share."""

    def __init__(self, effects: Path, task_type: str) -> None:
        self._effects = effects
        self.spec = TaskSpec(
            task_type,
            Steps,
            retry=RetryPolicy(max_retries=50, base_seconds=0.05, cap_seconds=0.05),
            serial_key=lambda payload: payload.key,
        )

    async def run(self, ctx: TaskContext, payload: Steps) -> Outcome:
        say("began", ctx.task.task_id)
        values = [
            await ctx.step(f"s{n}", functools.partial(self._step, ctx, n, payload.seconds))
            for n in range(payload.steps)
        ]
        if ctx.task.retry_attempts < payload.failures:
            raise Unlucky("As it was asked to.")
        return Outcome({"attempts": values}, Progress(100.0, "done"), "Done")

    async def _step(self, ctx: TaskContext, n: int, seconds: float) -> int:
        await asyncio.sleep(seconds)
        with self._effects.open("a") as file:
            file.write(ctx.idempotency_key(f"s{n}") + "\n")
        await ctx.advance("steps", n + 1, None, f"Step {n + 1}")
        return ctx.task.attempt


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def run(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    feed = ChangeFeed()
    tail = Tail(feed.publish)
    tail.is_alone = False
    effects = options.folder.parent / "effects"
    handlers: Mapping[str, Handler] = by_type([StepsHandler(effects, name) for name in options.types.split(",")])
    key = os.environ["SUPABASE_SERVICE_KEY"]
    async with SupabaseStore(options.url, key, tail.hear) as store, contextlib.AsyncExitStack() as stack:
        worker = Worker(
            store,
            handlers,
            concurrency=4,
            lease_seconds=options.lease,
            worker_id=options.name,
            presence=LeasedPresence(
                store.processes, FilePresence(options.folder / "workers"), options.lease, store.clock
            ),
            clock=store.clock,
        )
        dispatcher = await doorbells(options.database, worker, stack)
        feed.listen(ringing(dispatcher))
        dispatcher.listen(worker.hear)
        await tail.start(store.tasks)
        stack.push_async_callback(tail.stop)
        await worker.start()
        stack.push_async_callback(worker.stop)
        if options.schedules:
            submitter = Submitter(store.tasks, handlers, queue_limit=10_000)
            scheduler = Scheduler(store.schedules, store.tasks, submitter, store.clock)
            await scheduler.start()
            stack.push_async_callback(scheduler.stop)
        say("ready")
        await stop.wait()


async def doorbells(database_url: str | None, worker: Worker, stack: contextlib.AsyncExitStack) -> Dispatcher:
    if database_url is None:
        return LocalDispatcher()
    notices = Notices(database_url)
    dispatcher = ProcrastinateDispatcher(database_url, notices, worker, beat_seconds=BEAT_SECONDS)
    await dispatcher.start()
    stack.push_async_callback(dispatcher.drain)
    notices.start()
    stack.push_async_callback(notices.stop)
    return dispatcher


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    parser.add_argument("--lease", type=float, default=3.0)
    parser.add_argument("--types", default="steps")
    parser.add_argument("--database")
    parser.add_argument("--schedules", action="store_true")
    options = parser.parse_args()
    log.set_up("info", sys.stdout)
    asyncio.run(run(options))


if __name__ == "__main__":
    main()
