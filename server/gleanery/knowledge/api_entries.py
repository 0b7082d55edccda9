"""Entries of API references: which elements hold a signature, and how it reads."""

from __future__ import annotations

import re
from functools import lru_cache

from gleanery.knowledge.document import Element
from gleanery.knowledge.inline import code_span, is_permalink

# Sphinx's <dt>, with the class that it has since 4.0 or the name in it that it had before; Doxygen's and Javadoc's blocks.
_SIGNATURE = re.compile(r"(?:^|\s)(?:sig|memproto|member-signature|type-signature|memberSignature)(?:\s|$)")
_NAMED_TERM = "descname"
_MOST_NAME_CHARS = 80
_SPACE_BEFORE = re.compile(r"\s+(?=[,)\]])|(?<=[(\[])\s+")


def is_signature(element: Element) -> bool:
    """Whether the element is the signature of a function, class or setting in a reference."""
    tag = element.tag
    if tag not in ("dt", "div"):
        return False
    if "class" in element.attributes and _is_signature_name(element.attributes["class"]):
        return True
    return tag == "dt" and "id" in element.attributes and _holds_name(element)


@lru_cache(maxsize=4096)
def _is_signature_name(names: str) -> bool:
    return _SIGNATURE.search(names) is not None


def _holds_name(term: Element) -> bool:
    return any(_NAMED_TERM in child.get("class").split() for child in term.elements())


def signature(element: Element) -> str:
    """The signature as a code span, whatever italics and tables are in it; `[source]` and the permalink are not of it."""
    for link in list(element.walk()):
        if link.tag == "a" and (is_permalink(link) or link.line() in ("[source]", "source")):
            link.drop()
    return code_span(_line(element))


def _line(element: Element) -> str:
    return _SPACE_BEFORE.sub("", element.line()) if element.tag == "div" else element.line()


def entry_name(term: Element) -> str:
    """The signature itself; of a long one without its parameters."""
    line = term.line()
    if len(line) <= _MOST_NAME_CHARS:
        return line
    name, bracket, _ = line.partition("(")
    return f"{name}()"[: 2 * _MOST_NAME_CHARS] if bracket else line[:_MOST_NAME_CHARS]
