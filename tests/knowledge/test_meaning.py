"""What a page is for, on pages of many kinds and in several languages."""

from __future__ import annotations

import json

import pytest

from gleanery.knowledge.meaning import NOTHING_FOUND, meaning_of
from gleanery.model.parses import Dom, Head, Inspected, Meaning, Navigation, PageKind, Size
from tests.knowledge.inspected_pages import meaning_of_html
from tests.knowledge.labelled_pages import LabelledPage, Reading, labelled_pages, readings

_ENOUGH_TO_READ = "<p>" + "The old mill stood at the edge of the river for two hundred years. " * 40 + "</p>"


@pytest.fixture(scope="module")
def tuned() -> dict[str, Reading]:
    return {reading.page.name: reading for reading in readings("tuned")}


@pytest.fixture(scope="module")
def held_out() -> list[Reading]:
    return readings("held_out")


@pytest.mark.parametrize("page", labelled_pages("tuned"), ids=lambda page: page.name)
def test_pages_that_the_rules_were_tuned_on(tuned: dict[str, Reading], page: LabelledPage) -> None:
    assert tuned[page.name].wrong == {}


def test_pages_that_the_rules_were_not_tuned_on(held_out: list[Reading]) -> None:
    wrong = {reading.page.name: reading.wrong for reading in held_out if reading.wrong}

    assert len(held_out) == 36
    assert sum("kind" in each for each in wrong.values()) <= 2, wrong
    assert sum("forms" in each for each in wrong.values()) <= 1, wrong
    assert sum(bool({"fields", "call", "pages"}.intersection(each)) for each in wrong.values()) <= 1, wrong


def test_what_is_sure_is_right(tuned: dict[str, Reading], held_out: list[Reading]) -> None:
    sure = [reading for reading in (*tuned.values(), *held_out) if reading.meaning.confidence >= 0.8]

    assert len(sure) > 25
    assert [reading.page.name for reading in sure if "kind" in reading.wrong] == []


def test_each_verdict_gives_its_reasons(tuned: dict[str, Reading], held_out: list[Reading]) -> None:
    for reading in (*tuned.values(), *held_out):
        if reading.meaning.kind is not PageKind.OTHER:
            assert reading.meaning.reasons, reading.page.name
        for form in reading.meaning.forms:
            assert form.reasons or form.confidence < 0.5, reading.page.name


def test_a_page_of_nothing_is_other_and_empty() -> None:
    page = Inspected(
        head=Head(),
        dom=Dom(element_count=2),
        element_count=0,
        viewport=Size(width=1280, height=720),
        page_size=Size(width=1280, height=720),
        notes=(),
    )
    url = "https://site.example/x"

    meaning = meaning_of(page, Navigation(url=url, final_url=url, status=200), NOTHING_FOUND)

    assert (meaning.kind, meaning.reasons) == (PageKind.OTHER, ())
    assert meaning == Meaning(kind=PageKind.OTHER, confidence=meaning.confidence)
    assert meaning.confidence < 0.5


def test_the_status_outweighs_what_the_page_says_of_itself() -> None:
    html = f'<html><title>News</title><meta property="og:type" content="article"><main><h1>News</h1>{_ENOUGH_TO_READ}</main>'

    assert meaning_of_html(html, status=200).kind is PageKind.ARTICLE
    meaning = meaning_of_html(html, status=404)
    assert (meaning.kind, meaning.reasons[0]) == (PageKind.ERROR, "the answer's status is 404")


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        ("Product", PageKind.PRODUCT),
        ("NewsArticle", PageKind.ARTICLE),
        ("VideoObject", PageKind.MEDIA),
        ("QAPage", PageKind.DISCUSSION),
        ("SearchResultsPage", PageKind.SEARCH_RESULTS),
        ("https://schema.org/APIReference", PageKind.DOCUMENTATION),
    ],
)
@pytest.mark.parametrize("shape", ["alone", "list", "graph", "inner"])
def test_the_type_in_json_ld_counts_however_it_is_wrapped(named: str, kind: PageKind, shape: str) -> None:
    thing = {"@type": [named]}
    wrapped = {
        "alone": thing,
        "list": [{"@type": "Thing"}, thing],
        "graph": {"@graph": [thing]},
        "inner": {"@type": "WebPage", "mainEntity": thing},
    }[shape]
    html = f'<html><title>T</title><script type="application/ld+json">{json.dumps(wrapped)}</script><h1>T</h1><p>Words.</p>'

    assert meaning_of_html(html, "https://site.example/a/b").kind is kind


def test_json_ld_of_any_shape_is_borne() -> None:
    for data in (
        "[]",
        "7",
        '"x"',
        '[[[[{"@type": 5}]]]]',
        '{"@type": {"a": 1}, "@graph": 3}',
        '{"@graph": [null, [], 1]}',
    ):
        html = f'<html><title>T</title><script type="application/ld+json">{data}</script><h1>T</h1><p>Words here.</p>'
        assert meaning_of_html(html, "https://site.example/a").kind is PageKind.OTHER


def test_words_in_a_long_article_make_no_other_page_of_it() -> None:
    for title in (
        "How to log in",
        "404 not found",
        "Search results explained",
        "Your shopping cart",
        "Just a moment...",
    ):
        html = f"<html><title>{title}</title><main><h1>{title}</h1>{_ENOUGH_TO_READ}</main>"
        assert meaning_of_html(html, "https://site.example/2024/05/a-piece-on-the-web").kind is PageKind.ARTICLE, title


def test_the_summary_is_the_pages_own_words() -> None:
    said = "A site about mills, wheels and the people who kept them, with maps and stories."
    described = f'<html><title>Mills</title><meta name="description" content="&lt;p&gt;{said}&lt;/p&gt;"><p>Words.</p>'
    plain = f"<html><title>Mills</title><main><h1>Mills</h1><ul><li>one</li></ul><p>Short.</p><p>{said} {'And more. ' * 60}</p></main>"
    bare = "<html><title>Mills - Home</title><main><h1>Mills</h1><p>Few words.</p></main>"

    assert meaning_of_html(described).summary == said
    assert meaning_of_html(plain).summary.startswith(said)
    assert len(meaning_of_html(plain).summary) <= 300
    assert meaning_of_html(bare).summary == "Mills"
