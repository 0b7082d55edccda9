"""Whether a page that was read is to be stored, and if not, why: what it says of itself decides. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gleanery.handlers.crawl.reasons import Reason
from gleanery.knowledge.extract import ExtractedPage
from gleanery.web.fetch import Document
from gleanery.web.scope import Scope
from gleanery.web.urls import resolve, url_key

SOFT_404_CHARS = 1_500
"""A page that says "not found" in its title and has more text than this is about not finding something."""

_NOT_FOUND = re.compile(
    r"^\W*(?:(?:error|http)\W*)?404\b|\b404\W+(?:error|not found|page)|\b(?:page|document|file|url|seite|página)\b.{0,20}"
    r"\b(?:(?:was |could )?not(?: be)? found|does ?n[o']t exist|nicht gefunden|no encontrada|introuvable)|^\W*not found\W*$",
    re.IGNORECASE,
)
_ROBOTS_TAG = re.compile(r"(?:^|,)\s*(?:(?P<agent>[\w-]+)\s*:)?\s*(?P<words>[^:,]+)")
_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
"""Rules with a value, which look like an agent's name with its rule."""
_CANONICAL_LINK = re.compile(
    r"<([^<>\s]{1,2048})>\s*;[^,<>]{0,300}?\brel\s*=\s*\"?(?:[\w-]+ )*canonical\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Verdict:
    """Why a page is not stored; `same_as` is the URL that stands for it."""

    reason: Reason
    message: str
    same_as: str | None = None


def judge(document: Document, page: ExtractedPage, scope: Scope, *, is_start: bool, is_own: bool) -> Verdict | None:
    """None when the page is to be stored; the start page always is. `looks_missing` is asked for apart."""
    if is_start:
        return None
    if page.is_noindex or forbids_index(document.robots_tag):
        return Verdict(Reason.NOINDEX, Reason.NOINDEX.sentence)
    canonical = page.canonical or canonical_of(document)
    if canonical is None or is_own or url_key(canonical) == url_key(document.url):
        return None
    # Sites that are served elsewhere name their public address: that is no other page of this crawl.
    if scope.refusal(canonical, 0) is not None:
        return None
    return Verdict(Reason.CANONICAL, f"It names {canonical} as its canonical URL.", canonical)


def canonical_of(document: Document) -> str | None:
    """What the Link header names, as documents do that have no head (RFC 6596, 3; RFC 8288)."""
    match = _CANONICAL_LINK.search(document.link)
    return resolve(document.url, match[1]) if match else None


def looks_missing(page: ExtractedPage) -> bool:
    """Whether a page that was answered with 200 says in its title or first heading that there is nothing. It may be a page
    about that: whether it is a soft 404 shows in how the site answers to a URL that can't be there."""
    if page.text_length > SOFT_404_CHARS or page.code_examples:
        return False
    heading = page.outline[0].text if page.outline else ""
    return any(_NOT_FOUND.search(text) for text in (page.title, heading) if text)


def forbids_index(robots_tag: str) -> bool:
    """Whether an X-Robots-Tag says noindex to everybody or to us (as Google's documentation has it)."""
    return any(_line_forbids_index(line) for line in robots_tag.lower().splitlines())


def _line_forbids_index(line: str) -> bool:
    """An agent's name counts for all that follows it in the same header."""
    agent = None
    for match in _ROBOTS_TAG.finditer(line):
        if match["agent"] in _VALUED:
            continue
        agent = match["agent"] or agent
        if agent in (None, "gleanery", "*") and match["words"].strip() in ("noindex", "none"):
            return True
    return False
