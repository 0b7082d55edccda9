"""Sitemaps (https://www.sitemaps.org/protocol.html): one document taken apart, step by step. Pure, no I/O."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

from gleanery.web.urls import resolve
from gleanery.web.xml_events import XmlProblem, XmlReader

GZIP_MAGIC = b"\x1f\x8b"

_SLICE_BYTES = 32 * 1024
_MAX_GZIP_MEMBERS = 1024
_MAX_LINE_LENGTH = 4096
_FEED_ROOTS = frozenset({"rss", "feed", "rdf"})
_LIST_ROOTS = {"urlset": "urlset", "sitemapindex": "index"}
_URL_LINE = re.compile(r"https?://\S", re.IGNORECASE)
_DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d\d?)(?:-(\d\d?)"
    r"(?:[T\s]+(\d\d?):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?(?:\s+UTC)?)?)?)?",
    re.IGNORECASE,
)


class SitemapKind(StrEnum):
    """What a document is. FEED and NONE have no URLs here: a feed is allowed as a sitemap and read elsewhere."""

    URLSET = "urlset"
    INDEX = "index"
    TEXT = "text"
    FEED = "feed"
    NONE = "none"


class SitemapProblem(StrEnum):
    """Why a document gave nothing, or not everything."""

    NOT_A_SITEMAP = "not_a_sitemap"
    HTML = "html"
    HAS_DTD = "has_dtd"
    CUT_SHORT = "cut_short"
    BROKEN_GZIP = "broken_gzip"
    TOO_LARGE = "too_large"
    TOO_MANY_URLS = "too_many_urls"


@dataclass(frozen=True, slots=True)
class SitemapLimits:
    """What one document may cost. The first two are the protocol's own; `max_bytes` counts what is decompressed."""

    max_bytes: int = 50 * 1024 * 1024
    max_urls: int = 50_000
    max_alternates: int = 200


@dataclass(frozen=True, slots=True)
class SitemapUrl:
    """A page, or a sitemap that an index lists. `url` is an href, `alternates` are (hreflang, href) of translations."""

    url: str
    lastmod: datetime | None = None
    alternates: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Sitemap:
    """What one document says. `problem` is None if it was read to its end."""

    kind: SitemapKind
    urls: tuple[SitemapUrl, ...]
    problem: SitemapProblem | None
    size_bytes: int


def parse_sitemap(body: bytes, url: str, limits: SitemapLimits | None = None) -> Sitemap:
    """The sitemap, index of sitemaps or list of URLs that `url` answered with, gzipped or not. Never raises."""
    reader = SitemapReader(body, url, limits)
    urls: list[SitemapUrl] = []
    while not reader.is_done:
        urls += reader.step()
    return Sitemap(reader.kind, tuple(urls), reader.problem, reader.size_bytes)


class SitemapReader:
    """Reads one document in steps of 32 KiB (about 5 ms), so that a caller can stop in between and keeps what it wants.

    `kind`, `problem` and `size_bytes` (decompressed) are final when `is_done`.
    """

    def __init__(self, body: bytes, url: str, limits: SitemapLimits | None = None) -> None:
        self.kind = SitemapKind.NONE
        self.problem: SitemapProblem | None = None
        self.size_bytes = 0
        self.is_done = False
        self._limits = limits or SitemapLimits()
        self._entries = _Entries(url, self._limits)
        self._pieces = _inflated(body) if body.startswith(GZIP_MAGIC) else _slices(body)
        self._xml: XmlReader | None = None
        self._lines: _Lines | None = None

    @property
    def is_index(self) -> bool:
        """Whether what was read so far belongs to an index of sitemaps."""
        return self._xml is not None and self._xml.root == "sitemapindex"

    def step(self) -> list[SitemapUrl]:
        """What the next slice has. Never raises."""
        try:
            piece = next(self._pieces, None)
        except zlib.error:
            self.problem, piece = SitemapProblem.BROKEN_GZIP, None
        self.size_bytes += len(piece or b"")
        if piece is None or self._is_over():
            self._finish()
        else:
            self._feed(piece)
        return self._entries.take()

    def _is_over(self) -> bool:
        if self.size_bytes > self._limits.max_bytes:
            self.problem = SitemapProblem.TOO_LARGE
        elif self._entries.is_full:
            self.problem = SitemapProblem.TOO_MANY_URLS
        return self.problem is not None or (self._xml is not None and self._xml.problem is not None)

    def _feed(self, piece: bytes) -> None:
        if self._xml is None and self._lines is None:
            if _URL_LINE.match(piece[:2048].decode("utf-8-sig", "replace").lstrip()):
                self._lines = _Lines(self._entries)
            else:
                self._xml = XmlReader(self._entries)
        if self._lines is not None:
            self._lines.feed(piece)
        elif self._xml is not None:
            self._xml.feed(piece)

    def _finish(self) -> None:
        self.is_done = True
        if self._lines is not None:
            self._lines.finish()
            self.kind = SitemapKind.TEXT
        elif self._xml is not None:
            self._xml.finish()
            self._entries.finish()
            self.kind = self._kind_of(self._xml.root)
            self.problem = self.problem or _problem_of(self._xml.problem)
        if self.kind is SitemapKind.NONE:
            self.problem = self.problem or SitemapProblem.NOT_A_SITEMAP
        if self._entries.is_full:
            self.problem = SitemapProblem.TOO_MANY_URLS

    @staticmethod
    def _kind_of(root: str) -> SitemapKind:
        return SitemapKind.FEED if root in _FEED_ROOTS else SitemapKind(_LIST_ROOTS.get(root, "none"))


