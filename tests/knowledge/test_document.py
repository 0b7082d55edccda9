"""What the tree keeps of markup that the parser does not write as regular tags."""

from __future__ import annotations

import pytest

from gleanery.knowledge.document import BLOCK, BREAK, CODE, FLAT_DEPTH, parse


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a<xmp><b>x&amp;</xmp>after<p>b", "a<b>x&amp;afterb"),
        ('a<b foo"bar=1 =x=2>z</b>y<!-- <p>x</p> -->w', "azyw"),
        ("<!-->a<!--->b<!---><p>c", "abc"),
        ("<svg><input><br></svg>x<br>q</br>", "xq"),
        ("<b>1</b><b<c>2</b<c>3<b<d>4<!--a-->5<!--a-->6<!--a>b-->7", "1234567"),
        ("<p>a<br>&#2;b<xmp>&amp;<br></xmp>&amp;<br>&amp;", "ab&amp;<br>&&"),
        # Once more for each tag in it, and this comment would take minutes.
        ("<p>a<!--" + "<p>b</p>" * 50_000 + "-->c", "ac"),
        ("<div>" * 160 + "a<br>b" + "</div>" * 160 + "c", "abc"),
        ("&amp;lt; &nbsp;&lt;p&gt; <<", "&lt; \xa0<p> <<"),
        ('<pre><span class="k">def</span> <span class="lnt">1</span>', "def 1"),
    ],
)
def test_the_text_is_kept_as_a_browser_reads_it(html: str, text: str) -> None:
    assert parse(html).root.text() == text


def test_attributes_are_unescaped_once() -> None:
    paragraph = parse("<p title='a>b\"&nbsp;&amp;lt;' hidden>x").elements[-1]
    assert paragraph.attributes == {"title": 'a>b"\xa0&lt;', "hidden": ""}


def test_sizes_leave_out_runs_of_blanks_and_what_is_dropped() -> None:
    document = parse(
        "<body><p>a  b</p> <nav><a href='#'>c <b>d</b></a></nav><p>e<br><code><span class=pre>f</span></code>"
    )
    body, navigation = (next(e for e in document.elements if e.tag == tag) for tag in ("body", "nav"))
    assert (body.size, body.link_size, navigation.size, navigation.link_size) == (7, 2, 2, 2)
    assert body.holds == BLOCK | CODE | BREAK
    navigation.drop()
    assert (body.size, body.link_size) == (5, 0)
    assert [element.tag for element in document.since(body) if not element.is_kept()] == ["nav", "a", "b"]


def test_elements_that_are_written_alike_share_their_start_tag() -> None:
    document = parse("<body><p class=a>1<p class=a>2<p>3<!-- <i> --></p>")
    assert [start.name for start in document.start_tags] == ["html", "head", "body", "p", "p"]
    first, second, third = (element for element in document.elements if element.tag == "p")
    assert first.start is second.start is not third.start


def test_what_is_streamed_stands_where_its_template_was() -> None:
    document = parse(
        "<body><p>a</p><!--$?--><template id=B:0></template><!--/$--><p>c</p><template><p>never</p></template>"
        '<div hidden id=S:0><p>b <template id=P:1></template></p></div><script>$RC=function(){};$RC("B:0","S:0")</script>'
        '<div hidden id=S:1><code>b2</code></div><script>$RS("S:1","P:1")</script></body>'
    )
    body = next(element for element in document.elements if element.tag == "body")
    assert body.text() == "ab b2c"
    assert (body.size, body.holds) == (5, BLOCK | CODE)
    assert [child.size for child in body.elements()] == [1, 3, 1]


@pytest.mark.parametrize(
    "moves",
    [
        '$RC("S:0","S:0")$RC("B:9","S:9")$RC("B:0","B:0")',
        # Into itself, and once more.
        '$RC("B:0","S:0")$RC("B:0","S:0")',
        '$RC("B:0","p")',
    ],
)
def test_what_is_not_streamed_stays_where_it_is(moves: str) -> None:
    html = f"<body><p id=p>a</p><div hidden id=S:0>b<template id=B:0></template></div><script>{moves}</script></body>"
    document = parse(html)
    assert document.root.text() == "ab"


def test_streaming_makes_no_tree_deeper_than_it_may_be() -> None:
    steps = "".join(
        f"<div hidden id=S:{i}>{'<i>' * 40}{i} <template id=B:{i + 1}></template>{'</i>' * 40}</div>" for i in range(90)
    )
    moves = "".join(f'$RC("B:{i}","S:{i}")' for i in range(90))
    document = parse(f"<body><template id=B:0></template>{steps}<script>{moves}</script></body>")
    assert max(sum(1 for _ in element.ancestors()) for element in document.elements) <= FLAT_DEPTH
