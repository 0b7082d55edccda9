"""Where on a page its content is: chrome is dropped from the tree, and the region that is left is found."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from gleanery.knowledge.document import HEADING_TAGS, Document, Element, StartTag

_CHROME_TAGS = frozenset(
    {"nav", "button", "select", "dialog", "input", "textarea", "option", "datalist", "noscript", "svg", "footer"}
)
_ROLES = "navigation banner contentinfo search complementary dialog alertdialog menu menubar toolbar tooltip"
_CHROME_ROLES = frozenset(_ROLES.split())
_CHROME_NAMES = re.compile(
    r"(?:^|[\s_-])(?:breadcrumbs?|crumbs|side-?bar|side-?nav|nav-?bar|navigation|nav|menu|sub-?menu|dropdown|offcanvas|"
    r"pager|pagination|paginator|prev-?next|footer|masthead|"
    r"cookies?|consent|gdpr|onetrust|newsletter|subscribe|signup|sign-?up|"
    r"social|share|sharing|sharedaddy|addtoany|related|relateds|recommend(?:ed|ations?)?|you-?may|also-?like|more-?from|read-?next|"
    r"advert(?:isement|ising)?s?|ads?|sponsor(?:ed|s)?|promo|promotion|promotions|popup|pop-?up|modal|overlay|lightbox|tooltip|toast|"
    r"skip-?(?:link|to|nav)\S*|screen-reader-text|sr-only|visually-?hidden|visuallyhidden|"
    r"edit-?(?:this-?)?(?:page|link)|edit-?on-?\w+|page-?feedback|feedback|helpful|headerlink|"
    r"comment-?form|respond|tool-?bar|language-?(?:switcher|selector|picker)|announcement|navbox|catlinks|mw-editsection|"
    r"printfooter|noprint|site-?header|page-?header-?nav|topbar|top-?bar)(?:$|[\s_-])"
)
# A word or link in a sentence is only chrome when its name says that readers don't see it as part of the text.
_INLINE_TAGS = frozenset({"a", "span", "abbr", "em", "strong", "b", "i", "code", "small", "label"})
_INLINE_NAMES = re.compile(
    r"(?:^|[\s_-])(?:skip-?(?:link|to|nav)\S*|screen-reader-text|sr-only|visually-?hidden|headerlink|mw-editsection|"
    r"edit-?(?:this-?)?(?:page|link)|edit-?on-?\w+|nav|navbar|breadcrumbs?|share|social|prev|next|menu)(?:$|[\s_-])"
)
_CONTENTS_NAMES = re.compile(r"(?:^|[\s_-])(?:toc|table-?of-?contents|page-?toc|on-this-page)(?:$|[\s_-])")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden")
_PANEL = re.compile(r"tab-?(?:panel|pane|content)|accordion|collapse|panel|answer|toggle", re.I)
_HIDING = frozenset({"hidden", "style", "aria-hidden", "role"})
_NEVER_CHROME = frozenset({"main", "article", "h1", "body"})
_NAMED_BY_HEADING = HEADING_TAGS | {"section", "dt", "dd", "dl", "pre", "p", "li"}

_WHOLE = frozenset({"p", "ul", "ol", "table", "dl", "pre"})
_CONTENTS_SHARE = 0.25
_DOMINANT = 0.8
_LINK_PAGE = 0.8
_LANDMARK = 0.5


def drop_chrome(document: Document, body: Element) -> None:
    """Drop navigation, banners, footers, forms' controls, hidden and advertising blocks from `body`."""
    whole = body.size
    suspects = {start for start in document.start_tags if _is_suspect(start)}
    for element in document.since(body):
        if element is body or element.start not in suspects or not element.is_kept():
            continue
        if _is_chrome(element):
            is_dropped = not _holds_content(element, whole)
        else:
            # A page that is mostly its own table of contents is read for it.
            is_dropped = _is_named(element, _is_contents_name) and element.size < _CONTENTS_SHARE * whole
        if is_dropped:
            element.drop()


