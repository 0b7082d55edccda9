"""What the tests of the store put into it: tasks, URLs, sources and pages with short arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gleanery.model import (
    Chunk,
    Fence,
    FrontierUrl,
    Heading,
    NewEvent,
    NewTask,
    Page,
    PageBundle,
    Progress,
    Source,
    StageCount,
    StoredAs,
    StoredCode,
    Task,
    UrlState,
    content_id,
    new_id,
    utc_now,
)
from gleanery.store.base import Store
from gleanery.store.search_store import Match, PageFilter, Shelf, SourceFilter
from gleanery.store.values import Change, FoundChunk

LEASE_SECONDS = 60.0
HALF_WAY = Progress(50.0, "crawling", {"stored": StageCount(1, 2)}, "half", 1.5, 2.5, "https://a.test/b", 3, 4)


class Changes:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Change] = []

    def __call__(self, changes: Sequence[Change]) -> None:
        self.heard.extend(changes)

    def of(self, task_id: str) -> list[tuple[int, str]]:
        """The task's events as they were told: number and type."""
        return [(e.seq, e.type) for c in self.heard if c.task.task_id == task_id for e in c.events]


def fence_of(task: Task) -> Fence:
    return Fence(task.task_id, task.attempt)


def told(message: str = "told") -> list[NewEvent]:
    return [NewEvent("page_stored", message, {"n": 1})]


async def started(store: Store, new: NewTask | None = None, *, serial_key: str | None = None) -> Task:
    """A task that runs: created and claimed by `worker-1`."""
    task = await store.tasks.create(replace(new or NewTask("demo", {}), serial_key=serial_key))
    claimed = await store.tasks.claim(task.task_id, "worker-1", LEASE_SECONDS)
    assert claimed is not None
    return claimed


async def event_types(store: Store, task_id: str) -> list[str]:
    return [event.type for event in await store.tasks.events(task_id, after=None, before=None, limit=1000)]


def new_source(url: str = "https://a.test/", **fields: object) -> Source:
    now = utc_now()
    values: dict[str, object] = {
        "source_id": new_id("src"),
        "url": url,
        "title": "",
        "tags": (),
        "knowledge_type": "docs",
        "options": {},
        "created_at": now,
        "updated_at": now,
        "last_task_id": None,
    }
    return Source(**{**values, **fields})  # type: ignore[arg-type]


def url_of(path: str, depth: int = 1, state: UrlState = UrlState.QUEUED, **fields: object) -> FrontierUrl:
    return FrontierUrl(f"https://a.test/{path}", f"a.test/{path}", depth, state, **fields)  # type: ignore[arg-type]


def bundle_of(
    source_id: str,
    task_id: str,
    path: str,
    contents: Sequence[str] = ("some words",),
    *,
    title: str = "A page",
    code: Sequence[tuple[str | None, str]] = (),
) -> PageBundle:
    """A page whose Markdown is its chunks, one a paragraph; `code` is (language, text) pairs."""
    markdown = "\n\n".join(contents)
    page_id = content_id("pg", source_id, f"a.test/{path}")
    page = Page(
        page_id=page_id,
        source_id=source_id,
        url=f"https://a.test/{path}",
        url_key=f"a.test/{path}",
        title=title,
        description="what it is about",
        language="en",
        markdown=markdown,
        outline=(Heading(1, title, "top", 0), Heading(2, "Second", None, 7)),
        content_hash=content_id("h", markdown),
        status_code=200,
        content_type="text/html",
        etag='"e1"',
        last_modified="Wed, 21 Oct 2015 07:28:00 GMT",
        size_bytes=1000,
        fetched_at=datetime(2026, 1, 2, 3, 4, 5, 678900, UTC),
        task_id=task_id,
    )
    chunks, start = [], 0
    for ordinal, text in enumerate(contents):
        chunk_id = content_id("ch", page_id, title, text)
        chunks.append(Chunk(chunk_id, page_id, source_id, ordinal, start, start + len(text), ("Guide", "Setup"), text))
        start += len(text) + 2
    examples = tuple(
        StoredCode(
            content_id("cx", page_id, text), page_id, source_id, n, language, text, ("Guide",), "Do this:", 0, len(text)
        )
        for n, (language, text) in enumerate(code)
    )
    return PageBundle(page, tuple(chunks), examples, b"packed links")


async def words_found(
    store: Store, match: str, *source_ids: str, limit: int = 100, shelf: Shelf = Shelf.CHUNKS
) -> list[int]:
    """The rows that match an FTS5 expression, best first, in these sources or in all."""
    sources = source_ids or tuple(await store.search.sources_for(SourceFilter()))
    weights = (1.0,) * 6
    hits = await store.search.find_words(shelf, Match(match), PageFilter(tuple(sources)), weights, limit)
    return [hit.row for hit in hits]


async def chunks_of(store: Store, rows: Sequence[int]) -> Mapping[int, FoundChunk]:
    """Those of the chunks that are visible."""
    return await store.search.found_chunks(rows, PageFilter(tuple(await store.search.sources_for(SourceFilter()))))


@dataclass(frozen=True)
class Crawl:
    """A running crawl of one source, as the tests of frontier and pages start from."""

    store: Store
    task: Task
    source: Source

    @property
    def fence(self) -> Fence:
        return fence_of(self.task)

    async def add(self, *urls: FrontierUrl) -> int:
        return await self.store.crawls.add_urls(self.fence, urls)

    async def put(self, path: str, contents: Sequence[str] = ("some words",), **fields: object) -> PageBundle:
        """Find a URL and store its page."""
        bundle = bundle_of(self.source.source_id, self.task.task_id, path, contents, **fields)  # type: ignore[arg-type]
        await self.add(url_of(path))
        assert await self.store_page(url_of(path), bundle)
        return bundle

    async def store_page(self, url: FrontierUrl, bundle: PageBundle) -> bool:
        settled = FrontierUrl(
            url.url,
            url.url_key,
            url.depth,
            UrlState.STORED,
            status_code=200,
            attempts=1,
            page_id=bundle.page.page_id,
            chunk_count=len(bundle.chunks),
            code_example_count=len(bundle.code_examples),
            elapsed_seconds=0.25,
        )
        stored = await self.store.crawls.store_page(self.fence, settled, bundle, told(), HALF_WAY)
        return stored is not StoredAs.BEFORE

    async def urls(self) -> dict[str, tuple[str, int, str | None]]:
        """Every URL's state, depth and reason, by path, in order of discovery."""
        rows = await self.store.crawls.urls(self.task.task_id, state=None, after=0, limit=1000)
        return {row.url.removeprefix("https://a.test/"): (str(row.state), row.depth, row.reason) for row in rows}


async def start_crawl(store: Store, url: str = "https://a.test/", **fields: object) -> Crawl:
    source = await store.knowledge.ensure_source(new_source(url, **fields), url)
    task = await started(store, NewTask("crawl", {"url": url}), serial_key=source.source_id)
    return Crawl(store, task, source)
