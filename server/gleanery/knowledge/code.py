"""Code blocks: which elements are code, their text byte for byte, and the language their markup names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from gleanery.knowledge.document import BLOCK, BREAK, CODE, NOT_IN_TEXT, PRE, Element
from gleanery.knowledge.languages import folded, known

_BLOCKS = frozenset({"div", "p", "li", "tr", "table", "ol", "ul", "blockquote", "pre"})
_GUTTER_TAGS = frozenset({"td", "th", "div", "span", "pre", "a", "ol", "ul", "code"})
_GUTTER = re.compile(
    r"(?:^|\s)(?:linenos?|linenodiv|line-?numbers?|ln|lnt|lntd|gutter|gl|rouge-gutter|hljs-ln-(?:numbers|n)|blob-num|js-line-number"
    r"|react-syntax-highlighter-line-number|line-numbers(?:-rows|-wrapper)?|code-line-numbers?|highlight-line-number|src-line-numbers?"
    r"|line-number-spans?|CodeMirror-(?:linenumber|gutter\S*)|cm-gutters?|linenum|lineno\S*|codeLineNumber\S*)(?:\s|$)"
)
_LETTER = re.compile(r"[^\W\d]")
# What stands in a code block and is no code: what acts on it, what names it, what only a pointer or a screen reader meets.
_NOT_CODE = re.compile(
    r"(?:^|\s)(?:headerlink|permalink|copybtn|copy-?(?:button|btn|code|to-clipboard)[\w-]*|clipboard[\w-]*|btn-clipboard|code-copy\S*"
    r"|sr-only|visually-hidden|screen-reader-text|ttc|test-arrow)(?:\s|$)",
    re.I,
)
_UNSELECTABLE_NAME = re.compile(r"(?:^|\s)(?:unselectable|un-?copyable|no-?select|(?:user-)?select-none)(?:\s|$)", re.I)
_UNSELECTABLE = re.compile(r"user-select\s*:\s*none", re.I)
# An interpreter's session is not to be told from its output without these.
_DOCTEST_PROMPTS = (">>>", "...", "In [", "Out[")
_SOFT_BREAK = re.compile(rf"\n*{NOT_IN_TEXT}[{NOT_IN_TEXT}\n]*")
# Code without a <pre>: Doxygen's listing, and an editor's.
_LISTING = re.compile(r"(?:^|\s)(?:fragment|CodeMirror-code|cm-content)(?:\s|$)")
_LISTING_LINE = re.compile(r"(?:^|\s)(?:line|CodeMirror-line|cm-line)(?:\s|$)")
# `language-c++`, `brush: js`, `highlight-source-shell`, `mw-highlight-lang-python`, `lang:ruby`.
_NAMED = re.compile(
    r"(?:^|\s)(?:language|lang|highlight-source|highlight-text|mw-highlight-lang|highlight|brush|code|src|syntax)[-:]\s*([\w+#.-]+)",
    re.I,
)
_AFTER_WORD = re.compile(
    r"(?:^|\s)(?:sourceCode|highlight|hljs|src|prettyprint|code|syntax|listing|programlisting)\s+([\w+#-]+)", re.I
)
_TOKEN = re.compile(r"[\w+#-]+")
_LANGUAGE_ATTRIBUTES = (
    "data-lang",
    "data-language",
    "data-code-language",
    "data-enlighter-language",
    "data-syntaxhighlighter-params",
    "syntax",
)
_PARAMETER = re.compile(r"brush:\s*([\w+#-]+)", re.I)
_CAPTION = re.compile(r"(?:^|\s)(?:lang|language|code-lang\S*|code-language\S*|language-name|lang-label)(?:\s|$)", re.I)
_CAPTION_CHARS = 24
_MOST_IN_WRAPPER = 50


def is_code_block(element: Element) -> bool:
    """Whether the element's text is preformatted: a <pre>, a listing, or a <code> of several lines."""
    tag = element.tag
    if tag in ("pre", "xmp", "listing", "plaintext"):
        return True
    if tag == "div":
        return _is_listing(element)
    return tag == "code" and _is_long_code(element)


