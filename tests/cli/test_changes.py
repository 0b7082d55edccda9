"""`gleanery changes`: generations, pages and differences as lines; text from the web stays text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gleanery.api.change_shapes import (
    CodeDiffShape,
    DiffLineShape,
    GenerationChanges,
    PageCounts,
    PageDeltaShape,
    PageDiffShape,
    SectionDiffShape,
)
from gleanery.cli.changes import diff_lines, generation_lines, page_lines
from gleanery.knowledge.changes import CodeChange, SectionChange
from gleanery.knowledge.line_diff import LineKind
from gleanery.model import GenerationState, PageChange
from tests.cli.command import run
from tests.sites import Site

AT = datetime(2030, 1, 1, 12, 30, tzinfo=UTC)


def generation(number: int, state: GenerationState, pages: PageCounts | None, **result: Any) -> GenerationChanges:
    return GenerationChanges(
        source_id="src_1",
        number=number,
        state=state,
        is_visible=number == 2,
        base=number - 1 or None,
        task_id="tsk_1",
        created_at=AT,
        completed_at=AT,
        pages=pages,
        result=result,
    )


def test_generations_with_counts_and_reasons() -> None:
    rows = [
        generation(3, GenerationState.REJECTED, None, reasons=["Emptied.\x1b[2J"]),
        generation(2, GenerationState.COMPLETE, PageCounts(added=1, changed=20, removed=0)),
        generation(1, GenerationState.COMPLETE, None),
    ]
    at = f"{AT.astimezone():%Y-%m-%d %H:%M}"
    assert [line.plain.rstrip() for line in generation_lines(rows)] == [
        f"     3  {at}  rejected",
        "        Emptied.␛[2J",
        f"*    2  {at}  complete   +1       ~20      -0",
        f"     1  {at}  complete",
    ]
    assert [line.plain for line in generation_lines([])] == ["It has no generations yet."]


def test_pages_with_a_sign() -> None:
    pages = [
        PageDeltaShape(page_id="pg", url=f"https://a.test/{change}", title="T\u202e", change=change)
        for change in PageChange
    ]
    assert [line.plain for line in page_lines(pages)] == [
        "+ https://a.test/added  T<U+202E>",
        "~ https://a.test/changed  T<U+202E>",
        "- https://a.test/removed  T<U+202E>",
    ]


def line(kind: LineKind, text: str, *marks: tuple[int, int]) -> DiffLineShape:
    return DiffLineShape(kind=kind, text=text, old_number=1, new_number=1, marks=list(marks))


def test_a_difference_with_its_marked_words() -> None:
    section = SectionDiffShape(
        changes=[SectionChange.RENAMED, SectionChange.CHANGED],
        heading_path=["Guide", "Turn"],
        old_heading_path=["Guide", "Spin"],
        anchor="turn",
        lines_added=1,
        lines_removed=1,
        lines=[line(LineKind.REMOVED, "by \x1bninety", (3, 10)), line(LineKind.ADDED, "by a hundred", (3, 12))],
        is_cut=False,
    )
    code = CodeDiffShape(
        change=CodeChange.ADDED,
        heading_path=[],
        anchor=None,
        language="py",
        old_language=None,
        code="x\n",
        old_code=None,
        lines=[line(LineKind.ADDED, "x")],
        is_cut=False,
    )
    diff = PageDiffShape(
        page_id="pg_1",
        url="https://a.test/a",
        change=PageChange.CHANGED,
        title="New",
        old_title="Old",
        lines_added=1,
        lines_removed=1,
        sections_same=2,
        sections=[section],
        code_examples=[code],
        is_cut=True,
    )
    lines = diff_lines(diff)
    assert [each.plain for each in lines] == [
        "New  https://a.test/a",
        "was: Old",
        "",
        "@@ Guide › Turn  renamed, changed +1 -1",
        "   was: Guide › Spin",
        "-by ␛ninety",
        "+by a hundred",
        "",
        "@@ (before the first heading)  py example added",
        "+x",
        "",
        "There is more than is shown.",
    ]
    marked = [
        each.plain[span.start : span.end] for each in lines for span in each.spans if "reverse" in str(span.style)
    ]
    assert marked == ["␛ninety", "a hundred"]


async def test_generations_of_a_crawled_source(env: dict[str, str], site: Site, server: str) -> None:
    assert server
    assert (await run(env, "crawl", site.url, "--quiet")).code == 0
    shown = await run(env, "changes", site.url)
    assert shown.code == 0, shown
    assert shown.out.startswith("*    1  ")
    (row,) = (await run(env, "changes", site.url, "--json")).json_lines
    assert (row["number"], row["is_visible"], row["base"]) == (1, True, None)
    page = await run(env, "changes", site.url, "1", "/nowhere")
    assert (page.code, "PAGE: generation 1 has '/nowhere'" in page.err) == (2, True)
