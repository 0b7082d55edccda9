"""The crawl's frontier in SQLite, and the one transaction that stores a page."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from gleanery.model import (
    CrawlCounts,
    Fence,
    FrontierUrl,
    NewEvent,
    NewTask,
    PageBundle,
    Progress,
    Schedule,
    Source,
    Task,
    UrlState,
)
from gleanery.store import sqlite_knowledge, sqlite_pages, sqlite_schedules
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import check_fence, report
from gleanery.store.sqlite_tasks import create, known_start
from gleanery.store.values import Idempotency

ROWS_AT_ONCE = 20
"""Chunks or code examples that one transaction adds: others never wait long for it."""

NOT_FETCHED = (
    "other_host",
    "outside_path",
    "excluded",
    "not_included",
    "too_deep",
    "not_a_document",
    "page_limit",
)
"""Reasons that are given without asking the site: such URLs were never part of what the crawl set out to fetch."""


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
        return await self._db.write(lambda tx: _add_urls(tx, fence, urls))

    async def next_urls(self, task_id: str, limit: int, exclude: Sequence[int]) -> Sequence[FrontierUrl]:
        return await self._db.read(lambda db: _next_urls(db, task_id, limit, exclude))

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
            _settle(tx, fence.task_id, url)

        await self._db.write(work)

    async def skip_queued(self, fence: Fence, reason: str) -> int:
        return await self._db.write(lambda tx: _skip_queued(tx, fence, reason))

    async def holds_page(self, fence: Fence, source_id: str, url_key: str) -> bool:
        return await self._db.read(lambda db: _holds_page(db, fence.task_id, source_id, url_key))

    async def store_page(
        self, fence: Fence, url: FrontierUrl, bundle: PageBundle, events: Sequence[NewEvent], progress: Progress
    ) -> bool:
        for part in _parts(bundle):
            await self._db.write(partial(_stage, fence=fence, part=part), is_long=True)
        return await self._db.write(lambda tx: _store_page(tx, fence, url, bundle, events, progress), is_long=True)

    async def counts(self, task_id: str, source_id: str, model: str | None) -> CrawlCounts:
        return await self._db.read(lambda db: _counts(db, task_id, source_id, model))

    async def urls(self, task_id: str, *, state: UrlState | None, after: int, limit: int) -> Sequence[FrontierUrl]:
        return await self._db.read(lambda db: _urls(db, task_id, state, after, limit))


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


def _url(row: sqlite3.Row) -> FrontierUrl:
    return FrontierUrl(
        url=row["url"],
        url_key=row["url_key"],
        depth=row["depth"],
        state=UrlState(row["state"]),
        ordinal=row["ordinal"],
        found_on=row["found_on"],
        reason=row["reason"],
        message=row["message"],
        status_code=row["status_code"],
        attempts=row["attempts"],
        page_id=row["page_id"],
        chunk_count=row["chunk_count"],
        code_example_count=row["code_example_count"],
        elapsed_seconds=row["elapsed_seconds"],
        settled_at=None if row["settled_at"] is None else datetime.fromtimestamp(row["settled_at"], UTC),
    )


def _add_urls(tx: Tx, fence: Fence, urls: Sequence[FrontierUrl]) -> int:
    check_fence(tx, fence)
    now = tx.now.timestamp()
    ordinal: int = tx.db.execute(
        "SELECT coalesce(max(ordinal), 0) FROM frontier WHERE task_id = ?", (fence.task_id,)
    ).fetchone()[0]
    queued = 0
    for url in urls:
        known = tx.db.execute(
            "SELECT state, depth, reason FROM frontier WHERE task_id = ? AND url_key = ?", (fence.task_id, url.url_key)
        ).fetchone()
        if known is None:
            ordinal += 1
            tx.db.execute(
                "INSERT INTO frontier (task_id, url_key, url, depth, ordinal, state, found_on, reason, settled_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    fence.task_id,
                    url.url_key,
                    url.url,
                    url.depth,
                    ordinal,
                    url.state,
                    url.found_on,
                    url.reason,
                    None if url.state is UrlState.QUEUED else now,
                ),
            )
            queued += url.state is UrlState.QUEUED
        elif url.depth < known["depth"] and (known["state"] == UrlState.QUEUED or known["reason"] == "too_deep"):
            was_refused = known["state"] != UrlState.QUEUED
            state = url.state if was_refused else UrlState.QUEUED
            tx.db.execute(
                "UPDATE frontier SET depth = ?, state = ?, reason = ?, settled_at = ? WHERE task_id = ? AND url_key = ?",
                (url.depth, state, url.reason, None if state is UrlState.QUEUED else now, fence.task_id, url.url_key),
            )
            queued += was_refused and state is UrlState.QUEUED
    return queued


def _next_urls(db: sqlite3.Connection, task_id: str, limit: int, exclude: Sequence[int]) -> list[FrontierUrl]:
    marks = ", ".join("?" * len(exclude))
    rows = db.execute(
        f"SELECT * FROM frontier WHERE task_id = ? AND state = 'queued' AND ordinal NOT IN ({marks}) ORDER BY depth, ordinal LIMIT ?",
        (task_id, *exclude, limit),
    ).fetchall()
    return [_url(row) for row in rows]


def _settle(tx: Tx, task_id: str, url: FrontierUrl) -> None:
    tx.db.execute(
        "UPDATE frontier SET state = ?, reason = ?, message = ?, status_code = ?, attempts = ?, page_id = ?, chunk_count = ?,"
        " code_example_count = ?, elapsed_seconds = ?, settled_at = ? WHERE task_id = ? AND url_key = ?",
        (
            url.state,
            url.reason,
            url.message,
            url.status_code,
            url.attempts,
            url.page_id,
            url.chunk_count,
            url.code_example_count,
            url.elapsed_seconds,
            tx.now.timestamp(),
            task_id,
            url.url_key,
        ),
    )


def _skip_queued(tx: Tx, fence: Fence, reason: str) -> int:
    check_fence(tx, fence)
    return tx.db.execute(
        "UPDATE frontier SET state = 'skipped', reason = ?, settled_at = ? WHERE task_id = ? AND state = 'queued'",
        (reason, tx.now.timestamp(), fence.task_id),
    ).rowcount


def _holds_page(db: sqlite3.Connection, task_id: str, source_id: str, url_key: str) -> bool:
    row = db.execute("SELECT task_id FROM page WHERE source_id = ? AND url_key = ?", (source_id, url_key)).fetchone()
    return row is not None and row["task_id"] == task_id


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
    _settle(tx, fence.task_id, url)
    if page.url_key != url.url_key:
        # The URL that it redirected to needs no visit of its own any more.
        tx.db.execute(
            "UPDATE frontier SET state = 'skipped', reason = 'duplicate', page_id = ?, settled_at = ?"
            " WHERE task_id = ? AND url_key = ? AND state = 'queued'",
            (page.page_id, tx.now.timestamp(), fence.task_id, page.url_key),
        )
    report(tx, fence, events, progress)
    return True


def _counts(db: sqlite3.Connection, task_id: str, source_id: str, model: str | None) -> CrawlCounts:
    states = dict.fromkeys(UrlState, 0)
    reasons: dict[str, int] = {}
    chunks = code = refused = 0
    rows = db.execute(
        "SELECT state, reason, count(*) AS n, sum(chunk_count) AS chunks, sum(code_example_count) AS code"
        " FROM frontier WHERE task_id = ? GROUP BY state, reason",
        (task_id,),
    ).fetchall()
    for row in rows:
        states[UrlState(row["state"])] += row["n"]
        chunks += row["chunks"] or 0
        code += row["code"] or 0
        if row["reason"] is not None:
            reasons[row["reason"]] = reasons.get(row["reason"], 0) + row["n"]
            refused += row["n"] if row["state"] == UrlState.SKIPPED and row["reason"] in NOT_FETCHED else 0
    embedded = 0 if model is None else _embedded_pages(db, task_id, source_id, model)
    return CrawlCounts(
        queued=states[UrlState.QUEUED],
        stored=states[UrlState.STORED],
        skipped=states[UrlState.SKIPPED],
        failed=states[UrlState.FAILED],
        refused=refused,
        embedded=embedded,
        chunks=chunks,
        code_examples=code,
        reasons=reasons,
    )


def _embedded_pages(db: sqlite3.Connection, task_id: str, source_id: str, model: str) -> int:
    row = db.execute(
        "SELECT count(*) FROM page WHERE source_id = ? AND task_id = ? AND NOT EXISTS ("
        " SELECT 1 FROM chunk WHERE chunk.page_id = page.page_id AND NOT EXISTS ("
        "  SELECT 1 FROM vector WHERE vector.model = ? AND vector.chunk_row = chunk.row_id))",
        (source_id, task_id, model),
    ).fetchone()
    return int(row[0])


def _urls(db: sqlite3.Connection, task_id: str, state: UrlState | None, after: int, limit: int) -> list[FrontierUrl]:
    rows = db.execute(
        "SELECT * FROM frontier WHERE task_id = ? AND (? IS NULL OR state = ?) AND ordinal > ? ORDER BY ordinal LIMIT ?",
        (task_id, state, state, after, limit),
    ).fetchall()
    return [_url(row) for row in rows]
