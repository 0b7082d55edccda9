"""A sentence or two that say what a page is about: its own words, where it has any."""

from __future__ import annotations

import html
import re

from gleanery.knowledge.meaning.facts import Facts
from gleanery.knowledge.prose import plain_prose

MAX_CHARACTERS = 300
_LEAST = 40
_BLANKS = re.compile(r"\s+")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_NO_PROSE = re.compile(r"^\s*(?:#|\||>|```|[-*+] |\d+\. |!\[|<|\[)")
_END = re.compile(r"[.!?。！？](?=\s|$)|[。！？]")


def summary_of(facts: Facts) -> str:
    """The page's description of itself, else its first paragraph, else its heading."""
    description = (
        facts.meta("description") or facts.inspected.head.open_graph.get("og:description", "") or facts.main.description
    )
    said = _line(description)
    if len(said) >= _LEAST:
        return _cut(said)
    paragraph = next(
        (line for block in facts.main.markdown[:20_000].split("\n\n") if len(line := _prose(block)) >= _LEAST), ""
    )
    return _cut(paragraph or said or _line(facts.heading or facts.inspected.head.title))


def _prose(block: str) -> str:
    return "" if _NO_PROSE.match(block) else _line(plain_prose(block))


def _line(text: str) -> str:
    """Descriptions hold markup now and then."""
    text = html.unescape(text[: 8 * MAX_CHARACTERS])
    return _BLANKS.sub(" ", _TAG.sub(" ", text)).strip()


def _cut(text: str) -> str:
    """At the end of a sentence where there is one, else of a word."""
    if len(text) <= MAX_CHARACTERS:
        return text
    ends = [match.end() for match in _END.finditer(text[:MAX_CHARACTERS]) if match.end() >= MAX_CHARACTERS // 3]
    if ends:
        return text[: ends[-1]]
    return text[: MAX_CHARACTERS - 1].rpartition(" ")[0] + "…"
