"""Tabs, however a generator writes them: every panel is read, under its label."""

from __future__ import annotations

import pytest

from gleanery.knowledge.extract import extract_page

SPHINX_TABS = (
    "<div class=sphinx-tabs><div role=tablist><button role=tab id=tab-0 aria-controls=p0>Linux</button>"
    "<button role=tab id=tab-1 aria-controls=p1>Mac</button></div>"
    "<div role=tabpanel id=p0 aria-labelledby=tab-0><pre>a</pre></div>"
    "<div role=tabpanel id=p1 aria-labelledby=tab-1 hidden><pre>b</pre></div></div>"
)
SPHINX_DESIGN = (
    "<div class=sd-tab-set><input type=radio id=a1 name=g checked><label for=a1>Linux</label><div class=sd-tab-content>"
    "<pre>a</pre></div><input type=radio id=a2 name=g><label for=a2>Mac</label><div class=sd-tab-content><pre>b</pre></div></div>"
)
MKDOCS = (
    "<div class='tabbed-set tabbed-alternate'><input type=radio id=t1 name=t checked><input type=radio id=t2 name=t>"
    "<div class=tabbed-labels><label for=t1>Linux</label><label for=t2>Mac</label></div><div class=tabbed-content>"
    "<div class=tabbed-block><pre>a</pre></div><div class=tabbed-block><pre>b</pre></div></div></div>"
)
DOCUSAURUS = (
    "<div class=tabs-container><ul role=tablist class=tabs><li role=tab>Linux</li><li role=tab>Mac</li></ul>"
    "<div class=margin-top--md><div role=tabpanel><pre>a</pre></div><div role=tabpanel hidden><pre>b</pre></div></div></div>"
)
VITEPRESS = (
    "<div class=vp-code-group><div class=tabs><input type=radio name=g id=x1 checked><label for=x1>Linux</label>"
    "<input type=radio name=g id=x2><label for=x2>Mac</label></div><div class=blocks><div class='language- active'>"
    "<pre>a</pre></div><div class='language-'><pre>b</pre></div></div></div>"
)
DJANGO = (
    "<div class=console-block><input id=u type=radio name=c checked><label for=u title=Linux>&#xf17c;</label>"
    "<input id=w type=radio name=c><label for=w title=Mac>&#xf17a;</label><section><pre>a</pre></section>"
    "<section style='display: none'><pre>b</pre></section></div>"
)
BOOTSTRAP = (
    "<ul class='nav nav-tabs'><li><a data-toggle=tab href='#q1'>Linux</a></li><li><a data-toggle=tab href='#q2'>Mac</a></li></ul>"
    "<div class=tab-content><div class=tab-pane id=q1><pre>a</pre></div><div class=tab-pane id=q2><pre>b</pre></div></div>"
)
WRITTEN = "Run:\n\n**Linux**\n\n```\na\n```\n\n**Mac**\n\n```\nb\n```\n\nThen go on."


@pytest.mark.parametrize(
    "tabs",
    [
        SPHINX_TABS,
        SPHINX_DESIGN,
        MKDOCS,
        DOCUSAURUS,
        VITEPRESS,
        BOOTSTRAP,
        DJANGO.replace(" style='display: none'", ""),
    ],
)
def test_all_tabs_are_read_with_their_labels(tabs: str) -> None:
    got = extract_page(f"<main><p>Run:</p>{tabs}<p>Then go on.</p></main>", "https://example.org/")
    assert got.markdown == WRITTEN
    assert [example.summary for example in got.code_examples] == ["Run:", "Run:"]


def test_a_panel_that_a_style_hides_is_read_too() -> None:
    got = extract_page(f"<main><p>Run:</p>{DJANGO}<p>Then go on.</p></main>", "https://example.org/")
    assert "**Mac**" in got.markdown


def test_tabs_in_a_tab_are_read_with_their_own_labels() -> None:
    inner = (
        MKDOCS.replace("t1", "i1")
        .replace("t2", "i2")
        .replace("name=t", "name=i")
        .replace("Linux", "C")
        .replace("Mac", "D")
    )
    tabs = MKDOCS.replace("<pre>a</pre>", inner)
    got = extract_page(f"<main><p>Run:</p>{tabs}</main>", "https://example.org/")
    assert [line for line in got.markdown.split("\n") if line.startswith("**")] == [
        "**Linux**",
        "**C**",
        "**D**",
        "**Mac**",
    ]


def test_radio_buttons_of_a_form_are_no_tabs() -> None:
    got = extract_page(
        "<main><p>Which one?</p><form><input type=radio name=q id=y><label for=y>Yes</label><input type=radio name=q id=n>"
        "<label for=n>No</label></form><p>Words.</p></main>",
        "https://example.org/",
    )
    assert "**Yes**" not in got.markdown
    assert got.markdown.endswith("Words.")
