"""Blocks of Markdown that are too long for one chunk, taken apart at their lines, rows, sentences and words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gleanery.knowledge.blocks import Block, BlockKind, fence_end, is_fence, is_item, line_end
from gleanery.knowledge.budget import ChunkBudget
from gleanery.knowledge.partition import NEVER, Unit
from gleanery.knowledge.prose import plain_prose

INSIDE = 4
"""The least rank of a border inside a block: worse than any between blocks."""
_NOT_AFTER_BLANK = 1
_BEFORE_CLOSER = 2
_DEEPEST = 3
_SENTENCE_END = re.compile(r"[.!?…][\"')\]*_]*\s+|[\u3002\uff01\uff1f]")
_WORD = re.compile(r"\S+\s*")
_LINK = re.compile(r"!?\[[^\[\]\n]{0,400}\]\([^()\s]{0,2000}\)")
_TABLE_RULE = re.compile(r"\|(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*$", re.M)
_LEAD_CHARACTERS = 200
_TABS = 4
_LEAST_SENTENCE = 12
# Of a block longer than this, short lines are taken several at a time, also blank ones: a million would take seconds.
_ENDLESS = 100_000
_LEAST_OF_ENDLESS = 120


def block_units(text: str, block: Block, first: Unit, lead: str, most: int, budget: ChunkBudget) -> list[Unit]:
    """The block as one unit, which is `first`, where that has at most `most` tokens, else its parts.

    `lead` is what introduces the block: its later parts have it.
    """
    if first.weight <= (budget.max_fence_tokens if block.kind is BlockKind.FENCE else most):
        return [first]
    if block.kind is BlockKind.TABLE:
        units = list(_Cutter(text, most, budget, "").rows(block))
    else:
        units = list(_Cutter(text, most, budget, lead).lines(block, is_code=block.kind is BlockKind.FENCE))
    return [replace(units[0], rank=first.rank, lead=first.lead), *units[1:]]


@dataclass(frozen=True, slots=True)
class _Cutter:
    text: str
    most: int
    budget: ChunkBudget
    lead: str

    def rows(self, block: Block) -> Iterator[Unit]:
        """The rows of a table. Those behind the first have the header's cells as their lead."""
        first_end = line_end(self.text, block.start)
        has_head = first_end < block.end and _TABLE_RULE.match(self.text, first_end) is not None
        lead = _cells(self.text[block.start : first_end]) if has_head else ""
        whole = 3 if has_head else 1
        least = _least_characters(block)
        start = block.start
        row = 0
        while start < block.end:
            end = line_end(self.text, start)
            while row >= whole and end - start < least and end < block.end:
                end = line_end(self.text, end)
            row += 1
            rank = NEVER if 1 < row <= whole else INSIDE
            yield from self._line(
                start, end, rank, self.budget.max_fence_tokens, lead if row > whole else "", is_code=False
            )
            start = end

    def lines(self, block: Block, *, is_code: bool) -> Iterator[Unit]:
        """The lines of a block; a fence inside it in one piece where it fits."""
        start = block.start
        is_after_blank = False
        least = _least_characters(block)
        base = _indentation(self.text[start : line_end(self.text, start)])
        while start < block.end:
            end = line_end(self.text, start)
            line = self.text[start:end]
            if not least and not line.strip("> \t\r\n"):
                is_after_blank, start = True, end
                continue
            while end - start < least and end < block.end:
                end = line_end(self.text, end)
            rank = self._rank(line, base, is_after_blank, is_code=is_code)
            if is_code:
                rank = self._fence_rank(block, start, end, rank)
            elif is_fence(line):
                end = min(fence_end(self.text, start), block.end)
                yield from self._inner_fence(Block(BlockKind.FENCE, start, end), rank)
                is_after_blank, start = True, end
                continue
            yield from self._line(start, end, rank, self.most, self.lead, is_code=is_code)
            is_after_blank, start = False, end

    def _inner_fence(self, block: Block, rank: int) -> Iterator[Unit]:
        weight = self.budget.weight(self.text[block.start : block.end], is_code=True)
        if weight <= self.budget.max_fence_tokens:
            yield Unit(block.start, block.end, weight, rank, self.lead)
        else:
            for unit in self.lines(block, is_code=True):
                yield replace(unit, rank=rank) if unit.start == block.start else unit

    def _rank(self, line: str, base: int, is_after_blank: bool, *, is_code: bool) -> int:
        depth = min(_DEEPEST, -(-max(0, _indentation(line) - base) // _TABS))
        rank = INSIDE + depth + (0 if is_after_blank else _NOT_AFTER_BLANK)
        stripped = line.lstrip("> \t")
        if is_code:
            return rank + (_BEFORE_CLOSER if stripped.startswith((")", "]", "}")) else 0)
        if is_item(stripped):
            return INSIDE + depth
        return rank + (_BEFORE_CLOSER if stripped.startswith(": ") else 0)

    def _fence_rank(self, block: Block, start: int, end: int, rank: int) -> int:
        """The opening line stays with the first of the code, the closing one with the last."""
        is_first = start == line_end(self.text, block.start)
        is_last = end >= block.end and is_fence(self.text[start:end])
        return NEVER if (is_first or is_last) and start > block.start else rank

    def _line(
        self, start: int, end: int, rank: int, most: int, lead: str = "", *, is_code: bool = False
    ) -> Iterator[Unit]:
        weight = self.budget.weight(self.text[start:end], is_code=is_code)
        if weight <= most:
            yield Unit(start, end, weight, rank, lead)
            return
        for part, (low, high) in enumerate(self._sentences(start, end)):
            for word, unit in enumerate(self._words(low, high)):
                if part == word == 0:
                    yield replace(unit, rank=rank, lead=lead)
                else:
                    yield replace(unit, rank=INSIDE if word == 0 else INSIDE + _BEFORE_CLOSER, lead=lead)

    def _sentences(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The sentences of one line: none ends inside a link."""
        links = [match.span() for match in _LINK.finditer(self.text, start, end)]
        number = 0
        for match in _SENTENCE_END.finditer(self.text, start, end):
            while number < len(links) and links[number][1] < match.end():
                number += 1
            is_in_link = number < len(links) and links[number][0] < match.end() < links[number][1]
            if not is_in_link and start + _LEAST_SENTENCE <= match.end() < end:
                yield start, match.end()
                start = match.end()
        yield start, end

    def _words(self, start: int, end: int) -> Iterator[Unit]:
        """One unit where it fits, else runs of whole words, and pieces of a word that is endless."""
        weight = self.budget.weight(self.text[start:end])
        if weight <= self.most:
            yield Unit(start, end, weight, 0)
            return
        width = max(8, self.most // 4)
        low = start
        for match in _WORD.finditer(self.text, start, end):
            while match.end() - low > width:
                high = match.start() if match.start() > low else low + width
                yield Unit(low, high, self.budget.weight(self.text[low:high]), 0)
                low = high
        if low < end:
            yield Unit(low, end, self.budget.weight(self.text[low:end]), 0)


def _least_characters(block: Block) -> int:
    return _LEAST_OF_ENDLESS if block.end - block.start > _ENDLESS else 0


def _indentation(line: str) -> int:
    expanded = line.lstrip("> ").expandtabs(_TABS) if line.startswith(">") else line.expandtabs(_TABS)
    return len(expanded) - len(expanded.lstrip())


def _cells(row: str) -> str:
    cells = [cell.strip() for cell in plain_prose(row).strip().strip("|").split("|")]
    lead = " | ".join(cell for cell in cells if cell)
    return lead if len(lead) <= _LEAD_CHARACTERS else ""
