"""Figures of saved queries: which URLs are the same page, ranks, recall, and what happens to a query that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery import errors
from gleanery.knowledge.evaluation import evaluate, mean, score
from gleanery.store.saved_queries import QueryResult, SavedQuery, is_page_name, page_key

AT = datetime(2030, 1, 1, tzinfo=UTC)


def query(*expected: str, text: str = "how to turn", number: int = 1) -> SavedQuery:
    return SavedQuery(f"sq_{number}", "src_1", text, expected, {}, AT, AT)


# --- which URLs are the same page --------------------------------------------------------------------------------

SAME = [
    ("https://docs.example.org/guide", "http://DOCS.example.org/guide/"),
    ("https://docs.example.org/guide#install", "https://docs.example.org/guide"),
    ("https://docs.example.org/guide/index.html", "https://docs.example.org/guide"),
    ("https://docs.example.org", "https://docs.example.org/"),
    ("https://docs.example.org:443/a", "http://docs.example.org:80/a"),
    ("https://docs.example.org./a", "https://docs.example.org/a"),
    ("https://example.org/stra%c3%9fe/%7Ea", "https://example.org/straße/~a"),
    ("https://example.org/#/guide", "https://example.org/#!/guide"),
]
OTHER = [
    ("https://docs.example.org/guide", "https://docs.example.org/Guide"),
    ("https://docs.example.org/guide", "https://example.org/guide"),
    ("https://docs.example.org/guide", "https://docs.example.org:8080/guide"),
    ("https://docs.example.org/a?id=1", "https://docs.example.org/a?id=2"),
    ("https://example.org/a%2Fb", "https://example.org/a/b"),
    ("https://example.org/#/guide", "https://example.org/#/other"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_urls_of_the_same_page(one: str, other: str) -> None:
    assert page_key(one) == page_key(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_urls_of_different_pages(one: str, other: str) -> None:
    assert page_key(one) != page_key(other)


@given(st.text(max_size=60))
def test_whatever_is_typed_has_a_key(text: str) -> None:
    assert page_key(text) == page_key(text)
    is_page_name(text)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("https://docs.example.org/a", True),
        ("/a/b", True),
        ("/", True),
        ("a/b", False),
        ("//host/a", False),
        ("https://", False),
        ("https://[::1/a", False),
        ("", False),
        ("ftp://example.org/a", False),
    ],
)
def test_names_of_pages(text: str, is_one: bool) -> None:
    assert is_page_name(text) is is_one


# --- the figures of one query ------------------------------------------------------------------------------------


def at(*paths: str) -> list[str]:
    return [f"https://docs.example.org{path}" for path in paths]


def test_a_page_counts_by_its_best_chunk_and_once() -> None:
    found = at("/b#x", "/b#y", "/c", "/b", "/a#z", "/a")
    result = score(query("https://docs.example.org/a/"), found)
    assert (result.rank, result.reciprocal_rank) == (3, 1 / 3)
    assert (result.recall_at_5, result.recall_at_10) == (1.0, 1.0)
    assert result.ahead == tuple(at("/b", "/c"))


def test_recall_is_the_share_of_the_expected_pages() -> None:
    found = at(*(f"/{n}" for n in range(20)))
    result = score(query("/4", "/5", "/10", "/99"), found)
    assert (result.rank, result.recall_at_5, result.recall_at_10) == (5, 0.25, 0.5)


def test_a_path_is_found_on_any_host_and_a_url_only_on_its_own() -> None:
    assert score(query("/a"), ["https://old.example.org/a"]).rank == 1
    assert score(query("https://new.example.org/a"), ["https://old.example.org/a"]).rank is None


def test_what_came_instead_is_told_of_a_query_that_finds_nothing() -> None:
    result = score(query("/gone"), at(*(f"/{n}" for n in range(20))), unknown={"/gone"})
    assert (result.rank, result.reciprocal_rank, result.unknown) == (None, 0.0, ("/gone",))
    assert result.ahead == tuple(at("/0", "/1", "/2", "/3", "/4"))
    assert score(query("/gone"), ()).ahead == ()


def test_the_eleventh_page_is_too_late() -> None:
    assert score(query("/10"), at(*(f"/{n}" for n in range(20)))).rank is None
    assert score(query("/9"), at(*(f"/{n}" for n in range(20)))).rank == 10


# --- the figures of many -----------------------------------------------------------------------------------------


async def test_means_over_the_queries_that_could_be_run() -> None:
    answers = {"one": at("/a"), "two": at("/b", "/a"), "three": at("/b")}

    async def search(asked: SavedQuery) -> Sequence[str]:
        if asked.query == "broken":
            raise errors.EmbedQuotaSpent("No quota is left.")
        return answers[asked.query]

    names = ["one", "two", "three", "broken"]
    figures = await evaluate([query("/a", text=name, number=n) for n, name in enumerate(names)], search)
    assert (figures.queries, figures.mrr) == (3, 0.5)
    assert (figures.recall_at_5, figures.recall_at_10) == (2 / 3, 2 / 3)
    assert [result.rank for result in figures.results] == [1, 2, None, None]
    assert [result.error for result in figures.results] == [None, None, None, "No quota is left."]


async def test_so_many_queries_run_at_once_and_their_order_stays() -> None:
    running, most = 0, 0

    async def search(asked: SavedQuery) -> Sequence[str]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(int(asked.query) % 5):
            await asyncio.sleep(0)
        running -= 1
        return at(f"/{asked.query}")

    figures = await evaluate([query(f"/{n}", text=str(n), number=n) for n in range(12)], search, concurrency=3)
    assert most == 3
    assert [result.query for result in figures.results] == [str(n) for n in range(12)]
    assert figures.mrr == 1.0


async def test_a_defect_in_the_search_is_not_taken_for_a_bad_answer() -> None:
    async def search(_: SavedQuery) -> Sequence[str]:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup):
        await evaluate([query("/a")], search)


def test_no_queries_have_no_figures() -> None:
    assert (mean([]).queries, mean([]).mrr) == (0, 0.0)
    failed = QueryResult("sq_1", "x", ("/a",), None, 0.0, 0.0, error="No.")
    assert (mean([failed]).queries, mean([failed]).results) == (0, (failed,))
