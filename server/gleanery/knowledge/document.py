"""The parsed HTML document: a light tree of Python objects over what lexbor parsed, with hard caps.

Reading a node through the parser's binding costs two microseconds. So the parser writes the tree it made of the page as
regular markup, which is cut at its tags in a quarter of that time, and everything after it works on plain attributes.
It also knows how much text and how much link text is where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from selectolax.lexbor import LexborHTMLParser

# No text or attribute has this character, so that it may stand for something else when one is taken apart.
NOT_IN_TEXT = "\x02"
MAX_CHARS = 30_000_000
MAX_NODES = 400_000
MAX_DEPTH = 2_000
MAX_ATTRIBUTES = 1_000
# Deeper elements are taken out and their content kept: nobody nests 150 levels on purpose, and what walks the
# tree recursively must fit the interpreter's stack.
FLAT_DEPTH = 150

# Comes in bulk, is never read, and is cheaper to remove in the parser than to step over here.
_UNREAD = ["script", "style", "template", "iframe", "object", "embed", "noembed", "noframes", "canvas", "video"]
# React streams a page out of order: a hidden element at its end, and a script that puts what is in it in a template's place.
_STREAMED = re.compile(r"""\$R[CRS]\("([^"\s]{1,40})","([^"\s]{1,40})\"""")
_STREAMING = '$RC("'
MAX_STREAMED = 100
_BLOCKS = """
address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure footer form
h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main menu nav ol p plaintext pre search section summary
table tbody td tfoot th thead tr ul xmp
"""
BLOCK_TAGS = frozenset(_BLOCKS.split())
HEADING_TAGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
# What an element can be asked to hold without a walk, see `Element.holds`.
BLOCK, HEADING, PRE, CODE, BREAK = 1, 2, 4, 8, 16
_KINDS = {tag: BLOCK | HEADING if tag in HEADING_TAGS else BLOCK for tag in BLOCK_TAGS}
_KINDS |= {"pre": BLOCK | PRE, "code": CODE, "br": BREAK}
_IS_CODE = PRE | CODE
_VOIDS = "area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr"
_VOID = frozenset(_VOIDS.split())
_VOID_ENDS = frozenset(f"/{tag}" for tag in _VOID)
_RAW = frozenset({"xmp", "plaintext"})
_LEAVES = _VOID | _RAW
_ATTRIBUTE = re.compile(r'(=?[^\s=]*)="([^"]*)"')
# Spans in code that only give it colour: Pygments' short classes (not `lnt`, which numbers lines), Sphinx's `pre`,
# Prism's, and highlight.js's. They are most of the elements of a page full of code, and only their text is wanted.
_COLOURED = re.compile(r'|class="(?:(?!lnt?")[a-z][a-z0-9]{0,2}|token [a-z]+|hljs-(?:string|keyword|comment|number))"')


class DocumentTooComplex(ValueError):
    """A cap was exceeded. `fact` is the cap's name, `limit` its value."""

    def __init__(self, fact: str, limit: int) -> None:
        super().__init__(f"The document has more than {limit:,} {fact}.")
        self.fact = fact
        self.limit = limit


class StartTag:
    """A start tag as it is written; the elements of a page that are written alike share it.

    `kinds` has the bits of `Element.holds` that an element with this tag stands for.
    """

    __slots__ = ("attributes", "is_colour", "is_leaf", "kinds", "name")

    def __init__(self, name: str, raw: str) -> None:
        self.name = name
        self.attributes = _attributes(raw) if raw else {}
        self.kinds = _KINDS.get(name, 0)
        self.is_leaf = name in _LEAVES
        self.is_colour = name == "span" and _COLOURED.fullmatch(raw) is not None

    def get(self, name: str) -> str:
        """The attribute's value, empty when it is absent."""
        return self.attributes.get(name, "")


class Element:
    """One element. `size` and `link_size` count the characters of kept text in it, without runs of blanks.

    `holds` has the bits BLOCK, HEADING, PRE, CODE and BREAK for what is below, dropped or not; `is_dropped` says that the
    element is no content (see `drop`).
    """

    __slots__ = ("attributes", "children", "holds", "is_dropped", "link_size", "parent", "size", "start", "tag")

    def __init__(self, start: StartTag, parent: Element | None) -> None:
        self.start = start
        self.tag = start.name
        self.attributes = start.attributes
        self.parent = parent
        self.children: list[Element | str] = []
        self.size = 0
        self.link_size = 0
        self.holds = 0
        self.is_dropped = False

    def get(self, name: str) -> str:
        """The attribute's value, empty when it is absent."""
        return self.attributes.get(name, "")

    def elements(self) -> list[Element]:
        """The kept child elements, without text."""
        return [child for child in self.children if not isinstance(child, str) and not child.is_dropped]

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

    def is_kept(self) -> bool:
        """Whether neither this element nor one that it is in is dropped."""
        element: Element | None = self
        while element is not None:
            if element.is_dropped:
                return False
            element = element.parent
        return True

    def first(self, tag: str) -> Element | None:
        """The first element at or below this one with this tag."""
        kinds = _KINDS.get(tag, 0)
        if (self.holds | self.start.kinds) & kinds != kinds:
            return None
        return next((element for element in self.walk() if element.tag == tag), None)

    def text(self) -> str:
        """All kept text below, as it stands in the source."""
        if self.is_dropped:
            return ""
        return "".join([child if isinstance(child, str) else child.text() for child in self.children])

    def line(self) -> str:
        """All text below on one line, without runs of blanks."""
        return " ".join(self.text().split())


@dataclass(frozen=True, slots=True)
class Document:
    """A page: its root, all its elements in document order, and each different start tag where it first stood."""

    root: Element
    elements: list[Element]
    start_tags: list[StartTag]

    def since(self, element: Element) -> list[Element]:
        """`element` and all that start after it."""
        return self.elements[self.elements.index(element) :]

    def release(self) -> None:
        """Take the tree apart: parents and children refer to each other, and would wait for the garbage collector."""
        for element in self.elements:
            element.parent = None


def parse(text: str) -> Document:
    """Read the HTML `text`. Raises DocumentTooComplex when a cap is exceeded."""
    if len(text) > MAX_CHARS:
        raise DocumentTooComplex("characters", MAX_CHARS)
    if text.count("<") > 2 * MAX_NODES:
        raise DocumentTooComplex("tags", 2 * MAX_NODES)
    moves = list(islice(_STREAMED.finditer(text), MAX_STREAMED)) if _STREAMING in text else []
    parser = LexborHTMLParser(text)
    parser.strip_tags([tag for tag in _UNREAD if tag != "template"] if moves else _UNREAD)
    markup = parser.root.html if parser.root is not None else None
    pieces = (markup or "<html></html>").replace(NOT_IN_TEXT, "").split("<")
    if len(pieces) - 1 > MAX_NODES:
        raise DocumentTooComplex("nodes", MAX_NODES)
    document = _read(iter(pieces[1:]))
    if moves:
        _put_in_place(document, [(move[1], move[2]) for move in moves])
    return document


# A tag or comment, the text after it up to the next, and that text's length without runs of blanks.
_Piece = tuple[StartTag, str, int]
# What stands in a start tag's place where there is none: at an element's end, and where there is nothing to read.
_END = StartTag("", "")
_NOTHING = StartTag("", "")


def _read(pieces: Iterator[str]) -> Document:
    """The tree of what the parser wrote: every tag closed, every attribute in quotes, `<` and `>` escaped.

    A piece is what stands between one `<` and the next; most are on the page several times and are understood once.
    An element's sizes are what the totals grow by between its tags; until its end they are the totals at its start.
    """
    holder = Element(_NOTHING, None)
    stack = [holder]
    elements: list[Element] = []
    known: dict[str, _Piece] = {}
    start_tags: dict[str, StartTag] = {}
    size = link_size = in_code = 0
    get, push, pop, add = known.get, stack.append, stack.pop, elements.append
    for piece in pieces:
        start, text, length = get(piece) or _understand(piece, pieces, known, start_tags)
        if start is _END:
            # A plain-text element's text can look like its end, which is then one too many.
            if len(stack) > 1:
                closed = pop()
                holder = stack[-1]
                if closed is not holder:
                    closed.size = own = size - closed.size
                    if closed.tag == "a":
                        link_size = closed.link_size + own
                        closed.link_size = own
                    else:
                        closed.link_size = link_size - closed.link_size
                    kinds = closed.start.kinds
                    in_code -= kinds & _IS_CODE
                    holder.holds |= closed.holds | kinds
        elif start is not _NOTHING:
            if (in_code and start.is_colour) or (len(stack) > FLAT_DEPTH and not start.is_leaf):
                if len(stack) > MAX_DEPTH:
                    raise DocumentTooComplex("levels", MAX_DEPTH)
                push(holder)
            else:
                element = Element(start, holder)
                holder.children.append(element)
                add(element)
                if start.is_leaf:
                    text, length = _fill(element, text, length, pieces)
                    size += element.size
                    holder.holds |= start.kinds
                else:
                    element.size = size
                    element.link_size = link_size
                    push(element)
                    holder = element
                    in_code += start.kinds & _IS_CODE
        if text:
            holder.children.append(text)
            size += length
    elements[0].parent = None
    return Document(elements[0], elements, [start for start in start_tags.values() if start.name])


def _understand(piece: str, pieces: Iterator[str], known: dict[str, _Piece], start_tags: dict[str, StartTag]) -> _Piece:
    """Read one piece. A tag or comment that has a `<` itself goes on in the `pieces` after it, and is not kept."""
    end = "-->" if piece.startswith("!--") else ">"
    head, found, text = piece.partition(end)
    is_whole = bool(found)
    if not is_whole:
        head, text = _finish(piece, end, pieces)
    start = start_tags.get(head)
    if start is None:
        start = start_tags[head] = _start_tag(head)
    if "&" in text and start.name not in _RAW:
        text = _unescape(text)
    understood = (start, text, len(" ".join(text.split())))
    if is_whole:
        known[piece] = understood
    return understood


def _finish(piece: str, end: str, pieces: Iterator[str]) -> tuple[str, str]:
    """What is before and after the `end` of a tag or comment that begins with `piece`."""
    parts = [piece]
    while end not in parts[-1] and (following := next(pieces, None)) is not None:
        parts.append(following)
    head, _, text = "<".join(parts).partition(end)
    return head, text


def _start_tag(head: str) -> StartTag:
    """What a tag or comment, given without its brackets, stands for."""
    if head[0] == "!" or head in _VOID_ENDS:
        return _NOTHING
    if head[0] == "/":
        return _END
    name, _, raw = head.partition(" ")
    return StartTag(name, raw)


def _fill(element: Element, text: str, length: int, pieces: Iterator[str]) -> tuple[str, int]:
    """Read what is in an element that has no elements below it; returns the text after it. Raw text is not escaped."""
    if element.tag not in _RAW:
        return text, length
    parts = [text]
    after = ""
    for piece in pieces:
        if piece.startswith(f"/{element.tag}>"):
            after = _unescape(piece.partition(">")[2])
            break
        parts.append(piece)
    raw = "<".join(parts)
    element.children.append(raw)
    element.size = _length(raw)
    return after, _length(after)


def _put_in_place(document: Document, moves: list[tuple[str, str]]) -> None:
    """Do what the page's scripts would: each move names a template and the hidden element whose content goes there."""
    named: dict[str, Element] = {}
    heights: dict[Element, int] = {}
    for element in reversed(document.elements):
        named[element.get("id")] = element
        if element.parent is not None:
            heights[element.parent] = max(heights.get(element.parent, 0), heights.get(element, 0) + 1)
    for first, second in moves:
        place, source = named.get(first), named.get(second)
        if place is None or source is None:
            continue
        # One of the scripts names them the other way around.
        if place.tag != "template":
            place, source = source, place
        if place.tag == "template" and "hidden" in source.attributes:
            _move(source, place, heights)
    for element in document.elements:
        if element.tag == "template":
            element.drop()


def _move(source: Element, place: Element, heights: dict[Element, int]) -> None:
    """Put what is in `source` before `place`, unless the tree would become too deep or turn in a circle."""
    above = list(place.ancestors())
    height = heights.get(source, 0)
    if not above or source in above or len(above) + height > FLAT_DEPTH:
        return
    source.drop()
    parent = above[0]
    at = parent.children.index(place)
    parent.children[at:at] = source.children
    for child in source.children:
        if not isinstance(child, str):
            child.parent = parent
    for distance, ancestor in enumerate(above):
        ancestor.size += source.size
        ancestor.link_size += source.link_size
        ancestor.holds |= source.holds
        heights[ancestor] = max(heights.get(ancestor, 0), distance + height)
    source.children = []
    source.size = source.link_size = 0


def _length(text: str) -> int:
    return len(" ".join(text.split()))


def _attributes(raw: str) -> dict[str, str]:
    """The attributes of a tag as the parser writes them, ` name="value"` each."""
    found = dict(_ATTRIBUTE.findall(raw))
    if len(found) > MAX_ATTRIBUTES:
        raise DocumentTooComplex("attributes in one tag", MAX_ATTRIBUTES)
    if "&" in raw:
        found = {name: _unescape(value) for name, value in found.items()}
    return found


def _unescape(text: str) -> str:
    """Undo what the HTML standard's serialisation escapes (13.3), and no more."""
    if "&" not in text:
        return text
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&nbsp;", "\xa0")
    return text.replace("&amp;", "&")
