"""The walk from a document's main region to Markdown, its outline and its code examples."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gleanery.knowledge.code import code_language, code_text, is_code_block, is_gutter
from gleanery.knowledge.document import BLOCK, BLOCK_TAGS, CODE, HEADING, HEADING_TAGS, Element
from gleanery.knowledge.inline import InlineRenderer, Resolve, code_span, is_permalink
from gleanery.knowledge.markdown_table import is_data_table, table_lines
from gleanery.knowledge.markdown_writer import MarkdownWriter

_CONTEXT_CHARS = 500
_ADMONITION = re.compile(
    r"(?:^|\s)(?:admonition\S*|theme-admonition\S*|admonitionblock|alert|callout\S*|starlight-aside\S*|custom-block|markdown-alert|note"
    r"|warning|tip|caution|important|danger|hint|seealso|deprecated|infobox-note)(?:\s|$)"
)
_ADMONITION_TITLE = re.compile(r"(?:^|\s)(?:\S*-?title|\S*admonition-?heading\S*|admonitionHeading\S*)(?:\s|$)", re.I)
_TABLE_PARTS = frozenset({"table", "tbody", "thead", "tfoot", "tr"})
_LINK = re.compile(r"!?\[((?:[^\[\]\\]|\\.)*)\]\((?:<[^>]*>|[^()\s]*)\)")
_FENCED = re.compile(r"^(`{3,})[^`\n]*\n.*?^\1`*[ \t]*$", re.M | re.S)
_MARKS = re.compile(r"(?<!\\)(?:\*\*|\*|~~)|\\(?=[!-/:-@\[-`{-~])")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; `offset` is where its line starts in the Markdown, `anchor` its URL fragment or empty."""

    level: int
    text: str
    anchor: str
    offset: int


@dataclass(frozen=True, slots=True)
class CodeExample:
    """A code block, verbatim: `markdown[start:end] == code`. `context` is the prose before it under its heading."""

    code: str
    language: str | None
    heading_path: tuple[str, ...]
    context: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Rendered:
    markdown: str
    outline: tuple[Heading, ...]
    code_examples: tuple[CodeExample, ...]


def render_markdown(region: Element, resolve: Resolve, title: Element | None = None) -> Rendered:
    """Render `region`, with the heading `title` first when one is given that stands outside of it."""
    walk = _Walk(resolve)
    if title is not None:
        walk.heading(title)
    walk.blocks([region])
    return Rendered(walk.writer.text(), tuple(walk.outline), tuple(walk.code_examples))


def plain_text(markdown: str) -> str:
    """The words of Markdown: links by their text, no emphasis marks, no escapes. Fences stay as they are."""
    parts: list[str] = []
    position = 0
    for fence in _FENCED.finditer(markdown):
        parts += [_plain_prose(markdown[position : fence.start()]), fence[0]]
        position = fence.end()
    return "".join([*parts, _plain_prose(markdown[position:])])


def _plain_prose(prose: str) -> str:
    return _MARKS.sub("", _LINK.sub(r"\1", prose))


