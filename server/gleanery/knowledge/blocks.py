"""The blocks of Markdown: headings, fences, tables, list items, paragraphs, each with where it stands."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from enum import Enum

_FENCE = re.compile(r"[ \t]*(?:>[ ]?)*(?P<mark>`{3,}(?=[^`\n]*$)|~{3,})", re.M)
_ITEM = re.compile(r"(?:[-+*]|\d{1,9}[.)])(?:[ \t]|$)", re.M)


class BlockKind(Enum):
    HEADING = "heading"
    FENCE = "fence"
    TABLE = "table"
    ITEM = "item"
    PARAGRAPH = "paragraph"


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines: `markdown[start:end]`, the last line's end included."""

    kind: BlockKind
    start: int
    end: int


def markdown_blocks(text: str, headings: Container[int]) -> list[Block]:
    """The blocks of `text` in order, without the blank lines between them.

    `headings` has where heading lines start. A list item has everything that is indented below it.
    """
    blocks: list[Block] = []
    current: Block | None = None
    start = 0
    is_after_blank = False
    while start < len(text):
        end = line_end(text, start)
        line = text[start:end]
        if not line.strip():
            is_after_blank = True
            start = end
            continue
        kind = BlockKind.HEADING if start in headings else _kind(line)
        if kind is BlockKind.FENCE:
            end = fence_end(text, start)
        if current is not None and _continues(current, kind, line, is_after_blank):
            current = Block(current.kind, current.start, end)
        else:
            if current is not None:
                blocks.append(current)
            current = Block(kind, start, end)
        is_after_blank = False
        start = end
    return [*blocks, current] if current is not None else blocks


def line_start(text: str, offset: int) -> int:
    """Where the line of that character starts."""
    return text.rfind("\n", 0, max(0, offset)) + 1


def line_end(text: str, start: int) -> int:
    """Where the next line starts, or the end of the text."""
    return (text.find("\n", start) + 1) or len(text)


def is_fence(line: str) -> bool:
    """Whether a fence opens (or closes) in this line."""
    return _FENCE.match(line) is not None


def is_item(line: str) -> bool:
    """Whether a list item starts in this line, which has no indentation."""
    return _ITEM.match(line) is not None


def fence_end(text: str, start: int) -> int:
    """The end of the last line of the fence that opens in the line at `start`; the end of the text if it never closes."""
    opening = _FENCE.match(text, start)
    mark = opening["mark"] if opening else "```"
    closing = re.compile(rf"[ \t]*(?:>[ ]?)*{re.escape(mark)}{re.escape(mark[0])}*[ \t]*$", re.M)
    end = line_end(text, start)
    while end < len(text):
        line = end
        end = line_end(text, line)
        if closing.match(text, line):
            return end
    return len(text)


def _kind(line: str) -> BlockKind:
    if _FENCE.match(line):
        return BlockKind.FENCE
    if line.startswith("|"):
        return BlockKind.TABLE
    return BlockKind.ITEM if _ITEM.match(line) else BlockKind.PARAGRAPH


def _continues(block: Block, kind: BlockKind, line: str, is_after_blank: bool) -> bool:
    """Whether a line (or a whole fence) goes on with the block above it."""
    if block.kind is BlockKind.ITEM and line[0] in " \t":
        return kind is not BlockKind.HEADING
    if is_after_blank or kind in (BlockKind.HEADING, BlockKind.FENCE):
        return False
    if block.kind in (BlockKind.HEADING, BlockKind.FENCE) or kind is BlockKind.ITEM:
        return False
    return kind is block.kind or kind is BlockKind.PARAGRAPH
