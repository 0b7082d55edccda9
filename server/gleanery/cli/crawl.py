"""`gleanery crawl`: start a crawl, follow it, say how it ended."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from typing import Any

from gleanery import config
from gleanery.api import wire
from gleanery.cli import connect
from gleanery.cli.exits import Exit
from gleanery.cli.safe_text import one_line
from gleanery.cli.watch import exit_of, print_task_json, watch
from gleanery.model import TaskStatus

_FAILED_SHOWN = 500


def crawl(args: Namespace) -> Exit:
    return connect.run(_leave(args) if args.no_wait else _crawl(args))


async def _crawl(args: Namespace) -> Exit:
    # A server of our own exists for this crawl: it works on it also where the setting leaves the work to others.
    concurrency = max(1, config.load(data_dir=args.data_dir).worker_concurrency)
    async with connect.connect(args, concurrency=concurrency) as connection:
        started = await connection.client.start_crawl(request_body(args))
        return await follow_to_end(connection, started.task_id, args, title=args.url)


async def _leave(args: Namespace) -> Exit:
    hint = "No server runs that the crawl could be left to: start one with 'gleanery serve'."
    async with connect.connect_running(args, hint) as client:
        task_id = (await client.start_crawl(request_body(args))).task_id
        if args.json:
            print_task_json(await client.task(task_id))
        else:
            print(one_line(f"Started {task_id}. Follow it: gleanery tasks watch {task_id}"))
    return Exit.COMPLETE


def request_body(args: Namespace) -> dict[str, Any]:
    """What is posted: the URL and what was asked for; the rest is the server's defaults."""
    asked = {
        "url": args.url,
        "max_pages": args.max_pages,
        "max_depth": args.max_depth,
        "include": args.include,
        "exclude": args.exclude,
        "tags": args.tag,
    }
    return {name: value for name, value in asked.items() if value is not None}


async def follow_to_end(
    connection: connect.Connection, task_id: str, args: Namespace, *, title: str, after: int = 0
) -> Exit:
    """Watch the task, print its summary, give its exit code. Interrupted, it says where the task goes on."""
    try:
        task = await watch(connection.client, task_id, args, title=title, after=after)
    except asyncio.CancelledError:
        print(_goes_on(task_id, connection.is_own), file=sys.stderr, flush=True)
        raise
    if not args.json:
        failed = await connection.client.failed_urls(task_id, _FAILED_SHOWN) if task.progress.failed else ()
        for line in summary(task, failed, None if connection.is_own else connection.client.base_url):
            print(line)
    if task.status is TaskStatus.FAILED and task.error is not None:
        print(one_line(f"gleanery: {task.error.message} ({task.error.code})"), file=sys.stderr)
    return exit_of(task)


def _goes_on(task_id: str, is_own: bool) -> str:
    if is_own:
        return f"\nStopped. The task is kept and goes on at the next start: gleanery tasks watch {task_id}, or gleanery serve."
    return f"\nThe task goes on on the server. Watch it: gleanery tasks watch {task_id}; stop it: gleanery tasks cancel {task_id}"


def summary(task: wire.TaskShape, failed: Sequence[wire.UrlShape], base_url: str | None) -> list[str]:
    """How the task ended, for people. `failed` are (the first of) its failed URLs; `base_url` is where the UI is."""
    result = task.result or {}
    lines = [one_line(f"{task.status.capitalize()}: {_what_is_there(task)}")]
    reasons = Counter(url.reason or "unknown" for url in failed)
    for reason, count in reasons.most_common():
        example = next(url for url in failed if (url.reason or "unknown") == reason)
        lines.append("  " + one_line(f"{count} × {reason}, such as {example.url}"))
    if task.progress.failed > len(failed) > 0:
        lines.append(f"  and {task.progress.failed - len(failed)} more")
    if task.progress.failed and task.status.is_final:
        lines.append(f"Try only these again: gleanery tasks retry {task.task_id} --only-failed")
    source_id = result.get("source_id") or task.payload.get("source_id")
    if source_id and task.progress.stages.get("stored", wire.StageShape(done=0, total=None)).done:
        where = f", or in the browser at {base_url}/" if base_url is not None else ", or in the browser: gleanery serve"
        lines.append(one_line(f'Search it: gleanery search "…" --source {source_id}{where}'))
    return lines


def _what_is_there(task: wire.TaskShape) -> str:
    result = task.result or {}
    counted = [
        f"{result[name]} {name.replace('_', ' ')}" for name in ("pages", "chunks", "code_examples") if name in result
    ]
    if not counted:
        counted = [f"{stage.done} {name}" for name, stage in task.progress.stages.items()] or [
            task.progress.message or task.title
        ]
    if task.progress.failed:
        counted.append(f"{task.progress.failed} failed")
    if task.progress.skipped:
        counted.append(f"{task.progress.skipped} skipped")
    seconds = result.get("seconds")
    return ", ".join(counted) + (f" in {seconds:.1f} s" if isinstance(seconds, int | float) else "")