def _is_listing(element: Element) -> bool:
    if not _LISTING.search(element.get("class")):
        return False
    return any(_LISTING_LINE.search(e.get("class")) for e in element.walk() if e is not element)


def _is_long_code(element: Element) -> bool:
    """A <code> outside a <pre> is a block when it has lines of its own that a browser would show."""
    if element.size <= 20 or not element.holds & (BLOCK | BREAK):
        return False
    return any(child.tag in ("br", "div") for child in element.walk() if child is not element)


def code_text(element: Element) -> str:
    """The code as written, blank lines and the newline at its end included.

    Left out by rule: line-number gutters, buttons, permalinks, tooltips, what is hidden from all but screen readers, and
    prompts that can't be selected (`user-select: none`, a class like `unselectable`, `aria-hidden`), except those of an
    interpreter's session (`>>>`). A prompt that can be selected stays: it tells commands from output. Blanks outside of the
    only <code> of a <pre> are layout, but for those before its first line; so are, in what is no <pre>, blank first and
    last lines.
    """
    parts: list[str] = []
    is_pre = element.tag == "pre"
    if is_pre and (code := _single_code(element)) is not None:
        first = element.children[0]
        parts.append(first.rpartition("\n")[2] if isinstance(first, str) else "")
        _collect(code, parts)
    else:
        _collect(element, parts, is_layout=element.tag == "div")
    text = "".join(parts)
    if NOT_IN_TEXT in text:
        text = _SOFT_BREAK.sub(_break, text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if is_pre else _trimmed(text)


def _single_code(pre: Element) -> Element | None:
    """The only <code> of a <pre> when nothing to be read stands beside it."""
    only: Element | None = None
    for child in pre.children:
        if isinstance(child, str):
            if not child.isspace():
                return None
        elif child.tag == "code" and only is None:
            only = child
        elif not _is_no_code(child) and child.text().strip():
            return None
    return only


def _trimmed(text: str) -> str:
    lines = text.split("\n")
    while lines and not lines[0].strip():
        del lines[0]
    while lines and not lines[-1].strip():
        del lines[-1]
    return "\n".join(lines).rstrip()


def is_gutter(element: Element) -> bool:
    """Whether the element only numbers the lines of the code beside it."""
    if element.tag not in _GUTTER_TAGS:
        return False
    if "data-line-number" in element.attributes and element.text() in ("", element.get("data-line-number")):
        return True
    names = element.get("class")
    return bool(names) and _is_gutter_name(names) and not _LETTER.search(element.text())


@lru_cache(maxsize=4096)
def _is_gutter_name(names: str) -> bool:
    return _GUTTER.search(names) is not None


def _is_no_code(element: Element) -> bool:
    """Whether the element stands in a code block and is no part of the code; see `code_text`."""
    attributes = element.attributes
    if element.tag == "button":
        return True
    if not attributes:
        return False
    names = element.get("class")
    if names and _is_no_code_name(names):
        return True
    is_unselectable = (
        attributes.get("aria-hidden") == "true"
        or ("style" in attributes and _UNSELECTABLE.search(attributes["style"]) is not None)
        or (bool(names) and _is_unselectable_name(names))
    )
    if is_unselectable:
        return not element.text().lstrip().startswith(_DOCTEST_PROMPTS) and element.size < 200
    return is_gutter(element)


@lru_cache(maxsize=4096)
def _is_no_code_name(names: str) -> bool:
    return _NOT_CODE.search(names) is not None


@lru_cache(maxsize=4096)
def _is_unselectable_name(names: str) -> bool:
    return _UNSELECTABLE_NAME.search(names) is not None


def _collect(element: Element, parts: list[str], is_layout: bool = False) -> None:
    """Append the texts below, with NOT_IN_TEXT where a line must end. Blanks between the lines of `is_layout` are none."""
    for child in element.children:
        if isinstance(child, str):
            if not (is_layout and child.isspace()):
                parts.append(child)
        elif child.tag == "br":
            parts.append("\n")
        elif _is_no_code(child):
            continue
        elif child.tag in _BLOCKS:
            parts += [NOT_IN_TEXT, *_line(child), NOT_IN_TEXT]
        else:
            _collect(child, parts)


def _line(block: Element) -> list[str]:
    """The texts of a block. A <br> at its end makes no line, as in a browser, unless there is nothing else in it."""
    parts: list[str] = []
    _collect(block, parts)
    last = next((child for child in reversed(block.children) if child), None)
    is_broken = last is not None and not isinstance(last, str) and last.tag == "br"
    if parts == ["\n"] and is_broken:
        return ["\n\n"]
    return parts[:-1] if is_broken else parts


def _break(match: re.Match[str]) -> str:
    """The newlines where a block begins or ends: those that are there, else one; none at the ends of the text."""
    there = match[0].replace(NOT_IN_TEXT, "")
    is_at_end = match.start() == 0 or match.end() == len(match.string)
    return there if there or is_at_end else "\n"


def code_language(element: Element) -> str | None:
    """The language that the block, its <code> or one of its three nearest ancestors names; None when none does.

    Aliases are folded (`py3`, `pycon` → `python`). Sphinx's `highlight-default` and `highlight-none` name nothing.
    """
    for near in _neighbourhood(element):
        language = _named(near)
        if language:
            return language
    return None


def _neighbourhood(element: Element) -> Iterator[Element]:
    if element.holds & CODE:
        yield from [child for child in element.walk() if child.tag == "code"][:3]
    yield element
    for distance, ancestor in enumerate(element.ancestors()):
        # Further out a name speaks of the page, not of the block.
        if distance == 3 or ancestor.tag in ("body", "html", "main", "article"):
            return
        yield ancestor


def _named(element: Element) -> str | None:
    for name in _LANGUAGE_ATTRIBUTES:
        if value := element.get(name):
            parameter = _PARAMETER.search(value)
            return folded(parameter[1] if parameter else value)
    is_code = element.tag in ("pre", "code")
    if is_code and known(element.get("lang")):
        return known(element.get("lang"))
    classes = element.get("class")
    return _named_by_class(classes, is_code) if classes else None


@lru_cache(maxsize=4096)
def _named_by_class(classes: str, is_code: bool) -> str | None:
    for found in _NAMED.finditer(classes):
        language = folded(found.group(1))
        if language and (known(language) or _is_explicit(found.group(0), classes, is_code)):
            return language
    for found in _AFTER_WORD.finditer(classes):
        if known(found.group(1)):
            return known(found.group(1))
    if is_code or "highlight" in classes:
        names = (known(token) for token in _TOKEN.findall(classes))
        return next((name for name in names if name and name != "text"), None)
    return None


def _is_explicit(naming: str, classes: str, is_code: bool) -> bool:
    """Whether a name that is on no list is a language all the same, and not something like `highlight-wrapper`."""
    naming = naming.strip().lower()
    if naming.startswith("brush"):
        return True
    if naming.startswith("highlight"):
        return "notranslate" in classes
    return is_code and naming.startswith("lang")


def is_language_label(element: Element) -> bool:
    """Whether the element only writes the name of a code block's language beside it, as VitePress and others do."""
    names = element.get("class")
    if not names or element.size > _CAPTION_CHARS or not _is_label_name(names):
        return False
    # It stands right before the block, or in a bar without words of its own that does.
    bar = element.parent
    if bar is None or _comes_before_code(element):
        return bar is not None
    if len(bar.children) > _MOST_IN_WRAPPER or any(
        isinstance(child, str) and not child.isspace() for child in bar.children
    ):
        return False
    return _comes_before_code(bar)


def _comes_before_code(element: Element) -> bool:
    parent = element.parent
    if parent is None or len(parent.children) > _MOST_IN_WRAPPER or not parent.holds & PRE:
        return False
    beside = parent.elements()
    following = beside[beside.index(element) + 1 :] if element in beside else []
    code = next((e for e in following if e.size), None)
    return code is not None and (code.tag == "pre" or bool(code.holds & PRE))


@lru_cache(maxsize=4096)
def _is_label_name(names: str) -> bool:
    return _CAPTION.search(names) is not None
