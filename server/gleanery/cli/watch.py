"""Watching a task until it ends: as live bars, as plain lines, as JSON lines, or in silence."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from typing import Protocol

from gleanery.api import task_shapes
from gleanery.cli.client import Client, Update
from gleanery.cli.exits import Exit
from gleanery.cli.follow import Dropped, Restored, follow
from gleanery.cli.safe_text import one_line
from gleanery.model import TaskStatus


class View(Protocol):
    """Shows what is told of one task, in the order in which it is told."""

    def update(self, update: Update) -> None:
        """New events (may be none) and the progress after them."""

    def dropped(self) -> None:
        """The line is down; another is tried."""

    def restored(self) -> None:
        """The line is up again."""

    def ended(self, task: task_shapes.TaskShape) -> None:
        """The task in its final state: nothing comes after."""


class Quiet:
    """Says nothing but that the line is down, on standard error."""

    def update(self, update: Update) -> None:
        pass

    def dropped(self) -> None:
        print("reconnecting…", file=sys.stderr, flush=True)

    def restored(self) -> None:
        print("connected again", file=sys.stderr, flush=True)

    def ended(self, task: task_shapes.TaskShape) -> None:
        pass


class PlainLines(Quiet):
    """One line an event: the local time and the message."""

    def update(self, update: Update) -> None:
        for event in update.events:
            print(f"{event.at.astimezone():%H:%M:%S} {one_line(event.message)}", flush=True)


class JsonLines(Quiet):
    """One JSON object an event, with the task's id; the last line is the task."""

    def __init__(self, task_id: str) -> None:
        self._task_id = task_id

    def update(self, update: Update) -> None:
        for event in update.events:
            print(json.dumps({**event.model_dump(mode="json"), "task_id": self._task_id}), flush=True)

    def ended(self, task: task_shapes.TaskShape) -> None:
        print_task_json(task)


class QuietJson(JsonLines):
    """Only the task, as JSON, at the end."""

    def update(self, update: Update) -> None:
        pass


def print_task_json(task: task_shapes.TaskShape) -> None:
    print(json.dumps({"task": task.model_dump(mode="json")}), flush=True)


def is_live_terminal() -> bool:
    """Whether bars can be drawn on standard output."""
    return sys.stdout.isatty() and os.environ.get("TERM") not in (None, "", "dumb", "unknown")


async def watch(client: Client, task_id: str, args: Namespace, *, title: str, after: int = 0) -> task_shapes.TaskShape:
    """Show the task as `args` (json, quiet) and the terminal want it until it ends; returns it in its final state."""
    async with AsyncExitStack() as stack:
        view = _view(task_id, title, args)
        if isinstance(view, AbstractAsyncContextManager):
            await stack.enter_async_context(view)
        told = await stack.enter_async_context(aclosing(follow(client, task_id, after)))
        async for item in told:
            match item:
                case Update():
                    view.update(item)
                case Dropped():
                    view.dropped()
                case Restored():
                    view.restored()
        task = await client.task(task_id)
        view.ended(task)
    return task


def _view(task_id: str, title: str, args: Namespace) -> View:
    if args.json:
        return QuietJson(task_id) if args.quiet else JsonLines(task_id)
    if args.quiet:
        return Quiet()
    if not is_live_terminal():
        return PlainLines()
    from gleanery.cli.bars import Bars

    return Bars(title)


def exit_of(task: task_shapes.TaskShape) -> Exit:
    """The exit code that a task's end stands for; a crawl that stored nothing has failed."""
    result = task.result or {}
    if task.status is TaskStatus.CANCELLED:
        return Exit.CANCELLED
    if task.status is not TaskStatus.COMPLETED or result.get("pages") == 0:
        return Exit.FAILED
    return Exit.SOME_FAILED if result.get("failed") else Exit.COMPLETE
