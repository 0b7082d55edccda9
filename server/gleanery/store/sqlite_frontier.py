"""The crawl's frontier in SQLite: URLs found, waiting, settled and counted. Functions on a connection or a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from gleanery.model import FOREVER, CrawlCounts, Fence, FrontierUrl, UrlCount, UrlState
from gleanery.store.crawl_rows import counts_from, url_count_from, url_from
from gleanery.store.sqlite import Tx
from gleanery.store.sqlite_rows import check_fence


def add_urls(tx: Tx, fence: Fence, urls: Sequence[FrontierUrl]) -> int:
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
                "INSERT INTO frontier (task_id, url_key, url, depth, ordinal, state, found_on, reason, settled_at, origin, lastmod,"
                " same_as, is_refused) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                    url.origin,
                    None if url.lastmod is None else url.lastmod.timestamp(),
                    url.same_as,
                    url.state is not UrlState.QUEUED,
                ),
            )
            queued += url.state is UrlState.QUEUED
        elif url.reason == "markdown_twin":
            _pass_over(tx, fence.task_id, url)
        elif url.depth < known["depth"] and (known["state"] == UrlState.QUEUED or known["reason"] == "too_deep"):
            was_refused = known["state"] != UrlState.QUEUED
            state = url.state if was_refused else UrlState.QUEUED
            tx.db.execute(
                "UPDATE frontier SET depth = ?, state = ?, reason = ?, settled_at = ?, is_refused = ?"
                " WHERE task_id = ? AND url_key = ?",
                (
                    url.depth,
                    state,
                    url.reason,
                    None if state is UrlState.QUEUED else now,
                    state is not UrlState.QUEUED,
                    fence.task_id,
                    url.url_key,
                ),
            )
            queued += was_refused and state is UrlState.QUEUED
        if known is not None and url.lastmod is not None:
            tx.db.execute(
                "UPDATE frontier SET lastmod = ? WHERE task_id = ? AND url_key = ? AND lastmod IS NULL",
                (url.lastmod.timestamp(), fence.task_id, url.url_key),
            )
    return queued


def _pass_over(tx: Tx, task_id: str, twin: FrontierUrl) -> None:
    """A known URL that waits is the Markdown of a page, or of which page it is so is known better now."""
    tx.db.execute(
        "UPDATE frontier SET state = 'skipped', reason = 'markdown_twin', same_as = ?, settled_at = ?, is_refused = 1"
        " WHERE task_id = ? AND url_key = ? AND (state = 'queued' OR reason = 'markdown_twin')",
        (twin.same_as, tx.now.timestamp(), task_id, twin.url_key),
    )


def next_urls(db: sqlite3.Connection, task_id: str, limit: int, exclude: Sequence[int]) -> list[FrontierUrl]:
    marks = ", ".join("?" * len(exclude))
    rows = db.execute(
        f"SELECT * FROM frontier WHERE task_id = ? AND state = 'queued' AND ordinal NOT IN ({marks}) ORDER BY depth, ordinal LIMIT ?",
        (task_id, *exclude, limit),
    ).fetchall()
    return [url_from(row) for row in rows]


def is_open(tx: Tx, fence: Fence, url_key: str) -> bool:
    """Whether anything may still be said of a URL: its page is not stored."""
    check_fence(tx, fence)
    row = tx.db.execute(
        "SELECT 1 FROM frontier WHERE task_id = ? AND url_key = ? AND state = 'stored'", (fence.task_id, url_key)
    ).fetchone()
    return row is None


def settle(tx: Tx, task_id: str, url: FrontierUrl) -> None:
    tx.db.execute(
        "UPDATE frontier SET state = ?, reason = ?, message = ?, status_code = ?, attempts = ?, page_id = ?, chunk_count = ?,"
        " code_example_count = ?, elapsed_seconds = ?, fetched_by = ?, same_as = ?, settled_at = ?, is_refused = 0"
        " WHERE task_id = ? AND url_key = ?",
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
            url.fetched_by,
            url.same_as,
            tx.now.timestamp(),
            task_id,
            url.url_key,
        ),
    )


def skip_queued(tx: Tx, fence: Fence, reason: str) -> int:
    check_fence(tx, fence)
    return tx.db.execute(
        "UPDATE frontier SET state = 'skipped', reason = ?, is_refused = 1, settled_at = ?"
        " WHERE task_id = ? AND state = 'queued'",
        (reason, tx.now.timestamp(), fence.task_id),
    ).rowcount


def take_up_orphans(tx: Tx, fence: Fence) -> int:
    """Queue again, for themselves, the URLs that were passed over for another that gave no page, nor one that stands for
    that in turn; how many."""
    check_fence(tx, fence)
    return tx.db.execute(
        "UPDATE frontier SET state = 'queued', reason = NULL, message = NULL, same_as = NULL, settled_at = NULL, is_own = 1,"
        " is_refused = 0 WHERE task_id = ?1 AND reason IN ('canonical', 'markdown_twin') AND page_id IS NULL AND NOT EXISTS ("
        "  WITH RECURSIVE chain (url_key) AS (SELECT frontier.same_as UNION"
        "   SELECT link.same_as FROM chain JOIN frontier AS link ON link.task_id = ?1 AND link.url_key = chain.url_key"
        "   WHERE link.same_as IS NOT NULL)"
        "  SELECT 1 FROM chain JOIN frontier AS other ON other.task_id = ?1 AND other.url_key = chain.url_key"
        "  WHERE other.page_id IS NOT NULL OR other.reason = 'noindex')",
        (fence.task_id,),
    ).rowcount


def counts(db: sqlite3.Connection, task_id: str, source_id: str, model: str | None) -> CrawlCounts:
    groups = db.execute(
        "SELECT state, reason, count(*) AS n, sum(is_refused) AS refused, sum(chunk_count) AS chunks,"
        " sum(code_example_count) AS code"
        " FROM frontier WHERE task_id = ? GROUP BY state, reason",
        (task_id,),
    ).fetchall()
    return counts_from(groups, 0 if model is None else _embedded_pages(db, task_id, source_id, model))


def _embedded_pages(db: sqlite3.Connection, task_id: str, source_id: str, model: str) -> int:
    row = db.execute(
        "SELECT count(*) FROM page WHERE source_id = ? AND died = ? AND born < ? AND seen_task_id = ? AND NOT EXISTS ("
        " SELECT 1 FROM chunk WHERE chunk.page_row = page.page_row AND NOT EXISTS ("
        "  SELECT 1 FROM vector WHERE vector.model = ? AND vector.text_row = chunk.text_row))",
        (source_id, FOREVER, FOREVER, task_id, model),
    ).fetchone()
    return int(row[0])


def urls(
    db: sqlite3.Connection,
    task_id: str,
    state: UrlState | None,
    reason: str | None,
    text: str | None,
    after: int,
    limit: int,
) -> list[FrontierUrl]:
    rows = db.execute(
        "SELECT * FROM frontier WHERE task_id = ?1 AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR reason = ?3)"
        " AND (?4 IS NULL OR instr(lower(url), lower(?4)) > 0) AND ordinal > ?5 ORDER BY ordinal LIMIT ?6",
        (task_id, state, reason, text, after, limit),
    ).fetchall()
    return [url_from(row) for row in rows]


def url_counts(db: sqlite3.Connection, task_id: str) -> list[UrlCount]:
    rows = db.execute(
        "SELECT state, reason, count(*) AS n FROM frontier WHERE task_id = ? GROUP BY state, reason ORDER BY n DESC, reason",
        (task_id,),
    ).fetchall()
    return [url_count_from(row) for row in rows]
