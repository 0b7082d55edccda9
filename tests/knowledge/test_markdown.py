"""HTML constructs and the Markdown they become."""

from __future__ import annotations

import pytest

from gleanery.knowledge.extract import extract_page
from gleanery.knowledge.markdown import plain_text


def markdown(body: str) -> str:
    return extract_page(f"<body><main>{body}</main></body>", "https://example.org/a/").markdown


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p>a <b>bold </b>and <em>soft</em> word</p>", "a **bold** and *soft* word"),
        ("<p>one<br>two</p>", "one\ntwo"),
        ("<p>use <code>a `b` c</code></p>", "use `` a `b` c ``"),
        ("<p>10<sup>3</sup> and x<sup><a href='#n'>1</a></sup></p>", "10^3 and x^1"),
        ("<p># no heading</p><p>1. no list</p><p>- none</p>", "\\# no heading\n\n1\\. no list\n\n\\- none"),
        ("<p>&lt;script&gt; &amp;lt; *x* snake_case</p>", "\\<script> \\&lt; \\*x\\* snake_case"),
        (
            "<p>see <a href='b'>b</a>, <a href='javascript:x'>c</a>, <a href='#d'>d</a></p>",
            "see [b](https://example.org/a/b), c, d",
        ),
        ("<p><a href='x_(y)'>z</a> w</p>", "[z](<https://example.org/a/x_(y)>) w"),
        (
            "<p>pic <img src='p.png' alt='A [cat]'> end <img src='q.png'></p>",
            "pic ![A [cat\\]](https://example.org/a/p.png) end",
        ),
        (
            "<h2><a href='x'>Linked</a> <code>h()</code> <a class=headerlink href='#a'>#</a></h2><p>t</p>",
            "## Linked `h()`\n\nt",
        ),
        ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "- a\n  - b\n- c"),
        ("<ol start=3><li>a<li>b</ol>", "3. a\n4. b"),
        ("<ol><li><p>a</p><p>more</p></li><li>b</li></ol>", "1. a\n\n   more\n\n2. b"),
        ("<ul><li><h3>Card</h3><p>text</p></li><li><h3>Two</h3></li></ul>", "### Card\n\ntext\n\n### Two"),
        ("<ol><li>do<pre>x\n  y</pre>then</li><li>end</li></ol>", "1. do\n\n```\nx\n  y\n```\n\nthen\n\n2. end"),
        ("<blockquote><p>a</p><p>b</p></blockquote>", "> a\n>\n> b"),
        ("<blockquote><p>a</p><pre>x\ny</pre><p>b</p></blockquote>", "> a\n\n```\nx\ny\n```\n\n> b"),
        (
            "<div class='admonition warning'><p class='admonition-title'>Warning</p><p>Hot.</p></div><p>x</p>",
            "> **Warning**\n>\n> Hot.\n\nx",
        ),
        ("<div class='note'><h3 class='title'>Note</h3><p>Mind.</p></div><p>x</p>", "> **Note**\n>\n> Mind.\n\nx"),
        (
            "<dl><dt>term</dt><dd>meaning</dd><dt><code>--x</code></dt><dd><p>p</p></dd></dl>",
            "**term**\n: meaning\n\n`--x`\n\np",
        ),
        (
            "<dl><dt class='sig'>f(<em>*args</em>)<a class=headerlink href='#f'>¶</a></dt><dd><p>Does f.</p></dd></dl>",
            "`f(*args)`\n\nDoes f.",
        ),
        (
            "<table><thead><tr><th>a<th>b</thead><tr><td>1|2<td><code>x</code><br>y</table>",
            "| a | b |\n| --- | --- |\n| 1\\|2 | `x` y |",
        ),
        ("<table><tr><td rowspan=2>a<td>b<tr><td>c</table>", "|  |  |\n| --- | --- |\n| a | b |\n|  | c |"),
        ("<table><tr><td><p>layout</p></td></tr></table>", "layout"),
        ("<p>a</p>loose <b>text</b><p>b</p>", "a\n\nloose **text**\n\nb"),
        ("<details><summary>More</summary><p>x</p></details>", "**More**\n\nx"),
        (
            "<p>E <span class=katex><math><annotation encoding='application/x-tex'>mc^2</annotation></math>"
            "<span>mc2</span></span></p>",
            "E $mc^2$",
        ),
    ],
)
def test_construct(body: str, expected: str) -> None:
    assert markdown(body) == expected


def test_plain_text_has_the_words_and_leaves_fences_alone() -> None:
    text = "**Read** [the *docs*](https://example.org/a_b) \\*now\\* `x`\n\n```\n**kwargs [a](b)\n```\n\n~~old~~"
    assert plain_text(text) == "Read the docs *now* `x`\n\n```\n**kwargs [a](b)\n```\n\nold"
