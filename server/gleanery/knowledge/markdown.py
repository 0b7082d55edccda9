"""The walk from a document's main region to Markdown, its outline and its code examples."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gleanery.knowledge.anchors import Anchors
from gleanery.knowledge.api_entries import entry_name, is_signature, signature
from gleanery.knowledge.code import code_language, code_text, is_code_block, is_gutter, is_language_label
from gleanery.knowledge.document import BLOCK, BLOCK_TAGS, CODE, HEADING, HEADING_TAGS, Element
from gleanery.knowledge.guess import guess_languages
from gleanery.knowledge.inline import InlineRenderer, Resolve, formula, is_formula
from gleanery.knowledge.markdown_table import is_data_table, table_lines
from gleanery.knowledge.markdown_writer import MarkdownWriter
from gleanery.knowledge.prose import plain_prose, plain_text, summary_line, unescaped

__all__ = ["CodeExample", "Heading", "Rendered", "plain_text", "render_markdown", "summary_line"]

_CONTEXT_CHARS = 500
_ADMONITION = re.compile(
    r"(?:^|\s)(?:admonition\S*|theme-admonition\S*|admonitionblock|alert|callout\S*|starlight-aside\S*|custom-block|markdown-alert|note"
    r"|warning|tip|caution|important|danger|hint|seealso|deprecated|infobox-note)(?:\s|$)"
)
_ADMONITION_TITLE = re.compile(r"(?:^|\s)(?:\S*-?title|\S*admonition-?heading\S*|admonitionHeading\S*)(?:\s|$)", re.I)
_TABLE_PARTS = frozenset({"table", "tbody", "thead", "tfoot", "tr"})


MAX_NAME_CHARS = 500
"""More of a heading or a title is not repeated with everything below it."""
MAX_CODE_EXAMPLES = 3_000
"""Of one page; the Markdown has the rest as well."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; `offset` is where its line starts in the Markdown, `anchor` its URL fragment or empty."""

    level: int
    text: str
    anchor: str
    offset: int


@dataclass(frozen=True, slots=True)
class CodeExample:
    """A code block, verbatim: `markdown[start:end] == code`.

    `context` is the paragraph before it under its heading, plain and at most 500 characters; `summary` the last sentence of
    it on one line, at most 200. `is_guessed` says that the page does not name the `language`; a fence has only named ones.
    """

    code: str
    language: str | None
    heading_path: tuple[str, ...]
    context: str
    start: int
    end: int
    summary: str = ""
    is_guessed: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    markdown: str
    outline: tuple[Heading, ...]
    code_examples: tuple[CodeExample, ...]


def render_markdown(
    region: Element, resolve: Resolve, title: Element | None = None, tab_labels: Mapping[Element, str] | None = None
) -> Rendered:
    """Render `region`, with the heading `title` first when one is given that stands outside of it.

    `tab_labels` has what each panel of a set of tabs is called.
    """
    walk = _Walk(resolve, tab_labels or {})
    if title is not None:
        walk.heading(title)
    walk.blocks([region])
    return Rendered(walk.writer.text(), tuple(walk.outline), _with_guesses(walk.code_examples))


def _with_guesses(examples: list[CodeExample]) -> tuple[CodeExample, ...]:
    unnamed = [number for number, example in enumerate(examples) if example.language is None]
    for number, language in zip(unnamed, guess_languages([examples[n].code for n in unnamed]), strict=True):
        if language is not None:
            examples[number] = replace(examples[number], language=language, is_guessed=True)
    return tuple(examples)


