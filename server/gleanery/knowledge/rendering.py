"""Signs in a page's HTML that it has no text of its own, and a browser must run its scripts before it can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

from gleanery.knowledge.document import Document, Element, StartTag

READABLE = 1_200
"""Characters of main content that show that a page can be read as it is, whatever else is on it."""
_SMALL = 600
_SHORT = 200
_NOTHING = 40
# With so much text among what was dropped as chrome it was there, and rendering would not bring it back.
_DROPPED = 2_000
# What stands in an empty mount point while scripts load: a word or two beside a spinner.
_MOUNT = 100

# Scripts, mounts and marks are looked for in so much of a page: what is behind is data.
_MAX_CHARS = 500_000
_MAX_SCRIPTS = 100
_MAX_TAG = 500
_MAX_WORDS = 600

_DATA = re.compile(
    r"""\btype\s*=\s*["']?(?!module\b|(?:\w+-)?(?:text|application)/(?:x-)?(?:java|ecma)script|text/(?:babel|jsx))[a-z]"""
)
# Names that bundlers, frameworks and the guides of them give to the script that builds a page.
_APP_SCRIPT = re.compile(
    r"""\btype\s*=\s*["']?module|\bsrc\s*=\s*["']?[^"'\s]*(?:/_next/|/_nuxt/|/static/js/|"""
    r"""(?:^|["'=/])(?:main|app|bundle|index|runtime|chunk|vendors?|polyfills|client|entry|webpack|umi|angular|vue|react"""
    r"""|ember|blazor|flutter|docsify)[\w.~-]*\.m?js)"""
)
_MOUNT_NAMES = """
root app __next __nuxt ___gatsby __docusaurus svelte q-app app-root react-root react-app vue-app storybook-root
ember-application app-mount app-container mount Root App reactRoot
"""
_MOUNT_IDS = frozenset(_MOUNT_NAMES.split())
_MOUNT_ATTRIBUTES = frozenset(("ng-view", "ui-view", "data-ng-view", "data-ui-view"))
_API_IDS = frozenset(("swagger-ui", "redoc-container", "redoc", "rapidoc"))
# A section's slug may be one of these names too, but that is deeper in the page, and in other elements.
_MOUNT_DEPTH = 3
_PARTS_BY_TAG = {
    "main": "main",
    "noscript": "noscript",
    **dict.fromkeys(("redoc", "rapi-doc", "elements-api", "openapi-explorer"), "api"),
    **dict.fromkeys(("app-root", "my-app", "ion-app", "flt-glass-pane", "flutter-view", "ng-view", "ui-view"), "mount"),
}
_CLOAKS = ("v-cloak", "x-cloak", "ng-cloak", "ng-app", "data-ng-app")

_DEMAND = re.compile(
    r"(?:enable|activate|allow|turn(?:ed)? on|requires?|needs?|without|support|disabled|aktivier\w*|activ\w+|habilit\w+)"
    r"\W+(?:\w+\W+){0,4}?javascript|javascript\W+(?:\w+\W+){0,5}?(?:enabled|required|disabled|needed|activ\w+|turned|to (?:run|use|view))"
    r"|doesn.t work properly without",
)
# Sentences of pages that can be read all the same: the box that doesn't work says so.
_ABOUT_A_BOX = re.compile(r"\bsearch|\bcomment|disqus|e-?mail|\bform\b|\bmap\b|\bvideo")
_LOADING = re.compile(
    r"\W*(?:loading|please wait|initiali[sz]ing|wird geladen|chargement|cargando|carregando|caricamento)\b.{0,60}",
    re.IGNORECASE | re.DOTALL,
)
_PLACEHOLDERS = ("skeleton", "shimmer", "placeholder-glow", "spinner", "is-loading", "preloader")


class RenderingSign(StrEnum):
    """Why a page must be rendered to be read."""

    APP_SHELL = "app_shell"
    API_REFERENCE = "api_reference"
    DOCSIFY = "docsify"
    CLIENT_RENDERED = "client_rendered"
    NOSCRIPT = "noscript"
    TEMPLATE = "template"
    EMPTY_MAIN = "empty_main"
    PLACEHOLDER = "placeholder"
    LITTLE_TEXT = "little_text"


def rendering_sign(document: Document, markup: str, text_length: int) -> RenderingSign | None:
    """Why the page must be rendered to be read; None when what its HTML says is the page.

    `document` is the tree of `markup`, its chrome dropped, and `text_length` the size of its main content in characters.
    A page that a framework has rendered on its server has its text, and no sign. Without a script there is none either:
    rendering would show the same.
    """
    if text_length >= READABLE:
        return None
    text = markup[:_MAX_CHARS]
    scripts = _scripts(text)
    if not scripts or _leads_elsewhere(document):
        return None
    sign = _by_parts(document, _parts(document), text, text_length) or _by_size(document, scripts, text)
    return sign if sign and _dropped_prose(document) < _DROPPED else None


