"""Feeds (RSS 0.9 to 2.0, Atom, JSON Feed): the pages that a site names as its newest, with their dates. Pure, no I/O.

Not by feedparser, which was measured for this: 290 ms to import, 140 ms for 1,000 entries instead of 25, 10 s for 2 MB of
nested tags instead of 0.6, and a feed that consists of the name of a file makes it open that file, if it is given bytes.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from gleanery.web.sitemaps import parse_date
from gleanery.web.urls import resolve
from gleanery.web.xml_events import XmlProblem, XmlReader

MAX_FEED_BYTES = 2 * 1024 * 1024
MAX_ENTRIES = 10_000
MAX_TITLE_LENGTH = 300

_ROOTS = frozenset({"rss", "feed", "rdf"})
_ENTRY_NAMES = frozenset({"item", "entry"})
_DATE_NAMES = frozenset({"pubdate", "published", "updated", "modified", "issued", "created", "date"})
_SLICE_BYTES = 32 * 1024


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One page. `url` is an href; `changed_at` is the latest of its dates, aware UTC."""

    url: str
    title: str
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Feed:
    """What a feed says, entries in its own order."""

    title: str
    entries: tuple[FeedEntry, ...]


def parse_feed(body: bytes, url: str) -> Feed | None:
    """The feed that `url` answered with; None if it is none. Never raises.

    What lies behind MAX_FEED_BYTES or MAX_ENTRIES is left out; what is broken gives what could be read.
    """
    body = body[:MAX_FEED_BYTES]
    if body[:64].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return _parse_json(body, url)
    sink = _FeedSink(url)
    reader = XmlReader(sink)
    for at in range(0, len(body), _SLICE_BYTES):
        reader.feed(body[at : at + _SLICE_BYTES])
    reader.finish()
    is_feed = reader.root in _ROOTS and reader.problem is not XmlProblem.HAS_DTD
    return Feed(sink.title, tuple(sink.entries)) if is_feed else None


class _FeedSink:
    """Collects entries from the elements of RSS and Atom. What stands inside of an entry's own markup is not its."""

    def __init__(self, base: str) -> None:
        self.title = ""
        self.entries: list[FeedEntry] = []
        self._base = base
        self._path: list[str] = []
        self._entry: _Entry | None = None

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if not self._path and (base := attributes.get("base")):
            self._base = resolve(self._base, base) or self._base
        if name in _ENTRY_NAMES:
            self._finish()  # the one before was perhaps not closed
            self._entry = _Entry(resolve(self._base, attributes.get("base", "")) or self._base)
        elif self._entry is not None and self._is_in_entry():
            self._entry.opened(name, attributes)
        self._path.append(name)

    def closed(self, name: str, text: str) -> None:
        if self._path:
            self._path.pop()
        if name in _ENTRY_NAMES:
            self._finish()
        elif self._entry is not None:
            if self._is_in_entry():
                self._entry.closed(name, text)
        elif name == "title" and not self.title and self._path[-1:] in (["channel"], ["feed"]):
            self.title = _title(text)

    def _is_in_entry(self) -> bool:
        return bool(self._path) and self._path[-1] in _ENTRY_NAMES

    def _finish(self) -> None:
        if self._entry is not None and len(self.entries) < MAX_ENTRIES and (url := self._entry.url()):
            self.entries.append(FeedEntry(url, self._entry.title, self._entry.changed_at))
        self._entry = None


class _Entry:
    def __init__(self, base: str) -> None:
        self.title = ""
        self.changed_at: datetime | None = None
        self._base = base
        self._guid_is_link = False
        # By how well each names the page: a feed that goes through a redirector names the original beside it.
        self._links: dict[str, str] = {}

    def url(self) -> str | None:
        links = (self._links.get(kind) for kind in ("origlink", "link", "guid"))
        return next((url for link in links if link and (url := resolve(self._base, link))), None)

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "link" and attributes.get("rel", "alternate").strip().lower() == "alternate":
            self._links.setdefault("link", attributes.get("href", "").strip())
        elif name == "guid":
            self._guid_is_link = attributes.get("ispermalink", "true").strip().lower() == "true"

    def closed(self, name: str, text: str) -> None:
        text = text.strip()
        if name in ("link", "origlink") and text:
            self._links[name] = text.replace("&amp;", "&")
        elif name == "guid" and self._guid_is_link and text.lower().startswith(("http://", "https://")):
            self._links["guid"] = text.replace("&amp;", "&")
        elif name == "title" and not self.title:
            self.title = _title(text)
        elif name in _DATE_NAMES and (at := _date(text)):
            self.changed_at = max(at, self.changed_at or at)


def _parse_json(body: bytes, url: str) -> Feed | None:
    """JSON Feed (https://www.jsonfeed.org/version/1.1/)."""
    try:
        feed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(feed, dict) or "jsonfeed.org/version/" not in str(feed.get("version"))[:100]:
        return None
    items = feed.get("items")
    entries = _json_entries(items[:MAX_ENTRIES] if isinstance(items, list) else [], url)
    return Feed(_title(_text(feed, "title")), tuple(entries))


def _json_entries(items: list[Any], base: str) -> Iterator[FeedEntry]:
    for item in items:
        link = _text(item, "url") or _text(item, "external_url") if isinstance(item, dict) else ""
        url = resolve(base, link) if link else None
        if url is not None:
            dates = [at for name in ("date_published", "date_modified") if (at := _date(_text(item, name)))]
            yield FeedEntry(url, _title(_text(item, "title")), max(dates, default=None))


def _text(item: dict[str, Any], name: str) -> str:
    value = item.get(name)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _title(text: str) -> str:
    # Twice: a title in RSS is HTML inside of XML.
    return " ".join(html.unescape(html.unescape(text[: 4 * MAX_TITLE_LENGTH])).split())[:MAX_TITLE_LENGTH]


def _date(text: str) -> datetime | None:
    """A date of Atom (RFC 3339) or of RSS (RFC 5322) as aware UTC."""
    text = text.strip()[:64]
    if (at := parse_date(text)) is not None or not text:
        return at
    try:
        at = parsedate_to_datetime(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
