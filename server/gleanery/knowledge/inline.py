"""Inline Markdown: the text, links, emphasis, code spans and images of one paragraph."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from gleanery.knowledge.document import BLOCK_TAGS, NOT_IN_TEXT, Element

# Between <br> and the end of the paragraph.
_BREAK = NOT_IN_TEXT
_AROUND_BREAK = re.compile(rf"[ {_BREAK}]*{_BREAK}[ {_BREAK}]*")
_INVISIBLE = re.compile("[\xad\u200b\u200c\u2060\ufeff]")
# Underscores stay: inside words they mean nothing in Markdown, and names with them must be found as written.
# Each alternative begins with a letter of its own, so that the search goes from one of these letters to the next.
_SPECIAL = re.compile(r"`|\*(?:(?=\S)|(?<=\S\*))|<(?=[a-zA-Z/!?])|&(?=#?\w{1,31};)|\\(?=[!-/:-@\[-`{-~])|\](?=\()")
_LINE_START = re.compile(r"(?m)^(?:(#{1,6}(?:\s|$)|>|[-+*](?:\s|$)|~~~|=+\s*$|-+\s*$|\|)|([0-9]{1,9})([.)](?:\s|$)))")
_LINE_STARTS = frozenset("#>-+*~=|0123456789")
_PERMALINK = re.compile(
    r"(?:^|\s)(?:headerlink|permalink|header-?anchor|heading-?anchor|anchor-?link|hash-?link|toclink-?anchor|anchorjs-link|direct-link"
    r"|heading-link|sl-anchor-link|mark|mw-editsection)(?:\s|$)",
    re.I,
)
# Links that act on what they stand beside: run an example, show the source of an entry, lead back from a footnote.
_ACTION = re.compile(
    r"(?:^|\s)(?:test-arrow|srclink|src rightside|viewcode-link|footnote-back(?:ref|link)?|reversefootnote|fn-backref)(?:\s|$)"
)
_NOTE_REFERENCE = re.compile(r"(?:^|\s)(?:footnote-?ref(?:erence)?|fnref)(?:\s|$)")
_NOTE_LABEL = re.compile(r"[\w.*†‡-]{1,32}")
_PERMALINK_TEXTS = frozenset({"◆", "¶", "#", "§", "🔗", "\u200b", "link", "permalink", "permanent link"})
_WORD_END = re.compile(r"\w$")
_MATHS = re.compile(r"(?:^|\s)(?:katex|math|arithmatex|MathJax|mwe-math-element)(?:\s|$)")
_TEX = re.compile(r"\s*(?:\\\((?P<inline>.*)\\\)|\\\[(?P<display>.*)\\\]|\$\$(?P<dollars>.*)\$\$)\s*", re.S)
_DISPLAY_STYLE = re.compile(r"\{\\displaystyle\s+(.*)\}", re.S)
_EXPONENT = re.compile(r"[-+\u2212]?\d{1,3}|[a-z]$")

_CODE = frozenset({"code", "kbd", "samp", "tt"})
_NOTHING = frozenset({"svg", "rp", "input", "select", "textarea", "button", "head", "title", "audio", "meter"})
_MARKS = {
    **dict.fromkeys(("strong", "b"), "**"),
    **dict.fromkeys(("em", "i", "cite", "dfn", "var"), "*"),
    **dict.fromkeys(("del", "s", "strike"), "~~"),
}

Resolve = Callable[[str], str | None]


class InlineRenderer:
    """Renders runs of inline nodes. `resolve` makes an href absolute, or None when it leads nowhere on the web."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        # The label of each footnote that was referred to, by its id.
        self.notes: dict[str, str] = {}

    def paragraph(self, nodes: Sequence[Element | str]) -> str:
        """One paragraph, ready to stand at the start of a line; empty when nothing is to be read."""
        text = _settle(self._run(nodes))
        may_match = text[:1] in _LINE_STARTS or "\n" in text
        return _LINE_START.sub(_escape_line_start, text) if may_match else text

    def line(self, nodes: Sequence[Element | str]) -> str:
        """The same on one line, for headings and table cells; no escaping at its start."""
        return _settle(self._run(nodes)).replace("\n", " ")

    def heading(self, element: Element) -> str:
        """A heading's words and code spans, without links, emphasis and permalinks."""
        return _settle(self._run(element.children, is_plain=True)).replace("\n", " ").rstrip("#¶ ").strip()

    def _run(self, nodes: Sequence[Element | str], is_plain: bool = False) -> str:
        if len(nodes) == 1 and isinstance(nodes[0], str):
            return _escape(nodes[0])
        parts: list[str] = []
        for node in nodes:
            if isinstance(node, str):
                parts.append(_escape(node))
            elif not node.is_dropped:
                part = self._element(node, is_plain, parts)
                # Neighbours that a style sheet keeps apart must not grow together.
                if parts and part.startswith(("[", "!")) and parts[-1].endswith((")", "]")):
                    parts.append(" ")
                parts.append(part)
        return "".join(parts)

    def _element(self, element: Element, is_plain: bool, before: list[str]) -> str:
        tag = element.tag
        if tag in _NOTHING:
            return ""
        if tag == "br":
            return _BREAK
        if tag in _CODE:
            return code_span(element.text())
        if tag == "img":
            return "" if is_plain else self._image(element)
        if is_formula(element):
            return formula(element)
        if tag == "a":
            return self._anchor(element, is_plain)
        inner = self._run(element.children, is_plain)
        if tag == "sup":
            return inner if inner.strip().startswith("[^") else _superscript(inner, before)
        if is_plain:
            return inner
        if tag in _MARKS:
            return _wrap(inner, _MARKS[tag])
        # A block inside a line (a cell with paragraphs, a link around a card) is kept apart by blanks.
        return f" {inner} " if tag in BLOCK_TAGS else inner

    def _anchor(self, element: Element, is_plain: bool) -> str:
        if element.attributes and (is_permalink(element) or _is_action(element)):
            return ""
        inner = self._run(element.children, is_plain)
        if is_plain:
            return inner
        return self._note_reference(element) if _is_note_reference(element) else self._link(element, inner)

    def _note_reference(self, element: Element) -> str:
        label = element.line().strip("[]^ ")
        if not label or not _NOTE_LABEL.fullmatch(label):
            return ""
        self.notes.setdefault(element.get("href").partition("#")[2], label)
        return f"[^{label}]"

    def _link(self, element: Element, inner: str) -> str:
        text = _settle(inner).replace("\n", " ")
        if not text:
            return inner
        href = element.get("href").strip()
        # A jump within the page leads nowhere in a chunk of it, and its URL would only add noise to the words.
        url = self._resolve(href) if href and href[0] != "#" else None
        if url is None or (text.startswith("[") and "](" in text):
            return inner
        lead, trail = _blanks_around(inner)
        return f"{lead}[{text}]({_destination(url)}){trail}"

    def _image(self, element: Element) -> str:
        alt = _settle(_escape(element.get("alt"))).replace("\n", " ").replace("]", "\\]")
        source = element.get("src")
        if element.get("alt") and "math" in element.get("class").split():
            return f"${' '.join(element.get('alt').split())}$"
        if not alt or not source or source.startswith("data:"):
            return ""
        url = self._resolve(source)
        return f"![{alt}]({_destination(url)})" if url else ""


