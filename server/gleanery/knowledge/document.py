"""The parsed HTML document: a light tree of Python objects over what lexbor parsed, with hard caps.

Reading a node through the parser's binding costs two microseconds. So the parser writes the tree it made of the page as
regular markup, which is cut at its tags in a quarter of that time, and everything after it works on plain attributes.
It also knows how much text and how much link text is where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser

MAX_CHARS = 30_000_000
MAX_NODES = 400_000
MAX_DEPTH = 2_000
MAX_ATTRIBUTES = 1_000
# Deeper elements are taken out and their content kept: nobody nests 150 levels on purpose, and what walks the
# tree recursively must fit the interpreter's stack.
FLAT_DEPTH = 150

# Comes in bulk, is never read, and is cheaper to remove in the parser than to step over here.
_UNREAD = ["script", "style", "template", "iframe", "object", "embed", "noembed", "noframes", "canvas", "video"]
_BLOCKS = """
address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure footer form
h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main menu nav ol p plaintext pre search section summary
table tbody td tfoot th thead tr ul xmp
"""
BLOCK_TAGS = frozenset(_BLOCKS.split())
HEADING_TAGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_VOIDS = "area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr"
_VOID = frozenset(_VOIDS.split())
_VOID_ENDS = frozenset(f"/{tag}" for tag in _VOID)
_LEAVES = _VOID | {"xmp", "plaintext"}
_ATTRIBUTE = re.compile(r'(=?[^\s=]*)="([^"]*)"')
# Spans in code that only give it colour: Pygments' short classes (not `ln` and `lnt`, which number lines), Prism's, and
# highlight.js's. They are most of the elements of a page full of code, and only their text is wanted.
_COLOURED = re.compile(r'|class="(?:(?!lnt?")[a-z][a-z0-9]{0,2}|token [a-z]+|hljs-(?:string|keyword|comment|number))"')


class DocumentTooComplex(ValueError):
    """A cap was exceeded. `fact` is the cap's name, `limit` its value."""

    def __init__(self, fact: str, limit: int) -> None:
        super().__init__(f"The document has more than {limit:,} {fact}.")
        self.fact = fact
        self.limit = limit


class Element:
    """One element. `size` and `link_size` count the characters of kept text in it, without runs of blanks.

    `has_block` says that a block-level element is below; `is_dropped` that it is no content (see `drop`).
    """

    __slots__ = ("attributes", "children", "has_block", "is_dropped", "link_size", "parent", "size", "tag")

    def __init__(self, tag: str, attributes: dict[str, str], parent: Element | None) -> None:
        self.tag = tag
        self.attributes = attributes
        self.parent = parent
        self.children: list[Element | str] = []
        self.size = 0
        self.link_size = 0
        self.has_block = False
        self.is_dropped = False

    def get(self, name: str) -> str:
        """The attribute's value, empty when it is absent or has none."""
        return self.attributes.get(name) or ""

    def elements(self) -> Iterator[Element]:
        """The kept child elements, without text."""
        return (child for child in self.children if not isinstance(child, str) and not child.is_dropped)

    def walk(self) -> Iterator[Element]:
        """This element and all kept ones below it, in document order. What the caller drops is not entered."""
        stack = [self]
        while stack:
            element = stack.pop()
            yield element
            if not element.is_dropped:
                stack += [c for c in reversed(element.children) if not isinstance(c, str) and not c.is_dropped]

    def drop(self) -> None:
        """Leave this element out of everything that follows; its text no longer counts for those around it."""
        if not self.is_dropped:
            self.is_dropped = True
            for ancestor in self.ancestors():
                ancestor.size -= self.size
                ancestor.link_size -= self.link_size

    def restore(self) -> None:
        """Undo `drop`."""
        if self.is_dropped:
            self.is_dropped = False
            for ancestor in self.ancestors():
                ancestor.size += self.size
                ancestor.link_size += self.link_size

    def ancestors(self) -> Iterator[Element]:
        """The parent, its parent and so on up to the root."""
        element = self.parent
        while element is not None:
            yield element
            element = element.parent

    def first(self, *tags: str) -> Element | None:
        """The first element at or below this one with one of these tags."""
        return next((element for element in self.walk() if element.tag in tags), None)

    def text(self) -> str:
        """All kept text below, as it stands in the source."""
        parts: list[str] = []
        stack: list[Element | str] = [self]
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                parts.append(item)
            elif not item.is_dropped:
                stack.extend(reversed(item.children))
        return "".join(parts)

    def line(self) -> str:
        """All text below on one line, without runs of blanks."""
        return " ".join(self.text().split())


