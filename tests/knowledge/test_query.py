"""Queries taken apart: terms, phrases, prefixes; and whatever is typed, FTS5 understands what is made of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gleanery.knowledge.plan import ANCHOR_ROWS, Counts, Plan, match_of, planned
from gleanery.knowledge.query import Filters, ParsedQuery, Role, Term, parse_query, respelled
from gleanery.store.search_store import Match, Shelf
from gleanery.store.sqlite_ranking import expressions_of
from gleanery.store.words import FTS_TOKENIZER, fts_body, fts_code, fts_names, fts_text

NOTHING_KNOWN = Counts(lambda word: 0, 1)


def counts_of(rows: dict[str, int]) -> Counts:
    return Counts(lambda word: rows.get(word, 0), 100_000)


def keys(terms: tuple[Term, ...], *roles: Role) -> list[str]:
    return [term.key for term in terms if term.role in (roles or tuple(Role))]


WRITTEN = (Role.WORD, Role.PHRASE)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("rate limits", ["rate", "limits"]),
        ("How do I set a rate limit?", ["set", "rate", "limit"]),
        ("what is this", ["what", "is", "this"]),
        ("Rate rate RATE", ["rate"]),
        ('unbalanced "quote', ["unbalanced", "quote"]),
        (
            "asyncio.create_task()",
            ["asyncio create task", "asynciocreatetask", "asyncio", "create", "task"],
        ),
        ("max_tokens", ["max tokens", "maxtokens", "max", "tokens"]),
        ("createTask", ["create task", "createtask", "create", "task"]),
        ("HTTPServer APIs", ["http server", "httpserver", "http", "server", "apis"]),
        ("utf-8", ["utf 8", "utf8", "utf"]),
        ("GLEANERY_DATA_DIR", ["gleanery data dir", "gleanerydatadir", "gleanery", "data", "dir"]),
        ("--flag-name", ["flag name", "flagname", "flag", "name"]),
        ("std::vector", ["std vector", "stdvector", "std", "vector"]),
        ("http://example.org/a", ["http", "example org", "exampleorg", "example", "org"]),
        ("foo:bar", ["foo", "bar"]),
        ("C++ templates", ["cplusplus", "c", "templates"]),
        ("C#", ["csharp", "c"]),
        (".NET", ["dotnet", "net"]),
        ("-rf", ["rf"]),
        ("全文検索", ["全 文", "文 検", "検 索"]),
        ("検", ["検"]),
        ("Python検索", ["python", "検 索"]),
        ("", []),
        ("!!! --- \x00", []),
    ],
)
def test_what_is_looked_for(text: str, written: list[str]) -> None:
    assert keys(parse_query(text).terms, *WRITTEN) == written


def test_forms_and_neighbours_are_looked_for_too() -> None:
    parsed = parse_query("configuring rate limits")
    assert keys(parsed.terms, Role.PAIR) == ["configuring rate", "rate limits"]
    assert keys(parsed.terms, Role.STEM) == ["configur", "rat", "limit"]


def test_quotes_make_phrases_that_must_be_there() -> None:
    parsed = parse_query('“rate limit” python -"old way"')
    assert keys(parsed.required) == ["rate limit"]
    assert keys(parsed.excluded) == ["old way"]
    assert keys(parsed.terms, *WRITTEN) == ["rate limit", "python"]
    assert parsed.text == "rate limit python"
    assert parsed.typed == ("python",)


def test_what_is_required_can_be_merely_looked_for() -> None:
    relaxed = parse_query('"rate limit" code:yield python').relaxed()
    assert (relaxed.required, relaxed.in_code) == ((), ())
    assert keys(relaxed.terms, *WRITTEN) == ["rate limit", "yield", "rate", "limit", "python"]


@pytest.mark.parametrize(
    ("text", "filters", "rest"),
    [
        ("site:docs.python.org/3 zip", Filters(sites=("docs.python.org/3",)), "zip"),
        ('zip source:"Python docs"', Filters(sources=("Python docs",)), "zip"),
        ("TAG:a tag:b tag:a kind:docs zip", Filters(tags=("a", "b"), kinds=("docs",)), "zip"),
        (
            "lang:de-AT path:/3/ version:3.11 zip",
            Filters(languages=("de-AT",), paths=("/3/",), versions=("3.11",)),
            "zip",
        ),
        ("lang:javascript zip", Filters(), "lang:javascript zip"),
        ("site: zip", Filters(), "site: zip"),
        ("xsite:a website:b", Filters(), "xsite:a website:b"),
        ("(site:a)", Filters(), "(site:a)"),
    ],
)
def test_prefixes(text: str, filters: Filters, rest: str) -> None:
    parsed = parse_query(text)
    assert (parsed.filters, parsed.text) == (filters, rest)


def test_languages_of_code_have_any_name() -> None:
    assert parse_query("lang:javascript zip", code_languages=True).filters.languages == ("javascript",)


def test_a_pasted_book_gives_a_bounded_query() -> None:
    assert len(parse_query(" ".join(f"word{n}" for n in range(100_000))).terms) == 64
    assert len(parse_query(" ".join(f'"word{n} x"' for n in range(100_000))).required) == 64


def test_what_was_written_goes_before_what_stands_for_it() -> None:
    terms = parse_query(" ".join(f"w{chr(97 + n // 26)}{chr(97 + n % 26)}s" for n in range(70))).terms
    assert {term.role for term in terms} == {Role.WORD}


@pytest.mark.parametrize(
    ("text", "corrections", "corrected"),
    [
        ("recieve mesage", {"recieve": "receive", "mesage": "message"}, "receive message"),
        ("asyncio.create_taks()", {"taks": "task"}, "asyncio.create_task()"),
        ("createTaks", {"Taks": "task"}, "createTask"),
        ('recieve "recieve"', {"recieve": "receive"}, 'receive "recieve"'),
        ("nothing", {}, "nothing"),
    ],
)
def test_words_put_right(text: str, corrections: dict[str, str], corrected: str) -> None:
    assert respelled(text, corrections) == corrected


# --- what the index is asked -------------------------------------------------------------------------------------


def test_rows_with_common_words_alone_are_not_ranked() -> None:
    parsed = parse_query("common rare less")
    counts = counts_of({"rare": 10, "less": ANCHOR_ROWS - 20, "common": 25_000, "rar": 5})
    plan = planned(parsed, parsed.terms, counts)
    assert sorted(keys(plan.anchors)) == ["less", "rar", "rare"]
    assert plan.groups == ((), ())
    assert sorted(keys(plan.rest)) == ["common", "common rare", "rare less"]


def test_of_common_words_two_must_be_there() -> None:
    parsed = parse_query("get value object")
    plan = planned(parsed, parsed.terms, counts_of({"get": 10_000, "value": 15_000, "object": 20_000, "valu": 17_500}))
    assert plan.anchors == ()
    assert [keys(group) for group in plan.groups] == [["get"], ["value"]]
    assert sorted(keys(plan.rest)) == ["object", "valu"]
    assert sorted(keys(plan.left_out)) == ["get value", "value object"]


def test_forms_of_a_word_do_not_count_as_two() -> None:
    parsed = parse_query("limits values rates")
    rows = {"limits": 2_000, "limit": 2_500, "values": 3_000, "valu": 3_500, "rates": 4_000, "rat": 4_500}
    plan = planned(parsed, parsed.terms, counts_of(rows))
    assert [keys(group) for group in plan.groups] == [["limits", "limit", "rates", "rat"], ["values", "valu"]]


def test_a_common_word_alone_is_looked_for() -> None:
    parsed = parse_query("value")
    assert keys(planned(parsed, parsed.terms, Counts(lambda word: 50_000, 100_000)).anchors) == ["value"]


def test_where_many_rows_must_be_ranked_they_are_ranked_once() -> None:
    parsed = parse_query("value")
    for rows, is_wide in ((2_000, False), (50_000, True)):
        plan = planned(parsed, parsed.terms, Counts(partial(every, rows), 100_000))
        assert (plan.is_wide, keys(plan.rest)) == (is_wide, ["valu"])
        assert len(expressions_of(match_of(Shelf.CHUNKS, parsed, plan))) == (1 if is_wide else 2)


def test_terms_that_cost_too_much_are_left_out() -> None:
    parsed = parse_query("rare one three")
    plan = planned(
        parsed, parsed.terms, counts_of({"rare": 3, "rar": 4, "one": 45_000, "three": 47_500, "thre": 48_000})
    )
    assert sorted(keys(plan.anchors)) == ["rar", "rare"]
    assert keys(plan.rest) == ["one"]
    assert keys(plan.left_out) == ["rare one", "three", "thre", "one three"]


@pytest.fixture
def table() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute(
        f"CREATE VIRTUAL TABLE t USING fts5(title, headings, body, code, names, context, tokenize='{FTS_TOKENIZER}')"
    )
    yield connection
    connection.close()


def put(table: sqlite3.Connection, *contents: str) -> None:
    rows = [("", "", fts_body(text), fts_code(text), fts_names(text), "") for text in contents]
    table.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", rows)


def matched(parsed: ParsedQuery, plan: Plan | None = None) -> Match:
    return match_of(Shelf.CHUNKS, parsed, plan or planned(parsed, parsed.terms, NOTHING_KNOWN))


def found(table: sqlite3.Connection, query: str) -> list[int]:
    best: dict[int, float] = {}
    for asked in expressions_of(matched(parse_query(query))):
        for row, score in table.execute("SELECT rowid, bm25(t) FROM t WHERE t MATCH ?", (asked,)):
            best[row] = min(score, best.get(row, score))
    return sorted(best, key=lambda row: (best[row], row))


@pytest.mark.parametrize(
    "query",
    [
        '"',
        '""',
        "*",
        "a*",
        "^a",
        "a:b",
        "-a",
        "(",
        "NEAR(",
        "a AND",
        "{a} : b",
        "a\x00b",
        '-"',
        'code:"',
        "code:",
        "tag:x",
        "+",
    ],
)
def test_syntax_is_taken_literally(table: sqlite3.Connection, query: str) -> None:
    put(table, "nothing of it")
    assert found(table, query) == []


def every(rows: int, word: str) -> int:
    return rows


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet='ab"“”-:() *^{}+~\n#._検é\x00', max_size=30))
def test_anything_can_be_typed(text: str) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute(
        f"CREATE VIRTUAL TABLE t USING fts5(title, headings, body, code, names, context, tokenize='{FTS_TOKENIZER}')"
    )
    for parsed in (parse_query(text), parse_query(text).relaxed(), parse_query(text, code_languages=True)):
        for rows in (0, 10_000, 90_000):
            plan = planned(parsed, parsed.terms, Counts(partial(every, rows), 100_000))
            assert len(parsed.terms) <= 64
            for asked in expressions_of(match_of(Shelf.CHUNKS, parsed, plan)):
                connection.execute("SELECT rowid FROM t WHERE t MATCH ?", (asked,)).fetchall()
    connection.close()


NAMES = [
    (
        "asyncio.create_task(job)",
        ["create_task", "createTask", "create task", "asyncio create_task", "asynciocreatetask", "createtask"],
    ),
    ("new createTask(job)", ["create_task", "createTask", "create task", "createtask", "create-task"]),
    ("class HTTPServer:", ["HTTPServer", "http_server", "http server", "httpserver"]),
    ("as utf-8 text", ["utf8", "utf-8", "UTF_8"]),
    ("as utf8 text", ["utf8", "utf-8"]),
    ("set GLEANERY_DATA_DIR", ["GLEANERY_DATA_DIR", "gleaneryDataDir", "data dir"]),
    ("pass --flag-name", ["--flag-name", "flag_name", "flagName"]),
    ("a std::vector of", ["std::vector", "vector"]),
    ("$scope.apply()", ["$scope.apply", "scope apply"]),
    ("#include <x>", ["#include"]),
    ("in C++ or", ["C++", "c++"]),
    ("in C# or", ["C#"]),
    ("in .NET or", [".NET", ".net"]),
    ("it was configured", ["configure", "configuring", "configures"]),
    ("全文検索です", ["検索", "全文", '"文検"']),
    ("Größe der Tür", ["grosse tur", "größe", "TÜR"]),
]


@pytest.mark.parametrize(("content", "query"), [(content, query) for content, queries in NAMES for query in queries])
def test_names_are_found_by_each_other_and_by_their_parts(table: sqlite3.Connection, content: str, query: str) -> None:
    put(table, "nothing like that", content)
    assert found(table, query) == [2]


def test_signs_tell_languages_apart(table: sqlite3.Connection) -> None:
    put(table, "written in C", "written in C++", "written in C#")
    assert found(table, "C++")[0] == 2
    assert found(table, "C#")[0] == 3


def test_phrases_and_exclusions(table: sqlite3.Connection) -> None:
    put(
        table,
        "the rate limit of it",
        "limit the rate",
        "a rate limit is old",
        "rate limit in code:\n\n```\nyield x\n```",
    )
    assert sorted(found(table, '"rate limit"')) == [1, 3, 4]
    assert sorted(found(table, '"rate limit" -"is old"')) == [1, 4]
    assert found(table, '"rate limit" code:yield') == [4]


def test_a_pair_is_better_than_its_words_apart(table: sqlite3.Connection) -> None:
    put(table, "limit the low rate", "the rate limit is low")
    assert found(table, "rate limit") == [2, 1]


def test_fts_text_is_for_any_field() -> None:
    assert fts_text("[a](http://x.test/y) 検索") == "[a]   検  索 "