def is_permalink(element: Element) -> bool:
    """Whether the link only points at the heading it stands in."""
    href = element.get("href")
    if href and "#" not in href:
        return False
    if _is_permalink_name(element.get("class")):
        return True
    return element.size <= 30 and href.startswith("#") and element.line().lower() in _PERMALINK_TEXTS


def _is_action(element: Element) -> bool:
    names = element.get("class")
    if "toc-backref" in names:  # docutils: the words of a heading, which lead back to the table of contents
        return False
    if element.get("role") == "doc-backlink" or "data-footnote-backref" in element.attributes:
        return True
    return bool(names) and _is_action_name(names)


@lru_cache(maxsize=4096)
def _is_action_name(names: str) -> bool:
    return _ACTION.search(names) is not None


def _is_note_reference(element: Element) -> bool:
    attributes = element.attributes
    if "#" not in element.get("href"):
        return False
    if attributes.get("role") == "doc-noteref" or "data-footnote-ref" in attributes:
        return True
    return "class" in attributes and _NOTE_REFERENCE.search(attributes["class"]) is not None


@lru_cache(maxsize=4096)
def _is_permalink_name(names: str) -> bool:
    return _PERMALINK.search(names) is not None


def _escape(text: str) -> str:
    """Text without what nobody sees, and with a backslash before what would be markup."""
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    return _SPECIAL.sub(r"\\\g<0>", text) if _SPECIAL.search(text) else text


