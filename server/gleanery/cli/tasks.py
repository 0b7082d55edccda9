"""`gleanery tasks`: list, show, watch, start and steer them, one or many; figures, and removing old ones."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gleanery import config, errors
from gleanery.api import task_shapes
from gleanery.cli import connect
from gleanery.cli.client import Client
from gleanery.cli.crawl import follow_to_end
from gleanery.cli.exits import Exit
from gleanery.cli.safe_text import block, one_line
from gleanery.cli.task_body import prune_body, selection_body, start_body
from gleanery.cli.watch import print_task_json
from gleanery.model import TaskStatus

_ATTENTION = (TaskStatus.FAILED, TaskStatus.PAUSED, TaskStatus.RUNNING, TaskStatus.QUEUED)
"""What wants a look, the most urgent first; what is over and well comes after, newest first."""
_PROBLEMS_SHOWN = 50


def tasks(args: Namespace) -> Exit:
    match args.action:
        case "watch":
            return connect.run(_watch(args))
        case "start" if args.wait:
            return connect.run(_start_and_follow(args))
        case _:
            return connect.run(_act(args))


async def _watch(args: Namespace) -> Exit:
    # On a server of our own the task goes on while it is watched.
    async with connect.connect(args, concurrency=_working(args)) as connection:
        task = await connection.client.task(args.task_id)
        return await follow_to_end(connection, args.task_id, args, title=task.title or task.task_type, after=args.after)


async def _start_and_follow(args: Namespace) -> Exit:
    body = start_body(args)
    async with connect.connect(args, concurrency=_working(args)) as connection:
        task = await connection.client.start_task(body)
        return await follow_to_end(connection, task.task_id, args, title=task.title or task.task_type)


def _working(args: Namespace) -> int:
    return max(1, config.load(data_dir=args.data_dir).worker_concurrency)


async def _act(args: Namespace) -> Exit:
    body = _body(args)  # first of all: to refuse wrong input no server is needed
    # A server of our own only reads and writes rows here: nothing starts to run because someone looked.
    async with connect.connect(args, concurrency=0) as connection:
        client = connection.client
        match args.action:
            case "list":
                return await _list(client, args)
            case "show":
                return await _show(client, args)
            case "urls":
                from gleanery.cli.urls import print_urls

                return await print_urls(client, args)
            case "stats":
                return await _stats(client, args)
            case "prune":
                return await _prune(client, args, body)
            case "start":
                return _said(await client.start_task(body), args, is_left=connection.is_own)
            case "cancel" | "retry" if args.is_all:
                return await _steer_all(client, args, body)
            case _:
                return _said(await _steer(client, args), args)


def _body(args: Namespace) -> dict[str, Any]:
    """What is sent for an action that isn't about one task. Raises InvalidInput naming the flag."""
    match args.action:
        case "start":
            return start_body(args)
        case "prune":
            return prune_body(args)
        case "cancel" | "retry":
            _check_choice(args)
            return selection_body(args)
        case _:
            return {}


async def _steer(client: Client, args: Namespace) -> task_shapes.TaskShape:
    match args.action:
        case "cancel":
            return await client.cancel(args.task_id)
        case "retry":
            return await client.retry(args.task_id, {"only": "failed"} if args.only_failed else {})
        case "pause":
            return await client.pause(args.task_id)
        case "resume":
            return await client.resume(args.task_id)
        case "priority":
            return await client.change(args.task_id, {"priority": args.priority})
        case _:
            raise AssertionError(args.action)


def _check_choice(args: Namespace) -> None:
    """Raises InvalidInput unless it is clear which tasks are meant."""
    if args.is_all == (args.task_id is not None):
        raise errors.InvalidInput("ID", f"name one task, or say --all to {args.action} all that fit")
    if not args.is_all and (args.status or args.task_type):
        raise errors.InvalidInput("--all", "--status and --type choose among all tasks: say --all and no ID")
    if args.is_all and args.only_failed:
        raise errors.InvalidInput("--only-failed", "is for one crawl: name it")


