"""The baseline's splitter: what LangChain's RecursiveCharacterTextSplitter does with its defaults, as positions.

Splits at the first of "\\n\\n", "\\n", " " and "" that the text has, keeps the separator at the beginning of what follows,
splits again what is still too long, and fills chunks of 1,000 characters that share up to 200 with the one before.
Algorithm: https://python.langchain.com/docs/how_to/recursive_text_splitter/ (langchain-text-splitters, `character.py`).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

CHUNK_SIZE = 1000
CHUNK_OVERLAP = 200
SEPARATORS = ("\n\n", "\n", " ", "")

Span = tuple[int, int]


def split(text: str, size: int = CHUNK_SIZE, overlap: int = CHUNK_OVERLAP) -> list[Span]:
    """Where the chunks of `text` begin and end, without the blanks at their ends; those that are all blank are left out."""
    spans = (_stripped(text, span) for span in _split(text, (0, len(text)), SEPARATORS, size, overlap))
    return [span for span in spans if span[0] < span[1]]


def _stripped(text: str, span: Span) -> Span:
    content = text[span[0] : span[1]]
    kept = content.rstrip()
    return span[0] + len(kept) - len(kept.lstrip()), span[0] + len(kept)


def _split(text: str, whole: Span, separators: Sequence[str], size: int, overlap: int) -> Iterator[Span]:
    at = next(n for n, separator in enumerate(separators) if text.find(separator, *whole) >= 0)
    short: list[Span] = []
    for part in _parts(text, whole, separators[at]):
        if part[1] - part[0] < size:
            short.append(part)
            continue
        yield from _filled(short, size, overlap)
        short = []
        if separators[at + 1 :]:
            yield from _split(text, part, separators[at + 1 :], size, overlap)
        else:
            yield part
    yield from _filled(short, size, overlap)


def _parts(text: str, whole: Span, separator: str) -> Iterator[Span]:
    """The parts of the text between separators, each with the separator before it."""
    start, end = whole
    if not separator:
        yield from ((n, n + 1) for n in range(start, end))
        return
    for match in re.compile(re.escape(separator)).finditer(text, start, end):
        if match.start() > start:
            yield start, match.start()
        start = match.start()
    if start < end:
        yield start, end


def _filled(parts: Iterable[Span], size: int, overlap: int) -> Iterator[Span]:
    """Neighbouring parts put together up to `size`; a chunk begins with the last parts of the one before, up to `overlap`."""
    held: deque[Span] = deque()
    total = 0
    for part in parts:
        length = part[1] - part[0]
        if held and total + length > size:
            yield held[0][0], held[-1][1]
            while total > overlap or (total > 0 and total + length > size):
                first = held.popleft()
                total -= first[1] - first[0]
        held.append(part)
        total += length
    if held:
        yield held[0][0], held[-1][1]
