"""What a page says of itself: its titles, and the metadata and links that stand in its head."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import ada_url

from gleanery.knowledge.document import Document, StartTag

_DIRECTIVE = re.compile(r"[\w-]+")
_FEED_TYPES = frozenset({"application/rss+xml", "application/atom+xml", "application/feed+json"})
_MARKDOWN_TYPES = frozenset({"text/markdown", "text/x-markdown"})
_MOST_ALTERNATES = 200
_MOST_FEEDS = 20
_GENERATOR_CHARS = 200


@dataclass(frozen=True, slots=True)
class PageHead:
    """All URLs are absolute http(s) ones, `base` is what the page's links are relative to; see ExtractedPage for the rest.

    `robots` has the words of the robots meta tags, `none` written out.
    """

    title: str
    social_title: str
    description: str
    base: str
    generator: str
    robots: frozenset[str]
    canonical: str | None
    next_url: str | None
    prev_url: str | None
    markdown_url: str | None
    alternates: tuple[tuple[str, str], ...]
    feeds: tuple[str, ...]


def read_head(document: Document, url: str) -> PageHead:
    """Metadata, wherever on the page it stands: broken pages have it in the body."""
    metas: dict[str, str] = {}
    links: list[StartTag] = []
    base = url
    for start in document.start_tags:
        if start.name == "meta":
            _read_meta(start, metas)
        elif start.name == "base" and base == url and start.get("href"):
            base = absolute(start.get("href"), url) or url
        elif start.name == "link" or (start.name == "a" and "rel" in start.attributes):
            links.append(start)
    titles = (e for e in document.elements if e.tag == "title" and (e.parent is None or e.parent.tag != "svg"))
    related = _Related(links, base)
    return PageHead(
        title=next((title.line() for title in titles if title.line()), ""),
        social_title=metas.get("og:title", ""),
        description=metas.get("description") or metas.get("og:description", ""),
        base=base,
        generator=metas.get("generator", "")[:_GENERATOR_CHARS],
        robots=_directives(metas.get("robots", "")),
        canonical=related.first("canonical"),
        next_url=related.first("next", is_in_text_too=True),
        prev_url=related.first("prev", "previous", is_in_text_too=True),
        markdown_url=next((link for _, link in related.alternates(_MARKDOWN_TYPES)), None),
        alternates=related.translations(),
        feeds=tuple(dict.fromkeys(link for _, link in related.alternates(_FEED_TYPES)))[:_MOST_FEEDS],
    )


def absolute(href: str, base: str) -> str | None:
    """The http(s) URL that `href` means on a page with this base, None when it is none."""
    try:
        url = ada_url.join_url(base, href.strip())
    except ValueError:
        return None
    return url if url.startswith(("http://", "https://")) else None


class _Related:
    """The page's links that say what they are to it."""

    def __init__(self, links: list[StartTag], base: str) -> None:
        self._links = [(link, frozenset(link.get("rel").lower().split())) for link in links if link.get("href").strip()]
        self._base = base

    def first(self, *relations: str, is_in_text_too: bool = False) -> str | None:
        """The first <link> of one of these relations, or <a> if that counts as well."""
        names = ("link", "a") if is_in_text_too else ("link",)
        for name in names:
            for link, rel in self._links:
                if link.name == name and not rel.isdisjoint(relations):
                    return absolute(link.get("href"), self._base)
        return None

    def alternates(self, types: frozenset[str]) -> Iterator[tuple[StartTag, str]]:
        for link, rel in self._links:
            kind = link.get("type").partition(";")[0].strip().lower()
            if link.name == "link" and "alternate" in rel and kind in types:
                url = absolute(link.get("href"), self._base)
                if url is not None:
                    yield link, url

    def translations(self) -> tuple[tuple[str, str], ...]:
        """(hreflang, URL) of each."""
        named = [
            (link.get("hreflang").strip(), url)
            for link, url in self.alternates(frozenset({"", "text/html", "application/xhtml+xml"}))
            if link.get("hreflang").strip()
        ]
        return tuple(dict.fromkeys(named))[:_MOST_ALTERNATES]


def _read_meta(start: StartTag, metas: dict[str, str]) -> None:
    name = (start.get("name") or start.get("property")).strip().lower()
    if name in ("robots", "gleanery"):  # to all crawlers, or to this one
        metas["robots"] = f"{metas.get('robots', '')} {start.get('content')}"
    else:
        metas.setdefault(name, start.get("content").strip())


def _directives(content: str) -> frozenset[str]:
    """The words of a robots meta tag; `none` stands for both."""
    words = frozenset(_DIRECTIVE.findall(content.lower()))
    return words | {"noindex", "nofollow"} if "none" in words else words
