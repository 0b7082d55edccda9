"""Code blocks: which elements are code, their text byte for byte, and the language their markup names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gleanery.knowledge.document import BLOCK, BREAK, CODE, Element
from gleanery.knowledge.languages import folded, known

_BLOCKS = frozenset({"div", "p", "li", "tr", "table", "ol", "ul", "blockquote", "pre"})
_GUTTER = re.compile(
    r"(?:^|\s)(?:linenos?|linenodiv|line-?numbers?|ln|lnt|gutter|rouge-gutter|hljs-ln-numbers|blob-num"
    r"|react-syntax-highlighter-line-number|line-numbers-rows|code-line-numbers?)(?:\s|$)"
)
_NOT_CODE = re.compile(
    r"(?:^|\s)(?:headerlink|permalink|copybtn|copy-?(?:button|btn|code|to-clipboard)[\w-]*|clipboard[\w-]*"
    r"|sr-only|visually-hidden|screen-reader-text)(?:\s|$)",
    re.I,
)
# Code without a <pre>: Doxygen's listing.
_LISTING = re.compile(r"(?:^|\s)fragment(?:\s|$)")
_NAMED = re.compile(
    r"(?:^|\s)(?:language|lang|highlight-source|highlight-text|highlight|brush|code|src|syntax)[-:]\s*([\w+#.-]+)", re.I
)
_AFTER_WORD = re.compile(
    r"(?:^|\s)(?:sourceCode|highlight|hljs|src|prettyprint|code|syntax|listing|programlisting)\s+([\w+#-]+)", re.I
)
_TOKEN = re.compile(r"[\w+#-]+")


def is_code_block(element: Element) -> bool:
    """Whether the element's text is preformatted: a <pre>, a listing, or a <code> of several lines."""
    tag = element.tag
    if tag in ("pre", "xmp", "listing", "plaintext"):
        return True
    if tag == "div":
        return bool(_LISTING.search(element.get("class"))) and any("line" in e.get("class") for e in element.elements())
    return tag == "code" and _is_long_code(element)


def _is_long_code(element: Element) -> bool:
    """A <code> outside a <pre> is a block when it has lines of its own that a browser would show."""
    if element.size <= 20 or not element.holds & (BLOCK | BREAK):
        return False
    return any(child.tag in ("br", "div") for child in element.walk() if child is not element)


def code_text(element: Element) -> str:
    """The code as written, without line-number gutters, copy buttons, permalinks and blank first and last lines."""
    parts: list[str] = []
    _collect(element, parts)
    lines = "".join(parts).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[0].strip():
        del lines[0]
    while lines and not lines[-1].strip():
        del lines[-1]
    if lines:
        lines[-1] = lines[-1].rstrip()
    return "\n".join(lines)


def is_gutter(element: Element) -> bool:
    """Whether the element only numbers the lines of the code beside it."""
    if element.tag in ("td", "th", "div", "span", "pre", "a", "ol", "ul", "code"):
        if "data-line-number" in element.attributes and not element.size:
            return True
        return bool(_GUTTER.search(element.get("class"))) and not re.search(r"[^\W\d]", element.text())
    return False


def _collect(element: Element, parts: list[str]) -> None:
    for child in element.children:
        if isinstance(child, str):
            parts.append(child)
        elif child.tag == "br":
            parts.append("\n")
        elif child.tag == "button" or is_gutter(child) or _NOT_CODE.search(child.get("class")):
            continue
        elif child.tag in _BLOCKS:
            _line_break(parts)
            _collect(child, parts)
            _line_break(parts)
        else:
            _collect(child, parts)


def _line_break(parts: list[str]) -> None:
    last = next((part for part in reversed(parts) if part), "\n")
    if not last.endswith("\n"):
        parts.append("\n")


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
        # An ancestor of two blocks speaks for neither, unless it is the highlighter's own wrapper.
        # Further out a name speaks of the page, not of the block.
        if distance == 3 or ancestor.tag in ("body", "html", "main", "article"):
            return
        yield ancestor


def _named(element: Element) -> str | None:
    for name in ("data-lang", "data-language", "data-code-language", "syntax"):
        if element.get(name):
            return folded(element.get(name))
    is_code = element.tag in ("pre", "code")
    if is_code and known(element.get("lang")):
        return known(element.get("lang"))
    classes = element.get("class")
    if not classes:
        return None
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
