"""What is marked in a passage: in code points, whatever the text is made of."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gleanery.knowledge.marks import mark
from gleanery.knowledge.query import Role, parse_query
from gleanery.store.words import CASE_BORDER, WORD, folded, light_stem, unsigned


def marked(content: str, query: str) -> list[str]:
    return [content[start:end] for start, end in mark(content, parse_query(query).terms)]


@pytest.mark.parametrize(
    ("content", "query", "found"),
    [
        ("Call createTask(job).", "create_task", ["createTask"]),
        ("Call create_task(job).", "createTask", ["create_task"]),
        ("Call asyncio.create_task(job).", "createtask", ["create_task"]),
        ("Call asyncio.create_task(job).", "asynciocreatetask", ["asyncio.create_task"]),
        ("A task of createTask", "task", ["task", "Task"]),
        ("an HTTPServer runs", "server", ["Server"]),
        ("🚀🚀 launch the rocket 🚀", "rocket", ["rocket"]),
        ("👩‍👩‍👧 family: e\u0301te\u0301 and été", "été", ["e\u0301te\u0301", "été"]),
        ("Größe und GRÖSSE", "größe", ["Größe"]),
        ("日本語の全文検索です", "全文検索", ["全文検索"]),
        ("Limits are limited", "limit", []),
        ("Limits are limited to a limit", "limits", ["Limits", "limited", "limit"]),
        ("the rate, the limit, the rate limit", '"rate limit"', ["rate limit"]),
        ("nothing of it", "else", []),
        ("", "else", []),
    ],
)
def test_what_is_marked(content: str, query: str, found: list[str]) -> None:
    assert marked(content, query) == found


def test_marks_stay_out_of_the_targets_of_links() -> None:
    content = "See [`Cookie.version`](http://h/http.cookiejar.html#http.cookiejar.Cookie) of a cookie."
    ranges = mark(content, parse_query("cookie").terms)
    assert [start for start, _ in ranges] == [content.index("Cookie"), content.rindex("cookie")]


def test_marks_in_code_that_looks_like_a_link() -> None:
    assert mark("handlers[name](request)", parse_query("request").terms) == [(15, 22)]


CONTENT = st.lists(
    st.sampled_from(
        [
            "create_task",
            "createTask",
            "Task",
            "tasks",
            "été",
            "e\u0301te\u0301",
            "🚀",
            "👩‍👩‍👧",
            "検索",
            "全文",
            "rate",
            "limits",
            " ",
            ".",
            "\n",
            "x",
            "https://",
        ]
    )
    | st.text(max_size=4),
    max_size=20,
).map("".join)
QUERIES = st.lists(
    st.sampled_from(
        ["create_task", "createTask", "task", "tasks", "été", "検索", "全文検索", '"rate limits"', "limit", "🚀", "x"]
    ),
    max_size=4,
).map(" ".join)


@settings(max_examples=400, deadline=None)
@given(CONTENT, QUERIES)
def test_ranges_are_sound_and_say_what_was_asked_for(content: str, query: str) -> None:
    parsed = parse_query(query)
    wanted = {term.key for term in parsed.terms if term.role is not Role.PAIR}
    words = {word for key in wanted for word in key.split()} | {key.replace(" ", "") for key in wanted}
    last = -1
    for start, end in mark(content, parsed.terms):
        assert last < start < end <= len(content)
        last = end
        parts = [folded(part) for word in WORD.findall(content[start:end]) for part in CASE_BORDER.split(word)]
        whole = folded(unsigned(content[start:end]))
        assert whole in words or all(part in words or light_stem(part) in words for part in parts)
