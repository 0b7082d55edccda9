"""What changed on a page from one version to another: sections by their headings, and code examples. Pure.

The work is bounded whatever the pages hold (about a second for the worst), but it is more than a loop can wait for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gleanery.knowledge.line_diff import Budget, DiffLine, TextDiff, alike, diff_lines, words_of
from gleanery.knowledge.section_pairs import Pairs, Section, cut_sections, most_alike, section_at
from gleanery.model import Heading, StoredCode

MAX_MARKDOWN_CHARS = 4_000_000
MAX_CODE_EXAMPLES = 500
MAX_CODE_CHARS = 20_000
MAX_ALL_CODE_CHARS = 400_000
"""Of all examples that differ, old and new."""
MAX_CHANGED_SECTIONS = 500
_COMPARED_CHARS = 3_000
"""So much of two examples says whether they are the same one."""
_NEAR = 20
_LEAST_ALIKE_NEAR = 0.3
_LEAST_ALIKE_FAR = 0.6
"""Code of the same section is the same example sooner than code of another one."""


class SectionChange(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"
    RENAMED = "renamed"


class CodeChange(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class PageText:
    """What is compared of a version of a page."""

    title: str
    markdown: str
    outline: tuple[Heading, ...]
    code_examples: tuple[StoredCode, ...] = ()


NO_PAGE = PageText("", "", ())
"""Stands for the version before a page was there, and for the one after it had gone."""


@dataclass(frozen=True, slots=True)
class SectionDiff:
    """A section that differs, with all that happened to it: one moved and renamed may have changed as well.

    `heading_path` is empty for what comes before the first heading; `old_heading_path` is None where it is the same or there
    is none. `anchor` is the new one (of a removed section the old one). `lines` count from the first below the heading.
    """

    changes: tuple[SectionChange, ...]
    heading_path: tuple[str, ...]
    old_heading_path: tuple[str, ...] | None
    anchor: str | None
    text: TextDiff


@dataclass(frozen=True, slots=True)
class CodeDiff:
    """A code example that differs. `old_code` and `old_language` are those of the old version, None where there is none."""

    change: CodeChange
    heading_path: tuple[str, ...]
    anchor: str | None
    language: str | None
    old_language: str | None
    code: str | None
    old_code: str | None
    text: TextDiff

    @property
    def lines(self) -> tuple[DiffLine, ...]:
        return self.text.lines


@dataclass(frozen=True, slots=True)
class PageDiff:
    """All that differs, sections in the order of the new page. `is_cut` says that there is more than is told.

    `old_title` is None where it is the same.
    """

    title: str
    old_title: str | None
    sections: tuple[SectionDiff, ...]
    code_examples: tuple[CodeDiff, ...]
    sections_same: int
    lines_added: int
    lines_removed: int
    is_cut: bool

    @property
    def is_empty(self) -> bool:
        return not self.sections and not self.code_examples and self.old_title is None


def diff_pages(old: PageText, new: PageText) -> PageDiff:
    """What turns `old` into `new`; NO_PAGE stands for a version that isn't there. Not for the event loop: up to a second."""
    left = cut_sections(old.markdown[:MAX_MARKDOWN_CHARS], old.outline)
    right = cut_sections(new.markdown[:MAX_MARKDOWN_CHARS], new.outline)
    pairs, budget = Pairs(left, right), Budget()
    found = list(_section_diffs(left, right, pairs, budget))
    sections = [diff for diff in found if diff is not None]
    code, is_code_cut = _code_diffs(old, new, _Sides(left, right, pairs), budget)
    is_cut = is_code_cut or len(sections) > MAX_CHANGED_SECTIONS or any(diff.text.is_cut for diff in sections)
    is_cut = is_cut or max(len(old.markdown), len(new.markdown)) > MAX_MARKDOWN_CHARS
    is_renamed = old.title != new.title and old is not NO_PAGE and new is not NO_PAGE
    return PageDiff(
        title=old.title if new is NO_PAGE else new.title,
        old_title=old.title if is_renamed else None,
        sections=tuple(sections[:MAX_CHANGED_SECTIONS]),
        code_examples=code,
        sections_same=len(found) - len(sections),
        lines_added=sum(diff.text.added for diff in sections),
        lines_removed=sum(diff.text.removed for diff in sections),
        is_cut=is_cut,
    )


def _section_diffs(
    old: Sequence[Section], new: Sequence[Section], pairs: Pairs, budget: Budget
) -> Iterator[SectionDiff | None]:
    """A diff for each section, None for one that is the same; removed ones stand where they stood."""
    moved = pairs.moved()
    for section in new:
        number = pairs.to_old.get(section.number)
        if number is None:
            yield _one_sided(SectionChange.ADDED, section, budget)
            continue
        if section.path or section.lines or old[number].lines:
            yield _changed(old[number], section, section.number in moved, budget)
        for gone in old[number + 1 :]:
            if gone.number in pairs.to_new:
                break
            yield _one_sided(SectionChange.REMOVED, gone, budget)


def _one_sided(change: SectionChange, section: Section, budget: Budget) -> SectionDiff:
    is_added = change is SectionChange.ADDED
    text = diff_lines((), section.lines, budget) if is_added else diff_lines(section.lines, (), budget)
    return SectionDiff((change,), section.path, None, section.anchor, text)


def _changed(old: Section, new: Section, is_moved: bool, budget: Budget) -> SectionDiff | None:
    changes: list[SectionChange] = []
    if old.heading != new.heading:
        changes.append(SectionChange.RENAMED)
    if is_moved:
        changes.append(SectionChange.MOVED)
    if old.lines != new.lines:
        changes.append(SectionChange.CHANGED)
    if not changes:
        return None
    old_path = old.path if old.path != new.path else None
    return SectionDiff(tuple(changes), new.path, old_path, new.anchor, diff_lines(old.lines, new.lines, budget))


