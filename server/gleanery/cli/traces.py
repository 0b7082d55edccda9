"""`gleanery traces`: send traces, see the templates that they were found to be, write one out, take traces away."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.text import Text

from gleanery import errors
from gleanery.api.trace_shapes import (
    MOST_TRACES,
    ImplementationShape,
    TraceGroupDetail,
    TraceGroupPage,
    TraceGroupShape,
    TracesForgotten,
    TracesStored,
)
from gleanery.cli import connect
from gleanery.cli.client import Client
from gleanery.cli.exits import Exit
from gleanery.cli.printing import print_lines
from gleanery.cli.safe_text import block, one_line
from gleanery.cli.transfer import download
from gleanery.model import utc_now

MOST_BYTES = 512 * 1024
"""Of one request: what is sent is split before it is too large."""
MOST_DAYS = 36_500
GROUPS = "/api/v1/traces/groups"


def traces(args: Namespace) -> Exit:
    actions = {"list": _list, "show": _show, "export": _export, "send": _send, "delete": _delete}
    return connect.run(actions[args.action](args))


async def _list(args: Namespace) -> Exit:
    async with connect.connect(args, concurrency=0) as connection:
        query = {"project_id": args.project, "path": args.path, "limit": args.limit}
        rows = (await connection.client.call("GET", GROUPS, TraceGroupPage, query=query)).items
    if args.json:
        for row in rows:
            print(row.model_dump_json(ensure_ascii=True))
    else:
        print_lines(map(_line, rows))
    return Exit.COMPLETE


async def _show(args: Namespace) -> Exit:
    async with connect.connect(args, concurrency=0) as connection:
        group = await connection.client.call("GET", f"{GROUPS}/{quote(args.group, safe='')}", TraceGroupDetail)
    if args.json:
        print(group.model_dump_json(ensure_ascii=True))
    else:
        print_lines(_lines(group))
    return Exit.COMPLETE


async def _export(args: Namespace) -> Exit:
    async with connect.connect(args, concurrency=0) as connection:
        path = f"{GROUPS}/{quote(args.group, safe='')}/export"
        size = await download(connection.client, "GET", path, Path(args.file), is_replacing=args.force)
    if args.json:
        print(json.dumps({"group_id": args.group, "file": args.file, "size_bytes": size}))
    else:
        print(one_line(f"Exported {args.group} to {args.file}."))
    return Exit.COMPLETE


async def _delete(args: Namespace) -> Exit:
    query = {"project_id": args.project, "path": args.path, "before": _before(args.older_than)}
    async with connect.connect_running(args, "No server runs.") as client:
        found = await client.call("DELETE", "/api/v1/traces", TracesForgotten, query=query)
    if args.json:
        print(found.model_dump_json(ensure_ascii=True))
    else:
        for task in found.tasks:
            print(one_line(f"{task.task_id} takes traces of {found.project_id} {task.path} away."))
    return Exit.COMPLETE


def _before(days: float | None) -> str | None:
    if days is None:
        return None
    if not 0 <= days <= MOST_DAYS:
        raise errors.InvalidInput("--older-than", f"must be a number of days from 0 to {MOST_DAYS}")
    return (utc_now() - timedelta(days=days)).isoformat()


async def _send(args: Namespace) -> Exit:
    text = sys.stdin.read() if args.file == "-" else _read(Path(args.file))
    rows = list(_rows(text))
    async with connect.connect_running(args, "No server runs.") as client:
        sent = [await _store(client, some) for some in _portions(rows)]
    stored, known = sum(one.stored for one in sent), sum(one.known for one in sent)
    if args.json:
        print(json.dumps({"stored": stored, "known": known}))
    else:
        print(f"{stored:,} traces stored, {known:,} were known.")
    return Exit.COMPLETE


async def _store(client: Client, rows: Sequence[dict[str, Any]]) -> TracesStored:
    return await client.call("POST", "/api/v1/traces", TracesStored, body={"traces": rows})


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise errors.InvalidInput("FILE", f"{file} can't be read: {error}") from None


def _rows(text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise errors.InvalidInput("FILE", f"line {number} is not JSON: {error}") from None
        if not isinstance(row, dict):
            raise errors.InvalidInput("FILE", f"line {number} is no JSON object")
        yield row


def _portions(rows: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    some, size = list[dict[str, Any]](), 0
    for row in rows:
        length = len(json.dumps(row))
        if some and (len(some) == MOST_TRACES or size + length > MOST_BYTES):
            yield some
            some, size = [], 0
        some.append(row)
        size += length
    if some:
        yield some


def _line(group: TraceGroupShape) -> Text:
    where = one_line(f"{group.project_id} {group.path}")
    return Text.assemble(
        (group.group_id, "dim"), f"  {group.trace_count:>7,}  {group.confidence:.2f}  ", (where, "cyan"), "  ",
        one_line(group.title),
    )  # fmt: skip


def _lines(group: TraceGroupDetail) -> Iterator[Text]:
    yield Text(one_line(f"{group.trace_count:,} traces of {group.project_id} {group.path}"), "bold")
    yield from map(Text, block(group.prompt).splitlines())
    for variable in group.variables:
        samples = ", ".join(one_line(sample)[:40] for sample in variable.samples[:3])
        yield Text.assemble("  ", (variable.name, "cyan"), f" ({variable.type})  ", (samples, "dim"))
    yield from map(_implementation, group.implementations)


def _implementation(one: ImplementationShape) -> Text:
    latency = (
        "" if one.latency_p50_ms is None else f"  p50 {one.latency_p50_ms:.0f} ms, p95 {one.latency_p95_ms:.0f} ms"
    )
    settings = json.dumps(one.settings) if one.settings else ""
    said = f"{one.model or 'unknown model'} {settings}  {one.share:.0%}{latency}  {one.errors:,} errors"
    return Text(one_line(said))
