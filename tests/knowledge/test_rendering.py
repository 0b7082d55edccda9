"""Which pages must be rendered to be read, by their HTML."""

from __future__ import annotations

import time

import pytest

from gleanery.knowledge.document import parse
from gleanery.knowledge.rendering import rendering_sign

SCRIPT = '<script type="module" src="/assets/index-4f3a.js"></script>'
PROSE = (
    "<p>The configuration is read once at the start, from the file that the option names, or from the default one.</p>"
)
NAV = '<nav><a href="/">Home</a> <a href="/guide">Guide</a> <a href="/reference">Reference</a></nav>'


def page(body: str, head: str = "") -> str:
    return f"<!doctype html><html><head><title>Docs</title>{head}</head><body>{body}</body></html>"


def sign_of(markup: str) -> str | None:
    """The sign as extraction asks for it: what is plainly chrome is dropped, the rest is the main content."""
    document = parse(markup)
    body = document.root.first("body") or document.root
    for element in document.elements:
        if element.tag in ("nav", "footer", "noscript"):
            element.drop()
    return rendering_sign(document, markup, body.size)


SHELLS = {
    "react": (
        page(
            "<noscript>You need to enable JavaScript to run this app.</noscript><div id=root></div>",
            '<script defer="defer" src="/static/js/main.8e1c.js"></script>',
        ),
        "app_shell",
    ),
    "vite": (page(f'<div id="app"></div>{SCRIPT}'), "app_shell"),
    "vite with a spinner": (page(f'<div id="app"><div class="spinner">Loading…</div></div>{SCRIPT}'), "app_shell"),
    "angular": (page(f"<app-root></app-root>{SCRIPT}"), "app_shell"),
    "angularjs": (page('<div class="c" ng-view=""></div><script src="angular.min.js"></script>'), "app_shell"),
    "nuxt": (page('<div id="__nuxt"></div><script>window.__NUXT__={}</script>'), "app_shell"),
    "next without a server": (
        page('<div id="__next"></div><script src="/_next/static/chunks/main.js"></script>'),
        "app_shell",
    ),
    "next's app router": (
        page(
            '<template data-dgst="BAILOUT_TO_CLIENT_SIDE_RENDERING"></template><script>self.__next_f.push([1])</script>'
        ),
        "client_rendered",
    ),
    "shell with a rendered frame": (
        page(
            f'<header>{NAV}</header><div id="root"></div><footer>© 2024 The makers. All rights reserved.</footer>{SCRIPT}'
        ),
        "app_shell",
    ),
    "flutter": (page("<flt-glass-pane></flt-glass-pane><script src=flutter.js></script>"), "app_shell"),
    "upper case": (page('<DIV ID="root"></DIV><SCRIPT SRC="/bundle.js"></SCRIPT>'), "app_shell"),
    "docsify": (
        page(
            '<div id="app">Please wait…</div><script>window.$docsify = {name: "x"}</script>'
            '<script src="//cdn.example.org/docsify@4/lib/docsify.min.js"></script>'
        ),
        "docsify",
    ),
    "swagger ui": (page('<div id="swagger-ui"></div><script src="./swagger-ui-bundle.js"></script>'), "api_reference"),
    "redoc": (
        page("<redoc spec-url='openapi.json'></redoc><script src='redoc.standalone.js'></script>"),
        "api_reference",
    ),
    "a demand": (
        page(
            "<div class=c></div><noscript><h1>JavaScript required</h1><p>This site doesn't work properly without "
            "JavaScript enabled. Please enable it to continue.</p></noscript><script src=x.js></script>"
        ),
        "noscript",
    ),
    "a template": (
        page("<div ng-app=docs><h1>{{ page.title }}</h1><p>{{ page.text }}</p></div><script src=x.js></script>"),
        "template",
    ),
    "an empty main": (
        page(
            f"{NAV}<main></main><section>{PROSE}</section><script>load('/api/content')</script>",
        ),
        "empty_main",
    ),
    "a skeleton": (
        page(f'{NAV}<div class="content"><div class="skeleton line"></div></div><script src="x.js"></script>'),
        "placeholder",
    ),
    "loading": (page("<div class=c><p>Loading, please wait…</p></div><script src=x.js></script>"), "placeholder"),
    "nothing": (page("<div class=content></div><script>fetch('readme.md').then(show)</script>"), "little_text"),
    "hardly anything": (
        page(f"<div class=content><h1>The documentation of the frobnicator, version 3</h1></div>{SCRIPT}"),
        "little_text",
    ),
    "a rocket loader": (
        page('<div id="root"></div><script type="4f3a-text/javascript" src="a.js"></script>'),
        "app_shell",
    ),
}


