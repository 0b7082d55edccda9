"""`gleanery worker`."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from typing import TYPE_CHECKING

from gleanery import config, errors, log
from gleanery.cli.exits import Exit
from gleanery.cli.safe_text import one_line

if TYPE_CHECKING:
    from gleanery.engine.worker import Worker


def worker(args: Namespace) -> Exit:
    """Work until a signal comes. Raises InvalidInput for a bad setting, an unknown type or a name in use."""
    settings = config.load(data_dir=args.data_dir, log_level=args.log_level, worker_concurrency=args.concurrency)
    if not settings.worker_concurrency:
        raise errors.InvalidInput("GLEANERY_WORKER_CONCURRENCY", "a worker needs at least 1: say --concurrency N")
    log.set_up(settings.log_level)
    from gleanery import app

    def say_ready(ready: Worker) -> None:
        types = ", ".join(ready.task_types)
        print(one_line(f"worker {ready.worker_id} runs tasks of {types}, {ready.concurrency} at once"), flush=True)

    work = app.work(settings, worker_id=args.worker_id, task_types=_types(args.task_types), on_ready=say_ready)
    return Exit(asyncio.run(work))


def _types(text: str | None) -> list[str]:
    """Raises InvalidInput for a list without a name."""
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    if text is not None and not names:
        raise errors.InvalidInput("--task-types", "name at least one type, or leave it out to run them all")
    return list(dict.fromkeys(names))