class _Entries:
    """Collects what is in the elements of one sitemap (the sink of XmlReader) or in the lines of one."""

    def __init__(self, base: str, limits: SitemapLimits) -> None:
        self.is_full = False
        self._base = base
        self._limits = limits
        self._room = limits.max_urls
        self._found: list[SitemapUrl] = []
        self._path: list[str] = []
        self._loc = self._lastmod = ""
        self._alternates: list[tuple[str, str]] = []

    def take(self) -> list[SitemapUrl]:
        found, self._found = self._found, []
        return found

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in ("url", "sitemap"):
            self.finish()  # the one before was perhaps not closed
        elif name == "link" and len(self._alternates) < self._limits.max_alternates:
            self._add_alternate(attributes)
        self._path.append(name)

    def closed(self, name: str, text: str) -> None:
        if self._path:
            self._path.pop()
        # An image has a `loc` as well, in an `image` of its own.
        parent = self._path[-1] if self._path else ""
        if name == "loc" and parent in ("url", "sitemap", *_LIST_ROOTS):
            self._loc = text
        elif name == "lastmod":
            self._lastmod = text
        elif name in ("url", "sitemap"):
            self.finish()

    def finish(self) -> None:
        """The entry that is being read is complete."""
        if self._loc:
            self.add(self._loc, parse_date(self._lastmod), tuple(self._alternates))
        self._loc = self._lastmod = ""
        self._alternates.clear()

    def add(self, loc: str, lastmod: datetime | None = None, alternates: tuple[tuple[str, str], ...] = ()) -> None:
        url = _resolve(self._base, loc)
        if url is None:
            return
        if self._room == 0:
            self.is_full = True
            return
        self._room -= 1
        self._found.append(SitemapUrl(url, lastmod, alternates))

    def _add_alternate(self, attributes: Mapping[str, str]) -> None:
        language = attributes.get("hreflang", "").strip().lower()
        if attributes.get("rel", "").strip().lower() == "alternate" and 0 < len(language) <= 35:
            url = _resolve(self._base, attributes.get("href", ""))
            if url is not None:
                self._alternates.append((language, url))


class _Lines:
    """A sitemap of one URL a line, in UTF-8. Lines that are no URL are left out."""

    def __init__(self, entries: _Entries) -> None:
        self._entries = entries
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).splitlines() or [b""]
        if data.endswith((b"\n", b"\r")):
            lines, self._rest = [*lines, self._rest], b""
        self._rest = self._rest[: _MAX_LINE_LENGTH + 1]
        for line in lines:
            self._add(line)

    def finish(self) -> None:
        self._add(self._rest)

    def _add(self, line: bytes) -> None:
        text = line[: _MAX_LINE_LENGTH + 1].decode("utf-8-sig", "replace").strip()
        if len(text) <= _MAX_LINE_LENGTH and _URL_LINE.match(text):
            self._entries.add(text)


def _resolve(base: str, loc: str) -> str | None:
    """Where a `loc` leads. It is to be absolute, many are not; `&amp;` is one that was escaped twice."""
    text = loc.strip()
    return resolve(base, text.replace("&amp;", "&")) if text else None


def _problem_of(problem: XmlProblem | None) -> SitemapProblem | None:
    if problem is None:
        return None
    return SitemapProblem.NOT_A_SITEMAP if problem is XmlProblem.NOT_XML else SitemapProblem(problem.value)


def _slices(body: bytes) -> Iterator[bytes]:
    for at in range(0, len(body), _SLICE_BYTES):
        yield body[at : at + _SLICE_BYTES]


def _inflated(body: bytes) -> Iterator[bytes]:
    """The decompressed content of gzip members in slices. Raises zlib.error where it is damaged or ends too early."""
    decoder, members = zlib.decompressobj(31), 1
    for data in _slices(body):
        while data:
            if decoder.eof:
                # What follows a complete stream is padding, unless it begins another member.
                if data[0] != GZIP_MAGIC[0] or members == _MAX_GZIP_MEMBERS:
                    return
                decoder, members = zlib.decompressobj(31), members + 1
            if piece := decoder.decompress(data, _SLICE_BYTES):
                yield piece
            data = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    if not decoder.eof:
        raise zlib.error("the stream ends too early")


def parse_date(text: str) -> datetime | None:
    """A W3C date and time (https://www.w3.org/TR/NOTE-datetime) as aware UTC; None if it is none.

    Also taken: a blank instead of `T`, one digit for a month or a day, an offset without its colon or none at all (UTC).
    """
    text = text.strip()[:64]
    try:
        at = datetime.fromisoformat(text)  # most are like this, and it takes a tenth of the time
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        match = _DATE_TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) if part else None for part in match.groups()[:6])
    try:
        at = datetime(
            year or 0, month or 1, day or 1, hour or 0, minute or 0, min(second or 0, 59), tzinfo=_zone(match[7])
        )
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _zone(text: str | None) -> timezone:
    if text is None or text.upper() in ("Z", "UTC"):
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text[0] == "-" else offset)
