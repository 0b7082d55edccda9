"""`gleanery export` and `gleanery import`: a source as one file, to another gleanery and from it."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from urllib.parse import quote

from gleanery import config
from gleanery.cli import connect, source_calls
from gleanery.cli.crawl import follow_to_end
from gleanery.cli.exits import Exit
from gleanery.cli.safe_text import one_line
from gleanery.cli.transfer import download, upload


def export(args: Namespace) -> Exit:
    return connect.run(_export(args))


async def _export(args: Namespace) -> Exit:
    # A server of our own only reads here: nothing starts to run because someone asked.
    target = Path(args.file)
    async with connect.connect(args, concurrency=0) as connection:
        source = await source_calls.find_source(connection.client, args.source)
        path = f"/api/v1/sources/{quote(source.source_id, safe='')}/export"
        size = await download(connection.client, "GET", path, target, is_replacing=args.force)
    if args.json:
        print(json.dumps({"source_id": source.source_id, "url": source.url, "file": str(target), "size_bytes": size}))
    else:
        print(one_line(f"Exported {source.url} to {target} ({size / 1_000_000:.1f} MB)."))
    return Exit.COMPLETE


def import_file(args: Namespace) -> Exit:
    return connect.run(_import(args))


async def _import(args: Namespace) -> Exit:
    concurrency = max(1, config.load(data_dir=args.data_dir).worker_concurrency)
    query = {"replace": "true"} if args.replace else {}
    async with connect.connect(args, concurrency=concurrency) as connection:
        started = await upload(connection.client, "/api/v1/knowledge/import", Path(args.file), query)
        return await follow_to_end(connection, started.task_id, args, title=args.file)
