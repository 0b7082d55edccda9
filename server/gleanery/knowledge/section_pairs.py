"""The sections of a page, and which of them are the same in two versions of it. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gleanery.knowledge.line_diff import alike, words_of
from gleanery.model import Heading

MAX_SECTIONS = 2_000
"""Headings beyond these are text of the last section."""
LEAST_ALIKE = 0.6
_LEAST_TELLING_CHARS = 40
"""A shorter text ("None.", "See above.") says nothing about which section it is of."""
_COMPARED_CHARS = 3_000
_MAX_WORD_PLACES = 16
_MAX_WORDS = 400
_CANDIDATES = 3
_UNDERLINE = re.compile(r"\s*(?:=+|-+)\s*")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with the lines below it, up to the next heading of any level; number 0 is what comes before the first.

    `parent` is the number of the section around it, -1 for number 0. `start` is where it begins in the Markdown.
    """

    number: int
    parent: int
    path: tuple[str, ...]
    anchor: str | None
    start: int
    lines: tuple[str, ...]

    @property
    def heading(self) -> str:
        return self.path[-1] if self.path else ""


def cut_sections(markdown: str, outline: Iterable[Heading]) -> tuple[Section, ...]:
    """The sections in order. An outline that doesn't fit the Markdown gives odd ones, but no error."""
    headings = sorted((h for h in outline if 0 <= h.offset <= len(markdown)), key=lambda h: h.offset)[:MAX_SECTIONS]
    ends = [heading.offset for heading in headings] + [len(markdown)]
    sections = [Section(0, -1, (), None, 0, _lines(markdown[: ends[0]], has_heading=False))]
    open_ones: list[tuple[int, int]] = [(0, 0)]
    for number, (heading, end) in enumerate(zip(headings, ends[1:], strict=True), 1):
        while open_ones[-1][0] >= max(1, heading.level):
            open_ones.pop()
        parent = open_ones[-1][1]
        path = (*sections[parent].path, heading.text)
        text = markdown[heading.offset : end]
        sections.append(Section(number, parent, path, heading.anchor or None, heading.offset, _lines(text)))
        open_ones.append((max(1, heading.level), number))
    return tuple(sections)


def _lines(text: str, *, has_heading: bool = True) -> tuple[str, ...]:
    """The lines without blanks at their ends, and without blank lines around them."""
    lines = [line.rstrip() for line in text.split("\n")]
    if has_heading:
        is_underlined = len(lines) > 1 and lines[1] and _UNDERLINE.fullmatch(lines[1])
        lines = lines[2:] if is_underlined else lines[1:]
    while lines and not lines[-1]:
        lines.pop()
    first = next((n for n, line in enumerate(lines) if line), len(lines))
    return tuple(lines[first:])


def section_at(sections: Sequence[Section], offset: int) -> Section:
    """The section that an offset of the Markdown lies in."""
    return sections[max(0, bisect_right(sections, offset, key=lambda section: section.start) - 1)]


