"""Where on a page its content is: chrome is dropped from the tree, and the region that is left is found."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain, pairwise

from gleanery.knowledge.document import HEADING, HEADING_TAGS, PRE, Document, Element, StartTag

_TAGS = "nav button select dialog input textarea option datalist noscript svg footer fieldset legend"
_CHROME_TAGS = frozenset(_TAGS.split())
_ROLES = "navigation banner contentinfo search dialog alertdialog menu menubar toolbar tooltip status"
_CHROME_ROLES = frozenset(_ROLES.split())
# Words of class names and ids. Several words in a row are written as one here, and match however they are put together:
# edit-this-page, editThisPage, edit_this_page.
_BLOCK_WORDS = """
breadcrumb breadcrumbs crumbs sidebar sphinxsidebar sphinxsidebarwrapper sidenav navbar navigation nav navheader
navfooter menu submenu dropdown offcanvas pager pagination paginator prevnext footer printfooter masthead
siteheader pageheadernav topbar toolbar navbox catlinks announcement skiplink skipto skipnav screenreadertext sronly
visuallyhidden languageswitcher languageselector languagepicker
versionswitcher versionselector versionpicker rstversions
cookie cookies consent gdpr onetrust newsletter subscribe signup login signin
social share sharing sharedaddy addtoany reactions postlikes
related relateds recommend recommended recommendation recommendations youmay alsolike morefrom readnext recentlyviewed
ad ads advert adverts advertising advertisings advertisement advertisements
sponsor sponsored sponsors promo promotion promotions popup modal overlay lightbox tooltip toast
editpage editthispage editlink editthislink editon editongithub editongitlab editonbitbucket mweditsection
pagefeedback feedback helpful headerlink noprint lastmodified lastupdate lastupdated bottomnotice
taglist posttags tagslinks tagcloud articletags entrytags buttons buttongroup btngroup ctas
comments commentlist commentslist commentslink commentsarea commentsection commentform respond disqus
authorbio authorbox authorcard aboutauthor bio byline authorpane authorinfo authorinformation authorstatistics
userinfo userdetails usertitle userbanner usercard userstats useractiontime postsignature postprofile postmenu
messagecelluser expandlink
reviews reviewlist customerreviews ratings trustpilot quantity cart minicart addtocart wishlist buybox
"""
# A word or link in a sentence is only chrome when its name says that readers don't see it as part of the text.
_INLINE_WORDS = """
skiplink skipto skipnav screenreadertext sronly visuallyhidden headerlink mweditsection
editpage editthispage editlink editthislink editon editongithub editongitlab editonbitbucket
nav navbar menu breadcrumb breadcrumbs prev next share social btn button cta expandlink likes
"""
_AS_BLOCK, _AS_INLINE, _AS_CONTENTS = 1, 2, 4
_MEANINGS = dict.fromkeys(("toc", "tableofcontents", "pagetoc", "onthispage"), _AS_CONTENTS)
_MEANINGS |= dict.fromkeys(_BLOCK_WORDS.split(), _AS_BLOCK)
_MEANINGS |= {word: _MEANINGS.get(word, 0) | _AS_INLINE for word in _INLINE_WORDS.split()}
# With one of these a name tells of something else than it names: layout-with-sidebar, no-toc, accordion-dropdown.
_OTHERS = frozenset({"with", "has", "no", "without", "hide", "not", "accordion", "sidebartitle"})
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
# What has been read is kept, and hostile names are long.
_NAMES_CHARS = 1_000
# Class names that a build makes up have short words in them by chance.
_LEAST_CAMEL = 4

_INLINE_TAGS = frozenset({"a", "span", "abbr", "em", "strong", "b", "i", "code", "small", "label"})
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden")
_PANEL = re.compile(r"tab-?(?:panel|pane|content)|accordion|collapse|panel|answer|toggle", re.I)
_TELLING = frozenset({"class", "id", "role", "hidden", "style", "aria-hidden"})
_NEVER_CHROME = frozenset({"main", "article", "h1", "body"})
_NAMED_BY_HEADING = HEADING_TAGS | {"section", "dt", "dd", "dl", "pre", "p", "li"}
_LABELLED = HEADING_TAGS | {"dt", "summary"}

_WHOLE = frozenset({"p", "ul", "ol", "table", "dl", "pre"})
_HEADING_DISTANCE = 3
_MOST = 0.5
_SMALL_CHARS = 200
_CONTENTS_SHARE = 0.25
_DOMINANT = 0.8
_LINK_PAGE = 0.8
_LANDMARK = 0.5
_LEFT_CHARS = 400
_LEAD_CHARS = 20
_SECTION_CHARS = 40

# What a start tag says about its elements; which of them have to go, depends on what is in them.
_CONTROL, _UNSEEN, _SMALL_UNSEEN, _NAMED, _NAMED_BY_ID, _CONTENTS_BY_CLASS, _CONTENTS_BY_ID = (1 << n for n in range(7))
_BY_NAME = _NAMED | _NAMED_BY_ID | _CONTENTS_BY_CLASS | _CONTENTS_BY_ID


def drop_chrome(document: Document, body: Element) -> None:
    """Drop navigation, banners, footers, forms' controls, hidden and advertising blocks from `body`."""
    whole = body.size
    prose = whole - body.link_size
    known = {start: signs for start in document.start_tags if (signs := _signs(start))}
    for element in document.since(body):
        signs = known.get(element.start, 0)
        if signs and element is not body and element.is_kept() and _is_chrome(element, signs, whole, prose):
            element.drop()


