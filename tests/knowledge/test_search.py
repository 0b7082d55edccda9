"""What search marks in a passage. Ranking and filters are tested through the doors, in tests/api and tests/handlers."""

from __future__ import annotations

from gleanery.knowledge.search import _highlight


def test_marks_stay_out_of_the_targets_of_links() -> None:
    content = "See [`Cookie.version`](http://h/http.cookiejar.html#http.cookiejar.Cookie) of a cookie."
    (ranges,) = _highlight("cookie", [content])
    assert [content[start:end] for start, end in ranges] == ["Cookie", "cookie"]
    assert [start for start, _ in ranges] == [content.index("Cookie"), content.rindex("cookie")]


def test_marks_in_code_that_looks_like_a_link() -> None:
    content = "handlers[name](request)"
    assert _highlight("request", [content]) == [[(15, 22)]]