class Pairs:
    """Which section of the new version each one of the old stands for; `to_new` and `to_old` by number."""

    def __init__(self, old: Sequence[Section], new: Sequence[Section]) -> None:
        self._old = old
        self._new = new
        self.to_new: dict[int, int] = {}
        self.to_old: dict[int, int] = {}
        self._pair(0, 0)
        # What is surest comes first: the same place and text, the same place, the same text, the same anchor.
        self._by(lambda section: (section.path, section.lines))
        self._by(lambda section: (section.path, section.anchor))
        self._by(lambda section: section.path)
        self._by(_telling_text)
        self._up()
        self._by(lambda section: section.anchor)
        self._down()
        for left, right in most_alike(self._open_old(), self._open_new(), LEAST_ALIKE):
            self._pair(left, right)
        self._up()
        self._down()

    def moved(self) -> set[int]:
        """Numbers of new sections that stand elsewhere than their old ones: under another parent, or in another order
        among their siblings. What moves with its parent has not moved."""
        moved: set[int] = set()
        siblings: dict[int, list[int]] = defaultdict(list)
        for section in self._new[1:]:
            if section.number not in self.to_old:
                continue
            was = self._old[self.to_old[section.number]]
            if self.to_new.get(was.parent) == section.parent:
                siblings[section.parent].append(section.number)
            elif was.path[:-1] != section.path[:-1]:
                moved.add(section.number)
        for numbers in siblings.values():
            places = [self.to_old[number] for number in numbers]
            in_order = _longest_rising(places)
            moved.update(number for n, number in enumerate(numbers) if n not in in_order)
        return moved

    def _pair(self, old: int, new: int) -> None:
        if old not in self.to_new and new not in self.to_old:
            self.to_new[old] = new
            self.to_old[new] = old

    def _open_old(self) -> dict[int, Counter[str]]:
        return {s.number: words_of(_some_text(s)) for s in self._old if s.number not in self.to_new}

    def _open_new(self) -> dict[int, Counter[str]]:
        return {s.number: words_of(_some_text(s)) for s in self._new if s.number not in self.to_old}

    def _by(self, key_of: Callable[[Section], Hashable]) -> None:
        """Pair those with the same key in their order; None is no key."""
        places: dict[Hashable, list[int]] = defaultdict(list)
        for section in self._new:
            if section.number not in self.to_old:
                places[key_of(section)].append(section.number)
        waiting = {key: iter(numbers) for key, numbers in places.items() if key is not None}
        for section in self._old:
            if section.number in self.to_new or (numbers := waiting.get(key_of(section))) is None:
                continue
            if (number := next(numbers, None)) is not None:
                self._pair(section.number, number)

    def _up(self) -> None:
        """A section whose children went into one new section is that section."""
        votes: dict[int, Counter[int]] = defaultdict(Counter)
        counts: Counter[int] = Counter()
        for section in reversed(self._old[1:]):
            if section.number not in self.to_new and (found := votes.get(section.number)):
                parent, count = found.most_common(1)[0]
                if 2 * count > counts[section.number]:
                    self._pair(section.number, parent)
            counts[section.parent] += 1
            if section.number in self.to_new:
                votes[section.parent][self._new[self.to_new[section.number]].parent] += 1

    def _down(self) -> None:
        """Children of the same name under the same parent are the same, whatever the parent is called now."""
        children: dict[tuple[int, str], list[int]] = defaultdict(list)
        for section in reversed(self._new):
            if section.number not in self.to_old:
                children[section.parent, section.heading].append(section.number)
        for section in self._old:
            if section.number in self.to_new or section.parent not in self.to_new:
                continue
            if found := children.get((self.to_new[section.parent], section.heading)):
                self._pair(section.number, found.pop())


def _telling_text(section: Section) -> Hashable:
    return section.lines if sum(map(len, section.lines)) >= _LEAST_TELLING_CHARS else None


def _some_text(section: Section) -> str:
    """Enough of a section to tell which it is."""
    return "\n".join(section.lines)[:_COMPARED_CHARS]


def most_alike(
    old: Mapping[int, Counter[str]], new: Mapping[int, Counter[str]], least: float
) -> Iterator[tuple[int, int]]:
    """Pairs of texts, given as their words, that have at least the share `least` in common; each text once.

    Looks only at texts that share rare words, so that thousands cost no more than they have words.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for number, words in new.items():
        for word in _first(words):
            places[word].append(number)
    taken: set[int] = set()
    for left, words in old.items():
        shared: Counter[int] = Counter()
        for word in _first(words):
            if len(found := places.get(word, ())) <= _MAX_WORD_PLACES:
                shared.update(number for number in found if number not in taken)
        scored = [(alike(words, new[number]), -number) for number, _ in shared.most_common(_CANDIDATES)]
        score, right = max(scored, default=(0.0, 0))
        if score >= least:
            taken.add(-right)
            yield left, -right


def _first(words: Counter[str]) -> list[str]:
    return [word for word, _ in zip(words, range(_MAX_WORDS), strict=False)]


def _longest_rising(values: Sequence[int]) -> set[int]:
    """Indexes of a longest rising subsequence."""
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for number, value in enumerate(values):
        place = bisect_left(ends, value)
        before.append(last[place - 1] if place else -1)
        if place == len(ends):
            ends.append(value)
            last.append(number)
        else:
            ends[place] = value
            last[place] = number
    found: set[int] = set()
    number = last[-1] if last else -1
    while number >= 0:
        found.add(number)
        number = before[number]
    return found
