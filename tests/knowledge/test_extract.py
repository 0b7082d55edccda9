"""What extract_page keeps of a page: metadata, links, text in the right charset, and which failures it names."""

from __future__ import annotations

import pickle
import time

import pytest

from gleanery.errors import EmptyPage, ExtractFailed
from gleanery.knowledge.extract import ExtractedPage, Heading, decode, extract_page

URL = "https://example.org/guide/start.html"

LONG = "<p>" + "Words that are read on this page alone. " * 12 + "</p>"


def page(body: str, head: str = "") -> ExtractedPage:
    return extract_page(f"<!doctype html><html lang=en><head>{head}</head><body>{body}</body></html>", URL)


def test_a_page_is_taken_apart() -> None:
    got = page(
        '<nav><a href="/">Home</a> <a href="../other.html#x">Other</a></nav>'
        '<main><h1 id="start">Getting started<a class="headerlink" href="#start">¶</a></h1>'
        '<p>Read <a href="next.html">this</a>.</p>'
        '<h2>Install</h2><pre class="brush: js notranslate">let a = 1;\n\n  go();</pre></main><footer>© 2025</footer>',
        '<title>Getting started — Example</title><meta name="description" content="How to start">'
        '<link rel="canonical" href="/guide/start">',
    )
    assert got.markdown == (
        "# Getting started\n\nRead [this](https://example.org/guide/next.html).\n\n## Install\n\n"
        "```javascript\nlet a = 1;\n\n  go();\n```"
    )
    assert got.title == "Getting started"
    assert (got.language, got.description, got.canonical) == ("en", "How to start", "https://example.org/guide/start")
    assert got.outline == (Heading(1, "Getting started", "start", 0), Heading(2, "Install", "", 70))
    assert got.markdown[70:].startswith("## Install")
    assert got.links == (
        "https://example.org/",
        "https://example.org/other.html",
        "https://example.org/guide/next.html",
    )
    assert not got.is_noindex
    (example,) = got.code_examples
    assert got.markdown[example.start : example.end] == example.code == "let a = 1;\n\n  go();"
    assert example.language == "javascript"
    assert example.heading_path == ("Getting started", "Install")
    assert example.context == ""


def test_the_result_can_cross_a_process_boundary() -> None:
    got = page("<p>Some words to read.</p>")
    assert pickle.loads(pickle.dumps(got)) == got


def test_links_are_absolute_once_each_in_order_and_only_http() -> None:
    got = page(
        '<p>x <a href="b#1">b</a><a href="b#2">b</a><a href="#top">t</a>'
        '<a href="mailto:a@b.c">m</a><a href="javascript:x()">j</a>'
        '<a href="http://[bad">bad</a><a href="//cdn.example.org/z">z</a><a href=" ?q=1 ">q</a></p>',
        '<base href="https://example.org/base/">',
    )
    assert got.links == (
        "https://example.org/base/b",
        "https://cdn.example.org/z",
        "https://example.org/base/?q=1",
    )


@pytest.mark.parametrize(
    ("content", "links", "is_noindex"),
    [
        ("nofollow", (), False),
        ("NOINDEX, follow", ("https://example.org/a",), True),
        ("none", (), True),
        ("max-image-preview:none-at-all", ("https://example.org/a",), False),
    ],
)
def test_robots_meta(content: str, links: tuple[str, ...], is_noindex: bool) -> None:
    got = page('<p>words <a href="/a">a</a></p>', f'<meta name="robots" content="{content}">')
    assert (got.links, got.is_noindex) == (links, is_noindex)


def test_robots_meta_for_this_crawler_alone() -> None:
    assert page("<p>words</p>", '<meta name="gleanery" content="noindex">').is_noindex
    assert not page("<p>words</p>", '<meta name="googlebot" content="noindex">').is_noindex


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        ("é".encode(), None, "é"),
        ("\ufeffé".encode(), "latin-1", "é"),
        ("é".encode("utf-16"), None, "é"),
        ("é€".encode("cp1252"), None, "é€"),
        ("é€".encode("cp1252"), "ISO-8859-1", "é€"),
        ("привет".encode("koi8-r"), "koi8-r", "привет"),
        ('<meta charset="shift_jis">日本'.encode("shift_jis"), None, '<meta charset="shift_jis">日本'),
        ("é".encode(), "no-such-charset", "é"),
        ("é".encode(), "base64", "é"),
        (b"\xff<meta charset=utf-8>caf\xc3\xa9", None, "\ufffd<meta charset=utf-8>café"),
        (
            '<?xml version="1.0" encoding="ISO-8859-1"?>é'.encode("latin-1"),
            None,
            '<?xml version="1.0" encoding="ISO-8859-1"?>é',
        ),
        ("a\x00b\ud800c", None, "abc"),
    ],
)
def test_decode(body: bytes | str, charset: str | None, text: str) -> None:
    assert decode(body, charset) == text


def test_what_a_page_says_of_its_relations() -> None:
    got = page(
        '<p>words <a rel="next" href="/c">on</a></p>',
        '<base href="/docs/"><meta name=generator content="Sphinx 7"><link rel="next" href="b"><link rel="prev" href="a">'
        '<link rel=alternate hreflang=de href="/de/"><link rel=alternate hreflang=fr href="/fr/">'
        '<link rel=alternate hreflang=de href="/de/"><link rel=alternate type="text/markdown" href="start.md">'
        '<link rel=alternate type="application/rss+xml; charset=utf-8" href="/rss"><link rel=alternate type='
        'application/atom+xml href="/atom"><link rel=alternate type=application/json href="/j"><link rel=next href="z">',
    )
    assert (got.next_url, got.prev_url) == ("https://example.org/docs/b", "https://example.org/docs/a")
    assert got.alternates == (("de", "https://example.org/de/"), ("fr", "https://example.org/fr/"))
    assert got.markdown_url == "https://example.org/docs/start.md"
    assert got.feeds == ("https://example.org/rss", "https://example.org/atom")
    assert got.generator == "Sphinx 7"
    assert got.rendering_sign is None