def _is_suspect(start: StartTag) -> bool:
    """Whether elements with this start tag may have to go; which of them do, depends on what is in them."""
    tag = start.name
    attributes = start.attributes
    if tag in _CHROME_TAGS:
        return True
    if not attributes or tag in _NEVER_CHROME:
        return False
    if not _HIDING.isdisjoint(attributes):
        return True
    names = start.get("class")
    if "id" in attributes and tag not in _NAMED_BY_HEADING:
        names = f"{names} {start.get('id')}"
    return _is_chrome_name(names) or _is_inline_chrome_name(names) or _is_contents_name(names)


def _is_chrome(element: Element) -> bool:
    tag = element.tag
    if tag in _CHROME_TAGS:
        return True
    attributes = element.attributes
    if not attributes:
        return False
    if element.get("role") in _CHROME_ROLES or _is_hidden(element):
        return True
    return _is_named(element, _is_inline_chrome_name if tag in _INLINE_TAGS else _is_chrome_name)


def _is_named(element: Element, is_match: Callable[[str], bool]) -> bool:
    names = element.get("class")
    if element.get("id") and not _opens_section(element):
        names = f"{names} {element.get('id')}"
    # Whatever it is called, code is content.
    return bool(names) and is_match(names) and element.first("pre") is None


def _opens_section(element: Element) -> bool:
    """Whether the id may be the slug of a heading ("sharing-state", "related-work") and so tells no role."""
    if element.tag in _NAMED_BY_HEADING:
        return True
    return any(child.tag in HEADING_TAGS for child in element.elements())


@lru_cache(maxsize=4096)
def _is_chrome_name(names: str) -> bool:
    return bool(_CHROME_NAMES.search(names.lower()))


@lru_cache(maxsize=4096)
def _is_inline_chrome_name(names: str) -> bool:
    return bool(_INLINE_NAMES.search(names.lower()))


@lru_cache(maxsize=4096)
def _is_contents_name(names: str) -> bool:
    return bool(_CONTENTS_NAMES.search(names.lower()))


def _is_hidden(element: Element) -> bool:
    attributes = element.attributes
    if "hidden" in attributes or _HIDDEN.search(element.get("style")):
        # Tabs and folded answers are content that a click away shows.
        return element.get("role") != "tabpanel" and not _PANEL.search(element.get("class"))
    return element.get("aria-hidden") == "true" and element.size < 200


def _holds_content(element: Element, whole: int) -> bool:
    """Whether dropping the element would drop the page: names lie, half of the text does not."""
    return element.size - element.link_size > 0.5 * whole


def find_region(document: Document, body: Element) -> Element:
    """The smallest element that holds nearly all of what is left, and all of its code."""
    # Link text is chrome on a page of prose, and the content on a page of teasers.
    discount = 1.0 if body.link_size < _LINK_PAGE * body.size else 0.5

    def mass(element: Element) -> float:
        return element.size - discount * element.link_size

    landmarks = {start for start in document.start_tags if start.name == "main" or start.get("role") == "main"}
    marks = [e for e in document.since(body) if e.start in landmarks and e.is_kept()] if landmarks else []
    mark = max(marks, key=mass, default=body)
    region = mark if mass(mark) >= _LANDMARK * mass(body) else body
    least = _DOMINANT * mass(region)
    while True:
        child = max(region.elements(), key=mass, default=None)
        if child is None or child.tag in _WHOLE or mass(child) < least:
            return region
        if _leaves_content(region, child):
            return region
        region = child


def _leaves_content(region: Element, child: Element) -> bool:
    """Whether going on with `child` alone would leave paragraphs or code behind."""
    others = (e for e in region.elements() if e is not child and e.size)
    return any(e.tag == "p" or e.first("pre") is not None for e in others)
