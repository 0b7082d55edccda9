"""The JSON shapes of generations and of what differs between two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import Field

from gleanery.api import present, source_shapes
from gleanery.api.wire import Shape
from gleanery.knowledge.changes import CodeChange, CodeDiff, PageDiff, SectionChange, SectionDiff
from gleanery.knowledge.line_diff import DiffLine, LineKind
from gleanery.model import Generation, PageChange, PageDelta, PageVersion


class PageCounts(Shape):
    added: int
    changed: int
    removed: int


class GenerationChanges(source_shapes.GenerationShape):
    pages: PageCounts | None = Field(description="Against its base; None where there is none, or while it is built.")


class GenerationChangesPage(Shape):
    items: list[GenerationChanges]
    next_cursor: str | None


class PageDeltaShape(Shape):
    page_id: str
    url: str
    title: str
    change: PageChange


class PageDeltaPage(Shape):
    items: list[PageDeltaShape]
    next_cursor: str | None


class PageVersionShape(Shape):
    generation: int
    change: PageChange | None = Field(description="None: the oldest that is kept. What was before it is gone.")
    at: datetime | None = Field(description="When that generation was complete; None where it is not kept any more.")
    task_id: str
    title: str
    chars: int | None = Field(description="Of its Markdown; None where the page went.")
    is_visible: bool = Field(description="Whether it is the version that is seen now.")


class PageVersionPage(Shape):
    items: list[PageVersionShape]
    next_cursor: str | None


class DiffLineShape(Shape):
    kind: LineKind
    text: str
    old_number: int | None = Field(description="From 1 in the section; where numbers jump, equal lines are left out.")
    new_number: int | None
    marks: list[tuple[int, int]] = Field(description="Ranges of `text` that differ, in code points.")


class SectionDiffShape(Shape):
    changes: list[SectionChange] = Field(description="All that happened to it.")
    heading_path: list[str] = Field(description="Empty for what comes before the first heading.")
    old_heading_path: list[str] | None = Field(description="Where it is another than now.")
    anchor: str | None
    lines_added: int
    lines_removed: int
    lines: list[DiffLineShape]
    is_cut: bool = Field(description="Whether there are more lines than these.")


class CodeDiffShape(Shape):
    change: CodeChange
    heading_path: list[str]
    anchor: str | None
    language: str | None
    old_language: str | None
    code: str | None
    old_code: str | None
    lines: list[DiffLineShape]
    is_cut: bool


class PageDiffShape(Shape):
    page_id: str
    url: str
    change: PageChange
    title: str
    old_title: str | None = Field(description="Where it is another than now.")
    lines_added: int
    lines_removed: int
    sections_same: int
    sections: list[SectionDiffShape] = Field(description="Those that differ, in the order of the new page.")
    code_examples: list[CodeDiffShape]
    is_cut: bool = Field(description="Whether there is more than is told here.")


def page_counts(generation: Generation) -> Mapping[PageChange, int] | None:
    """How many pages differ from the base; None where nobody has counted."""
    counts = {change: generation.result.get(f"pages_{change}") for change in PageChange}
    known = {change: count for change, count in counts.items() if isinstance(count, int)}
    return known if len(known) == len(counts) else None


def of_generation(generation: Generation, visible: int) -> GenerationChanges:
    counts = page_counts(generation)
    return GenerationChanges(
        **present.of_generation(generation, visible).model_dump(),
        pages=None if counts is None else PageCounts(**{str(change): count for change, count in counts.items()}),
    )


def of_version(version: PageVersion) -> PageVersionShape:
    return PageVersionShape(
        generation=version.generation,
        change=version.change,
        at=version.at,
        task_id=version.task_id,
        title=version.title,
        chars=version.chars,
        is_visible=version.is_visible,
    )


def of_diff(delta: PageDelta, diff: PageDiff) -> PageDiffShape:
    return PageDiffShape(
        page_id=delta.page_id,
        url=delta.url,
        change=delta.change,
        title=diff.title,
        old_title=diff.old_title,
        lines_added=diff.lines_added,
        lines_removed=diff.lines_removed,
        sections_same=diff.sections_same,
        sections=[_section(section) for section in diff.sections],
        code_examples=[_code(code) for code in diff.code_examples],
        is_cut=diff.is_cut,
    )


def _section(section: SectionDiff) -> SectionDiffShape:
    return SectionDiffShape(
        changes=list(section.changes),
        heading_path=list(section.heading_path),
        old_heading_path=None if section.old_heading_path is None else list(section.old_heading_path),
        anchor=section.anchor,
        lines_added=section.text.added,
        lines_removed=section.text.removed,
        lines=lines_of(section.text.lines),
        is_cut=section.text.is_cut,
    )


def _code(code: CodeDiff) -> CodeDiffShape:
    return CodeDiffShape(
        change=code.change,
        heading_path=list(code.heading_path),
        anchor=code.anchor,
        language=code.language,
        old_language=code.old_language,
        code=code.code,
        old_code=code.old_code,
        lines=lines_of(code.lines),
        is_cut=code.text.is_cut,
    )


def lines_of(lines: Sequence[DiffLine]) -> list[DiffLineShape]:
    return [
        DiffLineShape(
            kind=line.kind,
            text=line.text,
            old_number=line.old_number,
            new_number=line.new_number,
            marks=list(line.marks),
        )
        for line in lines
    ]
