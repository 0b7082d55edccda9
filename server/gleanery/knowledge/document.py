"""The parsed HTML document: a light tree of Python objects over what lexbor parsed, with hard caps.

Reading a node through the parser's binding costs half a microsecond each time, so the tree is copied out once
and everything after it works on plain attributes. It also knows how much text and how much link text is where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from selectolax.lexbor import LexborHTMLParser

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

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
_SPACE = re.compile(r"\s+")


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

    def __init__(self, tag: str, attributes: dict[str, str | None], parent: Element | None) -> None:
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
        return _SPACE.sub(" ", self.text()).strip()


def parse(text: str) -> list[Element]:
    """The elements of `text` in document order, `html` first. Raises DocumentTooComplex when a cap is exceeded."""
    if len(text) > MAX_CHARS:
        raise DocumentTooComplex("characters", MAX_CHARS)
    if text.count("<") > 2 * MAX_NODES:
        raise DocumentTooComplex("tags", 2 * MAX_NODES)
    parser = LexborHTMLParser(text)
    parser.strip_tags(_UNREAD)
    root = parser.root
    if root is None:
        return [Element("html", {}, None)]
    elements = _copy(root)
    _measure(elements)
    return elements


def _copy(root: LexborNode) -> list[Element]:
    """The elements below `root` in document order, each linked to its parent."""
    top = Element(root.tag or "html", root.attributes, None)
    elements = [top]
    open_ids = [root.mem_id]
    open_elements = [top]
    nodes = 0
    for node in root.traverse(include_text=True):
        nodes += 1
        if nodes > MAX_NODES:
            raise DocumentTooComplex("nodes", MAX_NODES)
        tag = node.tag
        if tag is None or (tag[0] == "-" and tag != "-text") or node.mem_id == root.mem_id:
            continue
        parent = node.parent
        parent_id = parent.mem_id if parent is not None else root.mem_id
        while open_ids[-1] != parent_id and len(open_ids) > 1:
            open_ids.pop()
            open_elements.pop()
        holder = open_elements[-1]
        if tag == "-text":
            holder.children.append(node.text_content or "")
            continue
        if len(open_ids) > MAX_DEPTH:
            raise DocumentTooComplex("levels", MAX_DEPTH)
        attributes = node.attributes
        if len(attributes) > MAX_ATTRIBUTES:
            raise DocumentTooComplex("attributes in one tag", MAX_ATTRIBUTES)
        open_ids.append(node.mem_id)
        if len(open_ids) > FLAT_DEPTH:
            open_elements.append(holder)
            continue
        element = Element(tag, attributes, holder)
        holder.children.append(element)
        elements.append(element)
        open_elements.append(element)
    return elements


def _measure(elements: list[Element]) -> None:
    for element in reversed(elements):
        for child in element.children:
            if isinstance(child, str):
                element.size += len(" ".join(child.split()))
        if element.tag == "a":
            element.link_size = element.size
        if element.parent is not None:
            element.parent.has_block |= element.has_block or element.tag in BLOCK_TAGS
            element.parent.size += element.size
            element.parent.link_size += element.link_size
