"""Which elements of a page are dropped as chrome, and in which one its content is found."""

from __future__ import annotations

import pytest

from gleanery.knowledge.document import Document, Element, parse
from gleanery.knowledge.main_content import drop_chrome, find_region

PROSE = "<p>" + "Words of the page that nobody should lose. " * 20 + "</p>"
SECTION = "<div><h2>Summary</h2><div>What is done here, in one sentence without a paragraph.</div></div>"
CODE = "<pre>print(1)\nprint(2)</pre>"


def body_of(document: Document) -> Element:
    return next(element for element in document.elements if element.tag == "body")


def kept(html: str) -> str:
    """What is left of `html` on a page of prose."""
    document = parse(f"<body>{html}<div class=end>{PROSE}</div></body>")
    body = body_of(document)
    drop_chrome(document, body)
    return body.line().removesuffix(" ".join(PROSE[3:-4].split())).strip()


def region_of(html: str) -> Element:
    document = parse(f"<body>{html}</body>")
    body = body_of(document)
    drop_chrome(document, body)
    return find_region(document, body)


@pytest.mark.parametrize(
    "chrome",
    [
        "<nav>x</nav>",
        "<div class=sidebar>x</div>",
        "<div class='page side-bar'>x</div>",
        "<div class=pageSideBar_x1Y>x</div>",
        "<div class=edit-this-page>x</div>",
        "<a class=theme-editThisPage_k href=/e>x</a>",
        "<div class=navheader>x</div>",
        "<div id=cookie-banner>x</div>",
        "<div role=banner>x</div>",
        "<div role=complementary>x</div>",
        "<div hidden>x</div>",
        "<div style='color: red; display : none'>x</div>",
        "<span aria-hidden=true>x</span>",
        "<div class=table-of-contents>x</div>",
        "<div id=toc>x</div>",
        "<section class=comments><p>x</section>",
        "<div class=message-cell--user>x</div>",
        "<fieldset><legend>x</legend></fieldset>",
        "<a class='btn btn-primary' href=/buy>x</a>",
        "<h2 class=screen-reader-text>x</h2>",
    ],
)
def test_chrome_is_dropped(chrome: str) -> None:
    assert kept(chrome) == ""


@pytest.mark.parametrize(
    "content",
    [
        "<div class=layout-with-sidebar>x</div>",
        "<h3 class=anchorWithStickyNavbar_LWe7>x</h3>",
        "<div class=hide-read-more-ad>x</div>",
        "<div class=sc-hAdQz>x</div>",
        "<div class=accordion-dropdown>x</div>",
        "<div class=navigable>x</div>",
        "<div id=sharing-menu><h2>x</h2></div>",
        "<dt id=menu>x</dt>",
        "<h2><a class=toc-backref href=#id1>x</a></h2>",
        "<a id=DEBUG-NEXT>x</a>",
        "<h2><button>x</button></h2>",
        "<h3><span><a class=btn href=#q1>x</a></span></h3>",
        "<div role=tablist><button role=tab>x</button></div>",
        "<div hidden=until-found>x</div>",
        "<div hidden class=tab-pane>x</div>",
        "<aside class=sidebar><p class=sidebar-title>x</p></aside>",
        "<span class=related>x</span>",
    ],
)
def test_what_only_looks_like_chrome_stays(content: str) -> None:
    assert kept(content) == "x"


@pytest.mark.parametrize("names", ["class=sidebar", "id=comments", "class=toc", "role=complementary"])
def test_code_stays_whatever_it_stands_in(names: str) -> None:
    assert kept(f"<div {names}>{CODE}</div>") == "print(1) print(2)"


def test_half_of_the_prose_is_no_chrome_whatever_its_name() -> None:
    # Half of all text it is not: the links of the menu are more.
    menu = "<ul>" + "<li><a href=/a>A link of the menu to elsewhere</a>" * 60 + "</ul>"
    document = parse(f"<body>{menu}<div class=off-canvas>{PROSE}</div></body>")
    body = body_of(document)
    drop_chrome(document, body)
    assert PROSE[3:-5] in body.text()


@pytest.mark.parametrize(
    ("html", "name"),
    [
        (f"<div class=a>Home</div><div class=b>{PROSE}</div>", "b"),
        (f"<div class=a>Ours</div><main class=b>{PROSE}</main>", "b"),
        (f"<div class=b><div class=a>{CODE}</div><div class=c>{PROSE * 3}</div></div>", "b"),
        (f"<div class=b><p>Lead.</p><div class=c>{PROSE}</div></div>", "b"),
        (f"<div class=b><div><p>{'Introduction. ' * 30}</p></div><div class=c>{PROSE * 5}</div></div>", "b"),
        (f"<div class=b><div><h1>T</h1><p>What this is all about.</p></div><div class=c>{PROSE}</div></div>", "b"),
        (f"<div class=b><div><h1>T</h1><p>By A. Nobody</p></div><div class=c>{PROSE}</div></div>", "c"),
        (f"<div class=b><h1>T</h1>{SECTION}<div class=c>{PROSE}</div></div>", "b"),
        (f"<div class=b><h1>T</h1><div><h2>By</h2>A. Nobody</div><div class=c>{PROSE}</div></div>", "c"),
        (f"<div class=b><h1>T</h1><div class=c>{PROSE}</div>{SECTION}</div>", "c"),
        (f"<div class=b>{SECTION}<div class=c><h1>T</h1>{PROSE}</div></div>", "c"),
        (f"<div class=b>{PROSE}{PROSE}</div>", "b"),
    ],
)
def test_the_region_holds_all_of_the_content(html: str, name: str) -> None:
    assert region_of(html).get("class") == name
