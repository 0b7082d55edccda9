"""What the tree keeps of markup that the parser does not write as regular tags."""

from __future__ import annotations

import pytest

from gleanery.knowledge.document import parse


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a<xmp><b>x&amp;</xmp>after<p>b", "a<b>x&amp;afterb"),
        ('a<b foo"bar=1 =x=2>z</b>y<!-- <p>x</p> -->w', "azyw"),
        ("<!-->a<!--->b<!---><p>c", "abc"),
        ("<svg><input><br></svg>x<br>q</br>", "xq"),
        ("&amp;lt; &nbsp;&lt;p&gt; <<", "&lt; \xa0<p> <<"),
        ('<pre><span class="k">def</span> <span class="lnt">1</span>', "def 1"),
    ],
)
def test_the_text_is_kept_as_a_browser_reads_it(html: str, text: str) -> None:
    assert parse(html)[0].text() == text


def test_attributes_are_unescaped_once() -> None:
    paragraph = parse("<p title='a>b\"&nbsp;&amp;lt;' hidden>x")[-1]
    assert paragraph.attributes == {"title": 'a>b"\xa0&lt;', "hidden": ""}
