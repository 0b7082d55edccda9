"""`gleanery search`: numbered hits, with what matched marked."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gleanery import errors
from gleanery.api.search_shapes import CodeHit, CodeSearchReply, HitShape, SearchReply
from gleanery.cli import connect
from gleanery.cli.exits import Exit
from gleanery.cli.safe_text import block, one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

SNIPPET_CHARS = 320
_LEAD_CHARS = 80
_INDENT = 4


def search(args: Namespace) -> Exit:
    if args.mode is not None and args.code:
        raise errors.InvalidInput("--mode", "does not go with --code: code is found by words")
    return connect.run(_search(args))


async def _search(args: Namespace) -> Exit:
    body = request_body(args)
    # A server of our own only reads here: nothing starts to run because someone searched.
    async with connect.connect(args, concurrency=0) as connection:
        client = connection.client
        found: SearchReply | CodeSearchReply
        found = await client.search_code(body) if args.code else await client.search(body)
    if args.json:
        print(found.model_dump_json(ensure_ascii=True))
        return Exit.COMPLETE
    console = _console()
    _print_changes(console, found)
    hits: Sequence[HitShape | CodeHit] = found.hits
    for number, hit in enumerate(hits, 1):
        _print_hit(console, number, hit, is_explained=args.explain)
    if not hits:
        print("Nothing found.")
    return Exit.COMPLETE


def request_body(args: Namespace) -> dict[str, Any]:
    """What is posted: the words and what was asked for; the rest is the server's defaults."""
    asked = {
        "query": " ".join(args.text),
        "source_id": args.source,
        "limit": args.limit,
        "mode": args.mode,
        "language": args.language,
        "tags": args.tag,
        "kind": args.kind,
        "path_prefix": args.path,
        "version": args.page_version,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def _print_changes(console: Console, found: SearchReply | CodeSearchReply) -> None:
    """What was looked for otherwise than it was asked."""
    from rich.text import Text

    said = [
        f"“{one_line(typed)}” is not known, looked for “{one_line(taken)}”"
        for typed, taken in found.corrections.items()
    ]
    for sentence in (*said, *map(one_line, found.notes)):
        console.print(Text(sentence, style="yellow"), soft_wrap=True)
    if said or found.notes:
        console.print()


def _print_hit(console: Console, number: int, hit: HitShape | CodeHit, *, is_explained: bool) -> None:
    from rich.text import Text

    head = Text(f"{number}. ").append(headline(hit), style="bold").append(f"  {hit.score:.3g}", style="dim")
    console.print(head, soft_wrap=True)
    console.print(Text(" " * _INDENT + one_line(hit.url), style="cyan"), soft_wrap=True)
    if isinstance(hit, CodeHit):
        if hit.language:
            guessed = " (guessed)" if hit.is_guessed else ""
            console.print(Text(" " * _INDENT + one_line(hit.language) + guessed, style="dim"), soft_wrap=True)
        body = _marked(_pieces(hit.code, hit.highlights, 0, len(hit.code)), block)
        _print_indented(console, body, may_wrap=False)
    else:
        _print_indented(
            console, _marked(snippet(hit.content, hit.highlights), _blanks_joined), may_wrap=console.is_terminal
        )
        for twin in hit.folded:
            console.print(Text(" " * _INDENT + f"= {one_line(twin.url)}", style="dim"), soft_wrap=True)
    if is_explained:
        parts = " · ".join(f"{name} {value:.4g}" for name, value in hit.scores.items())
        console.print(Text(" " * _INDENT + parts, style="dim"), soft_wrap=True)
    console.print()


def headline(hit: HitShape | CodeHit) -> str:
    """Title › heading › heading, safe to print; a first heading that is the title is not said twice."""
    path = [one_line(part) for part in (hit.title, *hit.heading_path)]
    if len(path) > 1 and path[0] == path[1]:
        del path[0]
    return " › ".join(part for part in path if part) or one_line(hit.url)


def snippet(content: str, highlights: Sequence[tuple[int, int]]) -> list[tuple[str, bool]]:
    """A window of `content` around the first mark, as pieces that are marked or not; … where it was cut."""
    first = highlights[0][0] if highlights else 0
    start = content.rfind(" ", 0, max(0, first - _LEAD_CHARS)) + 1 if first > _LEAD_CHARS else 0
    end = len(content)
    if end - start > SNIPPET_CHARS:
        end = max(content.rfind(" ", start, start + SNIPPET_CHARS), start + SNIPPET_CHARS // 2)
    pieces = _pieces(content, highlights, start, end)
    return [("… ", False)] * (start > 0) + pieces + [(" …", False)] * (end < len(content))


def _pieces(text: str, marks: Sequence[tuple[int, int]], start: int, end: int) -> list[tuple[str, bool]]:
    pieces: list[tuple[str, bool]] = []
    at = start
    for left, right in sorted(marks):
        left, right = max(left, at), min(right, end)
        if left < right:
            pieces += [(text[at:left], False), (text[left:right], True)]
            at = right
    pieces.append((text[at:end], False))
    return [piece for piece in pieces if piece[0]]


def _marked(pieces: Sequence[tuple[str, bool]], clean: Callable[[str], str]) -> Text:
    from rich.text import Text

    text = Text()
    for piece, is_marked in pieces:
        text.append(clean(piece), style="bold yellow" if is_marked else None)
    return text


def _blanks_joined(text: str) -> str:
    return re.sub(r"\s+", " ", block(re.sub(r"\s+", " ", text)))


def _print_indented(console: Console, text: Text, *, may_wrap: bool) -> None:
    from rich.padding import Padding
    from rich.text import Text

    if may_wrap:
        console.print(Padding(text, (0, 0, 0, _INDENT)))
        return
    for line in text.split("\n", allow_blank=True):
        console.print(Text(" " * _INDENT).append_text(line), soft_wrap=True)
