"""Chunking: Markdown cut into slices for search, along headings and blocks, with code fences whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from gleanery.knowledge.markdown import Heading

# A fence this many times longer than a chunk may be is cut after all: no model reads it in one piece.
_FENCE_FACTOR = 4
_FENCE = re.compile(r"[ \t]*(?:>[ ]?)*(?P<mark>`{3,}(?=[^`\n]*$)|~{3,})", re.M)
_ITEM = re.compile(r"(?:[-+*]|\d{1,9}[.)])(?:[ \t]|$)", re.M)
_SENTENCE_END = re.compile(r"[.!?…][\"')\]*_]*\s|[\u3002\uff01\uff1f]")


@dataclass(frozen=True, slots=True)
class ChunkSlice:
    """The slice `markdown[start:end]`; `heading_path` names the sections around it, outermost first."""

    ordinal: int
    start: int
    end: int
    heading_path: tuple[str, ...]


class _Kind(Enum):
    HEADING = "heading"
    FENCE = "fence"
    TABLE = "table"
    ITEM = "item"
    PARAGRAPH = "paragraph"


@dataclass(frozen=True, slots=True)
class _Block:
    kind: _Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    end: int
    path: tuple[str, ...]
    is_bare_heading: bool


def chunk_markdown(
    markdown: str, outline: Iterable[Heading], title: str, *, max_chars: int = 1400, min_chars: int = 200
) -> list[ChunkSlice]:
    """Cut `markdown` so that every non-blank character is in exactly one slice, in order.

    Slices hold at most `max_chars` characters, except that a fence is whole up to four times that, and that a heading
    stays with the block below it. Slices under `min_chars` join a neighbour under the same parent where both fit.
    """
    headings = {_line_start(markdown, heading.offset): heading for heading in outline}
    has_top = any(heading.level == 1 for heading in headings.values())
    root = (title,) if title and not has_top else ()
    pieces: list[_Piece] = []
    for path, blocks in _sections(_blocks(markdown, headings), headings, root):
        pieces += _pack(markdown, blocks, path, max_chars)
    merged = _merge_small(pieces, max_chars, min_chars)
    return [ChunkSlice(n, piece.start, piece.end, piece.path) for n, piece in enumerate(merged)]


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, max(0, offset)) + 1


def _blocks(text: str, headings: dict[int, Heading]) -> list[_Block]:
    """The blocks of `text` in order, without the blank lines between them."""
    blocks: list[_Block] = []
    current: _Block | None = None
    start = 0
    is_after_blank = False
    while start < len(text):
        end = _line_end(text, start)
        line = text[start:end]
        if not line.strip():
            is_after_blank = True
            start = end
            continue
        kind = _Kind.HEADING if start in headings else _kind(line)
        if kind is _Kind.FENCE:
            end = _fence_end(text, start, end)
        if current is not None and _continues(current, kind, line, is_after_blank):
            current = _Block(current.kind, current.start, end)
        else:
            if current is not None:
                blocks.append(current)
            current = _Block(kind, start, end)
        is_after_blank = False
        start = end
    return [*blocks, current] if current is not None else blocks


def _line_end(text: str, start: int) -> int:
    return (text.find("\n", start) + 1) or len(text)


def _kind(line: str) -> _Kind:
    if _FENCE.match(line):
        return _Kind.FENCE
    if line.startswith("|"):
        return _Kind.TABLE
    return _Kind.ITEM if _ITEM.match(line) else _Kind.PARAGRAPH


def _continues(block: _Block, kind: _Kind, line: str, is_after_blank: bool) -> bool:
    """Whether a line (or a whole fence) goes on with the block above it."""
    if block.kind is _Kind.ITEM and line[0] in " \t":
        return kind is not _Kind.HEADING
    if is_after_blank or kind in (_Kind.HEADING, _Kind.FENCE) or block.kind in (_Kind.HEADING, _Kind.FENCE):
        return False
    if kind is _Kind.ITEM:
        return False
    return kind is block.kind or kind is _Kind.PARAGRAPH


def _fence_end(text: str, start: int, end: int) -> int:
    opening = _FENCE.match(text, start)
    mark = opening["mark"] if opening else "```"
    closing = re.compile(rf"[ \t]*(?:>[ ]?)*{re.escape(mark)}{re.escape(mark[0])}*[ \t]*$", re.M)
    while end < len(text):
        line = end
        end = _line_end(text, line)
        if closing.match(text, line):
            return end
    return len(text)


def _sections(
    blocks: Sequence[_Block], headings: dict[int, Heading], root: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], list[_Block]]]:
    """Each heading's path with its heading and the blocks up to the next one."""
    open_headings: list[Heading] = []
    section: list[_Block] = []
    for block in blocks:
        if block.kind is _Kind.HEADING:
            if section:
                yield _path(root, open_headings), section
            heading = headings[block.start]
            open_headings = [*(h for h in open_headings if h.level < heading.level), heading]
            section = []
        section.append(block)
    if section:
        yield _path(root, open_headings), section


