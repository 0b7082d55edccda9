"""What the benchmark of headings rests on: masked texts, the baseline's splitter, and the rule for a right hit."""

from __future__ import annotations

import numpy as np
import pytest

from gleanery.knowledge.extract import extract_page
from tests.bench.headings_score import Place, difference, is_right, score
from tests.bench.headings_site import Mask, Question, SitePage, make_task
from tests.bench.headings_splitter import split

WORDS = "The quick brown fox jumps over the lazy dog, again and again and again. " * 6
HTML = (
    "<html><head><title>Guide</title></head><body><main><h1>Guide</h1><p>Intro.</p>"
    f"<h2>2.1. Retry policy details</h2><p>{WORDS} retried</p><h3>Backoff with jitter</h3><p>{WORDS} jittered</p>"
    f"<h2>Notes</h2><p>{WORDS} noted</p><h2><code>run_all_now()</code></h2><p>{WORDS} ran</p></main></body></html>"
)
PAGES = [SitePage("python", "https://docs.example.org/python/guide.html", extract_page(HTML, "https://a.test/"))]


@pytest.mark.parametrize("mask", list(Mask))
def test_a_question_is_a_heading_of_prose_and_its_section_is_the_answer_under_every_mask(mask: Mask) -> None:
    task = make_task(PAGES, mask, seed=1)
    markdown = task.pages[0].extracted.markdown
    assert [question.text for question in task.questions] == ["Retry policy details", "Backoff with jitter"]
    outer, inner = (markdown[question.start : question.end] for question in task.questions)
    assert outer.startswith("\nThe quick"), "without its own line"
    assert outer.endswith("jittered\n\n"), "up to the next heading that is not below it"
    assert inner.startswith("\nThe quick")
    assert inner in outer
    assert ("Retry policy" in markdown, "jitter\n" in markdown) == (mask is Mask.KEPT, mask is Mask.KEPT)
    assert "## Notes\n" in markdown, "one that is not asked for stays"


@pytest.mark.parametrize(
    ("mask", "names"), [(Mask.BLANK, ["Guide", "§", "§", "Notes"]), (Mask.REMOVED, ["Guide", "Notes"])]
)
def test_the_outline_is_in_step_with_the_masked_text(mask: Mask, names: list[str]) -> None:
    extracted = make_task(PAGES, mask, seed=1).pages[0].extracted
    assert [heading.text for heading in extracted.outline][:-1] == names
    for heading in extracted.outline:
        line = extracted.markdown[heading.offset :].partition("\n")[0]
        assert line.strip("#` ") == heading.text.strip("`")


def test_the_splitter_fills_chunks_at_the_largest_separator_that_fits_and_shares_an_overlap() -> None:
    text = "one two\n\nthree four\n\n" + "abcdefghij" * 3 + "\n\nfive"
    assert [text[start:end] for start, end in split(text, 12, 4)] == [
        "one two",
        "three four",
        "abcdefghija",
        "hijabcdefghi",
        "fghijabcdefg",
        "defghij",
        "five",
    ]
    assert split(" \n\n ", 12, 4) == []


def test_half_of_a_hit_must_lie_in_the_section() -> None:
    question = Question("q", "python", 3, 100, 200)
    assert is_right(Place(3, 150, 250), question)
    assert not is_right(Place(3, 151, 251), question)
    assert not is_right(Place(4, 150, 250), question)
    whole = Place(3, 0, 1000)
    assert (is_right(whole, question), is_right(whole, question, is_lenient=True)) == (False, True)
    ranked = [Place(3, 0, 50), Place(3, 120, 180), Place(3, 110, 190)]
    assert {name: float(values[0]) for name, values in score([question], [ranked]).items()} == {
        "MRR@10": 0.5,
        "recall@1": 0.0,
        "recall@5": 1.0,
        "recall@10": 1.0,
    }


def test_an_interval_is_wide_for_few_pages_and_narrow_for_many() -> None:
    ours, theirs = np.array([1.0, 0.0] * 200), np.zeros(400)
    few = difference(ours, theirs, [n % 4 for n in range(400)])
    many = difference(ours, theirs, list(range(400)))
    assert few[0] == many[0] == 0.5
    assert few[2] - few[1] > 2 * (many[2] - many[1])
    assert many[1] < 0.5 < many[2]
