"""Crawls in SQLite: their start, their frontier, and the one transaction that stores a page."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gleanery import errors
from gleanery.model import (
    FOREVER,
    CrawlCounts,
    Fence,
    FrontierUrl,
    KnownPage,
    NewEvent,
    NewTask,
    Page,
    PageBundle,
    Progress,
    Schedule,
    Source,
    StoredAs,
    Task,
    UrlCount,
    UrlState,
)
from gleanery.store import (
    sqlite_frontier,
    sqlite_generations,
    sqlite_knowledge,
    sqlite_limits,
    sqlite_pages,
    sqlite_schedules,
)
from gleanery.store.knowledge_rows import known_page_from, page_from
from gleanery.store.page_rows import parts_ahead, rest_of
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import check_fence, report
from gleanery.store.sqlite_tasks import create, known_start
from gleanery.store.values import Idempotency


class SqliteCrawls:
    """`CrawlStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self.sharing = None

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
            if not sqlite_frontier.is_open(tx, fence, url_key):
                return
            report(tx, fence, events, progress)
            tx.db.execute(
                "UPDATE frontier SET attempts = attempts + 1 WHERE task_id = ? AND url_key = ?",
                (fence.task_id, url_key),
            )

        await self._db.write(work)

    async def settle(self, fence: Fence, url: FrontierUrl, events: Sequence[NewEvent], progress: Progress) -> None:
        def work(tx: Tx) -> None:
            if not sqlite_frontier.is_open(tx, fence, url.url_key):
                return
            report(tx, fence, events, progress)
            sqlite_frontier.settle(tx, fence.task_id, url)

        await self._db.write(work)

    async def skip_queued(self, fence: Fence, reason: str) -> int:
        return await self._db.write(lambda tx: sqlite_frontier.skip_queued(tx, fence, reason))

    async def change_limits(self, task_id: str, limits: Mapping[str, Any]) -> Task:
        return await self._db.write(lambda tx: sqlite_limits.change(tx, task_id, limits))

    async def take_up_limited(self, fence: Fence) -> int:
        return await self._db.write(lambda tx: sqlite_limits.take_up_limited(tx, fence))

    async def leave_out_deeper(self, fence: Fence, max_depth: int, busy: Sequence[int]) -> int:
        return await self._db.write(lambda tx: sqlite_limits.leave_out_deeper(tx, fence, max_depth, busy))

    async def too_deep(self, task_id: str, max_depth: int, limit: int) -> Sequence[FrontierUrl]:
        return await self._db.read(lambda db: sqlite_limits.too_deep(db, task_id, max_depth, limit))

    async def decide_anew(self, fence: Fence, urls: Sequence[FrontierUrl]) -> None:
        await self._db.write(lambda tx: sqlite_limits.decide_anew(tx, fence, urls))

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

    async def page(self, page_id: str) -> Page:
        return await self._db.read(lambda db: _page(db, page_id))

    async def store_page(
        self,
        fence: Fence,
        url: FrontierUrl,
        bundle: PageBundle,
        events: Sequence[NewEvent],
        progress: Progress,
        *,
        names_source: bool = False,
    ) -> StoredAs:
        ahead = parts_ahead(bundle)
        page_row = None
        if ahead and not await self._db.write(lambda tx: _is_there(tx, fence, bundle), is_long=True):
            page_row = await self._begin_page(fence, bundle)
            for part in ahead:
                await self._put_ahead(fence, page_row, part)
        return await self._db.write(
            lambda tx: _store_page(tx, fence, url, bundle, events, progress, page_row, names_source), is_long=True
        )

    async def _begin_page(self, fence: Fence, bundle: PageBundle) -> int:
        """The row of a page whose rows go ahead of it. What an earlier attempt has left of it goes first."""
        while (row := await self._db.write(lambda tx: _stage_page(tx, fence, bundle), is_long=True)) is None:
            pass
        return row

    async def _put_ahead(self, fence: Fence, page_row: int, part: PageBundle) -> None:
        await self._db.write(lambda tx: _stage(tx, fence, page_row, part), is_long=True)

    async def counts(self, task_id: str, source_id: str, model: str | None) -> CrawlCounts:
        return await self._db.read(lambda db: sqlite_frontier.counts(db, task_id, source_id, model))

    async def urls(
        self,
        task_id: str,
        *,
        state: UrlState | None,
        after: int,
        limit: int,
        reason: str | None = None,
        text: str | None = None,
    ) -> Sequence[FrontierUrl]:
        return await self._db.read(lambda db: sqlite_frontier.urls(db, task_id, state, reason, text, after, limit))

    async def url_counts(self, task_id: str) -> Sequence[UrlCount]:
        return await self._db.read(lambda db: sqlite_frontier.url_counts(db, task_id))


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


_MET = (
    f"SELECT {sqlite_knowledge.PAGE_COLUMNS} FROM page WHERE source_id = ? AND died = {FOREVER} AND born < {FOREVER}"
    " AND seen_task_id = ? AND"
)


def _twin(db: sqlite3.Connection, task_id: str, source_id: str, url_key: str, content_hash: str) -> Page | None:
    # One after the other: for both in one WHERE no index is used, and every page of the source is read.
    for column, value in (("url_key", url_key), ("content_hash", content_hash)):
        row = db.execute(f"{_MET} {column} = ? ORDER BY fetched_at LIMIT 1", (source_id, task_id, value)).fetchone()
        if row is not None:
            return page_from(row, "")
    return None


def _known_page(db: sqlite3.Connection, source_id: str, url_key: str) -> KnownPage | None:
    row = sqlite_pages.head(db, source_id, url_key)
    if row is None:
        return None
    return known_page_from(row, row["links"])


def _page(db: sqlite3.Connection, page_id: str) -> Page:
    row = db.execute(
        f"SELECT * FROM page WHERE page_id = ? AND died = {FOREVER} AND born < {FOREVER}", (page_id,)
    ).fetchone()
    if row is None:
        raise errors.NotFound("page", page_id)
    return page_from(row, row["markdown"])


def _keep_page(
    tx: Tx, fence: Fence, url: FrontierUrl, page_id: str, events: Sequence[NewEvent], progress: Progress
) -> None:
    if not sqlite_frontier.is_open(tx, fence, url.url_key):
        return
    report(tx, fence, events, progress)
    row = tx.db.execute(
        f"SELECT page_row, source_id, chunk_count, code_count FROM page WHERE page_id = ? AND died = {FOREVER} AND born < {FOREVER}",
        (page_id,),
    ).fetchone()
    sqlite_generations.building(tx, fence, row["source_id"])
    sqlite_pages.see(tx, row["page_row"], fence.task_id)
    settled = replace(url, page_id=page_id, chunk_count=row["chunk_count"], code_example_count=row["code_count"])
    sqlite_frontier.settle(tx, fence.task_id, settled)


def _is_there(tx: Tx, fence: Fence, bundle: PageBundle) -> bool:
    """Whether the newest version of the page says the same already, or this task has stored the page."""
    check_fence(tx, fence)
    head = sqlite_pages.head(tx.db, bundle.page.source_id, bundle.page.url_key)
    return head is not None and (head["seen_task_id"] == fence.task_id or sqlite_pages.is_same(tx, head, bundle))


def _stage_page(tx: Tx, fence: Fence, bundle: PageBundle) -> int | None:
    """None while there is more to take away of what was begun before."""
    check_fence(tx, fence)
    left = tx.db.execute(
        "SELECT page_row FROM page WHERE page_id = ? AND born >= ?", (bundle.page.page_id, FOREVER)
    ).fetchone()
    if left is None:
        return sqlite_pages.insert_page(tx, bundle, FOREVER)
    sqlite_pages.delete_rows(tx, left["page_row"], sqlite_generations.ROWS_AT_ONCE)
    return None


def _stage(tx: Tx, fence: Fence, page_row: int, part: PageBundle) -> None:
    check_fence(tx, fence)
    sqlite_pages.insert_rows(tx, page_row, part)


def _store_page(
    tx: Tx,
    fence: Fence,
    url: FrontierUrl,
    bundle: PageBundle,
    events: Sequence[NewEvent],
    progress: Progress,
    page_row: int | None,
    names_source: bool,
) -> StoredAs:
    is_open, page = sqlite_frontier.is_open(tx, fence, url.url_key), bundle.page
    head = sqlite_pages.head(tx.db, page.source_id, page.url_key)
    if not is_open or (head is not None and head["seen_task_id"] == fence.task_id):
        return StoredAs.BEFORE
    number = sqlite_generations.building(tx, fence, page.source_id)
    stored = StoredAs.NEW if head is None else StoredAs.CHANGED
    if head is not None and sqlite_pages.is_same(tx, head, bundle):
        sqlite_pages.see_again(tx, head["page_row"], bundle)
        stored = StoredAs.SAME
    else:
        _put_version(tx, bundle, number, page_row, head)
    if names_source:
        sqlite_knowledge.name_source(tx, fence, page.source_id, page.title)
    sqlite_frontier.settle(tx, fence.task_id, url)
    if page.url_key != url.url_key:
        # The URL that it redirected to needs no visit of its own any more.
        tx.db.execute(
            "UPDATE frontier SET state = 'skipped', reason = 'duplicate', page_id = ?, settled_at = ?"
            " WHERE task_id = ? AND url_key = ? AND state = 'queued'",
            (page.page_id, tx.now.timestamp(), fence.task_id, page.url_key),
        )
    report(tx, fence, events, progress)
    return stored


def _put_version(tx: Tx, bundle: PageBundle, number: int, page_row: int | None, head: sqlite3.Row | None) -> None:
    """The version from generation `number` on, in place of the one before; its last rows, or all of them."""
    if head is not None:
        tx.db.execute("UPDATE page SET died = ? WHERE page_row = ?", (number, head["page_row"]))
    if page_row is None:
        sqlite_pages.insert_rows(tx, sqlite_pages.insert_page(tx, bundle, number), bundle)
        return
    sqlite_pages.insert_rows(tx, page_row, rest_of(bundle, parts_ahead(bundle)))
    tx.db.execute("UPDATE page SET born = ? WHERE page_row = ?", (number, page_row))