class _Walk:
    """One walk over one region. Recursive: the tree's depth is capped where it is built."""

    def __init__(self, resolve: Resolve, tab_labels: Mapping[Element, str]) -> None:
        self.writer = MarkdownWriter()
        self.outline: list[Heading] = []
        self.code_examples: list[CodeExample] = []
        self._inline = InlineRenderer(resolve)
        self._anchors = Anchors()
        self._tab_labels = tab_labels
        self._path: list[tuple[int, str]] = []
        # The level of the last heading, and in how many lists of definitions below it the walk is.
        self._level = 1
        self._entry_depth = 0
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
                if not is_language_label(node):
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
        if self.writer.is_in_quote:
            self._write(f"**{text}**")
            return
        self._level = int(element.tag[1])
        self._open_section(self._level, text, unescaped(text), self._anchors.of(element))

    def _open_section(self, level: int, text: str, name: str, anchor: str) -> None:
        """Write the heading `text`; outline and paths call it `name`."""
        offset = self.writer.block(f"{'#' * level} {text}")
        name = name[:MAX_NAME_CHARS]
        self.outline.append(Heading(level, name, anchor, offset))
        self._path = [entry for entry in self._path if entry[0] < level] + [(level, name)]
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
        if self._tab_labels and element in self._tab_labels:
            self._panel(element)
        else:
            self._untabbed(element)

    def _panel(self, element: Element) -> None:
        """A tab's panel under its label. What stood before the tabs introduces the code in each of them."""
        before = self._prose
        self._write(f"**{self._inline.line([self._tab_labels[element]])}**")
        self._prose = before
        self._untabbed(element)
        self._prose = before

    def _untabbed(self, element: Element) -> None:
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
        elif "class" in element.attributes and self._is_special(element):
            return
        else:
            self.blocks(element.children)

    def _is_special(self, element: Element) -> bool:
        """Deal with a block that its class sets apart: a formula, a signature, a footnote; or what is not to be read."""
        if is_gutter(element) or is_language_label(element):
            return True
        if is_formula(element):
            self._write(formula(element))
        elif is_signature(element):
            self._write(signature(element))
        elif element.get("id") in self._inline.notes:
            self._note(element)
        else:
            return False
        return True

    def _note(self, element: Element) -> None:
        """The text of a footnote, after the label that the text refers to it by."""
        label = self._inline.notes[element.get("id")]
        for part in element.walk():
            is_label = "label" in part.get("class").split() or (part.tag == "a" and part.line().strip("[]^ ") == label)
            if part is not element and is_label:
                part.is_dropped = True
        self.writer.open_item(f"[^{label}]: ")
        self.blocks(element.children)
        self.writer.close()

    def _heading_block(self, element: Element) -> None:
        """A heading that wraps blocks (an icon's figure, a list) is a heading all the same; code in it is not."""
        may_hold = element.holds & (BLOCK | CODE)
        if may_hold and any(is_code_block(child) for child in element.walk() if child is not element):
            self.blocks(element.children)
        else:
            self.heading(element)

    def _code(self, element: Element) -> None:
        code = code_text(element)
        if not code.strip():
            return
        language = code_language(element)
        start, end = self.writer.fence(code, language)
        if len(self.code_examples) >= MAX_CODE_EXAMPLES:
            return
        path = tuple(text for _, text in self._path)
        context = plain_prose(self._prose)[-_CONTEXT_CHARS:]
        self.code_examples.append(CodeExample(code, language, path, context, start, end, summary_line(context)))

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
            self.writer.open_item(self._marker(element, item, number))
            number += 1
            self.writer.is_next_tight = is_tight
            self.blocks(item.children if item.tag == "li" else [item])
            self.writer.is_next_tight = False
            self.writer.close()
            is_tight = not _is_loose(item) and item.first("pre") is None

    def _marker(self, parent: Element, item: Element, number: int) -> str:
        if item.get("id") in self._inline.notes:
            return f"[^{self._inline.notes[item.get('id')]}]: "
        return "- " if parent.tag != "ol" else f"{number}. "

    def _is_nested(self, element: Element) -> bool:
        return element.parent is not None and element.parent.tag == "li"

    def _definitions(self, element: Element) -> None:
        entries: list[Element] = []
        for child in element.elements():
            # HTML allows each group of a list to be wrapped in a <div>.
            entries.extend(child.elements() if child.tag == "div" else [child])
        is_after_term = False
        level = self._level
        self._entry_depth += 1
        for entry in entries:
            is_term = entry.tag == "dt"
            if is_term:
                self._term(entry, is_after_term)
            elif entry.holds & BLOCK or not entry.size:
                self.blocks(entry.children)
            else:
                text = self._inline.paragraph(entry.children)
                if text:
                    self.writer.is_next_tight = True
                    self._write(f": {text}")
            is_after_term = is_term
        self._entry_depth -= 1
        self._level = level

    def _term(self, term: Element, is_after_term: bool) -> None:
        """A term in bold; an entry of an API's reference as a heading, the other signatures of one entry below it."""
        if not is_signature(term):
            text = self._inline.line(term.children)
            if text:
                note = self._inline.notes.get(term.get("id"))
                self._write(f"[^{note}]:" if note else _bold(text))
            return
        text = signature(term)
        if text and term.get("id") and not is_after_term and not self.writer.is_nested:
            self._open_section(min(6, self._level + self._entry_depth), text, entry_name(term), term.get("id"))
        elif text:
            self._write(text)

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
