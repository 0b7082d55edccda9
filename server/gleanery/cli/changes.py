"""`gleanery changes`: the refreshes of a source, the pages that one changed, and what changed on a page."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence

from rich.text import Text

from gleanery import errors
from gleanery.api.change_shapes import (
    CodeDiffShape,
    DiffLineShape,
    GenerationChanges,
    PageDeltaShape,
    PageDiffShape,
    SectionDiffShape,
)
from gleanery.cli import connect, source_calls
from gleanery.cli.client import Client
from gleanery.cli.exits import Exit
from gleanery.cli.printing import print_lines
from gleanery.cli.safe_text import block, one_line
from gleanery.knowledge.line_diff import LineKind
from gleanery.model import GenerationState, PageChange
from gleanery.store.saved_queries import page_key

_SIGNS = {PageChange.ADDED: ("+", "green"), PageChange.CHANGED: ("~", "yellow"), PageChange.REMOVED: ("-", "red")}
_LINES = {LineKind.SAME: (" ", "dim"), LineKind.REMOVED: ("-", "red"), LineKind.ADDED: ("+", "green")}
_STATES = {GenerationState.BUILDING: "cyan", GenerationState.COMPLETE: "", GenerationState.REJECTED: "red"}
"""How states are coloured; others are dim."""


def changes(args: Namespace) -> Exit:
    if args.page is not None and args.generation is None:
        raise errors.InvalidInput("PAGE", "needs the number of a generation before it")
    return connect.run(_changes(args))


async def _changes(args: Namespace) -> Exit:
    # A server of our own only reads here: nothing starts to run because someone asked.
    async with connect.connect(args, concurrency=0) as connection:
        client = connection.client
        source = await source_calls.find_source(client, args.source)
        if args.generation is None:
            rows = await source_calls.generations(client, source.source_id, args.limit)
            _print([row.model_dump_json(ensure_ascii=True) for row in rows], generation_lines(rows), args)
        elif args.page is None:
            pages = [page async for page in source_calls.changed_pages(client, source.source_id, args.generation)]
            _print([page.model_dump_json(ensure_ascii=True) for page in pages], page_lines(pages), args)
        else:
            page_id = await _page_id(client, source.source_id, args.generation, args.page)
            diff = await source_calls.page_diff(client, source.source_id, args.generation, page_id)
            _print([diff.model_dump_json(ensure_ascii=True)], diff_lines(diff), args)
    return Exit.COMPLETE


def _print(as_json: Sequence[str], lines: Sequence[Text], args: Namespace) -> None:
    if args.json:
        for line in as_json:
            print(line)
    else:
        print_lines(lines)


async def _page_id(client: Client, source_id: str, number: int, name: str) -> str:
    """The id of the changed page of that id, URL or path. Raises InvalidInput when it isn't among them."""
    wanted = page_key(name)
    async for page in source_calls.changed_pages(client, source_id, number):
        key = page_key(page.url)
        if name == page.page_id or (wanted.place == key.place if wanted.place else wanted.path == key.path):
            return page.page_id
    raise errors.InvalidInput("PAGE", f"generation {number} has {name!r} as it was, or not at all")


def generation_lines(rows: Sequence[GenerationChanges]) -> list[Text]:
    """A line for each generation, newest first; `*` marks the visible one."""
    made = []
    for row in rows:
        at = row.completed_at or row.created_at
        line = Text(f"{'*' if row.is_visible else ' '} {row.number:>4}  {at.astimezone():%Y-%m-%d %H:%M}  ")
        line.append(f"{row.state:<9}", style=_STATES.get(row.state, "dim"))
        if row.pages is not None:
            for change, (sign, style) in _SIGNS.items():
                count = getattr(row.pages, str(change))
                line.append(f"  {sign}{count:<6}", style=style if count else "dim")
        made.append(line)
        made += [Text(f"        {one_line(str(reason))}", style="red") for reason in _reasons(row)]
    return made or [Text("It has no generations yet.")]


def _reasons(row: GenerationChanges) -> Sequence[object]:
    reasons = row.result.get("reasons") if row.state is GenerationState.REJECTED else None
    return reasons if isinstance(reasons, list) else ()


def page_lines(pages: Sequence[PageDeltaShape]) -> list[Text]:
    made = []
    for page in pages:
        sign, style = _SIGNS[page.change]
        made.append(Text(f"{sign} {one_line(page.url)}", style=style).append(f"  {one_line(page.title)}", style="dim"))
    return made or [Text("No page is other than before.")]


def diff_lines(diff: PageDiffShape) -> list[Text]:
    """The whole difference: each section and each code example under a line that says what happened to it."""
    made = [Text(one_line(diff.title), style="bold").append(f"  {one_line(diff.url)}", style="cyan")]
    if diff.old_title is not None:
        made.append(Text(f"was: {one_line(diff.old_title)}", style="dim"))
    for section in diff.sections:
        made += [Text(""), *_section(section)]
    for code in diff.code_examples:
        made += [Text(""), *_code(code)]
    if diff.is_cut:
        made += [Text(""), Text("There is more than is shown.", style="yellow")]
    return made


def _section(section: SectionDiffShape) -> Iterator[Text]:
    counts = f"+{section.lines_added} -{section.lines_removed}"
    yield Text(f"@@ {_path(section.heading_path)}", style="bold").append(
        f"  {', '.join(section.changes)} {counts}", style="dim"
    )
    if section.old_heading_path is not None:
        yield Text(f"   was: {_path(section.old_heading_path)}", style="dim")
    yield from map(_line, section.lines)


def _code(code: CodeDiffShape) -> Iterator[Text]:
    language = code.language or code.old_language or "code"
    yield Text(f"@@ {_path(code.heading_path)}", style="bold").append(
        f"  {one_line(language)} example {code.change}", style="dim"
    )
    yield from map(_line, code.lines)


def _path(headings: Sequence[str]) -> str:
    return " › ".join(map(one_line, headings)) or "(before the first heading)"


def _line(line: DiffLineShape) -> Text:
    """The changed words are in reverse: marks count code points of the text as it came, so it is cleaned piece by piece."""
    sign, style = _LINES[line.kind]
    made, at = Text(sign, style=style), 0
    for start, end in line.marks:
        made.append(_clean(line.text[at:start]), style=style).append(_clean(line.text[start:end]), f"{style} reverse")
        at = end
    return made.append(_clean(line.text[at:]), style=style)


def _clean(text: str) -> str:
    return block(text).replace("\n", " ")
