"""`gleanery tasks urls`: every URL of a crawl, what became of it and why; as a table with the reasons counted below."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence

from rich.text import Text

from gleanery import errors
from gleanery.api import crawl_shapes, task_shapes
from gleanery.cli import reasons
from gleanery.cli.client import Client
from gleanery.cli.exits import Exit
from gleanery.cli.printing import print_lines
from gleanery.cli.safe_text import one_line
from gleanery.model import UrlState

STATE_STYLES = {UrlState.QUEUED: "yellow", UrlState.STORED: "green", UrlState.SKIPPED: "dim", UrlState.FAILED: "red"}
_NONE = "-"
_HEAD = ("state", "reason", "status", "got by", "found by", "URL")


async def print_urls(client: Client, args: Namespace) -> Exit:
    """On a terminal a table and the counts; else rows with tabs, or JSON. Raises InvalidInput naming `--limit`."""
    if args.limit < 1:
        raise errors.InvalidInput("--limit", "must be at least 1")
    task = await client.task(args.task_id)
    some = await client.urls(args.task_id, args.limit + 1, state=args.state, reason=args.reason)
    found, is_cut = some[: args.limit], len(some) > args.limit
    if args.json:
        items = [url.model_dump(mode="json") for url in found]
        print(json.dumps({"items": items, "reasons": reasons.of_task(task)}))
    elif sys.stdout.isatty():
        print_lines(picture(task, found, is_cut=is_cut))
    else:
        for url in found:
            print("\t".join(cells(url)))
    return Exit.COMPLETE


def picture(task: task_shapes.TaskShape, found: Sequence[crawl_shapes.UrlShape], *, is_cut: bool) -> list[Text]:
    """The table, and below it why URLs of the crawl gave no page, all of them counted."""
    made = table(found) if found else [Text("No URLs.")]
    if is_cut:
        made.append(Text(f"The first {len(found):,}; --limit shows more.", style="dim"))
    if counts := reasons.of_task(task):
        made += [Text(""), Text(f"Why {sum(counts.values()):,} URLs gave no page", style="bold")]
        made += reasons.lines(counts)
    return made


def cells(url: crawl_shapes.UrlShape) -> list[str]:
    """A row: state, reason, status, how it was got, how it came to be known, the URL."""
    row = (url.state, url.reason, url.status_code, url.fetched_by, url.origin, url.url)
    return [_NONE if cell is None else one_line(str(cell)) for cell in row]


def table(found: Sequence[crawl_shapes.UrlShape]) -> list[Text]:
    """Aligned columns under a head, coloured by state; URLs are never cut. What says more follows in brackets."""
    rows = [cells(url) for url in found]
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)][:-1]
    made = [Text(_aligned(_HEAD, widths), style="dim")]
    for url, row in zip(found, rows, strict=True):
        line = Text(_aligned(row, widths), style=STATE_STYLES[url.state])
        made.append(line.append(f"  (same as {one_line(url.same_as)})" if url.same_as else "", style="dim"))
    return made


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