async def _steer_all(client: Client, args: Namespace, body: Mapping[str, Any]) -> Exit:
    steered = await (client.cancel_all(body) if args.action == "cancel" else client.retry_all(body))
    if args.json:
        print(steered.model_dump_json())
        return Exit.COMPLETE
    done = "cancelled or asked to stop" if args.action == "cancel" else "queued again"
    passed_over = f"; {steered.passed_over} could not be" if steered.passed_over else ""
    print(f"{steered.changed} of {steered.matched} tasks {done}{passed_over}")
    return Exit.COMPLETE


def _said(task: task_shapes.TaskShape, args: Namespace, *, is_left: bool = False) -> Exit:
    """What the server did: it may still be at it (a cancel is asked for, a retry is queued). `is_left`: nobody may be
    there to run it."""
    if args.json:
        print_task_json(task)
    elif args.action in ("cancel", "pause") and task.status is TaskStatus.RUNNING:
        asked = "stop" if args.action == "cancel" else "pause"
        print(one_line(f"{task.task_id} is asked to {asked} (now {task.status})"))
    elif args.action == "priority":
        print(one_line(f"{task.task_id} has priority {task.priority}"))
    else:
        print(one_line(f"{task.task_id} is {task.status}"))
    if is_left and not args.json:
        print("It runs when a server or a worker runs on this data folder.", file=sys.stderr)
    return Exit.COMPLETE


async def _stats(client: Client, args: Namespace) -> Exit:
    stats = await client.stats()
    if args.json:
        print(stats.model_dump_json())
        return Exit.COMPLETE
    from gleanery.cli.figures import lines
    from gleanery.cli.printing import print_lines

    print_lines(lines(stats))
    return Exit.COMPLETE


async def _prune(client: Client, args: Namespace, body: Mapping[str, Any]) -> Exit:
    pruned = await client.prune(body)
    if args.json:
        print(pruned.model_dump_json())
    else:
        print(f"{'would remove' if pruned.dry_run else 'removed'} {pruned.tasks} tasks with {pruned.events} events")
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


async def _attention_first(client: Client, args: Namespace) -> Sequence[task_shapes.TaskShape]:
    wanted = (
        [args.status]
        if args.status
        else [*map(str, _ATTENTION), ",".join(s for s in TaskStatus if s not in _ATTENTION)]
    )
    found: dict[str, task_shapes.TaskShape] = {}
    for status in wanted:
        room = args.limit - len(found)
        if room > 0 or args.limit < 1:  # a limit of nonsense is for the server to name
            found |= {
                task.task_id: task
                for task in await client.tasks(
                    status=status, task_type=args.task_type, queue_name=args.queue, limit=room
                )
            }
    return list(found.values())


def _row(task: task_shapes.TaskShape) -> list[str]:
    done = "-" if task.status is TaskStatus.FAILED else f"{task.progress.percentage:.0f} %"
    note = _note(task)
    status = f"{task.status} ({note})" if note else str(task.status)
    cells = (task.task_id, status, done, task.task_type, task.queue_name, _local(task.created_at), task.title)
    return [one_line(cell) for cell in cells]


def _note(task: task_shapes.TaskShape) -> str:
    """What its state alone doesn't say: why it failed, what a queued one waits for, what a running one was asked."""
    if task.error is not None:
        return task.error.code
    if task.status is TaskStatus.RUNNING:
        return "stopping" if task.is_cancel_requested else "pausing" if task.is_pause_requested else ""
    if task.status is not TaskStatus.QUEUED:
        return ""
    if task.waits_for:
        return f"waits for {task.waits_for}"
    return f"from {_local(task.run_at)}" if task.run_at > datetime.now(UTC) else ""


def _local(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}"


def _print_table(tasks: Sequence[task_shapes.TaskShape]) -> None:
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
