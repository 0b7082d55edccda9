"""`gleanery crawl`: start a crawl, follow it, say how it ended."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from gleanery import config
from gleanery.cli import connect
from gleanery.cli.crawl_request import running_body
from gleanery.cli.exits import Exit
from gleanery.cli.safe_text import one_line
from gleanery.cli.watch import exit_of, print_task_json, watch
from gleanery.model import TaskStatus

_FAILED_SHOWN = 500


def crawl(args: Namespace) -> Exit:
    body = running_body(args)  # first of all: to refuse wrong input no server is needed
    return connect.run(_leave(args, body) if args.no_wait else _crawl(args, body))


async def _crawl(args: Namespace, body: Mapping[str, Any]) -> Exit:
    # A server of our own exists for this crawl: it works on it also where the setting leaves the work to others.
    concurrency = max(1, config.load(data_dir=args.data_dir).worker_concurrency)
    async with connect.connect(args, concurrency=concurrency) as connection:
        started = await connection.client.start_crawl(body)
        return await follow_to_end(connection, started.task_id, args, title=args.url)


async def _leave(args: Namespace, body: Mapping[str, Any]) -> Exit:
    hint = "No server runs that the crawl could be left to: start one with 'gleanery serve'."
    async with connect.connect_running(args, hint) as client:
        task_id = (await client.start_crawl(body)).task_id
        if args.json:
            print_task_json(await client.task(task_id))
        else:
            print(one_line(f"Started {task_id}. Follow it: gleanery tasks watch {task_id}"))
    return Exit.COMPLETE


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
        from gleanery.cli.printing import print_lines
        from gleanery.cli.summary import summary

        failed = await connection.client.failed_urls(task_id, _FAILED_SHOWN) if task.progress.failed else ()
        print_lines(summary(task, failed, None if connection.is_own else connection.client.base_url))
    if task.status is TaskStatus.FAILED and task.error is not None:
        print(one_line(f"gleanery: {task.error.message} ({task.error.code})"), file=sys.stderr)
    return exit_of(task)


def _goes_on(task_id: str, is_own: bool) -> str:
    if is_own:
        return f"\nStopped. The task is kept and goes on at the next start: gleanery tasks watch {task_id}, or gleanery serve."
    return f"\nThe task goes on on the server. Watch it: gleanery tasks watch {task_id}; stop it: gleanery tasks cancel {task_id}"
