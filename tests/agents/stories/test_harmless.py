"""Markdown of agents, made fit to be written back; and which links stand in a story."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery.agents.stories.harmless import Links, markdown
from gleanery.agents.stories.material import links_of, urls_in
from tests.agents.stories.stage_run import STORY

OK = "https://ok.example/a"


@pytest.mark.parametrize(
    ("text", "clean", "dropped"),
    [
        (f"See [it]({OK}).", f"See [it]({OK}).", 0),
        (f"See {OK}.", f"See {OK}.", 0),
        (f"See <{OK}#part>.", f"See <{OK}#part>.", 0),
        ("See [it](https://no.example).", "See it.", 1),
        ("See https://no.example/x, then.", "See (link removed), then.", 1),
        (f"[https://no.example/]({OK})", f"[(link removed)]({OK})", 0),
        ("![alt](https://no.example/p.png)", "alt", 0),
        ("[x](javascript:alert(1))", "x", 1),
        ("`https://no.example` stays", "`https://no.example` stays", 0),
        ("```\n<b>https://no.example</b>\n```", "```\n<b>https://no.example</b>\n```", 0),
        ("```\nleft open", "```\nleft open\n```", 0),
        ("# Big\ntext", "### Big\ntext", 0),
        ("a <b>c</b> vector<int> 1 < 2", "a &lt;b>c&lt;/b> vector&lt;int> 1 < 2", 0),
        ("<!-- marker -->", "&lt;!-- marker -->", 0),
        ("[r]: https://no.example\ntext", "text", 1),
        ("a\u202eb\u200bc\x00d\x07e", "abcde", 0),
        ("!![a [b]](//no.example/?t=1)", "[a [b]] (//no.example/?t=1)", 0),
        ("![a\\]](//no.example)", "[a\\]] (//no.example)", 0),
        ("[a [b]](<//no.example>)", "[a [b]] (&lt;//no.example>)", 0),
        ("[a `b`](//no.example)", "[a `b`] (//no.example)", 0),
        (f"[a [b]({OK})](//no.example)", f"[a [b]({OK})] (//no.example)", 0),
        (f"!![](x)[it]({OK})", f"[it]({OK})", 0),
        ("[b]:\n//no.example\n\n![a][b]", "[b] :\n//no.example\n\na", 0),
        ("> [b]: //no.example\n\n[a][b] [b]", "> [b] : //no.example\n\n[a][b] [b]", 0),
        ("<//no.example>", "&lt;//no.example>", 0),
        ("What! [x] and `!![a](b)`", "What! [x] and `!![a](b)`", 0),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "| a | b |\n|---|---|\n| 1 | 2 |", 0),
    ],
)
def test_what_may_stand(text: str, clean: str, dropped: int) -> None:
    links = Links({OK})
    assert markdown(text, 1000, links) == clean
    assert links.dropped == dropped


def test_it_is_bounded_and_no_fence_stays_open() -> None:
    text = "\n".join(["Words.", "```", *("code" for _ in range(100)), "```"])
    cut = markdown(text, 100, Links(set()))
    assert len(cut) <= 110
    assert cut.endswith("\n```")


@given(st.text(alphabet="[]()!<>`~#:/ \nahtpsw.e\\|\"'", max_size=120))
def test_no_other_address_is_left_as_a_link(text: str) -> None:
    clean = markdown(f"{text} https://no.example/x", 2000, Links({OK}))
    outside = clean if "`" not in text and "~" not in text else ""
    assert "no.example" not in outside
    assert len(clean) <= 2010


def test_many_exclamation_marks_cost_no_time() -> None:
    started = time.process_time()
    assert markdown("!" * 30_000, 10_000, Links(set())) == "!" * 10_000 + " …"
    assert time.process_time() - started < 1


def test_links_of_a_story_are_those_that_stand_in_it() -> None:
    story = STORY.model_copy(
        update={
            "description": "A (https://a.example/x_(y)), <https://b.example/?q=1&r=2>. Or https://c.example/#part! ftp://d.example",
            "external_links": ["https://e.example/", "not a link"],
            "comments": ["https://a.example/x_(y) and `https://f.example`"],
        }
    )
    assert links_of(story) == (
        "https://e.example/",
        "https://a.example/x_(y)",
        "https://b.example/?q=1&r=2",
        "https://c.example/",
        "https://f.example",
    )
    assert urls_in("no links") == []