def test_relations_in_the_text_count_where_the_head_names_none() -> None:
    got = page('<p>words <a rel="next" href="/c">on</a> <a rel="alternate" type="text/markdown" href="x.md">m</a></p>')
    assert (got.next_url, got.prev_url, got.markdown_url) == ("https://example.org/c", None, None)


def test_a_page_that_scripts_fill_says_so() -> None:
    with pytest.raises(EmptyPage) as caught:
        page('<div id="root"></div><script type="module" src="/assets/index-1.js"></script>')
    assert caught.value.details["rendering_sign"] == "app_shell"


@pytest.mark.parametrize(
    "body",
    [
        "<a id=q></a><h2>a</h2>" * 30_000,
        "<span class=lang>x</span>" * 50_000 + "<pre>a</pre>",
        "<input type=radio name=a id=x><label for=x>l</label><div>p</div>" * 30_000,
        "<ul role=tablist><li role=tab>a</li></ul><div role=tabpanel>b</div>" * 25_000,
        "<div><span class=lang>x</span><pre>a</pre></div>" * 25_000,
    ],
)
def test_the_time_grows_with_the_page_and_no_faster(body: str) -> None:
    started = time.process_time()
    page(f"<p>w</p>{body}")
    # Half a second on an idle machine; an hour where each element looks at all the others.
    assert time.process_time() - started < 10


def test_xhtml_with_an_xml_declaration_is_read() -> None:
    body = (
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd"><html xmlns="http://www.w3.org/1999/xhtml">'
        '<head><title>T</title></head><body><div class="sect1"><h2>Synopsis</h2><pre class="synopsis">SELECT\n  1</pre>'
        '<a href="b.html"/></div></body></html>'
    )
    got = extract_page(body.encode(), URL)
    assert got.markdown == "## Synopsis\n\n```\nSELECT\n  1\n```"
    assert got.links == ("https://example.org/guide/b.html",)


@pytest.mark.parametrize(
    "body", ["", "<html><body></body></html>", '<div id="root"></div><script>go()</script>', "<p>—</p>"]
)
def test_nothing_to_read(body: str) -> None:
    with pytest.raises(EmptyPage) as caught:
        extract_page(body, URL)
    assert caught.value.url == URL


@pytest.mark.parametrize(
    ("body", "fact"),
    [
        ("<ul><li>" * 5_000 + "x", "levels"),
        ("<p " + " ".join(f"a{i}=1" for i in range(3_000)) + ">x", "attributes in one tag"),
        ("<i>x</i>" * 410_000, "tags"),
    ],
)
def test_hostile_documents_are_refused(body: str, fact: str) -> None:
    with pytest.raises(ExtractFailed) as caught:
        extract_page(body, URL)
    assert caught.value.details["fact"] == fact


def test_deep_but_bearable_nesting_keeps_its_text() -> None:
    got = page("<div>" * 900 + "<p>deep down</p>" + "</div>" * 900)
    assert got.markdown == "deep down"


@pytest.mark.parametrize(
    ("body", "heading"),
    [
        (f"<div><h1>The Manual</h1></div><div><h1>Its source</h1><div>{LONG}</div></div>", "# Its source\n\n"),
        (f"<header><h1>Our company</h1></header><div>{LONG}</div>", ""),
        (f"<header><h1>The Manual</h1></header><div>{LONG}</div>", "# The Manual\n\n"),
        (f"<main><div><h1>Class Example</h1></div><div><div>{LONG}</div></div></main>", "# Class Example\n\n"),
        (f"<main><div class=sidebar><h1>Aside</h1></div><div>{LONG}</div></main>", ""),
        (f"<h1>All our products</h1><div>{LONG}</div>", ""),
        (f"<h1>The Manual</h1><div hidden><h1>example.first</h1></div><div>{LONG}</div>", "# The Manual\n\n"),
        (f"<main><h1>The Manual</h1><section><h1>Cards</h1></section><div>{LONG}</div></main>", "# The Manual\n\n"),
        (f"<div><h1>The Manual</h1></div><main><h1>Cards</h1><div>{LONG}</div></main>", "# Cards\n\n"),
        (f"<div>{LONG}</div><div><h1>The Manual</h1></div>", ""),
    ],
)
def test_the_heading_that_names_the_page_stands_before_its_text(body: str, heading: str) -> None:
    """It may stand outside of the text, as the site's name does."""
    got = page(body, "<title>example.first - The Manual</title>")
    assert got.markdown.removesuffix(" ".join(LONG[3:-4].split())) == heading


def test_chrome_is_left_out_and_code_and_headings_like_it_stay() -> None:
    got = page(
        '<header role="banner">Brand</header><div class="breadcrumbs">Home / Docs</div>'
        '<div class="cookie-banner">We use cookies</div>'
        '<main><h1>Sharing state</h1><section id="sharing-state"><p>Values are shared between processes.</p></section>'
        '<aside class="sidebar"><pre>print("kept")\nprint("too")</pre></aside>'
        '<p>A <a class="glossary-tooltip" href="/t">term</a>.</p>'
        '<a class="edit-this-page" href="/e">Edit this page</a></main>'
        '<div hidden>Hidden words</div><div class="sidebar">Side words</div>'
    )
    assert got.markdown == (
        '# Sharing state\n\nValues are shared between processes.\n\n```\nprint("kept")\nprint("too")\n```\n\n'
        "A [term](https://example.org/t)."
    )