class _Walk:
    """One walk over one region. Recursive: the tree's depth is capped where it is built."""

    def __init__(self, resolve: Resolve) -> None:
        self.writer = MarkdownWriter()
        self.outline: list[Heading] = []
        self.code_examples: list[CodeExample] = []
        self._inline = InlineRenderer(resolve)
        self._path: list[tuple[int, str]] = []
        self._prose = ""

    def blocks(self, nodes: list[Element | str] | list[Element]) -> None:
        """Write the nodes: block elements one by one, and each run of inline nodes between them as a paragraph."""
        run: list[Element | str] = []
        for node in nodes:
            if isinstance(node, str):
                # Half of all texts are only the line breaks between blocks.
                if run or not node.isspace():
                    run.append(node)
            elif not self._is_block(node):
                run.append(node)
            elif not node.is_dropped:
                self._paragraph(run)
                run = []
                self._block(node)
        self._paragraph(run)

    def heading(self, element: Element) -> None:
        text = self._inline.heading(element)
        if not text:
            # A picture as a heading.
            self._paragraph(element.children)
            return
        level = int(element.tag[1])
        if self.writer.is_in_quote:
            self._write(f"**{text}**")
            return
        offset = self.writer.block(f"{'#' * level} {text}")
        self.outline.append(Heading(level, text, _anchor(element), offset))
        self._path = [entry for entry in self._path if entry[0] < level] + [(level, text)]
        self._prose = ""

    def _is_block(self, element: Element) -> bool:
        if element.holds & BLOCK or element.tag in BLOCK_TAGS:
            return True
        return element.tag == "code" and is_code_block(element)

    def _write(self, text: str) -> None:
        self.writer.block(text)
        self._prose = text

    def _paragraph(self, nodes: list[Element | str]) -> None:
        if nodes:
            text = self._inline.paragraph(nodes)
            if text:
                self._write(text)

    def _block(self, element: Element) -> None:
        tag = element.tag
        if is_code_block(element):
            self._code(element)
        elif tag in HEADING_TAGS:
            self._heading_block(element)
        elif tag in ("ul", "ol", "menu", "dir"):
            self._list(element)
        elif tag == "dl":
            self._definitions(element)
        elif tag == "table":
            self._table(element)
        elif tag == "blockquote":
            self._quote(element, "")
        elif tag == "hr":
            return
        elif tag in ("summary", "legend", "caption"):
            self._label(element)
        elif tag in ("div", "aside", "section", "p", "blockquote") and _ADMONITION.search(element.get("class")):
            self._admonition(element)
        elif is_gutter(element):
            return
        else:
            self.blocks(element.children)

    def _heading_block(self, element: Element) -> None:
        """A heading that wraps blocks (an icon's figure, a list) is a heading all the same; code in it is not."""
        may_hold = element.holds & (BLOCK | CODE)
        if may_hold and any(is_code_block(child) for child in element.walk() if child is not element):
            self.blocks(element.children)
        else:
            self.heading(element)

    def _code(self, element: Element) -> None:
        code = code_text(element)
        if not code:
            return
        language = code_language(element)
        start, end = self.writer.fence(code, language)
        path = tuple(text for _, text in self._path)
        context = _plain_prose(self._prose)[-_CONTEXT_CHARS:]
        self.code_examples.append(CodeExample(code, language, path, context, start, end))

    def _list(self, element: Element) -> None:
        items = [child for child in element.elements() if child.size or child.tag != "li"]
        # Cards: a list of headings with text is a sequence of sections, not bullets.
        if element.holds & HEADING and any(child.tag in HEADING_TAGS for child in element.walk()):
            self.blocks(element.children)
            return
        number = _first_number(element)
        is_tight = self._is_nested(element)
        for item in items:
            if item.tag in ("ul", "ol"):
                # A list right in a list, as old pages nest them.
                self.writer.open_item("  ")
                self.writer.is_next_tight = True
                self._list(item)
                self.writer.close()
                continue
            self.writer.open_item("- " if element.tag != "ol" else f"{number}. ")
            number += 1
            self.writer.is_next_tight = is_tight
            self.blocks(item.children if item.tag == "li" else [item])
            self.writer.is_next_tight = False
            self.writer.close()
            is_tight = not _is_loose(item) and item.first("pre") is None

    def _is_nested(self, element: Element) -> bool:
        return element.parent is not None and element.parent.tag == "li"

    def _definitions(self, element: Element) -> None:
        entries: list[Element] = []
        for child in element.elements():
            # HTML allows each group of a list to be wrapped in a <div>.
            entries.extend(child.elements() if child.tag == "div" else [child])
        for entry in entries:
            if entry.tag == "dt":
                text = _signature(entry) if "sig" in entry.get("class").split() else self._inline.line(entry.children)
                if text:
                    self._write(_bold(text))
            elif entry.holds & BLOCK or not entry.size:
                self.blocks(entry.children)
            else:
                text = self._inline.paragraph(entry.children)
                if text:
                    self.writer.is_next_tight = True
                    self._write(f": {text}")

    def _table(self, element: Element) -> None:
        for caption in element.elements():
            if caption.tag == "caption":
                self._label(caption)
        if not is_data_table(element):
            self._layout(element)
            return
        lines = table_lines(element, lambda cell: self._inline.line(cell.children))
        if lines:
            self._write(lines)

    def _layout(self, element: Element) -> None:
        """A table that only places things: its cells one after the other, without the gutters of code listings."""
        for child in element.elements():
            if child.tag in _TABLE_PARTS:
                self._layout(child)
            elif child.tag in ("td", "th") and not is_gutter(child) and not _is_only_gutter(child):
                self.blocks(child.children)

    def _quote(self, element: Element, label: str) -> None:
        self.writer.open_quote()
        if label:
            self._write(f"**{label}**")
        self.blocks(element.children)
        self.writer.close()

    def _admonition(self, element: Element) -> None:
        """A note or warning as a quote whose first line is its label."""
        title = next((child for child in element.walk() if _is_title(child) and child is not element), None)
        label = ""
        if title is not None and title.size < 200 and title.size < element.size:
            label = self._inline.heading(title)
            title.is_dropped = True
        if not label and element.size > 3_000:
            # A class like `note` on what is a whole section.
            self.blocks(element.children)
            return
        self._quote(element, label)

    def _label(self, element: Element) -> None:
        if element.holds & BLOCK:
            self.blocks(element.children)
            return
        text = self._inline.line(element.children)
        if text:
            self._write(_bold(text))


def _bold(text: str) -> str:
    return text if "*" in text or text[0] == text[-1] == "`" else f"**{text}**"


def _signature(term: Element) -> str:
    """What Sphinx sets as a signature is code, whatever italics are in it; `[source]` and the permalink are not."""
    for link in list(term.walk()):
        if link.tag == "a" and (is_permalink(link) or link.line() == "[source]"):
            link.drop()
    return code_span(term.line())


def _is_title(element: Element) -> bool:
    return bool(_ADMONITION_TITLE.search(element.get("class")))


def _is_loose(item: Element) -> bool:
    return sum(child.tag in ("p", "pre", "div", "table", "blockquote", "dl") for child in item.elements()) > 1


def _is_only_gutter(cell: Element) -> bool:
    """A cell that holds nothing but line numbers, marked or not: the left half of a listing's table."""
    return cell.first("pre") is not None and not cell.text().strip("0123456789 \n\t\r")


def _first_number(element: Element) -> int:
    start = element.get("start").strip()
    return int(start[:8]) if start.isdecimal() and start.isascii() else 1


def _anchor(heading: Element) -> str:
    """The heading's id, that of its permalink or of an anchor in it, or the id of the section that it opens."""
    if heading.get("id"):
        return heading.get("id")
    for inner in heading.walk():
        if inner is heading:
            continue
        if inner.tag == "a" and is_permalink(inner) and "#" in inner.get("href"):
            return inner.get("href").partition("#")[2]
        if inner.get("id") or (inner.tag == "a" and inner.get("name")):
            return inner.get("id") or inner.get("name")
    parent = heading.parent
    if parent is not None and parent.tag in ("section", "div", "article", "header", "hgroup", "a"):
        first = next(iter(parent.elements()), heading)
        if first is heading or first.tag in ("span", "a"):
            return parent.get("id") or first.get("id")
    return ""
