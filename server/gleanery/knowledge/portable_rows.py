"""The lines of a portable source: how pages, chunks and code examples become JSON objects, and values again.

What comes in is hostile: every field is checked for its type and bounds, ids and hashes are worked out anew. Fields that
are not known are passed over, so that a later version may add some.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gleanery.knowledge.cut import content_hash_of, pack_links, unpack_links
from gleanery.model import Chunk, FetchedBy, Heading, Page, StoredCode, content_id, text_hash

MAX_TEXT = 64 * 1024 * 1024
MAX_TITLE = 10_000
MAX_URL = 8_192
MAX_HEADINGS = 100_000
MAX_PATH = 64
MAX_LINKS = 50_000
MAX_JSON_DEPTH = 32

_URL = re.compile(r"(?:https?://|upload:///)[^\s\x00-\x1f\x7f]+")
_HEADER = re.compile(r"[\x20-\x7e\xa0-\xff]*")


class RowError(ValueError):
    """What is wrong with a line; names the field."""


@dataclass(frozen=True)
class Owner:
    """Whose pages they will be."""

    source_id: str
    task_id: str


def page_row(page: Page, links: bytes | None) -> dict[str, Any]:
    """The line of a page."""
    return {
        "url": page.url,
        "url_key": page.url_key,
        "title": page.title,
        "description": page.description,
        "language": page.language,
        "version": page.version,
        "markdown": page.markdown,
        "outline": [[h.level, h.text, h.anchor, h.offset] for h in page.outline],
        "content_hash": page.content_hash,
        "status_code": page.status_code,
        "content_type": page.content_type,
        "etag": page.etag,
        "last_modified": page.last_modified,
        "size_bytes": page.size_bytes,
        "fetched_at": page.fetched_at.isoformat(),
        "fetched_by": str(page.fetched_by),
        "links": list(unpack_links(links)) if links else [],
    }


def chunk_row(page: int, title: str, chunk: Chunk) -> dict[str, Any]:
    """The line of a chunk of the page in line `page`."""
    return {
        "page": page,
        "ordinal": chunk.ordinal,
        "start": chunk.start,
        "end": chunk.end,
        "heading_path": list(chunk.heading_path),
        "content": chunk.content,
        "context": chunk.context,
        "text_hash": text_hash(title, chunk.heading_path, chunk.context, chunk.content).hex(),
    }


def code_row(page: int, code: StoredCode) -> dict[str, Any]:
    """The line of a code example of the page in line `page`."""
    return {
        "page": page,
        "ordinal": code.ordinal,
        "start": code.start,
        "end": code.end,
        "language": code.language,
        "heading_path": list(code.heading_path),
        "context": code.context,
        "code": code.code,
        "is_guessed": code.is_guessed,
        "name": code.name,
        "summary": code.summary,
    }


def read_page(row: Mapping[str, Any], owner: Owner) -> tuple[Page, bytes]:
    """The page and its packed links. Raises RowError."""
    url, url_key = url_of(row, "url"), text_of(row, "url_key", MAX_URL, least=1)
    markdown = text_of(row, "markdown", MAX_TEXT)
    page = Page(
        page_id=content_id("pg", owner.source_id, url_key),
        source_id=owner.source_id,
        url=url,
        url_key=url_key,
        title=text_of(row, "title", MAX_TITLE),
        description=text_of(row, "description", MAX_TEXT),
        language=_maybe(row, "language", 100),
        markdown=markdown,
        outline=_outline(row, len(markdown)),
        content_hash=content_hash_of(markdown),
        status_code=int_of(row, "status_code", 100, 599),
        content_type=_header(row, "content_type") or "",
        etag=_header(row, "etag"),
        last_modified=_header(row, "last_modified"),
        size_bytes=int_of(row, "size_bytes", 0, 2**53),
        fetched_at=time_of(row, "fetched_at"),
        task_id=owner.task_id,
        fetched_by=_fetched_by(row),
        version=_maybe(row, "version", 100),
    )
    return page, _links(row)


def read_chunk(row: Mapping[str, Any], ordinal: int, page: Page, seen: Counter[str]) -> Chunk:
    """The chunk; `seen` counts the ids of the page's chunks before it. Raises RowError."""
    _ordinal(row, ordinal)
    start, end = _range(row, len(page.markdown))
    path, content = strings_of(row, "heading_path", MAX_PATH, MAX_TITLE), text_of(row, "content", MAX_TEXT, least=1)
    if page.markdown[start:end] != content:
        raise RowError("content: is not what the page's markdown has from start to end")
    context = text_of(row, "context", MAX_TEXT)
    if row.get("text_hash") != text_hash(page.title, path, context, content).hex():
        raise RowError("text_hash: is not that of title, heading path, context and content")
    chunk_id = numbered(seen, content_id("ch", page.page_id, page.title, *path, content))
    return Chunk(chunk_id, page.page_id, page.source_id, ordinal, start, end, path, content, context)


def read_code(row: Mapping[str, Any], ordinal: int, page: Page, seen: Counter[str]) -> StoredCode:
    """The code example; `seen` counts the ids of those before it. Raises RowError."""
    _ordinal(row, ordinal)
    start, end = _range(row, len(page.markdown))
    path, language = strings_of(row, "heading_path", MAX_PATH, MAX_TITLE), _maybe(row, "language", 200)
    code, context = text_of(row, "code", MAX_TEXT), text_of(row, "context", MAX_TEXT)
    is_guessed = row.get("is_guessed")
    if not isinstance(is_guessed, bool):
        raise RowError("is_guessed: is neither true nor false")
    identity = content_id("cx", page.page_id, page.title, *path, language or "", context, code)
    return StoredCode(
        code_id=numbered(seen, identity),
        page_id=page.page_id,
        source_id=page.source_id,
        ordinal=ordinal,
        language=language,
        code=code,
        heading_path=path,
        context=context,
        start=start,
        end=end,
        is_guessed=is_guessed,
        summary=text_of(row, "summary", MAX_TEXT),
        name=text_of(row, "name", MAX_TITLE),
    )


