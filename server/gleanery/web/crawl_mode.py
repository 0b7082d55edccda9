"""How a site is to be crawled: one page, what its sitemap lists, or along its links. Pure: a look, not a fetch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ada_url import URL

from gleanery.web.discover import Discovery, Target
from gleanery.web.urls import url_key

# So large a part of the first page's links must be in the sitemap for it to stand for the site.
COVERED_SHARE = 0.8

_FILE = re.compile(r"/(?!index\.html?$)[^/]+\.[a-z][a-z0-9]{0,5}$", re.IGNORECASE)


class ModeKind(StrEnum):
    """SINGLE takes the start alone; SITE begins with all that the sitemap lists; RECURSIVE follows links from the start."""

    SINGLE = "single"
    SITE = "site"
    RECURSIVE = "recursive"


@dataclass(frozen=True, slots=True)
class Mode:
    """What was chosen, and why in one plain sentence for people. `listed` counts the pages known before the crawl."""

    kind: ModeKind
    sentence: str
    listed: int


def choose_mode(start: str, first_page_links: Iterable[str], discovery: Discovery) -> Mode:
    """The mode for a crawl from the href `start`.

    `first_page_links` are those hrefs on its page that are in scope; `discovery` was asked for what is in scope as well.
    Links are followed in SITE mode too, for no sitemap is known to be complete: it says where to begin.
    """
    start_key = url_key(start)
    links = {url_key(url) for url in first_page_links} - {start_key}
    named = {url_key(found.url) for found in discovery.urls} - {start_key}
    mapped = {url_key(found.url) for found in discovery.urls if found.origin is Target.SITEMAP} - {start_key}
    listed = len(named)
    if not links and _FILE.search(URL(start).pathname):
        return Mode(
            ModeKind.SINGLE, "The start is one file and links to nothing else in scope: it alone is taken.", listed
        )
    covered = len(links & mapped)
    if mapped and covered >= COVERED_SHARE * len(links):
        return Mode(ModeKind.SITE, _site_sentence(len(mapped), covered, len(links)), listed)
    return Mode(ModeKind.RECURSIVE, _recursive_sentence(len(mapped), covered, len(links), listed), listed)


def _site_sentence(mapped: int, covered: int, links: int) -> str:
    listing = f"The sitemap lists {_count(mapped, 'page')} in scope"
    if not links:
        return f"{listing} and the start links to none: the whole site is taken from it."
    return f"{listing}, among them {covered} of {_count(links, 'link')} on the start page: the whole site is taken from it."


def _recursive_sentence(mapped: int, covered: int, links: int, listed: int) -> str:
    if mapped:
        missing = links - covered
        return f"The sitemap misses {missing} of {_count(links, 'link')} on the start page: links are followed as well."
    if listed:
        return (
            f"There is no sitemap of this scope, but {_count(listed, 'page')} named in other lists: links are followed."
        )
    if links:
        return f"There is no sitemap of this scope: {_count(links, 'link')} on the start page and theirs are followed."
    return "There is no sitemap of this scope and the start page links to nothing in it yet: links are followed as they appear."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
