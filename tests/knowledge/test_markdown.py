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
        # Formulas: TeX by its marks, in a `math` element, as MathML's alternative text, as a picture's.
        ("<p>E <span class='math notranslate'>\\(x_1 * y\\)</span>.</p>", "E $x_1 * y$."),
        ("<div class=math>\\[ \\sum_i\n x_i \\]</div><p>x</p>", "$$\\sum_i x_i$$\n\nx"),
        ("<p>y <math alttext='{\\displaystyle a+b}'><mi>a</mi></math></p>", "y $a+b$"),
        ("<p>z <img class=math src=m.png alt='x^2'></p>", "z $x^2$"),
        ("<p>n <mjx-container><math><mi>q</mi></math></mjx-container></p>", "n q"),
        # Footnotes: how Pandoc, GitHub and docutils write them.
        (
            "<p>A<sup><a href='#fn1' class=footnote-ref>1</a></sup>.</p><section role=doc-endnotes><ol><li id=fn1><p>Note."
            "<a href='#fnref1' role=doc-backlink>↩</a></p></li></ol></section>",
            "A[^1].\n\n[^1]: Note.",
        ),
        (
            "<p>B<a class='footnote-reference brackets' href='#id5' role=doc-noteref>[2]</a></p><aside class=footnote id=id5>"
            "<span class=label>[<a role=doc-backlink href='#id2'>2</a>]</span><p>Text.</p></aside>",
            "B[^2]\n\n[^2]: Text.",
        ),
        # A heading of docutils may be one link back to the table of contents.
        (
            "<h2><a class=toc-backref href='#id3' role=doc-backlink>Why indent?</a><a class=headerlink href='#why'>¶</a></h2>"
            "<p>x</p>",
            "## Why indent?\n\nx",
        ),
        # Entries of API references are sections, the further signatures of one are not.
        (
            "<h2>S</h2><dl class=py><dt class='sig' id='m.f'><span class=descname>f</span>(<em>a</em>)<a class=headerlink "
            "href='#m.f'>¶</a></dt><dt class=sig id='m.g'>f()</dt><dd><p>Does f.</p></dd></dl><h2>T</h2><p>x</p>",
            "## S\n\n### `f(a)`\n\n`f()`\n\nDoes f.\n\n## T\n\nx",
        ),
        (
            "<div class=memproto><table class=memname><tr><td>int f </td><td>(</td><td>char *&nbsp;</td><td><em>s</em>, "
            "</td></tr><tr><td>int </td><td><em>n</em>&nbsp;</td><td>)</td></tr></table></div><p>Does.</p>",
            "`int f (char * s, int n)`\n\nDoes.",
        ),
        (
            "<h3>impl <a class=srclink href=s#1>source</a></h3><p>x <a class=test-arrow href=run>Run</a></p>",
            "### impl\n\nx",
        ),
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


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("See [operator[]](https://example.org/op), too", "See operator[], too"),
        ("[`x[0][1]`](<https://example.org/a_(b)>) and ![a [b] c](https://example.org/p.png)", "`x[0][1]` and a [b] c"),
        ("[not a link] but [one](https://example.org/)", "[not a link] but one"),
        (
            r"\[no link](https://example.org/) and !\[no picture](https://example.org/)",
            "[no link](https://example.org/) and ![no picture](https://example.org/)",
        ),
        (r"C:\\[one](https://example.org/)", r"C:\one"),
        ("[[Inner](https://example.org/a)] and [open [one](https://example.org/b)", "[Inner] and [open one"),
    ],
)
def test_plain_text_has_the_text_of_links_with_brackets(markdown: str, plain: str) -> None:
    assert plain_text(markdown) == plain


def test_plain_text_of_brackets_that_are_never_closed_ends() -> None:
    text = "[" * 20_000 + "[a" * 20_000 + "[]" * 20_000 + "[a](<" * 200_000
    assert plain_text(r"\[" * 200_000 + text) == "[" * 200_000 + text


def outline(body: str) -> list[tuple[int, str, str]]:
    got = extract_page(f"<body><main>{body}</main></body>", "https://example.org/a/")
    for heading in got.outline:
        assert got.markdown[heading.offset :].startswith("#" * heading.level + " ")
    return [(heading.level, heading.text, heading.anchor) for heading in got.outline]


@pytest.mark.parametrize(
    ("body", "anchor"),
    [
        ("<h2 id=a>H</h2><p>x</p>", "a"),
        ("<h2>H<a class=headerlink href='#b'>¶</a></h2><p>x</p>", "b"),
        ("<h2><span class=permalink><a href='#c'>◆&nbsp;</a></span>H</h2><p>x</p>", "c"),
        ("<h2><a name=d></a>H</h2><p>x</p>", "d"),
        ("<a name=e></a>\n<h2>H</h2><p>x</p>", "e"),
        ("<section id=f><h2>H</h2><p>x</p></section>", "f"),
        (
            "<div class=sect1 id=g><div class=titlepage><div><div><h2 class=title>H</h2></div></div></div><p>x</p></div>",
            "g",
        ),
        ("<p>before</p><a id=h></a><ul><li><h2>H</h2><p>x</p></li></ul>", "h"),
        ("<section id=i><p>before</p><h2>H</h2><p>x</p></section>", ""),
    ],
)
def test_a_headings_anchor(body: str, anchor: str) -> None:
    assert outline(body) == [(2, "H", anchor)]


def test_entries_of_an_api_reference_are_in_the_outline_at_their_depth() -> None:
    long = ", ".join(f"argument_{number}=None" for number in range(9))
    assert outline(
        "<h1>M</h1><h2>S</h2><dl class=py><dt class=sig id=C>class C</dt><dd><p>Is.</p><dl><dt class=sig id=C.g>g()</dt>"
        f"<dd><p>Does.</p></dd></dl></dd></dl><dl><dt class=sig id=f>f({long})</dt><dd><p>x</p></dd></dl><h2>T</h2><p>x</p>"
    ) == [
        (1, "M", ""),
        (2, "S", ""),
        (3, "class C", "C"),
        (4, "g()", "C.g"),
        (3, "f()", "f"),
        (2, "T", ""),
    ]


def test_the_outline_has_words_and_no_escapes() -> None:
    assert outline("<h2>impl&lt;T&gt; of <code>a*b</code></h2><p>x</p>") == [(2, "impl<T> of `a*b`", "")]