def _scripts(text: str) -> list[str]:
    """The attributes of the scripts that do something, in lower case; data has the same tag."""
    opening = "<script" if "<script" in text else "<SCRIPT"
    found: list[str] = []
    at = text.find(opening)
    while at >= 0 and len(found) < _MAX_SCRIPTS:
        found.append(text[at + len(opening) : at + _MAX_TAG].partition(">")[0].lower())
        at = text.find(opening, at + len(opening))
    return [attributes for attributes in found if "type" not in attributes or not _DATA.search(attributes)]


def _leads_elsewhere(document: Document) -> bool:
    metas = [start for start in document.start_tags if start.name == "meta"]
    return any(start.get("http-equiv").lower() == "refresh" for start in metas)


def _parts(document: Document) -> list[tuple[str, Element]]:
    """The elements that matter here, in document order, each with what part of a page it is."""
    parts: dict[StartTag, str] = {}
    for start in document.start_tags:
        part = _PARTS_BY_TAG.get(start.name)
        # Most tags of a page are links: they are not looked at.
        if part is None and start.name != "a" and start.attributes:
            part = _part_by_attributes(start)
        if part is not None:
            parts[start] = part
    if not parts:
        return []
    found = [(parts[element.start], element) for element in document.elements if element.start in parts]
    return [(part, element) for part, element in found if element.tag != "div" or _is_on_top(element)]


def _part_by_attributes(start: StartTag) -> str | None:
    name = start.attributes.get("id")
    if start.name == "div" and name in _MOUNT_IDS:
        return "mount"
    if start.name == "div" and name in _API_IDS:
        return "api"
    if not _MOUNT_ATTRIBUTES.isdisjoint(start.attributes):
        return "mount"
    return "main" if start.attributes.get("role") == "main" else None


def _is_on_top(element: Element) -> bool:
    """Whether it is one of the few containers that a page is built of."""
    return any(ancestor.tag == "body" for ancestor, _ in zip(element.ancestors(), range(_MOUNT_DEPTH), strict=False))


def _by_parts(
    document: Document, found: list[tuple[str, Element]], text: str, text_length: int
) -> RenderingSign | None:
    """What the parts of the page say: those that scripts would fill are empty."""
    if text_length < _SHORT and "$docsify" in text:
        return RenderingSign.DOCSIFY
    if text_length < _SHORT and "BAILOUT_TO_CLIENT_SIDE_RENDERING" in text:
        return RenderingSign.CLIENT_RENDERED
    if any(part == "api" and element.size < _SHORT for part, element in found):
        return RenderingSign.API_REFERENCE
    if text_length < _SMALL:
        if any(part == "mount" and element.size < _MOUNT for part, element in found):
            return RenderingSign.APP_SHELL
        if any(part == "noscript" and _demands(element) for part, element in found):
            return RenderingSign.NOSCRIPT
        if "{{" in text and any(mark in text for mark in _CLOAKS) and _is_template(document):
            return RenderingSign.TEMPLATE
    mains = [element for part, element in found if part == "main"]
    if mains and max(element.size for element in mains) < _NOTHING and _prose(document) < _SMALL:
        return RenderingSign.EMPTY_MAIN
    return None


def _by_size(document: Document, scripts: list[str], text: str) -> RenderingSign | None:
    """What the whole page says: it has scripts, and hardly anything else."""
    body = _body(document)
    if body.size >= _SHORT:
        return None
    words = "".join(_words(body, is_kept=True)).strip()
    if _LOADING.fullmatch(words) or (words == "" and _holds_placeholder(document, text)):
        return RenderingSign.PLACEHOLDER
    if body.size < _NOTHING or (body.size < _MOUNT and any(_APP_SCRIPT.search(attributes) for attributes in scripts)):
        return RenderingSign.LITTLE_TEXT
    return None


def _body(document: Document) -> Element:
    return next((element for element in document.elements if element.tag == "body"), document.root)


def _prose(document: Document) -> int:
    """The characters of the page that are no link."""
    body = _body(document)
    return body.size - body.link_size


def _dropped_prose(document: Document) -> int:
    return sum(element.size - element.link_size for element in document.elements if element.is_dropped)


def _demands(noscript: Element) -> bool:
    """Whether it asks for JavaScript, and not for the sake of one box of the page."""
    sentence = "".join(_words(noscript, is_kept=False)).lower()
    return bool(_DEMAND.search(sentence)) and not _ABOUT_A_BOX.search(sentence)


def _is_template(document: Document) -> bool:
    return "{{" in "".join(_words(_body(document), is_kept=True))


def _holds_placeholder(document: Document, text: str) -> bool:
    words = [word for word in _PLACEHOLDERS if word in text]
    return bool(words) and any(word in start.get("class").lower() for start in document.start_tags for word in words)


def _words(element: Element, *, is_kept: bool) -> Iterator[str]:
    """The first text below an element; with `is_kept` without what was dropped."""
    left = _MAX_WORDS
    stack: list[Element | str] = [element]
    while stack and left > 0:
        node = stack.pop()
        if isinstance(node, str):
            left -= len(node)
            yield node
        elif not (is_kept and node.is_dropped):
            stack += reversed(node.children)