def _settle(raw: str) -> str:
    text = " ".join(raw.split())
    if _BREAK in text:
        text = _AROUND_BREAK.sub("\n", text).strip()
    return text


def _escape_line_start(match: re.Match[str]) -> str:
    return f"\\{match[1]}" if match[1] else f"{match[2]}\\{match[3]}"


def _wrap(inner: str, mark: str) -> str:
    text = inner.strip()
    if not text or _BREAK in text or text.startswith(("*", "![")) or text.endswith("*"):
        return inner
    lead, trail = _blanks_around(inner)
    return f"{lead}{mark}{text}{mark}{trail}"


def _blanks_around(text: str) -> tuple[str, str]:
    return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]


def code_span(raw: str) -> str:
    """`raw` as a code span on one line, whatever backticks are in it."""
    raw = raw if raw.isascii() else _INVISIBLE.sub("", raw)
    code = " ".join(raw.split())
    if not code:
        return " " if raw else ""
    if "`" not in code:
        span = f"`{code}`"
    else:
        mark = "`" * (1 + max(len(run) for run in re.findall("`+", code)))
        span = f"{mark} {code} {mark}"
    return f"{' ' if raw[0].isspace() else ''}{span}{' ' if raw[-1].isspace() else ''}"


def _superscript(inner: str, before: list[str]) -> str:
    is_exponent = _EXPONENT.fullmatch(inner.strip()) and before and _WORD_END.search(before[-1])
    return f"^{inner.strip()}" if is_exponent else inner


def is_formula(element: Element) -> bool:
    """Whether the element is one formula, whatever renders it: MathML, KaTeX, MathJax, or TeX in a `math` element."""
    if element.tag in ("math", "mjx-container"):
        return True
    return "class" in element.attributes and _is_maths_name(element.attributes["class"]) and _is_one_formula(element)


@lru_cache(maxsize=4096)
def _is_maths_name(names: str) -> bool:
    return _MATHS.search(names) is not None


def _is_one_formula(element: Element) -> bool:
    """A class like `math` can also be that of a page about it."""
    return _below(element, "math") is not None or _TEX.fullmatch(element.text()) is not None


def formula(element: Element) -> str:
    """A formula as `$TeX$`, `$$TeX$$` for one that is displayed, where the page carries its source; else readable text."""
    source = _below(element, "annotation")
    math = _below(element, "math")
    tex = _all_text(source) if source is not None and "tex" in source.get("encoding") else ""
    tex = tex or (math.get("alttext") if math is not None else "")
    is_display = (math is not None and math.get("display") == "block") or element.get("display") == "true"
    if not tex and (written := _TEX.fullmatch(element.text())):
        tex = written["inline"] or written["display"] or written["dollars"] or ""
        is_display = written["inline"] is None
    if not tex.strip():
        return " ".join(_all_text(math if math is not None else element).split())
    if style := _DISPLAY_STYLE.fullmatch(tex.strip()):
        tex = style[1]
    mark = "$$" if is_display else "$"
    return f"{mark}{' '.join(tex.split())}{mark}"


def _below(element: Element, tag: str) -> Element | None:
    """The first such element at or below this one, also in what is hidden: MathML often is."""
    stack = [element]
    while stack:
        found = stack.pop()
        if found.tag == tag:
            return found
        stack += [child for child in reversed(found.children) if not isinstance(child, str)]
    return None


def _all_text(element: Element) -> str:
    return "".join([child if isinstance(child, str) else _all_text(child) for child in element.children])


def _destination(url: str) -> str:
    return f"<{url}>" if "(" in url or ")" in url else url
