"""Why a URL that was asked for gave no page of its own. What is refused without asking has its reasons in `web.scope`."""

from __future__ import annotations

from enum import StrEnum

from gleanery import errors
from gleanery.web.scope import Refusal


class Reason(StrEnum):
    """The crawl's own decisions; a fetch or an extraction that failed gives its error's code instead."""

    DUPLICATE = "duplicate"
    SAME_CONTENT = "same_content"
    CANONICAL = "canonical"
    NOINDEX = "noindex"
    SOFT_404 = "soft_404"
    MARKDOWN_TWIN = "markdown_twin"
    LISTING = "listing"
    PART = "part"
    PAGE_LIMIT = "page_limit"
    TIME_LIMIT = "time_limit"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    Reason.DUPLICATE: "It leads to a page that is stored already.",
    Reason.SAME_CONTENT: "Another page of this crawl has the same content.",
    Reason.CANONICAL: "The page names another URL as its canonical one, which is crawled instead.",
    Reason.NOINDEX: "The page asks not to be indexed.",
    Reason.SOFT_404: "The page says that there is nothing, though the site answered 200.",
    Reason.MARKDOWN_TWIN: "It is the Markdown of a page, which is stored under that page's URL.",
    Reason.LISTING: "It is no page but a list of pages, which are taken.",
    Reason.PART: "It is a part of a document that was being stored when the crawl stopped.",
    Reason.PAGE_LIMIT: "The crawl had as many pages as it may have (max_pages).",
    Reason.TIME_LIMIT: "The crawl had taken as long as it may take (max_minutes).",
}

SKIPPING = (errors.NotHtml, errors.EmptyPage, errors.RedirectRefused, errors.RobotsDenied)
"""Errors that say that a URL is nothing for us, not that something went wrong."""


def sentence_of(reason: str | None) -> str | None:
    """What a reason without a message of its own means, for people."""
    if reason in _REFUSALS:
        return Refusal(reason).sentence
    return Reason(reason).sentence if reason in _REASONS else None


_REFUSALS = frozenset(Refusal)
_REASONS = frozenset(Reason)
