"""Quotes that stand, passages that are taken, what two reports differ in: the pure parts of compliance."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from gleanery.knowledge.compliance.compare import compared
from gleanery.knowledge.compliance.evidence import MAX_OF_A_PAGE, MAX_PASSAGES, queries_of, taken_of
from gleanery.knowledge.compliance.quotes import place_of
from gleanery.knowledge.hits import Hit
from gleanery.model import Chunk
from gleanery.model.compliance import Assessment, Control, ControlResult, Course, Passage, Verdict
from gleanery.store.values import FoundChunk

PAGE = "# Keys\n\nAll data is   not\nencrypted at rest. Keys are “rotated” each year (see a.*b)."


@pytest.mark.parametrize(
    ("quote", "shown"),
    [
        ("All data is not encrypted at rest.", "All data is   not\nencrypted at rest."),
        ('"All data is not encrypted"', "All data is   not\nencrypted"),
        ("  Keys are “rotated” each\n\n year ", "Keys are “rotated” each year"),
        ("each year (see a.*b)", "each year (see a.*b)"),
        ("All data is encrypted at rest.", None),  # what was left out turns it round
        ("all data is not encrypted", None),
        ("All data … at rest", None),
        ("year (see aXXb)", None),
        ("data is", None),  # too short to show anything
        ("", None),
        ("x" * 1_001, None),
    ],
)
def test_a_quote_stands_word_by_word_or_not_at_all(quote: str, shown: str | None) -> None:
    span = place_of(quote, PAGE)
    assert (None if span is None else PAGE[span[0] : span[1]]) == shown


def test_a_hostile_quote_costs_no_time() -> None:
    began = time.process_time()
    assert place_of("a " * 1_000, "a " * 500_000) is not None
    assert place_of("a " * 999 + "b", "a " * 100_000) is None
    assert time.process_time() - began < 5.0


def hit(name: str, page: str) -> Hit:
    chunk = Chunk(name, page, "src_1", 0, 0, 5, (), "Words")
    return Hit(FoundChunk(1, chunk, f"https://a.test/{page}", page, "[]", 1), 0.5, {}, ())


def test_what_several_searches_find_comes_first() -> None:
    first, second, both = hit("c1", "p1"), hit("c2", "p2"), hit("c3", "p3")
    taken = taken_of([("one", [first, both]), ("two", [second, both])])
    assert [each.hit.found.chunk.chunk_id for each in taken] == ["c3", "c1", "c2"]
    assert [(why.query, why.rank) for why in taken[0].why] == [("one", 2), ("two", 2)]


def test_no_page_stands_for_all() -> None:
    long = [hit(f"l{number}", "long") for number in range(10)]
    others = [hit(f"o{number}", f"p{number}") for number in range(10)]
    taken = taken_of([("one", [*long, *others])])
    pages = [each.hit.found.chunk.page_id for each in taken]
    assert (pages.count("long"), len(pages)) == (MAX_OF_A_PAGE, MAX_PASSAGES)


def test_a_framework_writes_no_operators() -> None:
    hostile = Control(
        id="1", title="T", text="X", queries=['site:evil.test "quoted" -not source:x', "a", "a", "(((", "**"]
    )
    assert queries_of(hostile) == ["site evil.test quoted not source x", "a"]
    assert queries_of(Control(id="1", title="Title", text="Text", evidence=["Proof"])) == ["Title", "Proof", "Text"]


def result(control_id: str, verdict: Verdict | None, *contents: str) -> ControlResult:
    seen = datetime(2026, 1, 1, tzinfo=UTC)
    evidence = [
        Passage(
            page_id="p",
            chunk_id=content,
            source_id="s",
            url=f"https://a.test/{content}",
            title="",
            heading_path=[],
            start=0,
            end=1,
            content=content,
            seen_at=seen,
            is_missing=False,
            why=[],
        )
        for content in contents
    ]
    assessment = None if verdict is None else Assessment(verdict=verdict)
    return ControlResult(control_id=control_id, evidence=evidence, assessment=assessment)


@pytest.mark.parametrize(
    ("was", "now", "course"),
    [
        (Verdict.MET, Verdict.MET, Course.SAME),
        (Verdict.NOT_MET, Verdict.PARTLY, Course.BETTER),
        (Verdict.MET, Verdict.PARTLY, Course.WORSE),
        (Verdict.UNKNOWN, Verdict.MET, Course.CHANGED),
        (Verdict.MET, Verdict.UNKNOWN, Course.CHANGED),
        (None, Verdict.MET, Course.CHANGED),
    ],
)
def test_how_a_control_went(was: Verdict | None, now: Verdict, course: Course) -> None:
    [change] = compared([result("1", was)], [result("1", now)])
    assert (change.course, change.was, change.now) == (course, was, now)


def test_controls_and_evidence_that_came_and_went() -> None:
    before = [result("1", Verdict.MET, "a", "b"), result("2", Verdict.MET)]
    after = [result("1", Verdict.MET, "b", "c"), result("3", Verdict.PARTLY, "x")]
    same, added, removed = compared(before, after)
    assert (same.new_evidence, same.lost_evidence) == (["https://a.test/c"], ["https://a.test/a"])
    assert (added.control_id, added.course, added.new_evidence) == ("3", Course.ADDED, [])
    assert (removed.control_id, removed.course, removed.now) == ("2", Course.REMOVED, None)