@pytest.mark.parametrize("name", SHELLS)
def test_shells(name: str) -> None:
    markup, sign = SHELLS[name]
    assert sign_of(markup) == sign


READABLE = {
    "react on the server": page(f'<div id="root">{NAV}<main><h1>Options</h1>{PROSE}</main></div>{SCRIPT}'),
    "next on the server": page(
        f'<div id="__next"><article><h1>Options</h1>{PROSE}</article></div><script src="/_next/static/main.js"></script>'
        '<template data-dgst="BAILOUT_TO_CLIENT_SIDE_RENDERING"></template>'.replace(PROSE, 3 * PROSE),
    ),
    "vitepress": page(
        f'<div id="app"><div class="Layout">{NAV}<main><h1>Options</h1>{PROSE}</main></div></div>{SCRIPT}'
    ),
    "a widget beside the text": page(f'<article><h1>Options</h1>{8 * PROSE}</article><div id="app"></div>{SCRIPT}'),
    "a long page with an empty main": page(f"<main id=top></main><div>{12 * PROSE}</div>{SCRIPT}"),
    "sphinx's search": page(
        "<div role=main><h1>Search</h1><noscript><div class=warning><p>Please activate JavaScript to enable the search "
        "functionality.</p></div></noscript><p>Searching for multiple words only shows matches that contain all words.</p>"
        "</div><script src=_static/doctools.js></script>"
    ),
    "comments": page(
        f"<article>{PROSE}</article><noscript>Please enable JavaScript to view the comments powered by Disqus.</noscript>"
        "<script src=https://x.disqus.example/embed.js></script>"
    ),
    "a page about docsify": page(
        f"<main><h1>Setup</h1>{2 * PROSE}<pre>window.$docsify = {{}}</pre></main><script src=search.js></script>"
    ),
    "a page about templates": page(f"<main ng-app=x>{7 * PROSE}<p>Write {{{{ name }}}}.</p></main>{SCRIPT}"),
    "sections of these names": page(
        f'<div><div><div><div><h2 id="root">Root</h2><div id="app"><h2>App</h2></div><section id="swagger-ui">{PROSE}'
        f"</section><span id=redoc></span></div></div></div></div>{SCRIPT}"
    ),
    "without scripts": page("<div id=root></div>"),
    "data only": page('<p>Short.</p><script type="application/ld+json">{}</script>'),
    "formulas only": page('<p>E = mc²</p><script type="text/x-mathjax-config">x</script>'),
    "a redirect": page(
        "<p>Moved.</p><script>location = 'new'</script>", '<meta http-equiv=Refresh content="0; url=new">'
    ),
    "a short page that counts its readers": page(
        "<h1>Moved</h1><p>The page that was here is now part of the guide.</p><script src=https://a.example/stats></script>"
    ),
    "chrome that was none": page(f'<div id="root"><div class="sidebar">{30 * PROSE}</div>{31 * PROSE}</div>{SCRIPT}'),
    "nothing at all": "",
}


@pytest.mark.parametrize("name", READABLE)
def test_pages_that_can_be_read_as_they_are(name: str) -> None:
    assert sign_of(READABLE[name]) is None


@pytest.mark.parametrize(
    "piece", ["<noscript>enable a b c d </noscript>", '<script type="a', "{{ ", "<i id=root></i>", "<script>", "<main>"]
)
def test_hostile_markup_is_looked_at_in_a_moment(piece: str) -> None:
    document = parse("<div id=root></div><script>1</script>")
    before = time.thread_time()
    rendering_sign(document, page(piece * 60_000), 0)
    rendering_sign(parse(page("<script>1</script>" + piece * 900)), piece * 60_000, 0)
    assert time.thread_time() - before < 3.0


def test_text_dropped_as_chrome_is_text() -> None:
    markup = page(f'<h1>Options</h1><div class="sidebar">{30 * PROSE}</div>{SCRIPT}')
    document = parse(markup)
    body = document.root.first("body") or document.root
    sidebar = body.elements()[1]
    assert rendering_sign(document, markup, 7) is None
    sidebar.drop()
    assert rendering_sign(document, markup, 7) is None