def numbered(seen: Counter[str], identity: str) -> str:
    """Equal ones on a page are told apart by their count, as when a page is cut."""
    seen[identity] += 1
    return identity if seen[identity] == 1 else f"{identity}-{seen[identity]}"


# Fields


def text_of(row: Mapping[str, Any], name: str, most: int, *, least: int = 0) -> str:
    """A text of `least` to `most` characters that has a UTF-8 form."""
    value = row.get(name)
    if not isinstance(value, str) or not _is_unicode(value):
        raise RowError(f"{name}: is no text")
    if not least <= len(value) <= most:
        raise RowError(f"{name}: has {len(value)} characters, not {least} to {most}")
    return value


def int_of(row: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = row.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise RowError(f"{name}: is no whole number from {least} to {most}")
    return value


def time_of(row: Mapping[str, Any], name: str) -> datetime:
    """An aware time (ISO 8601) of the years 1970 to 9998."""
    try:
        at = datetime.fromisoformat(text_of(row, name, 40))
        at = at.astimezone(UTC) if at.tzinfo is not None else at
    except (ValueError, OverflowError):
        raise RowError(f"{name}: is no time with a time zone (ISO 8601)") from None
    if at.tzinfo is None or not 1970 <= at.year < 9999:
        raise RowError(f"{name}: is no time with a time zone (ISO 8601)")
    return at


def url_of(row: Mapping[str, Any], name: str) -> str:
    """A URL of the web or of an upload: it becomes a link that people click."""
    url = text_of(row, name, MAX_URL)
    if not _URL.fullmatch(url):
        raise RowError(f"{name}: is neither an http(s) URL nor upload:///…")
    return url


def strings_of(row: Mapping[str, Any], name: str, most: int, most_chars: int) -> tuple[str, ...]:
    value = row.get(name)
    if not isinstance(value, list) or len(value) > most:
        raise RowError(f"{name}: is no list of at most {most} texts")
    if not all(isinstance(text, str) and len(text) <= most_chars and _is_unicode(text) for text in value):
        raise RowError(f"{name}: has something other than a text of at most {most_chars} characters")
    return tuple(value)


def json_of(row: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    """Any JSON of this kind that the database can hold: finite numbers, texts with a UTF-8 form, no deep nests."""
    value = row.get(name)
    if not isinstance(value, kind) or not _is_plain(value, MAX_JSON_DEPTH):
        raise RowError(f"{name}: is not a {kind.__name__} of plain JSON")
    return value


def _is_plain(value: object, depth: int) -> bool:
    match value:
        case None | bool():
            return True
        case int():
            return abs(value) < 2**63
        case float():
            return math.isfinite(value)
        case str():
            return _is_unicode(value)
        case list():
            return depth > 0 and all(_is_plain(each, depth - 1) for each in value)
        case dict():
            return depth > 0 and all(_is_unicode(key) and _is_plain(each, depth - 1) for key, each in value.items())
        case _:
            return False


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _maybe(row: Mapping[str, Any], name: str, most: int) -> str | None:
    return None if row.get(name) is None else text_of(row, name, most)


def _header(row: Mapping[str, Any], name: str) -> str | None:
    """What once was the value of a header, and may be sent as one again."""
    value = _maybe(row, name, 2_000)
    if value is not None and not _HEADER.fullmatch(value):
        raise RowError(f"{name}: has characters that no header has")
    return value


def _fetched_by(row: Mapping[str, Any]) -> FetchedBy:
    try:
        return FetchedBy(text_of(row, "fetched_by", 20))
    except ValueError:
        raise RowError(f"fetched_by: is none of {', '.join(FetchedBy)}") from None


def _links(row: Mapping[str, Any]) -> bytes:
    links = strings_of(row, "links", MAX_LINKS, MAX_URL)
    if not all(_URL.fullmatch(link) for link in links):
        raise RowError("links: has something other than an http(s) URL")
    return pack_links(links)


def _outline(row: Mapping[str, Any], length: int) -> tuple[Heading, ...]:
    value = row.get("outline")
    if not isinstance(value, list) or len(value) > MAX_HEADINGS:
        raise RowError(f"outline: is no list of at most {MAX_HEADINGS} headings")
    return tuple(_heading(each, length) for each in value)


def _heading(value: object, length: int) -> Heading:
    match value:
        case [int() as level, str() as text, (str() | None) as anchor, int() as offset] if (
            not isinstance(level, bool)
            and 1 <= level <= 6
            and 0 <= offset <= length
            and _is_unicode(text)
            and _is_unicode(anchor or "")
        ):
            return Heading(level, text, anchor, offset)
    raise RowError("outline: a heading is not [level 1 to 6, text, anchor or null, offset within the markdown]")


def _range(row: Mapping[str, Any], length: int) -> tuple[int, int]:
    start = int_of(row, "start", 0, length)
    return start, int_of(row, "end", start, length)


def _ordinal(row: Mapping[str, Any], ordinal: int) -> None:
    if int_of(row, "ordinal", 0, 2**31) != ordinal:
        raise RowError(f"ordinal: is not {ordinal}, though that is next on its page")
