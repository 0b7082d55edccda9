"""`gleanery parse`: parse one page in a browser, follow it, show what is on it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gleanery import config, errors
from gleanery.cli import connect
from gleanery.cli.client import Client
from gleanery.cli.exits import Exit
from gleanery.cli.parse_request import request_body, shown_id
from gleanery.cli.safe_text import one_line
from gleanery.cli.watch import exit_of, watch
from gleanery.model import TaskStatus


def parse(args: Namespace) -> Exit:
    kept_id = shown_id(args)  # first of all: to refuse wrong input no server is needed
    body = {} if kept_id is not None else request_body(args)
    if args.screenshot is not None:
        _check_file(Path(args.screenshot))
    return connect.run(_parse(args, body) if kept_id is None else _show_kept(args, kept_id))


async def _show_kept(args: Namespace, kept_id: str) -> Exit:
    # A server of our own only reads rows here: nothing starts to run because someone looked.
    async with connect.connect(args, concurrency=0) as connection:
        client = connection.client
        parsed = await client.parse(kept_id)
        if parsed.page is None and not args.json:
            raise errors.NotFound("page of a parse", kept_id)
        if args.screenshot is not None and parsed.screenshot_url is None:
            raise errors.InvalidInput("--screenshot", "this parse took none; parse the URL with --screenshot")
        if args.screenshot is not None:
            await asyncio.to_thread(_write, Path(args.screenshot), await client.screenshot(kept_id))
        await _show(client, kept_id, args)
        return Exit.COMPLETE


async def _parse(args: Namespace, body: Mapping[str, Any]) -> Exit:
    concurrency = max(1, config.load(data_dir=args.data_dir).worker_concurrency)
    async with connect.connect(args, concurrency=concurrency) as connection:
        client = connection.client
        task_id = (await client.start_parse(body)).task_id
        # The page is what is printed as JSON, not the events on the way.
        shown = Namespace(json=False, quiet=args.quiet or args.json)
        task = await watch(client, task_id, shown, title=args.url)
        if task.status is TaskStatus.COMPLETED and args.screenshot is not None:
            await asyncio.to_thread(_write, Path(args.screenshot), await client.screenshot(task_id))
        await _show(client, task_id, args)
        if task.error is not None:
            print(one_line(f"gleanery: {task.error.message} ({task.error.code})"), file=sys.stderr)
        return exit_of(task)


async def _show(client: Client, task_id: str, args: Namespace) -> None:
    parsed = await client.parse(task_id)
    if args.json:
        print(parsed.model_dump_json(), flush=True)
        return
    if parsed.page is None:
        return
    from gleanery.cli.parse_summary import summary
    from gleanery.cli.printing import print_lines

    print_lines(summary(parsed, parsed.page))
    if args.screenshot is not None:
        print(one_line(f"Screenshot: {args.screenshot}"))


def _check_file(path: Path) -> None:
    if path.is_dir() or not path.absolute().parent.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        raise errors.InvalidInput("--screenshot", f"{path} can't be written")


def _write(path: Path, png: bytes) -> None:
    """Raises InvalidInput where the disk takes it no more."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(png)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise errors.InvalidInput("--screenshot", f"{path} can't be written: {error.strerror}") from None
