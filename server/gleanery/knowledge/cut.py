"""From an extracted page to the rows that are stored of it: page, chunks, code examples. Pure; runs in a thread."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from gleanery.knowledge.budget import DEFAULT_BUDGET, ChunkBudget
from gleanery.knowledge.chunk import chunk_markdown
from gleanery.knowledge.extract import ExtractedPage
from gleanery.model import Chunk, FetchedBy, Heading, Page, PageBundle, StoredCode, content_id


@dataclass(frozen=True)
class Origin:
    """Where a page came from. `url` is the final one, `url_key` its de-duplication key."""

    source_id: str
    task_id: str
    url: str
    url_key: str
    status_code: int
    content_type: str
    etag: str | None
    last_modified: str | None
    size_bytes: int
    fetched_at: datetime
    fetched_by: FetchedBy = FetchedBy.HTTP
    version: str | None = None


def content_hash_of(markdown: str) -> str:
    """By what two pages are the same."""
    return hashlib.sha256(markdown.encode()).hexdigest()


def pack_links(links: tuple[str, ...]) -> bytes:
    """What a page leads to, as it is stored: next to nothing, since the links of a page are alike."""
    return zlib.compress("\n".join(links).encode(), 1)


def unpack_links(packed: bytes) -> tuple[str, ...]:
    """The inverse of `pack_links`."""
    return tuple(zlib.decompress(packed).decode().split("\n")) if packed != pack_links(()) else ()


def cut_page(
    origin: Origin, extracted: ExtractedPage, *, extract_code: bool, budget: ChunkBudget = DEFAULT_BUDGET
) -> PageBundle:
    """Everything that is stored of a page. Chunk and code ids are hashes of page, headings and text, so what is
    unchanged keeps its id over crawls; equal ones on a page are told apart by their count."""
    page_id = content_id("pg", origin.source_id, origin.url_key)
    page = Page(
        page_id=page_id,
        source_id=origin.source_id,
        url=origin.url,
        url_key=origin.url_key,
        title=extracted.title or origin.url,
        description=extracted.description,
        language=extracted.language or None,
        markdown=extracted.markdown,
        outline=tuple(Heading(h.level, h.text, h.anchor or None, h.offset) for h in extracted.outline),
        content_hash=content_hash_of(extracted.markdown),
        status_code=origin.status_code,
        content_type=origin.content_type,
        etag=origin.etag,
        last_modified=origin.last_modified,
        size_bytes=origin.size_bytes,
        fetched_at=origin.fetched_at,
        task_id=origin.task_id,
        fetched_by=origin.fetched_by,
        version=origin.version,
    )
    code = _code_examples(page, extracted) if extract_code else ()
    return PageBundle(page, _chunks(page, extracted, budget), code, pack_links(extracted.links))


def _chunks(page: Page, extracted: ExtractedPage, budget: ChunkBudget) -> tuple[Chunk, ...]:
    seen: Counter[str] = Counter()
    chunks = []
    for piece in chunk_markdown(page.markdown, extracted.outline, page.title, budget=budget):
        content = page.markdown[piece.start : piece.end]
        chunk_id = _numbered(seen, content_id("ch", page.page_id, page.title, *piece.heading_path, content))
        chunks.append(
            Chunk(
                chunk_id,
                page.page_id,
                page.source_id,
                piece.ordinal,
                piece.start,
                piece.end,
                piece.heading_path,
                content,
                piece.lead,
            )
        )
    return tuple(chunks)


def _code_examples(page: Page, extracted: ExtractedPage) -> tuple[StoredCode, ...]:
    seen: Counter[str] = Counter()
    rows = []
    for ordinal, code in enumerate(extracted.code_examples):
        identity = content_id(
            "cx", page.page_id, page.title, *code.heading_path, code.language or "", code.context, code.code
        )
        rows.append(
            StoredCode(
                code_id=_numbered(seen, identity),
                page_id=page.page_id,
                source_id=page.source_id,
                ordinal=ordinal,
                language=code.language,
                code=code.code,
                heading_path=code.heading_path,
                context=code.context,
                start=code.start,
                end=code.end,
                is_guessed=code.is_guessed,
                summary=code.summary,
            )
        )
    return tuple(rows)


def _numbered(seen: Counter[str], identity: str) -> str:
    seen[identity] += 1
    return identity if seen[identity] == 1 else f"{identity}-{seen[identity]}"
