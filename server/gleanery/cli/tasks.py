"""`gleanery tasks`: list, show, watch, cancel and retry."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from gleanery import config
from gleanery.api import wire
from gleanery.cli import connect
from gleanery.cli.client import Client
from gleanery.cli.crawl import follow_to_end
from gleanery.cli.exits import Exit
from gleanery.cli.safe_text import block, one_line
from gleanery.cli.watch import print_task_json
from gleanery.model import TaskStatus

_ATTENTION = (TaskStatus.FAILED, TaskStatus.PAUSED, TaskStatus.RUNNING, TaskStatus.QUEUED)
"""What wants a look, the most urgent first; what is over and well comes after, newest first."""
_PROBLEMS_SHOWN = 50


def tasks(args: Namespace) -> Exit:
    return connect.run(_watch(args) if args.action == "watch" else _act(args))


async def _watch(args: Namespace) -> Exit:
    # On a server of our own the task goes on while it is watched.
    concurrency = max(1, config.load(data_dir=args.data_dir).worker_concurrency)
    async with connect.connect(args, concurrency=concurrency) as connection:
        task = await connection.client.task(args.task_id)
        return await follow_to_end(connection, args.task_id, args, title=task.title or task.task_type, after=args.after)


async def _act(args: Namespace) -> Exit:
    # A server of our own only reads and writes rows here: nothing starts to run because someone looked.
    async with connect.connect(args, concurrency=0) as connection:
        match args.action:
            case "list":
                return await _list(connection.client, args)
            case "show":
                return await _show(connection.client, args)
            case "cancel":
                return _said(await connection.client.cancel(args.task_id), args)
            case "retry":
                body = {"only": "failed"} if args.only_failed else {}
                return _said(await connection.client.retry(args.task_id, body), args)
            case _:
                raise AssertionError(args.action)


def _said(task: wire.TaskShape, args: Namespace) -> Exit:
    """What the server did: it may still be at it (a cancel is asked for, a retry is queued)."""
    if args.json:
        print_task_json(task)
    elif args.action == "cancel" and not task.status.is_final:
        print(one_line(f"{task.task_id} is asked to stop (now {task.status})"))
    else:
        print(one_line(f"{task.task_id} is {task.status}"))
    return Exit.COMPLETE


async def _list(client: Client, args: Namespace) -> Exit:
    tasks = await _attention_first(client, args)
    if args.json:
        print(json.dumps({"items": [task.model_dump(mode="json") for task in tasks]}))
    elif sys.stdout.isatty():
        _print_table(tasks)
    else:
        for task in tasks:
            print("\t".join(_row(task)))
    return Exit.COMPLETE


async def _attention_first(client: Client, args: Namespace) -> Sequence[wire.TaskShape]:
    wanted = (
        [args.status]
        if args.status
        else [*map(str, _ATTENTION), ",".join(s for s in TaskStatus if s not in _ATTENTION)]
    )
    found: dict[str, wire.TaskShape] = {}
    for status in wanted:
        room = args.limit - len(found)
        if room > 0 or args.limit < 1:  # a limit of nonsense is for the server to name
            found |= {
                task.task_id: task for task in await client.tasks(status=status, task_type=args.task_type, limit=room)
            }
    return list(found.values())


def _row(task: wire.TaskShape) -> list[str]:
    status = f"{task.status}" + (f" ({task.error.code})" if task.error is not None else "")
    done = "-" if task.status is TaskStatus.FAILED else f"{task.progress.percentage:.0f} %"
    made = f"{task.created_at.astimezone():%Y-%m-%d %H:%M}"
    return [one_line(part) for part in (task.task_id, status, done, task.task_type, made, task.title)]


def _print_table(tasks: Sequence[wire.TaskShape]) -> None:
    """Aligned columns, coloured by state. Ids are never cut; titles are, where they would wrap."""
    from rich.console import Console
    from rich.text import Text

    from gleanery.cli.bars import STATUS_STYLES

    console = Console(highlight=False, markup=False, emoji=False)
    rows = [_row(task) for task in tasks]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    room = max(10, console.width - sum(widths) - 2 * len(widths))
    for task, row in zip(tasks, rows, strict=True):
        title = Text(row[-1])
        title.truncate(room, overflow="ellipsis")
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        head = Text("  ".join(cells) + "  ", style=STATUS_STYLES[task.status])
        console.print(head.append_text(title), soft_wrap=True)
    if not rows:
        console.print("No tasks.")


async def _show(client: Client, args: Namespace) -> Exit:
    task = await client.task(args.task_id)
    problems = await client.failed_urls(args.task_id, _PROBLEMS_SHOWN) if task.progress.failed else ()
    if args.json:
        print(
            json.dumps(
                {"task": task.model_dump(mode="json"), "problems": [url.model_dump(mode="json") for url in problems]}
            )
        )
        return Exit.COMPLETE
    for name, value in task.model_dump(mode="json").items():
        if value not in (None, "", [], {}):
            _print_field(name, value, indent="")
    for url in problems:
        found_on = f", found on {url.found_on}" if url.found_on else ""
        print(one_line(f"problem: {url.reason} {url.url} · {url.message or ''} (tried {url.attempts}×{found_on})"))
    if task.progress.failed > len(problems):
        print(f"problem: and {task.progress.failed - len(problems)} more")
    return Exit.COMPLETE


def _print_field(name: str, value: Any, indent: str) -> None:
    if isinstance(value, dict) and value:
        print(f"{indent}{one_line(name)}:")
        for key, inner in value.items():
            _print_field(str(key), inner, indent + "  ")
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        print(f"{indent}{one_line(name)}: " + block(text).replace("\n", f"\n{indent}  "))
