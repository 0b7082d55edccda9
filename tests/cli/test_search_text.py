"""How hits are shown: the head line and the piece of text around what matched."""

from __future__ import annotations

from pathlib import Path

from gleanery.api.search_shapes import HitShape
from gleanery.cli.search import SNIPPET_CHARS, headline, snippet
from tests.cli.command import run
from tests.cli.conftest import page
from tests.sites import Site


def hit(title: str, path: list[str]) -> HitShape:
    return HitShape(
        chunk_id="ch_1",
        page_id="pg_1",
        source_id="src_1",
        url="https://example.org/a",
        title=title,
        heading_path=path,
        content="",
        start=0,
        end=0,
        context="",
        matched=[],
        folded=[],
        neighbours=[],
        highlights=[],
        score=1.0,
        scores={},
    )


def test_headlines() -> None:
    assert headline(hit("Guide", ["Guide", "Set-up"])) == "Guide › Set-up"
    assert headline(hit("Guide", ["Set-up"])) == "Guide › Set-up"
    assert headline(hit("\x1b[1mGuide\n", [])) == "␛[1mGuide"
    assert headline(hit("", [])) == "https://example.org/a"


def test_a_short_text_is_shown_whole_with_its_marks() -> None:
    assert snippet("turn the widget on", [(9, 15), (0, 4)]) == [
        ("turn", True),
        (" the ", False),
        ("widget", True),
        (" on", False),
    ]


def test_marks_that_overlap_or_lie_outside_do_no_harm() -> None:
    assert snippet("abcdef", [(1, 4), (2, 5), (9, 12)]) == [("a", False), ("bcd", True), ("e", True), ("f", False)]


def test_a_long_text_is_cut_around_the_first_mark_at_word_ends() -> None:
    text = "word " * 100 + "needle " + "word " * 100
    pieces = snippet(text, [(500, 506)])
    assert pieces[0] == ("… ", False)
    assert ("needle", True) in pieces
    assert pieces[-1] == (" …", False)
    inner = "".join(piece for piece, _ in pieces[1:-1])
    assert len(inner) <= SNIPPET_CHARS
    assert set(inner.split()) == {"word", "needle"}


def test_a_word_without_end_is_cut_all_the_same() -> None:
    assert len("".join(piece for piece, _ in snippet("x" * 5000, []))) <= SNIPPET_CHARS


async def test_a_language_that_was_guessed_says_so(
    env: dict[str, str], site: Site, site_dir: Path, server: str
) -> None:
    script = '<pre>#!/bin/bash\nfor name in "$@"; do\n  widget turn "$name"\ndone\n</pre>'
    (site_dir / "turning.html").write_text(page("Turning", f"<p>How many widgets are turned at once.</p>{script}"))
    assert (await run(env, "crawl", site.url, "--quiet")).code == 0
    found = await run(env, "search", "--code", "widget", "turn")
    assert found.out.splitlines()[2] == "    bash (guessed)"