def _signs(start: StartTag) -> int:
    tag = start.name
    if tag in _CHROME_TAGS:
        return _CONTROL
    attributes = start.attributes
    if tag in _NEVER_CHROME or _TELLING.isdisjoint(attributes):
        return 0
    role = attributes.get("role")
    if role in _CHROME_ROLES or _is_hidden(start):
        return _UNSEEN
    signs = _SMALL_UNSEEN if attributes.get("aria-hidden") == "true" else 0
    if tag in _INLINE_TAGS:
        # Their ids are what other pages jump to, and a link of a table of contents may be all of a heading.
        return signs | (_NAMED if _meaning(start.get("class")[:_NAMES_CHARS]) & _AS_INLINE else 0)
    meaning = _meaning(attributes["class"][:_NAMES_CHARS]) if "class" in attributes else 0
    if meaning or role == "complementary":
        is_named = meaning & _AS_BLOCK or role == "complementary"
        signs |= (_NAMED if is_named else 0) | (_CONTENTS_BY_CLASS if meaning & _AS_CONTENTS else 0)
    if "id" in attributes and tag not in _NAMED_BY_HEADING:
        meaning = _meaning(attributes["id"][:_NAMES_CHARS])
        signs |= (_NAMED_BY_ID if meaning & _AS_BLOCK else 0) | (_CONTENTS_BY_ID if meaning & _AS_CONTENTS else 0)
    return signs


def _is_hidden(start: StartTag) -> bool:
    """Whether the page doesn't show it at first, and no click is meant to."""
    attributes = start.attributes
    is_hidden = attributes.get("hidden", "until-found") != "until-found"
    if is_hidden or ("style" in attributes and _HIDDEN_STYLE.search(attributes["style"])):
        # Tabs and folded answers are content that a click away shows.
        return start.get("role") != "tabpanel" and not _PANEL.search(start.get("class"))
    return False


@lru_cache(maxsize=8192)
def _meaning(names: str) -> int:
    """What the names of a class or id attribute say, taken together."""
    meaning = 0
    for name in names.split():
        meaning |= _meaning_of(name)
    return meaning


@lru_cache(maxsize=8192)
def _meaning_of(name: str) -> int:
    if ":" in name or "[" in name:
        # Utility classes tell how something looks.
        return 0
    lower = name.lower()
    parts = [part for part in lower.replace("_", "-").split("-") if part]
    words = found = parts
    if lower != name:
        words = [word.lower() for word in _CAMEL.findall(name)]
        found = parts + [word for word in words if len(word) >= _LEAST_CAMEL]
    if len(words) > 1:
        found = [*found, *map("".join, chain(pairwise(words), zip(words, words[1:], words[2:], strict=False)))]
        if not (_OTHERS.isdisjoint(words) and _OTHERS.isdisjoint(found)):
            return 0
    meaning = 0
    for word in found:
        meaning |= _MEANINGS.get(word, 0)
    return meaning


