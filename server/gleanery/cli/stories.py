"""`gleanery stories`: list them, show one with what would change, approve, reject or delete it."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from urllib.parse import quote

from pydantic import BaseModel

from gleanery import errors
from gleanery.api import story_shapes as shapes
from gleanery.cli import connect
from gleanery.cli.exits import Exit
from gleanery.cli.safe_text import block, one_line
from gleanery.knowledge.line_diff import LineKind
from gleanery.model.stories import StoryState

_STORIES = "/api/v1/stories"
_SIGNS = {LineKind.SAME: " ", LineKind.REMOVED: "-", LineKind.ADDED: "+"}


def stories(args: Namespace) -> Exit:
    match args.action:
        case "list":
            _check_states(args.state)
            return connect.run(_list(args))
        case "show":
            return connect.run(_show(args))
        case "delete":
            return connect.run(_delete(args))
        case _:
            return connect.run(_decide(args))


async def _list(args: Namespace) -> Exit:
    async with connect.connect(args, concurrency=0) as connection:
        query = {"state": args.state, "workspace": args.workspace, "shortcut_id": args.number, "limit": args.limit}
        page = await connection.client.call("GET", _STORIES, shapes.StoryPage, query=query)
    if args.json:
        _print_json(page)
        return Exit.COMPLETE
    for each in page.items:
        when = f"{each.created_at.astimezone():%Y-%m-%d %H:%M}"
        said = f"{each.story_id}  {when}  {each.state:<14} {each.goal:<8} {each.workspace} #{each.shortcut_id}  {each.name}"
        print(block(" ".join(said.splitlines())))
    return Exit.COMPLETE


async def _show(args: Namespace) -> Exit:
    async with connect.connect(args, concurrency=0) as connection:
        path = f"{_STORIES}/{quote(args.story_id, safe='')}"
        story = await connection.client.call("GET", path, shapes.StoryShape)
    if args.json:
        _print_json(story)
    else:
        for line in lines(story):
            print(block(" ".join(line.splitlines())))
    return Exit.COMPLETE


async def _delete(args: Namespace) -> Exit:
    async with connect.connect(args, concurrency=0) as connection:
        await connection.client.delete(f"{_STORIES}/{quote(args.story_id, safe='')}")
    print(json.dumps({"deleted": args.story_id}) if args.json else one_line(f"{args.story_id} is deleted."))
    return Exit.COMPLETE


async def _decide(args: Namespace) -> Exit:
    async with connect.connect(args, concurrency=0) as connection:
        path = f"{_STORIES}/{quote(args.story_id, safe='')}/{args.action}"
        body = {"note": args.note or ""} if args.action == "reject" else {}
        story = await connection.client.call("POST", path, shapes.StorySummary, body=body)
    if args.json:
        _print_json(story)
    else:
        print(one_line(f"{story.story_id}: {story.state}"))
    return Exit.COMPLETE


def lines(story: shapes.StoryShape) -> Iterator[str]:
    yield f"{story.name}: {story.state} ({story.story_id})"
    yield f"{story.workspace} #{story.shortcut_id}  {story.app_url}"
    yield f"{story.goal}, {story.tokens} tokens" + ("" if story.cost_usd is None else f", ${story.cost_usd:.4f}")
    if story.error is not None:
        yield f"{story.error.message} ({story.error.code})"
    if story.note:
        yield f"rejected: {story.note}"
    if story.diff is not None:
        yield ""
        for line in (*story.diff.name, *story.diff.description):
            yield f"{_SIGNS[line.kind]} {line.text}"
        yield from (f"- label {label}" for label in story.diff.labels_removed)
        yield from (f"+ label {label}" for label in story.diff.labels_added)
    if story.theirs is not None:
        yield ""
        yield f"Somebody changed it meanwhile: {story.theirs.name}"
    if story.left_out:
        yield ""
        yield from story.left_out


def _check_states(text: str | None) -> None:
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    if not set(names) <= set(StoryState):
        raise errors.InvalidInput("--state", f"must be some of {', '.join(StoryState)}")


def _print_json(shape: BaseModel) -> None:
    print(shape.model_dump_json(ensure_ascii=True), flush=True)
