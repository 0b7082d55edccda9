"""Chunking: Markdown cut into slices for search, along headings and blocks, of as many tokens as a model reads.

Sections are cut apart from each other, and each in a way that moves only the borders beside a change (see partition.py):
what is not edited stays in the same slices, so its ids and vectors stay as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gleanery.knowledge.blocks import Block, BlockKind, line_end, line_start, markdown_blocks
from gleanery.knowledge.budget import DEFAULT_BUDGET, ChunkBudget
from gleanery.knowledge.cuts import block_units
from gleanery.knowledge.markdown import Heading
from gleanery.knowledge.merge import Piece, merge_tiny
from gleanery.knowledge.partition import NEVER, Unit, partition
from gleanery.knowledge.prose import plain_prose, summary_line

# Of a border between two blocks: what is introduced, or goes on, stays with what is before it rather than begin a chunk.
_BELONGS = 1
_INTRODUCED = 3
_TRANSITION_CHARACTERS = 100
_LABEL = re.compile(r"(?:\*\*[^*\n]+\*\*:?|`[^`\n]+`)[ \t]*$", re.M)


@dataclass(frozen=True, slots=True)
class ChunkSlice:
    """The slice `markdown[start:end]`; `heading_path` names the sections around it, outermost first.

    `lead` is empty, or says in a line what the slice goes on with: a table's header, what introduced a list or a fence.
    `tokens` are those of title, heading path, lead and slice, as the budget counts.
    """

    ordinal: int
    start: int
    end: int
    heading_path: tuple[str, ...]
    lead: str = ""
    tokens: int = 0


def chunk_markdown(
    markdown: str, outline: Iterable[Heading], title: str, *, budget: ChunkBudget = DEFAULT_BUDGET
) -> list[ChunkSlice]:
    """Cut `markdown` so that every non-blank character is in exactly one slice, in order.

    A slice has at most `budget.max_tokens` with what is put before it, except for a fence or a table's row (whole up to
    `max_fence_tokens`), a heading above such, and below a heading path that takes more than half of the budget. Slices
    under `min_tokens` join neighbours under the same parent where they fit.
    """
    return _Chunking(markdown, title, budget).chunks(outline)


class _Chunking:
    """One page being cut."""

    def __init__(self, markdown: str, title: str, budget: ChunkBudget) -> None:
        self._text = markdown
        self._title = title
        self._budget = budget
        self._paths: dict[tuple[str, ...], int] = {}

    def chunks(self, outline: Iterable[Heading]) -> list[ChunkSlice]:
        headings = {line_start(self._text, heading.offset): heading for heading in outline}
        has_top = any(heading.level == 1 for heading in headings.values())
        root = (self._title,) if self._title and not has_top else ()
        pieces: list[Piece] = []
        for path, blocks in self._with_bare_headings(_sections(markdown_blocks(self._text, headings), headings, root)):
            for part in self._without_gaps(blocks):
                pieces += self._section(path, part)
        merged = merge_tiny(self._text, pieces, self._room, self._budget.min_tokens)
        # A run of blanks may be so long that it is a piece of its own.
        filled = (piece for piece in merged if not self._text[piece.start : piece.end].isspace())
        return [self._slice(number, piece) for number, piece in enumerate(filled)]

    def _with_bare_headings(
        self, sections: Iterable[tuple[tuple[str, ...], list[Block]]]
    ) -> Iterator[tuple[tuple[str, ...], list[Block]]]:
        """Headings with nothing below them go before the next section, as far as there is room for them."""
        bare: list[Block] = []
        path: tuple[str, ...] = ()
        for path, blocks in sections:
            bare += blocks if len(blocks) == 1 and blocks[0].kind is BlockKind.HEADING else ()
            weight = sum(map(self._weight, bare)) if bare else 0
            if bare and blocks[-1] is bare[-1]:
                if weight > self._room(path) // 2:
                    yield path, bare
                    bare = []
                continue
            yield path, [*bare, *blocks]
            bare = []
        if bare:
            yield path, bare

    def _without_gaps(self, blocks: list[Block]) -> Iterator[list[Block]]:
        start = 0
        for number in range(1, len(blocks)):
            if self._budget.is_gap(blocks[number].start - blocks[number - 1].end):
                yield blocks[start:number]
                start = number
        yield blocks[start:]

    def _room(self, path: tuple[str, ...]) -> int:
        """For a slice below that path. However long the path is, half of the budget is the slice's."""
        return max(self._budget.max_tokens - self._path_tokens(path), self._budget.max_tokens // 2)

    def _path_tokens(self, path: tuple[str, ...]) -> int:
        if path not in self._paths:
            names = (self._title, *path) if self._title else path
            self._paths[path] = self._budget.counter.plain(" › ".join(dict.fromkeys(names)))
        return self._paths[path]

    def _weight(self, block: Block) -> int:
        return self._budget.weight(self._text[block.start : block.end], is_code=block.kind is BlockKind.FENCE)

    def _section(self, path: tuple[str, ...], blocks: Sequence[Block]) -> Iterator[Piece]:
        """The slices of one section."""
        room = self._room(path)
        weights = [self._weight(block) for block in blocks]
        if sum(weights) <= room:
            yield Piece(blocks[0].start, blocks[-1].end, path, sum(weights))
            return
        units = self._units(blocks, weights, room)
        leads = {unit.lead for unit in units}
        room -= min(room // 4, max(map(self._budget.counter.plain, leads)))
        for group in partition(self._text, units, room, self._budget.min_tokens):
            weight = sum(unit.weight for unit in group) + self._budget.counter.plain(group[0].lead)
            yield Piece(group[0].start, group[-1].end, path, weight, group[0].lead)

    def _units(self, blocks: Sequence[Block], weights: Sequence[int], room: int) -> list[Unit]:
        units: list[Unit] = []
        before: Block | None = None
        intro = ""
        above = 0
        for block, weight in zip(blocks, weights, strict=True):
            goes_on = before is not None and before.kind is block.kind is BlockKind.ITEM
            intro = intro if goes_on else self._intro(before)
            first = Unit(block.start, block.end, weight, self._rank(before, block), intro if goes_on else "")
            units += block_units(self._text, block, first, intro, max(room - above, room // 2), self._budget)
            above = above + weight if block.kind is BlockKind.HEADING else 0
            before = block
        return units

    def _rank(self, before: Block | None, block: Block) -> int:
        if before is None:
            return 0
        if before.kind is BlockKind.HEADING:
            return NEVER
        if before.kind is BlockKind.PARAGRAPH:
            if self._introduces(before) or self._text.startswith(": ", block.start):
                return _INTRODUCED
            is_transition = block.end - block.start <= _TRANSITION_CHARACTERS and self._ends_in_colon(block)
            return _BELONGS if block.kind is not BlockKind.PARAGRAPH or is_transition else 0
        return _BELONGS if before.kind is block.kind is BlockKind.ITEM else 0

    def _introduces(self, block: Block) -> bool:
        if self._ends_in_colon(block):
            return True
        return line_end(self._text, block.start) >= block.end and _LABEL.match(self._text, block.start) is not None

    def _ends_in_colon(self, block: Block) -> bool:
        return self._text[max(block.start, block.end - 3) : block.end].rstrip().endswith((":", "\uff1a"))

    def _intro(self, before: Block | None) -> str:
        if before is None or before.kind is not BlockKind.PARAGRAPH or not self._introduces(before):
            return ""
        return summary_line(plain_prose(self._text[before.start : before.end]))

    def _slice(self, number: int, piece: Piece) -> ChunkSlice:
        content = self._text[piece.start : piece.end]
        end = piece.start + len(content.rstrip())
        start = piece.start + len(content) - len(content.lstrip("\n"))
        return ChunkSlice(number, start, end, piece.path, piece.lead, piece.weight + self._path_tokens(piece.path))


def _sections(
    blocks: Sequence[Block], headings: dict[int, Heading], root: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], list[Block]]]:
    """Each heading's path with its heading and the blocks up to the next one."""
    open_headings: list[Heading] = []
    section: list[Block] = []
    for block in blocks:
        if block.kind is BlockKind.HEADING:
            if section:
                yield (*root, *(heading.text for heading in open_headings)), section
            heading = headings[block.start]
            open_headings = [*(h for h in open_headings if h.level < heading.level), heading]
            section = []
        section.append(block)
    if section:
        yield (*root, *(heading.text for heading in open_headings)), section
