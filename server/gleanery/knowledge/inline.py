"""Inline Markdown: the text, links, emphasis, code spans and images of one paragraph."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from gleanery.knowledge.document import BLOCK_TAGS, Element

# Between <br> and the end of the paragraph; can't come from a page, control characters are gone by then.
_BREAK = "\x02"
_SPACE = re.compile(r"[\s\xa0]+")
_AROUND_BREAK = re.compile(rf"[ {_BREAK}]*{_BREAK}[ {_BREAK}]*")
_INVISIBLE = re.compile("[\xad\u200b\u200c\u2060\ufeff\x02]")
# Underscores stay: inside words they mean nothing in Markdown, and names with them must be found as written.
_SPECIAL = re.compile(r"`|\*(?=\S)|(?<=\S)\*|<(?=[a-zA-Z/!?])|&(?=#?\w{1,31};)|\\(?=[!-/:-@\[-`{-~])|\](?=\()")
_LINE_START = re.compile(r"(?m)^(?:(#{1,6}(?:\s|$)|>|[-+*](?:\s|$)|~~~|=+\s*$|-+\s*$|\|)|(\d{1,9})([.)](?:\s|$)))")
_PERMALINK = re.compile(
    r"(?:^|\s)(?:headerlink|permalink|header-?anchor|heading-?anchor|anchor-?link|hash-?link|toclink-?anchor|anchorjs-link|direct-link"
    r"|heading-link|sl-anchor-link|mark|mw-editsection)(?:\s|$)",
    re.I,
)
_PERMALINK_TEXTS = frozenset({"¶", "#", "§", "🔗", "\u200b", "link", "permalink", "permanent link"})
_WORD_END = re.compile(r"\w$")
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

    def paragraph(self, nodes: Iterable[Element | str]) -> str:
        """One paragraph, ready to stand at the start of a line; empty when nothing is to be read."""
        text = _settle(self._run(nodes))
        return _LINE_START.sub(_escape_line_start, text) if text else ""

    def line(self, nodes: Iterable[Element | str]) -> str:
        """The same on one line, for headings and table cells; no escaping at its start."""
        return _settle(self._run(nodes)).replace("\n", " ")

    def heading(self, element: Element) -> str:
        """A heading's words and code spans, without links, emphasis and permalinks."""
        return _settle(self._run(element.children, is_plain=True)).replace("\n", " ").rstrip("#¶ ").strip()

    def _run(self, nodes: Iterable[Element | str], is_plain: bool = False) -> str:
        parts: list[str] = []
        for node in nodes:
            if isinstance(node, str):
                parts.append(_SPECIAL.sub(r"\\\g<0>", _INVISIBLE.sub("", node)))
            elif not node.is_dropped:
                part = self._element(node, is_plain, parts)
                # Neighbours that a style sheet keeps apart must not grow together.
                if part[:1] in ("[", "!") and parts and parts[-1][-1:] in (")", "]"):
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
        if tag == "math" or "katex" in element.get("class").split():
            return _formula(element)
        if tag == "a" and is_permalink(element):
            return ""
        inner = self._run(element.children, is_plain)
        if tag == "sup":
            return _superscript(inner, before)
        if is_plain:
            return inner
        if tag == "a":
            return self._link(element, inner)
        if tag in _MARKS:
            return _wrap(inner, _MARKS[tag])
        # A block inside a line (a cell with paragraphs, a link around a card) is kept apart by blanks.
        return f" {inner} " if tag in BLOCK_TAGS else inner

    def _link(self, element: Element, inner: str) -> str:
        text = _settle(inner).replace("\n", " ")
        if not text:
            return inner
        href = element.get("href").strip()
        # A jump within the page leads nowhere in a chunk of it, and its URL would only add noise to the words.
        url = self._resolve(href) if href and href[0] != "#" else None
        if url is None or (text.startswith("[") and "](" in text):
            return inner
        lead = inner[: len(inner) - len(inner.lstrip())]
        trail = inner[len(inner.rstrip()) :]
        return f"{lead}[{text}]({_destination(url)}){trail}"

    def _image(self, element: Element) -> str:
        alt = _settle(_SPECIAL.sub(r"\\\g<0>", element.get("alt"))).replace("\n", " ").replace("]", "\\]")
        source = element.get("src")
        if not alt or not source or source.startswith("data:"):
            return ""
        url = self._resolve(source)
        return f"![{alt}]({_destination(url)})" if url else ""


def is_permalink(element: Element) -> bool:
    """Whether the link only points at the heading it stands in."""
    href = element.get("href")
    if href and "#" not in href:
        return False
    if _PERMALINK.search(element.get("class")):
        return True
    return element.size <= 30 and href.startswith("#") and element.line().lower() in _PERMALINK_TEXTS


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
    lead = inner[: len(inner) - len(inner.lstrip())]
    return f"{lead}{mark}{text}{mark}{inner[len(inner.rstrip()) :]}"


def code_span(raw: str) -> str:
    """`raw` as a code span on one line, whatever backticks are in it."""
    text = _SPACE.sub(" ", _INVISIBLE.sub("", raw))
    code = text.strip()
    if not code:
        return text
    if "`" not in code:
        span = f"`{code}`"
    else:
        mark = "`" * (1 + max(len(run) for run in re.findall("`+", code)))
        span = f"{mark} {code} {mark}"
    return f"{' ' if text[0] == ' ' else ''}{span}{' ' if text[-1] == ' ' else ''}"


def _superscript(inner: str, before: list[str]) -> str:
    is_exponent = _EXPONENT.fullmatch(inner.strip()) and before and _WORD_END.search(before[-1])
    return f"^{inner.strip()}" if is_exponent else inner


def _formula(element: Element) -> str:
    """The TeX source where the page carries it, else the readable text."""
    source = element.first("annotation")
    if source is not None and "tex" in source.get("encoding"):
        return f"${_SPACE.sub(' ', source.text()).strip()}$"
    math = element.first("math") or element
    return math.line()


def _destination(url: str) -> str:
    return f"<{url}>" if "(" in url or ")" in url else url