@dataclass(frozen=True)
class _Sides:
    """The sections of both versions, to say where a code example stands."""

    old: Sequence[Section]
    new: Sequence[Section]
    pairs: Pairs

    def of_old(self, code: StoredCode) -> Section:
        return section_at(self.old, code.start)

    def of_new(self, code: StoredCode) -> Section:
        return section_at(self.new, code.start)

    def new_number(self, code: StoredCode) -> int | None:
        """Where an old example would stand now."""
        return self.pairs.to_new.get(self.of_old(code).number)


def _code_diffs(old: PageText, new: PageText, sides: _Sides, budget: Budget) -> tuple[tuple[CodeDiff, ...], bool]:
    left, right = list(old.code_examples), list(new.code_examples)
    is_cut = max(len(left), len(right)) > MAX_CODE_EXAMPLES
    left, right = left[:MAX_CODE_EXAMPLES], right[:MAX_CODE_EXAMPLES]
    gone, come = _without_same(left, right)
    pairs = _code_pairs(gone, come, sides)
    made: list[tuple[int, CodeDiff]] = []
    for number, was in gone.items():
        if number in pairs:
            now = come[pairs[number]]
            if _is_same(was, now):
                continue
            made.append((now.start, _code_diff(CodeChange.CHANGED, was, now, sides.of_new(now), budget)))
        else:
            made.append((_place(was, sides), _code_diff(CodeChange.REMOVED, was, None, sides.of_old(was), budget)))
    paired = set(pairs.values())
    for number, now in come.items():
        if number not in paired:
            made.append((now.start, _code_diff(CodeChange.ADDED, None, now, sides.of_new(now), budget)))
    diffs = tuple(_first_of([diff for _, diff in sorted(made, key=lambda entry: entry[0])]))
    longest = max((len(code.code) for code in (*gone.values(), *come.values())), default=0)
    is_cut = is_cut or len(diffs) < len(made) or longest > MAX_CODE_CHARS
    return diffs, is_cut or any(diff.text.is_cut for diff in diffs)


def _first_of(diffs: Sequence[CodeDiff]) -> Iterator[CodeDiff]:
    """As many as may be told."""
    room = MAX_ALL_CODE_CHARS
    for diff in diffs:
        room -= len(diff.code or "") + len(diff.old_code or "")
        if room < 0:
            return
        yield diff


def _is_same(old: StoredCode, new: StoredCode) -> bool:
    return old.code.rstrip() == new.code.rstrip() and old.language == new.language


def _without_same(
    old: Sequence[StoredCode], new: Sequence[StoredCode]
) -> tuple[dict[int, StoredCode], dict[int, StoredCode]]:
    """Both sides without the examples that are in the other as well, by their place."""
    counts = Counter((code.code.rstrip(), code.language) for code in old)
    kept = counts & Counter((code.code.rstrip(), code.language) for code in new)
    return _without(old, Counter(kept)), _without(new, Counter(kept))


def _without(codes: Sequence[StoredCode], kept: Counter[tuple[str, str | None]]) -> dict[int, StoredCode]:
    left: dict[int, StoredCode] = {}
    for number, code in enumerate(codes):
        key = (code.code.rstrip(), code.language)
        if kept[key]:
            kept[key] -= 1
        else:
            left[number] = code
    return left


def _code_pairs(old: Mapping[int, StoredCode], new: Mapping[int, StoredCode], sides: _Sides) -> dict[int, int]:
    """Which new example each old one became: the most alike in its section first, then one much alike anywhere."""
    pairs: dict[int, int] = {}
    words = {code.code_id: words_of(code.code[:_COMPARED_CHARS]) for code in (*old.values(), *new.values())}
    by_section: dict[int, list[int]] = defaultdict(list)
    for number, code in new.items():
        by_section[sides.of_new(code).number].append(number)
    for number, code in old.items():
        place = sides.new_number(code)
        near = by_section[place] if place is not None else []
        scored = [(alike(words[code.code_id], words[new[n].code_id]), -n) for n in near[:_NEAR]]
        score, found = max(scored, default=(0.0, 0))
        if score >= _LEAST_ALIKE_NEAR:
            pairs[number] = -found
            near.remove(-found)
    paired = set(pairs.values())
    left = {number: words[code.code_id] for number, code in old.items() if number not in pairs}
    right = {number: words[code.code_id] for number, code in new.items() if number not in paired}
    return pairs | dict(most_alike(left, right, _LEAST_ALIKE_FAR))


def _place(code: StoredCode, sides: _Sides) -> int:
    """Where on the new page a removed example is told of: in its section, or where that one's parent is."""
    section = sides.of_old(code)
    while section.number not in sides.pairs.to_new:
        section = sides.old[section.parent]
    return sides.new[sides.pairs.to_new[section.number]].start


def _code_diff(
    change: CodeChange, old: StoredCode | None, new: StoredCode | None, section: Section, budget: Budget
) -> CodeDiff:
    was = None if old is None else old.code[:MAX_CODE_CHARS]
    now = None if new is None else new.code[:MAX_CODE_CHARS]
    return CodeDiff(
        change=change,
        heading_path=section.path,
        anchor=section.anchor,
        language=new.language if new is not None else None,
        old_language=old.language if old is not None else None,
        code=now,
        old_code=was,
        text=diff_lines(_code_lines(was), _code_lines(now), budget),
    )


def _code_lines(code: str | None) -> list[str]:
    return code.rstrip("\n").split("\n") if code else []
