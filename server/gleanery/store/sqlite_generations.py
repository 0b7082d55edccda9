"""Generations of a source's pages in SQLite: begun beside the one that is seen, swapped in at once, kept to go back to.

The pages themselves say which generations they are in (`born`, `died`), so nothing is copied: a swap is one number.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from gleanery import errors
from gleanery.model import (
    FOREVER,
    Fence,
    Generation,
    GenerationState,
    NewEvent,
    Page,
    PageChange,
    PageDelta,
    PageVersion,
    Progress,
    StoredCode,
)
from gleanery.store import sqlite_page_versions, sqlite_pages
from gleanery.store.generation_store import TOLD_PAGES
from gleanery.store.knowledge_rows import code_from, delta_from, generation_from, page_from
from gleanery.store.source_changed import note_changed
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import check_fence, compact, report
from gleanery.store.values import BuildSaved, GenerationFigures

ROWS_AT_ONCE = 50
"""Rows that one transaction takes away: others never wait long for it."""


class SqliteGenerations:
    """`GenerationStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def begin(self, fence: Fence, source_id: str) -> Generation:
        while not await self._db.write(lambda tx: _trim(tx, fence, source_id, ROWS_AT_ONCE), is_long=True):
            pass  # each round is a short transaction of its own: others get in between
        return await self._db.write(lambda tx: begin(tx, fence, source_id))

    async def figures(self, source_id: str, number: int | None) -> GenerationFigures:
        return await self._db.read(lambda db: _figures(db, source_id, number))

    async def saved(self, source_id: str, number: int) -> BuildSaved:
        return await self._db.read(lambda db: _saved(db, source_id, number))

    async def complete(
        self,
        fence: Fence,
        source_id: str,
        grace: timedelta,
        events: Sequence[NewEvent],
        progress: Progress,
        result: Mapping[str, Any],
    ) -> Generation:
        return await self._db.write(
            lambda tx: _complete(tx, fence, source_id, grace, events, progress, result), is_long=True
        )

    async def reject(self, fence: Fence, source_id: str, result: Mapping[str, Any]) -> Generation:
        return await self._db.write(lambda tx: _reject(tx, fence, source_id, result))

    async def activate(self, source_id: str, number: int) -> Generation:
        return await self._db.write(lambda tx: _activate(tx, source_id, number))

    async def get(self, source_id: str, number: int) -> Generation:
        return await self._db.read(lambda db: _get(db, source_id, number))

    async def of_task(self, source_id: str, task_id: str) -> Generation | None:
        return await self._db.read(lambda db: _of_task(db, source_id, task_id))

    async def list(self, source_id: str, *, before: int | None, limit: int) -> Sequence[Generation]:
        return await self._db.read(lambda db: _list(db, source_id, before, limit))

    async def delta(
        self, source_id: str, number: int, change: PageChange | None, *, after: str | None, limit: int
    ) -> Sequence[PageDelta]:
        return await self._db.read(lambda db: _delta(db, source_id, number, change, after, limit))

    async def delta_counts(self, source_id: str, number: int) -> Mapping[PageChange, int]:
        return await self._db.read(lambda db: _delta_counts(db, source_id, number))

    async def page_version(self, page_row: int) -> tuple[Page, Sequence[StoredCode]]:
        return await self._db.read(lambda db: _page_version(db, page_row))

    async def page_versions(self, page_id: str, *, before: int | None, limit: int) -> Sequence[PageVersion]:
        return await self._db.read(lambda db: sqlite_page_versions.page_versions(db, page_id, before, limit))

    async def prune(self, keep: int) -> int:
        return await self._db.write(lambda tx: _prune(tx, keep, ROWS_AT_ONCE), is_long=True, is_durable=False)


def _of_task(db: sqlite3.Connection, source_id: str, task_id: str) -> Generation | None:
    """The newest one that the task has made or is making."""
    row = db.execute(
        "SELECT * FROM generation WHERE source_id = ? AND task_id = ? ORDER BY number DESC LIMIT 1",
        (source_id, task_id),
    ).fetchone()
    return None if row is None else generation_from(row)


def _visible(db: sqlite3.Connection, source_id: str) -> int:
    row = db.execute(
        "SELECT generation FROM source WHERE source_id = ? AND deleted_at IS NULL", (source_id,)
    ).fetchone()
    if row is None:
        raise errors.NotFound("source", source_id)
    return int(row["generation"])


def _get(db: sqlite3.Connection, source_id: str, number: int) -> Generation:
    _visible(db, source_id)
    row = db.execute("SELECT * FROM generation WHERE source_id = ? AND number = ?", (source_id, number)).fetchone()
    if row is None:
        raise errors.NotFound("generation", str(number))
    return generation_from(row)


def _list(db: sqlite3.Connection, source_id: str, before: int | None, limit: int) -> list[Generation]:
    _visible(db, source_id)
    rows = db.execute(
        "SELECT * FROM generation WHERE source_id = ? AND number < ? ORDER BY number DESC LIMIT ?",
        (source_id, FOREVER if before is None else before, limit),
    ).fetchall()
    return [generation_from(row) for row in rows]


# Building


def begin(tx: Tx, fence: Fence, source_id: str) -> Generation:
    """The generation that the task builds: the one that it has begun already, or a new one.

    Beside a complete one it is seen by nobody; where there is none, what is stored is seen at once.
    """
    check_fence(tx, fence)
    row = tx.db.execute(
        "SELECT * FROM generation WHERE source_id = ? AND task_id = ? AND state IN ('building', 'rejected')"
        " ORDER BY number DESC LIMIT 1",
        (source_id, fence.task_id),
    ).fetchone()
    if row is not None:
        _set_state(tx, source_id, row["number"], GenerationState.BUILDING)
        return generation_from(row)
    visible = _visible(tx.db, source_id)
    base = tx.db.execute(
        "SELECT 1 FROM generation WHERE source_id = ? AND number = ? AND state = 'complete'", (source_id, visible)
    ).fetchone()
    number: int = tx.db.execute(
        "UPDATE source SET last_generation = last_generation + 1 WHERE source_id = ? RETURNING last_generation",
        (source_id,),
    ).fetchone()[0]
    tx.db.execute(
        "INSERT INTO generation (source_id, number, state, base, task_id, created_at) VALUES (?, ?, 'building', ?, ?, ?)",
        (source_id, number, None if base is None else visible, fence.task_id, tx.now.timestamp()),
    )
    if base is None:
        tx.db.execute("UPDATE source SET generation = ? WHERE source_id = ?", (number, source_id))
    return _get(tx.db, source_id, number)


def building(tx: Tx, fence: Fence, source_id: str) -> int:
    """The number of the generation that the task builds; begun, where it has not."""
    check_fence(tx, fence)
    row = tx.db.execute(
        "SELECT number FROM generation WHERE task_id = ? AND source_id = ? AND state = 'building'",
        (fence.task_id, source_id),
    ).fetchone()
    return begin(tx, fence, source_id).number if row is None else int(row["number"])


def _trim(tx: Tx, fence: Fence, source_id: str, limit: int) -> bool:
    """Undo what was built beside the visible generation and is not to be; True once nothing is left to undo."""
    check_fence(tx, fence)
    row = tx.db.execute(
        "SELECT 1 FROM generation WHERE source_id = ? AND task_id = ? AND state IN ('building', 'rejected')",
        (source_id, fence.task_id),
    ).fetchone()
    if row is not None:
        return True  # the task goes on with its own
    visible = _visible(tx.db, source_id)
    newer = tx.db.execute(
        "SELECT page_row FROM page WHERE source_id = ? AND born > ? LIMIT 1", (source_id, visible)
    ).fetchone()
    if newer is not None:
        sqlite_pages.delete_rows(tx, newer["page_row"], limit)
        return False
    tx.db.execute(
        "UPDATE page SET died = ? WHERE source_id = ? AND died > ? AND died < ?", (FOREVER, source_id, visible, FOREVER)
    )
    tx.db.execute("UPDATE generation SET state = 'discarded' WHERE source_id = ? AND number > ?", (source_id, visible))
    return True


def _complete(
    tx: Tx,
    fence: Fence,
    source_id: str,
    grace: timedelta,
    events: Sequence[NewEvent],
    progress: Progress,
    result: Mapping[str, Any],
) -> Generation:
    number = building(tx, fence, source_id)
    _mark_missing(tx, fence, source_id, number, grace)
    report(tx, fence, events, progress)
    base = _get(tx.db, source_id, number).base
    counts = _delta_counts(tx.db, source_id, number) if base is not None else {}
    told = {**result, **{f"pages_{change}": counts.get(change, 0) for change in PageChange if base is not None}}
    tx.db.execute(
        "UPDATE generation SET state = 'complete', completed_at = ?, result = ? WHERE source_id = ? AND number = ?",
        (tx.now.timestamp(), compact(told), source_id, number),
    )
    tx.db.execute(
        "UPDATE source SET generation = ?, updated_at = ? WHERE source_id = ?",
        (number, tx.now.timestamp(), source_id),
    )
    if base is not None:
        delta = _delta(tx.db, source_id, number, None, None, TOLD_PAGES)
        note_changed(tx, fence.task_id, source_id, number, base, counts, delta)
    return _get(tx.db, source_id, number)


# What the task could not look at is not missing: its URL failed for a reason that may pass, or its turn never came.
_NOT_LOOKED_AT = (
    "EXISTS (SELECT 1 FROM frontier WHERE frontier.task_id = :task AND frontier.url_key = page.url_key AND"
    " (state = 'queued' OR reason IN ('time_limit', 'page_limit')"
    "  OR (state = 'failed' AND reason NOT IN ('http_404', 'http_410'))))"
)
# And where a limit ended the crawl only those are missing of which the site said something.
_OR_NEVER_MET = (
    "(NOT EXISTS (SELECT 1 FROM frontier WHERE frontier.task_id = :task AND reason IN ('time_limit', 'page_limit'))"
    " OR EXISTS (SELECT 1 FROM frontier WHERE frontier.task_id = :task AND frontier.url_key = page.url_key))"
)


def _mark_missing(tx: Tx, fence: Fence, source_id: str, number: int, grace: timedelta) -> None:
    """Pages that the task has not met are missing from now on; those that have been for `grace` go."""
    newest = f"source_id = :source AND died = {FOREVER} AND born < {FOREVER} AND seen_task_id <> :task"
    values = {"source": source_id, "task": fence.task_id, "number": number, "now": tx.now.timestamp()}
    tx.db.execute(
        f"UPDATE page SET missing_since = :now WHERE {newest} AND missing_since IS NULL AND NOT {_NOT_LOOKED_AT} AND {_OR_NEVER_MET}",
        values,
    )
    tx.db.execute(
        f"UPDATE page SET died = :number WHERE {newest} AND missing_since <= :before",
        values | {"before": (tx.now - grace).timestamp()},
    )


def _reject(tx: Tx, fence: Fence, source_id: str, result: Mapping[str, Any]) -> Generation:
    number = building(tx, fence, source_id)
    tx.db.execute(
        "UPDATE generation SET state = 'rejected', completed_at = ?, result = ? WHERE source_id = ? AND number = ?",
        (tx.now.timestamp(), compact(dict(result)), source_id, number),
    )
    return _get(tx.db, source_id, number)


def _activate(tx: Tx, source_id: str, number: int) -> Generation:
    generation = _get(tx.db, source_id, number)
    if generation.state is GenerationState.BUILDING:
        raise errors.WrongState(
            f"Generation {number} is being built: wait for its task.", source_id=source_id, task_id=generation.task_id
        )
    if generation.state is GenerationState.DISCARDED:
        raise errors.NotFound("generation", str(number))
    busy = tx.db.execute(
        "SELECT task_id FROM generation JOIN task USING (task_id) WHERE source_id = ? AND state = 'building'"
        " AND base IS NOT NULL AND status IN ('queued', 'running', 'paused')",
        (source_id,),
    ).fetchone()
    if busy is not None:
        raise errors.WrongState(
            "A refresh is under way beside the present generation: cancel it first, or wait for its end.",
            source_id=source_id,
            task_id=busy["task_id"],
        )
    _set_state(tx, source_id, number, GenerationState.COMPLETE)
    tx.db.execute(
        "UPDATE source SET generation = ?, updated_at = ? WHERE source_id = ?",
        (number, tx.now.timestamp(), source_id),
    )
    return replace(generation, state=GenerationState.COMPLETE)


def _set_state(tx: Tx, source_id: str, number: int, state: GenerationState) -> None:
    tx.db.execute("UPDATE generation SET state = ? WHERE source_id = ? AND number = ?", (state, source_id, number))


# Looking


def _figures(db: sqlite3.Connection, source_id: str, number: int | None) -> GenerationFigures:
    at = _visible(db, source_id) if number is None else number
    row = db.execute(
        "SELECT count(*) AS pages, coalesce(sum(chunk_count), 0) AS chunks, coalesce(sum(code_count), 0) AS code,"
        " count(DISTINCT content_hash) AS contents, coalesce(sum(chars), 0) AS chars"
        " FROM page WHERE source_id = ? AND born <= ? AND died > ?",
        (source_id, at, at),
    ).fetchone()
    return GenerationFigures(row["pages"], row["chunks"], row["code"], row["contents"], row["chars"])


_MET = f"page.died = {FOREVER} AND page.born < {FOREVER} AND page.seen_task_id = :task"


def _saved(db: sqlite3.Connection, source_id: str, number: int) -> BuildSaved:
    task_id = _get(db, source_id, number).task_id
    values = {"source": source_id, "number": number, "task": task_id}
    met = db.execute(
        "SELECT count(*) AS pages, coalesce(sum(chars), 0) AS chars, coalesce(sum(born < :number), 0) AS unchanged"
        f" FROM page WHERE source_id = :source AND {_MET}",
        values,
    ).fetchone()
    kept = db.execute(
        "SELECT count(*) AS chunks, coalesce(sum(coalesce(text.tokens, length(chunk.content) / 4)), 0) AS tokens"
        " FROM chunk JOIN page USING (page_row) JOIN text USING (text_row)"
        f" WHERE chunk.source_id = :source AND {_MET} AND (page.born < :number OR EXISTS ("
        "  SELECT 1 FROM chunk AS old JOIN page AS was ON was.page_row = old.page_row"
        "  WHERE old.text_row = chunk.text_row AND was.source_id = :source AND was.born < :number))",
        values,
    ).fetchone()
    not_fetched = db.execute(
        "SELECT count(*) FROM frontier WHERE task_id = ? AND state = 'stored' AND fetched_by = 'unchanged'", (task_id,)
    ).fetchone()[0]
    return BuildSaved(met["pages"], met["chars"], met["unchanged"], not_fetched, kept["chunks"], kept["tokens"])


_BOTH = """
SELECT coalesce(new.page_id, old.page_id) AS page_id, coalesce(new.url, old.url) AS url, coalesce(new.url_key, old.url_key) AS url_key,
    coalesce(new.title, old.title) AS title, old.page_row AS old_row, new.page_row AS new_row,
    CASE WHEN old.page_row IS NULL THEN 'added' WHEN new.page_row IS NULL THEN 'removed' ELSE 'changed' END AS change
"""
_DELTA = f"""
{_BOTH} FROM page AS new LEFT JOIN page AS old
    ON old.page_id = new.page_id AND old.born <= :base AND old.died > :base
    WHERE new.source_id = :source AND new.born > :base AND new.born <= :number AND new.died > :number
UNION ALL
{_BOTH} FROM page AS old LEFT JOIN page AS new
    ON new.page_id = old.page_id AND new.born <= :number AND new.died > :number
    WHERE old.source_id = :source AND old.died > :base AND old.died <= :number AND old.born <= :base AND new.page_row IS NULL
"""


def _delta_of(db: sqlite3.Connection, source_id: str, number: int) -> dict[str, Any]:
    """Raises NotFound where the generation, or the one that it was built beside, is not kept any more."""
    generation = _get(db, source_id, number)
    base = 0 if generation.base is None else _get(db, source_id, generation.base).number
    return {"source": source_id, "base": base, "number": number}


def _delta(
    db: sqlite3.Connection, source_id: str, number: int, change: PageChange | None, after: str | None, limit: int
) -> list[PageDelta]:
    values = _delta_of(db, source_id, number) | {"change": change, "after": after or "", "limit": limit}
    rows = db.execute(
        f"SELECT * FROM ({_DELTA}) WHERE (:change IS NULL OR change = :change) AND url_key > :after ORDER BY url_key LIMIT :limit",
        values,
    ).fetchall()
    return [delta_from(row) for row in rows]


def _delta_counts(db: sqlite3.Connection, source_id: str, number: int) -> dict[PageChange, int]:
    values = _delta_of(db, source_id, number)
    rows = db.execute(f"SELECT change, count(*) AS n FROM ({_DELTA}) GROUP BY change", values)
    return {PageChange(row["change"]): row["n"] for row in rows}


def _page_version(db: sqlite3.Connection, page_row: int) -> tuple[Page, list[StoredCode]]:
    row = db.execute("SELECT * FROM page WHERE page_row = ?", (page_row,)).fetchone()
    if row is None:
        raise errors.NotFound("page version", str(page_row))
    code = db.execute("SELECT * FROM code_example WHERE page_row = ? ORDER BY ordinal", (page_row,)).fetchall()
    return page_from(row, row["markdown"]), [code_from(each) for each in code]


# Forgetting

_BUSY = "SELECT serial_key FROM task WHERE status IN ('queued', 'running', 'paused') AND serial_key IS NOT NULL"
_OLDEST_KEPT = (
    "coalesce((SELECT min(number) FROM (SELECT number FROM generation WHERE generation.source_id = source.source_id"
    " AND state = 'complete' AND number <= source.generation ORDER BY number DESC LIMIT ?)), source.generation)"
)
# From the sources to their pages, never the other way: there may be very many pages.
_UNWANTED = "SELECT page_row FROM source CROSS JOIN page ON page.source_id = source.source_id"
_DELETED = f"{_UNWANTED} WHERE deleted_at IS NOT NULL LIMIT 1"
_NEVER_CAME = f"{_UNWANTED} AND page.born >= {FOREVER} WHERE source.source_id NOT IN ({_BUSY}) LIMIT 1"
_REPLACED = f"{_UNWANTED} AND page.died <= {_OLDEST_KEPT} LIMIT 1"


def _prune(tx: Tx, keep: int, limit: int) -> int:
    """Take away up to about `limit` rows that nobody can see or go back to any more; how many went."""
    for sql, values in ((_DELETED, ()), (_NEVER_CAME, ()), (_REPLACED, (keep,))):
        row = tx.db.execute(sql, values).fetchone()
        if row is not None:
            return sqlite_pages.delete_rows(tx, row["page_row"], limit)
    for table in ("saved_query", "evaluation", "generation"):
        tx.db.execute(
            f"DELETE FROM {table} WHERE source_id NOT IN (SELECT source_id FROM source WHERE deleted_at IS NULL)"
        )
    tx.db.execute("DELETE FROM source WHERE deleted_at IS NOT NULL")
    tx.db.execute(
        "DELETE FROM generation WHERE number < (SELECT oldest FROM ("
        f"SELECT source_id, {_OLDEST_KEPT} AS oldest FROM source) AS kept WHERE kept.source_id = generation.source_id)",
        (keep,),
    )
    return 0
