"""Crawls in SQLite: their start, their frontier, and the one transaction that stores a page."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from gleanery.model import (
    CrawlCounts,
    Fence,
    FetchedBy,
    FrontierUrl,
    KnownPage,
    NewEvent,
    NewTask,
    Page,
    PageBundle,
    Progress,
    Schedule,
    Source,
    Task,
    UrlState,
)
from gleanery.store import sqlite_frontier, sqlite_knowledge, sqlite_pages, sqlite_schedules
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import check_fence, report
from gleanery.store.sqlite_tasks import create, known_start
from gleanery.store.values import Idempotency

ROWS_AT_ONCE = 20
"""Chunks or code examples that one transaction adds: others never wait long for it."""


class SqliteCrawls:
    """`CrawlStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def start(
        self,
        new: NewTask,
        source: Source,
        url_key: str,
        *,
        idempotency: Idempotency | None = None,
        queue_limit: int | None = None,
        schedule: Schedule | None = None,
    ) -> Task:
        return await self._db.write(lambda tx: _start(tx, new, source, url_key, idempotency, queue_limit, schedule))

    async def add_urls(self, fence: Fence, urls: Sequence[FrontierUrl]) -> int:
        return await self._db.write(lambda tx: sqlite_frontier.add_urls(tx, fence, urls))

    async def next_urls(self, task_id: str, limit: int, exclude: Sequence[int]) -> Sequence[FrontierUrl]:
        return await self._db.read(lambda db: sqlite_frontier.next_urls(db, task_id, limit, exclude))

    async def note_attempt(self, fence: Fence, url_key: str, events: Sequence[NewEvent], progress: Progress) -> None:
        def work(tx: Tx) -> None:
            report(tx, fence, events, progress)
            tx.db.execute(
                "UPDATE frontier SET attempts = attempts + 1 WHERE task_id = ? AND url_key = ?",
                (fence.task_id, url_key),
            )

        await self._db.write(work)

    async def settle(self, fence: Fence, url: FrontierUrl, events: Sequence[NewEvent], progress: Progress) -> None:
        def work(tx: Tx) -> None:
            report(tx, fence, events, progress)
            sqlite_frontier.settle(tx, fence.task_id, url)

        await self._db.write(work)

    async def skip_queued(self, fence: Fence, reason: str) -> int:
        return await self._db.write(lambda tx: sqlite_frontier.skip_queued(tx, fence, reason))

    async def take_up_orphans(self, fence: Fence) -> int:
        return await self._db.write(lambda tx: sqlite_frontier.take_up_orphans(tx, fence))

    async def twin(self, task_id: str, source_id: str, url_key: str, content_hash: str) -> Page | None:
        return await self._db.read(lambda db: _twin(db, task_id, source_id, url_key, content_hash))

    async def known_page(self, source_id: str, url_key: str) -> KnownPage | None:
        return await self._db.read(lambda db: _known_page(db, source_id, url_key))

    async def keep_page(
        self, fence: Fence, url: FrontierUrl, page_id: str, events: Sequence[NewEvent], progress: Progress
    ) -> None:
        await self._db.write(lambda tx: _keep_page(tx, fence, url, page_id, events, progress))

    async def store_page(
        self, fence: Fence, url: FrontierUrl, bundle: PageBundle, events: Sequence[NewEvent], progress: Progress
    ) -> bool:
        for part in _parts(bundle):
            await self._db.write(partial(_stage, fence=fence, part=part), is_long=True)
        return await self._db.write(lambda tx: _store_page(tx, fence, url, bundle, events, progress), is_long=True)

    async def counts(self, task_id: str, source_id: str, model: str | None) -> CrawlCounts:
        return await self._db.read(lambda db: sqlite_frontier.counts(db, task_id, source_id, model))

    async def urls(
        self, task_id: str, *, state: UrlState | None, after: int, limit: int, reason: str | None = None
    ) -> Sequence[FrontierUrl]:
        return await self._db.read(lambda db: sqlite_frontier.urls(db, task_id, state, reason, after, limit))


def _start(
    tx: Tx,
    new: NewTask,
    source: Source,
    url_key: str,
    idempotency: Idempotency | None,
    queue_limit: int | None,
    schedule: Schedule | None,
) -> Task:
    if idempotency is not None and (known := known_start(tx.db, idempotency)) is not None:
        return known
    source_id = sqlite_knowledge.put_source(tx, source, url_key)
    if schedule is not None:
        sqlite_schedules.put(tx, replace(schedule, source_id=source_id))
    new = replace(new, payload={**new.payload, "source_id": source_id}, serial_key=source_id)
    return create(tx, new, idempotency, queue_limit)


def _holds_page(db: sqlite3.Connection, task_id: str, source_id: str, url_key: str) -> bool:
    row = db.execute("SELECT task_id FROM page WHERE source_id = ? AND url_key = ?", (source_id, url_key)).fetchone()
    return row is not None and row["task_id"] == task_id


def _twin(db: sqlite3.Connection, task_id: str, source_id: str, url_key: str, content_hash: str) -> Page | None:
    # One after the other: for both in one WHERE no index is used, and every page of the source is read.
    for column, value in (("url_key", url_key), ("content_hash", content_hash)):
        row = db.execute(
            f"SELECT * FROM page WHERE source_id = ? AND {column} = ? AND task_id = ? ORDER BY fetched_at LIMIT 1",
            (source_id, value, task_id),
        ).fetchone()
        if row is not None:
            return sqlite_knowledge.page_from(row, "")
    return None


def _known_page(db: sqlite3.Connection, source_id: str, url_key: str) -> KnownPage | None:
    row = db.execute(
        "SELECT page_id, url, etag, last_modified, links, fetched_by FROM page WHERE source_id = ? AND url_key = ?",
        (source_id, url_key),
    ).fetchone()
    if row is None:
        return None
    return KnownPage(
        page_id=row["page_id"],
        url=row["url"],
        etag=row["etag"],
        last_modified=row["last_modified"],
        links=row["links"],
        fetched_by=FetchedBy(row["fetched_by"]),
    )


def _keep_page(
    tx: Tx, fence: Fence, url: FrontierUrl, page_id: str, events: Sequence[NewEvent], progress: Progress
) -> None:
    report(tx, fence, events, progress)
    tx.db.execute(
        "UPDATE page SET task_id = ?, fetched_at = ? WHERE page_id = ?", (fence.task_id, tx.now.timestamp(), page_id)
    )
    chunks, code = tx.db.execute(
        "SELECT (SELECT count(*) FROM chunk WHERE page_id = ?), (SELECT count(*) FROM code_example WHERE page_id = ?)",
        (page_id, page_id),
    ).fetchone()
    settled = replace(url, page_id=page_id, chunk_count=chunks, code_example_count=code)
    sqlite_frontier.settle(tx, fence.task_id, settled)


def _parts(bundle: PageBundle) -> Iterator[PageBundle]:
    """What goes ahead of a page with many rows, a few at a time; the rest is left to the page's own transaction."""
    for start in range(0, len(bundle.chunks) - ROWS_AT_ONCE, ROWS_AT_ONCE):
        yield PageBundle(bundle.page, bundle.chunks[start : start + ROWS_AT_ONCE], ())
    for start in range(0, len(bundle.code_examples) - ROWS_AT_ONCE, ROWS_AT_ONCE):
        yield PageBundle(bundle.page, (), bundle.code_examples[start : start + ROWS_AT_ONCE])


def _stage(tx: Tx, fence: Fence, part: PageBundle) -> None:
    check_fence(tx, fence)
    sqlite_pages.add_rows(tx, part)


def _store_page(
    tx: Tx, fence: Fence, url: FrontierUrl, bundle: PageBundle, events: Sequence[NewEvent], progress: Progress
) -> bool:
    check_fence(tx, fence)
    page = bundle.page
    if _holds_page(tx.db, fence.task_id, page.source_id, page.url_key):
        return False
    sqlite_pages.put_page(tx, bundle)
    sqlite_frontier.settle(tx, fence.task_id, url)
    if page.url_key != url.url_key:
        # The URL that it redirected to needs no visit of its own any more.
        tx.db.execute(
            "UPDATE frontier SET state = 'skipped', reason = 'duplicate', page_id = ?, settled_at = ?"
            " WHERE task_id = ? AND url_key = ? AND state = 'queued'",
            (page.page_id, tx.now.timestamp(), fence.task_id, page.url_key),
        )
    report(tx, fence, events, progress)
    return True