def _path(root: tuple[str, ...], headings: list[Heading]) -> tuple[str, ...]:
    return (*root, *(heading.text for heading in headings))


def _pack(text: str, blocks: list[_Block], path: tuple[str, ...], max_chars: int) -> Iterator[_Piece]:
    """Fill slices with whole blocks; only a block that is too long by itself is cut."""
    start = blocks[0].start
    end = start
    is_bare = False
    for block in blocks:
        if block.end - start > max_chars and end > start and not is_bare:
            yield _piece(text, start, end, path, is_bare)
            start = block.start
            is_bare = False
        if block.end - block.start > max_chars:
            for cut in _cuts(text, block, max_chars):
                yield _piece(text, start, cut, path, False)
                start = cut
        is_bare = block.kind is _Kind.HEADING and (end == start or is_bare)
        end = block.end
    if text[start:end].strip():
        yield _piece(text, start, end, path, is_bare)


def _piece(text: str, start: int, end: int, path: tuple[str, ...], is_bare: bool) -> _Piece:
    """Blank edges left out: they are between slices."""
    content = text[start:end]
    stripped = content.rstrip()
    lead = len(stripped) - len(stripped.lstrip("\n"))
    return _Piece(start + lead, start + len(stripped), path, is_bare)


def _cuts(text: str, block: _Block, max_chars: int) -> Iterator[int]:
    """Where a too long block is cut: at line ends, else after sentences, else between words. Its end is last."""
    is_fence = block.kind is _Kind.FENCE
    position = block.start
    if not is_fence or block.end - block.start > _FENCE_FACTOR * max_chars:
        while block.end - position > max_chars:
            position = _fence_cut(text, position, max_chars) if is_fence else _prose_cut(text, position, max_chars)
            if position >= block.end or not text[position : block.end].strip():
                break
            yield position
    yield block.end


def _fence_cut(text: str, start: int, max_chars: int) -> int:
    cut = text.rfind("\n", start, start + max_chars) + 1
    if cut > start:
        return cut
    # One line longer than a chunk: up to its end, unless it is as endless as a minified script.
    cut = text.find("\n", start, start + _FENCE_FACTOR * max_chars) + 1
    return cut or start + max_chars


def _prose_cut(text: str, start: int, max_chars: int) -> int:
    window_end = start + max_chars
    least = start + max_chars // 2
    cut = text.rfind("\n", least, window_end) + 1
    if cut:
        return cut
    ends = [match.end() for match in _SENTENCE_END.finditer(text, least, window_end)]
    if ends:
        return ends[-1]
    cut = text.rfind(" ", least, window_end) + 1
    return cut or window_end


def _merge_small(pieces: list[_Piece], max_chars: int, min_chars: int) -> list[_Piece]:
    merged: list[_Piece] = []
    for piece in pieces:
        last = merged[-1] if merged else None
        if last is not None and _belong_together(last, piece, max_chars, min_chars):
            merged[-1] = _join(last, piece)
        else:
            merged.append(piece)
    return merged


def _belong_together(left: _Piece, right: _Piece, max_chars: int, min_chars: int) -> bool:
    if right.end - left.start > max_chars:
        return False
    if left.end - left.start >= min_chars and right.end - right.start >= min_chars:
        return False
    return len(_shared(left.path, right.path)) >= min(len(left.path), len(right.path)) - 1


def _join(left: _Piece, right: _Piece) -> _Piece:
    is_inside = left.is_bare_heading and right.path[: len(left.path)] == left.path
    path = right.path if is_inside else _shared(left.path, right.path)
    return _Piece(left.start, right.end, path, left.is_bare_heading and right.is_bare_heading)


def _shared(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
    length = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        length += 1
    return left[:length]