def parse(text: str) -> list[Element]:
    """The elements of `text` in document order, `html` first. Raises DocumentTooComplex when a cap is exceeded."""
    if len(text) > MAX_CHARS:
        raise DocumentTooComplex("characters", MAX_CHARS)
    if text.count("<") > 2 * MAX_NODES:
        raise DocumentTooComplex("tags", 2 * MAX_NODES)
    parser = LexborHTMLParser(text)
    parser.strip_tags(_UNREAD)
    markup = parser.root.html if parser.root is not None else None
    return _read(markup or "<html></html>")


def _read(markup: str) -> list[Element]:
    """The elements of what the parser wrote: every tag closed, every attribute in quotes, `<` and `>` escaped.

    What is hidden from that rule (comments, raw text, tags with a `<` in their name) is put together again by `_whole`.
    """
    if markup.count("<") > MAX_NODES:
        raise DocumentTooComplex("nodes", MAX_NODES)
    holder = Element("", {}, None)
    elements: list[Element] = []
    stack = [holder]
    known: dict[str, dict[str, str]] = {"": {}}
    in_code = 0
    pieces = iter(markup.split("<"))
    next(pieces)
    for piece in pieces:
        head, is_closed, text = piece.partition(">")
        if not is_closed or head[0] == "!":
            head, text = _whole(head if not is_closed else piece, pieces)
        if head[0] == "/":
            # The second is a plain-text element's text that looks like its end.
            if head not in _VOID_ENDS and len(stack) > 1:
                closed = stack.pop()
                holder = stack[-1]
                if closed is not holder:
                    _close(closed, holder)
                    in_code -= closed.tag == "pre"
        elif head[0] != "!":
            tag, _, raw = head.partition(" ")
            if len(stack) > FLAT_DEPTH or (in_code and tag == "span" and _COLOURED.fullmatch(raw)):
                if len(stack) > MAX_DEPTH:
                    raise DocumentTooComplex("levels", MAX_DEPTH)
                stack.append(holder)
            else:
                element = Element(tag, known[raw] if raw in known else _attributes(raw, known), holder)
                holder.children.append(element)
                elements.append(element)
                if tag in _LEAVES:
                    text = _leaf(element, text, pieces)
                    _close(element, holder)
                else:
                    stack.append(element)
                    holder = element
                    in_code += tag == "pre"
        if text:
            _add(_unescape(text) if "&" in text else text, holder)
    elements[0].parent = None
    return elements


def _add(text: str, holder: Element) -> None:
    holder.children.append(text)
    holder.size += len(" ".join(text.split()))


def _close(element: Element, parent: Element) -> None:
    """Add to `parent` what is known of `element` now that all of it has been read."""
    if element.tag == "a":
        element.link_size = element.size
    if element.has_block or element.tag in BLOCK_TAGS:
        parent.has_block = True
    parent.size += element.size
    parent.link_size += element.link_size


def _whole(head: str, pieces: Iterator[str]) -> tuple[str, str]:
    """The tag or comment that begins with `head`, up to its real end, and the text after it."""
    end = "-->" if head.startswith("!--") else ">"
    while end not in head:
        following = next(pieces, None)
        if following is None:
            return head, ""
        head = f"{head}<{following}"
    head, _, text = head.partition(end)
    return head, text


def _leaf(element: Element, text: str, pieces: Iterator[str]) -> str:
    """The text after an element that has no elements below it. Within raw text nothing is escaped."""
    if element.tag in _VOID:
        return text
    parts = [text]
    after = ""
    for piece in pieces:
        if piece.startswith(f"/{element.tag}>"):
            after = piece.partition(">")[2]
            break
        parts.append(piece)
    _add("<".join(parts), element)
    return after


def _attributes(raw: str, known: dict[str, dict[str, str]]) -> dict[str, str]:
    """The attributes of a tag as the parser writes them, ` name="value"` each; `known` keeps them for the page."""
    found = dict(_ATTRIBUTE.findall(raw))
    if len(found) > MAX_ATTRIBUTES:
        raise DocumentTooComplex("attributes in one tag", MAX_ATTRIBUTES)
    if "&" in raw:
        found = {name: _unescape(value) for name, value in found.items()}
    known[raw] = found
    return found


def _unescape(text: str) -> str:
    """Undo what the HTML standard's serialisation escapes (13.3), and no more."""
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&nbsp;", "\xa0")
    return text.replace("&amp;", "&")