def _is_chrome(element: Element, signs: int, whole: int, prose: int) -> bool:
    """`whole` and `prose` are how many characters the page has, with and without those of links."""
    own_prose = element.size - element.link_size
    has_code = (element.holds | element.start.kinds) & PRE
    if signs & _CONTROL:
        return own_prose <= _MOST * whole and not (element.tag == "button" and _is_label(element))
    if signs & _UNSEEN or (signs & _SMALL_UNSEEN and element.size < _SMALL_CHARS):
        return own_prose <= _MOST * prose
    # Whatever it is called, code is content.
    if not signs & _BY_NAME or has_code:
        return False
    if signs & (_NAMED_BY_ID | _CONTENTS_BY_ID) and _opens_section(element):
        signs &= ~(_NAMED_BY_ID | _CONTENTS_BY_ID)
    if signs & (_NAMED | _NAMED_BY_ID):
        # An aside of docutils, which is content, has the name that everybody else gives to navigation.
        if any(child.get("class") == "sidebar-title" for child in element.elements()):
            return False
        # Names lie; most of the text doesn't.
        return own_prose <= _MOST * prose and not (element.tag in _INLINE_TAGS and _is_label(element))
    # A page that is mostly its own table of contents is read for it.
    return bool(signs & (_CONTENTS_BY_CLASS | _CONTENTS_BY_ID)) and element.size < _CONTENTS_SHARE * whole


def _opens_section(element: Element) -> bool:
    """Whether the id may be the slug of a heading ("sharing-state", "related-work") and so tells no role."""
    return any(child.tag in HEADING_TAGS for child in element.elements())


def _is_label(element: Element) -> bool:
    """Whether a button or link names what it opens: a tab, or all of a heading."""
    if element.get("role") == "tab" or _opens_section(element):
        return True
    for distance, ancestor in enumerate(element.ancestors()):
        if distance == _HEADING_DISTANCE or ancestor.size > element.size:
            return False
        if ancestor.tag in _LABELLED:
            return True
    return False


def find_region(document: Document, body: Element) -> Element:
    """The smallest element that holds nearly all of what is left, and all of its code."""
    # Link text is chrome on a page of prose, and the content on a page of teasers.
    discount = 1.0 if body.link_size < _LINK_PAGE * body.size else 0.5

    def mass(element: Element) -> float:
        return element.size - discount * element.link_size

    landmarks = {start for start in document.start_tags if is_main(start)}
    marks = [e for e in document.since(body) if e.start in landmarks and e.is_kept()] if landmarks else []
    mark = max(marks, key=mass, default=body)
    region = mark if mass(mark) >= _LANDMARK * mass(body) else body
    least = _DOMINANT * mass(region)
    while True:
        child = max(region.elements(), key=mass, default=None)
        if child is None or child.tag in _WHOLE or mass(child) < least or _leaves_content(region, child):
            return region
        region = child


def is_main(start: StartTag) -> bool:
    """Whether it opens the landmark of what the page is about."""
    return start.name == "main" or start.get("role") == "main"


def _leaves_content(region: Element, child: Element) -> bool:
    """Whether going on with `child` alone would leave something behind: code, a paragraph beside it, the title with what
    is said under it, a section between the title and it, or much text in paragraphs."""
    left = 0
    is_after_title = is_after_child = False
    for other in region.elements():
        if other is child:
            is_after_child = True
            continue
        if not other.size:
            continue
        if other.tag == "p" or other.first("pre") is not None:
            return True
        # What comes after the child, or before the title, may as well be about other pages.
        if is_after_title and not is_after_child and _is_section(other):
            return True
        holds_title = other.first("h1") is not None
        is_after_title |= holds_title
        paragraphs = sum(element.size - element.link_size for element in other.walk() if element.tag == "p")
        if paragraphs > _LEAD_CHARS and holds_title:
            return True
        left += paragraphs
    return left > _LEFT_CHARS


def _is_section(element: Element) -> bool:
    holds_heading = (element.holds | element.start.kinds) & HEADING
    return bool(holds_heading) and element.size - element.link_size > _SECTION_CHARS
