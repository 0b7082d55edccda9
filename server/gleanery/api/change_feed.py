"""What changed as feeds: Atom (RFC 4287) and JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/). Pure.

Everything in them that came from the web is text: it is escaped for HTML, and that again for XML.
"""

from __future__ import annotations

import html
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gleanery.model import PageChange, PageDelta

ATOM = "application/atom+xml"
JSON_FEED = "application/feed+json"
JSON_FEED_VERSION = "https://jsonfeed.org/version/1.1"

# What XML 1.0 has no form for at all, not even as a character reference (section 2.2).
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_WORDS = {PageChange.ADDED: "added", PageChange.CHANGED: "changed", PageChange.REMOVED: "removed"}


@dataclass(frozen=True)
class FeedEntry:
    """A refresh that changed something. `pages` are some of those that differ, `counts` count all."""

    number: int
    at: datetime
    counts: Mapping[PageChange, int]
    pages: Sequence[PageDelta]
    link: str

    @property
    def left(self) -> int:
        """How many pages are not listed."""
        return max(0, sum(self.counts.values()) - len(self.pages))


@dataclass(frozen=True)
class Feed:
    """The feed of a source, newest entry first. `links` are absolute URLs."""

    source_id: str
    title: str
    source_url: str
    self_url: str
    updated_at: datetime
    entries: Sequence[FeedEntry]


def as_atom(feed: Feed) -> str:
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        f"<id>{_urn(feed.source_id)}</id>",
        f"<title>{_text(_title(feed))}</title>",
        f"<updated>{_time(feed.updated_at)}</updated>",
        f'<link rel="self" type="{ATOM}" href="{_text(feed.self_url)}"/>',
        "<author><name>gleanery</name></author>",
        "<generator>gleanery</generator>",
    ]
    if _is_link(feed.source_url):
        parts.insert(6, f'<link rel="alternate" href="{_text(feed.source_url)}"/>')
    for entry in feed.entries:
        parts += [
            "<entry>",
            f"<id>{_urn(feed.source_id, entry.number)}</id>",
            f"<title>{_text(summary(entry.counts))}</title>",
            f"<updated>{_time(entry.at)}</updated>",
            f"<published>{_time(entry.at)}</published>",
            f'<link rel="alternate" type="application/json" href="{_text(entry.link)}"/>',
            f'<content type="html">{_text(_html(entry))}</content>',
            "</entry>",
        ]
    return "\n".join([*parts, "</feed>", ""])


def as_json_feed(feed: Feed) -> str:
    body: dict[str, Any] = {
        "version": JSON_FEED_VERSION,
        "title": _title(feed),
        "feed_url": feed.self_url,
        "authors": [{"name": "gleanery"}],
        "items": [
            {
                "id": _urn(feed.source_id, entry.number),
                "url": entry.link,
                "title": summary(entry.counts),
                "content_html": _html(entry),
                "date_published": _time(entry.at),
                "tags": [_WORDS[change] for change in PageChange if entry.counts.get(change)],
            }
            for entry in feed.entries
        ],
    }
    if _is_link(feed.source_url):
        body["home_page_url"] = feed.source_url
    return json.dumps(body, ensure_ascii=True)


def summary(counts: Mapping[PageChange, int]) -> str:
    """The counts for people: `2 pages added, 1 changed`."""
    said = [(counts[change], _WORDS[change]) for change in PageChange if counts.get(change)]
    if not said:
        return "Nothing changed"
    first, *rest = said
    pages = "1 page" if first[0] == 1 else f"{first[0]:,} pages"
    return ", ".join([f"{pages} {first[1]}", *(f"{count:,} {word}" for count, word in rest)])


def _title(feed: Feed) -> str:
    return f"Changes of {feed.title or feed.source_url}"


def _html(entry: FeedEntry) -> str:
    rows = "".join(f"<li>{_WORDS[page.change]}: {_page(page)}</li>" for page in entry.pages)
    more = f"<li>and {entry.left:,} more</li>" if entry.left else ""
    listed = f"<ul>{rows}{more}</ul>" if rows or more else ""
    return f"<p>{html.escape(summary(entry.counts))}.</p>{listed}"


def _page(page: PageDelta) -> str:
    title = html.escape(page.title or page.url)
    return f'<a href="{html.escape(page.url)}">{title}</a>' if _is_link(page.url) else title


def _is_link(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def _urn(source_id: str, number: int | None = None) -> str:
    """The same for the same generation of the same source, whatever the server is called (RFC 4122, version 5)."""
    name = source_id if number is None else f"{source_id}/{number}"
    return uuid.uuid5(uuid.NAMESPACE_OID, f"gleanery/{name}").urn


def _text(text: str) -> str:
    return html.escape(_NO_XML.sub("\ufffd", text))


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
