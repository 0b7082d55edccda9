"""`ParseStore` over SQLite: parsed pages with their pictures, and what is kept beside the tasks that asked for them."""

from __future__ import annotations

import functools
import itertools
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gleanery import errors
from gleanery.model import Fence, NewEvent, NewTask, Progress, Task, TaskStatus
from gleanery.store.parse_rows import (
    BODY,
    LOST_SECONDS,
    PART_BYTES,
    PNG,
    dump_secrets,
    missing_part,
    page_from,
    page_row,
    secrets_from,
)
from gleanery.store.parses import TASK_TYPE, NewParse, Parse, Secrets, WebPage
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import check_fence, marks, report, task_from, task_of
from gleanery.store.sqlite_tasks import create
from gleanery.store.values import Idempotency

PARTS_AT_ONCE = 2
"""So many are removed at once."""

_READY = "status = 'queued' AND waits_for = 0 AND wakes_at IS NULL"
_PAGE = "web_page_id, cache_key, url, final_url, task_id, loaded_at, expires_at, size_bytes, timing, summary"


@dataclass(frozen=True)
class _Part:
    web_page_id: str
    kind: str
    number: int
    data: bytes


class SqliteParses:
    """`ParseStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def start(
        self,
        new: NewTask,
        parse: NewParse,
        *,
        idempotency: Idempotency | None = None,
        queue_limit: int | None = None,
    ) -> Task:
        return await self._db.write(lambda tx: _start(tx, new, parse, idempotency, queue_limit))

    async def secrets(self, task_id: str) -> Secrets | None:
        return await self._db.read(lambda db: _secrets(db, task_id))

    async def usable(self, cache_key: str, *, at: datetime | None, began_after: datetime) -> WebPage | None:
        return await self._db.read(lambda db: _usable(db, cache_key, at, began_after))

    async def keep(
        self,
        fence: Fence,
        page: WebPage,
        body: bytes,
        png: bytes | None,
        events: Sequence[NewEvent],
        progress: Progress,
        *,
        memory_usage_mb: float,
    ) -> Task:
        for kind, data in ((BODY, body), (PNG, png or b"")):
            for number, start in enumerate(range(0, len(data), PART_BYTES)):
                part = _Part(page.web_page_id, kind, number, data[start : start + PART_BYTES])
                await self._db.write(functools.partial(_keep_part, fence=fence, part=part), is_long=True)
        return await self._db.write(lambda tx: _keep(tx, fence, page, events, progress, memory_usage_mb))

    async def use(self, fence: Fence, web_page_id: str) -> None:
        await self._db.write(lambda tx: _use(tx, fence, web_page_id))

    async def get(self, id: str) -> Parse:
        return await self._db.read(lambda db: _get(db, id))

    async def list(
        self, *, url_key: str | None, statuses: Sequence[TaskStatus], after: tuple[float, str] | None, limit: int
    ) -> Sequence[Parse]:
        return await self._db.read(lambda db: _list(db, url_key, statuses, after, limit))

    async def body(self, web_page_id: str) -> bytes:
        return await self._db.read(lambda db: _whole(db, BODY, web_page_id))

    async def screenshot(self, web_page_id: str) -> bytes:
        return await self._db.read(lambda db: _whole(db, PNG, web_page_id))

    async def position(self, task_id: str) -> int | None:
        return await self._db.read(lambda db: _position(db, task_id))

    async def in_hand(self) -> int:
        return await self._db.read(_in_hand)

    async def timings(self, limit: int) -> Sequence[Mapping[str, float]]:
        return await self._db.read(
            lambda db: [
                json.loads(row[0])
                for row in db.execute("SELECT timing FROM web_page ORDER BY loaded_at DESC LIMIT ?", (limit,))
            ]
        )

    async def evict(self, max_bytes: int, limit: int) -> int:
        return await self._remove(await self._db.read(lambda db: _over(db, max_bytes, limit)))

    async def forget(self, limit: int) -> int:
        before = self._db.clock() - timedelta(seconds=LOST_SECONDS)
        for web_page_id in await self._db.read(lambda db: _lost(db, before, limit)):
            await self._remove_parts(web_page_id)
        return await self._remove(await self._db.read(lambda db: _orphans(db, limit)))

    async def _remove(self, web_page_ids: Sequence[str]) -> int:
        for web_page_id in web_page_ids:
            await self._db.write(functools.partial(_remove_page, web_page_id=web_page_id))
            await self._remove_parts(web_page_id)
        return len(web_page_ids)

    async def _remove_parts(self, web_page_id: str) -> None:
        while await self._db.write(functools.partial(_remove_parts, web_page_id=web_page_id), is_long=True):
            pass


def _start(tx: Tx, new: NewTask, parse: NewParse, idempotency: Idempotency | None, queue_limit: int | None) -> Task:
    task = create(tx, new, idempotency, queue_limit)
    tx.db.execute(  # known already where the idempotency key is
        "INSERT OR IGNORE INTO parse (task_id, created_at, url_key, cache_key, secrets) VALUES (?, ?, ?, ?, ?)",
        (
            task.task_id,
            task.created_at.timestamp(),
            parse.url_key,
            parse.cache_key,
            dump_secrets(parse.secrets),
        ),
    )
    return task


def _secrets(db: sqlite3.Connection, task_id: str) -> Secrets | None:
    row = db.execute("SELECT secrets FROM parse WHERE task_id = ? AND secrets IS NOT NULL", (task_id,)).fetchone()
    return None if row is None else secrets_from(row[0])


def _usable(db: sqlite3.Connection, cache_key: str, at: datetime | None, began_after: datetime) -> WebPage | None:
    fresh = float("inf") if at is None else at.timestamp()
    row = db.execute(
        f"SELECT {_PAGE} FROM web_page WHERE cache_key = ? AND (expires_at > ? OR loaded_at > ?)"
        " ORDER BY loaded_at DESC LIMIT 1",
        (cache_key, fresh, began_after.timestamp()),
    ).fetchone()
    return None if row is None else page_from(dict(row))


def _keep(
    tx: Tx,
    fence: Fence,
    page: WebPage,
    events: Sequence[NewEvent],
    progress: Progress,
    memory_usage_mb: float,
) -> Task:
    check_fence(tx, fence)
    tx.db.execute(
        f"INSERT INTO web_page ({_PAGE}) VALUES ({marks(_PAGE.split(','))})",
        tuple(page_row(page).values()),
    )
    tx.db.execute("UPDATE parse SET web_page_id = ? WHERE task_id = ?", (page.web_page_id, fence.task_id))
    tx.db.execute("UPDATE task SET memory_usage_mb = ? WHERE task_id = ?", (memory_usage_mb, fence.task_id))
    return report(tx, fence, events, progress)


def _use(tx: Tx, fence: Fence, web_page_id: str) -> None:
    check_fence(tx, fence)
    tx.db.execute("UPDATE parse SET web_page_id = ? WHERE task_id = ?", (web_page_id, fence.task_id))


def _get(db: sqlite3.Connection, id: str) -> Parse:
    row = db.execute(
        "SELECT task_id FROM parse WHERE task_id = ?1 UNION ALL"
        " SELECT task_id FROM (SELECT task_id FROM parse WHERE web_page_id = ?1 ORDER BY created_at LIMIT 1) LIMIT 1",
        (id,),
    ).fetchone()
    if row is None:
        raise errors.NotFound("parse", id)
    return _parse(db, task_of(db, row[0]))


def _parse(db: sqlite3.Connection, task: Task) -> Parse:
    row = db.execute("SELECT web_page_id FROM parse WHERE task_id = ?", (task.task_id,)).fetchone()
    web_page_id = None if row is None else row[0]
    found = db.execute(f"SELECT {_PAGE} FROM web_page WHERE web_page_id = ?", (web_page_id,)).fetchone()
    return Parse(task, web_page_id, None if found is None else page_from(dict(found)))


def _list(
    db: sqlite3.Connection,
    url_key: str | None,
    statuses: Sequence[TaskStatus],
    after: tuple[float, str] | None,
    limit: int,
) -> list[Parse]:
    where, values = ["1"], list[Any]()
    if url_key is not None:
        where.append("parse.url_key = ?")
        values.append(url_key)
    if statuses:
        where.append(f"task.status IN ({marks(statuses)})")
        values += statuses
    if after is not None:
        where.append("(parse.created_at, parse.task_id) < (?, ?)")
        values += after
    rows = db.execute(
        "SELECT task.* FROM parse CROSS JOIN task USING (task_id)"
        f" WHERE {' AND '.join(where)} ORDER BY parse.created_at DESC, parse.task_id DESC LIMIT ?",
        (*values, limit),
    ).fetchall()
    return [_parse(db, task_from(row)) for row in rows]


def _keep_part(tx: Tx, *, fence: Fence, part: _Part) -> None:
    check_fence(tx, fence)
    tx.db.execute(
        "INSERT INTO web_page_part (web_page_id, kind, number, at, data) VALUES (?, ?, ?, ?, ?)",
        (part.web_page_id, part.kind, part.number, tx.now.timestamp(), part.data),
    )


def _whole(db: sqlite3.Connection, kind: str, web_page_id: str) -> bytes:
    rows = db.execute(
        "SELECT data FROM web_page_part WHERE web_page_id = ? AND kind = ? ORDER BY number", (web_page_id, kind)
    ).fetchall()
    if not rows or db.execute("SELECT 1 FROM web_page WHERE web_page_id = ?", (web_page_id,)).fetchone() is None:
        raise errors.NotFound(missing_part(kind), web_page_id)
    return b"".join(row[0] for row in rows)


def _position(db: sqlite3.Connection, task_id: str) -> int | None:
    row = db.execute(
        f"SELECT -priority, run_at, created_at FROM task WHERE task_id = ? AND {_READY}", (task_id,)
    ).fetchone()
    if row is None:
        return None
    ahead = db.execute(
        f"SELECT count(*) FROM task INDEXED BY task_ready WHERE {_READY} AND task_type = ?"
        " AND (-priority, run_at, created_at) < (?, ?, ?)",
        (TASK_TYPE, *row),
    ).fetchone()
    return int(ahead[0]) + 1


def _in_hand(db: sqlite3.Connection) -> int:
    waiting = db.execute(
        f"SELECT count(*) FROM task INDEXED BY task_ready WHERE {_READY} AND task_type = ?", (TASK_TYPE,)
    ).fetchone()
    running = db.execute(
        "SELECT count(*) FROM task WHERE status = 'running' AND task_type = ?", (TASK_TYPE,)
    ).fetchone()
    return int(waiting[0]) + int(running[0])


def _over(db: sqlite3.Connection, max_bytes: int, limit: int) -> Sequence[str]:
    """The oldest, as far as all take too much; never the newest."""
    over = int(db.execute("SELECT coalesce(sum(size_bytes), 0) FROM web_page").fetchone()[0]) - max_bytes
    if over <= 0:
        return []
    rows = db.execute(
        "SELECT web_page_id, size_bytes FROM web_page WHERE loaded_at < (SELECT max(loaded_at) FROM web_page)"
        " ORDER BY loaded_at LIMIT ?",
        (limit,),
    ).fetchall()
    freed = itertools.accumulate((row["size_bytes"] for row in rows), initial=0)
    return [row["web_page_id"] for row, so_far in zip(rows, freed, strict=False) if so_far < over]


def _orphans(db: sqlite3.Connection, limit: int) -> Sequence[str]:
    rows = db.execute(
        "SELECT web_page_id FROM web_page WHERE NOT EXISTS"
        " (SELECT 1 FROM parse WHERE parse.web_page_id = web_page.web_page_id) LIMIT ?",
        (limit,),
    )
    return [row[0] for row in rows]


def _lost(db: sqlite3.Connection, before: datetime, limit: int) -> Sequence[str]:
    rows = db.execute(
        "SELECT DISTINCT web_page_id FROM web_page_part WHERE at < ?"
        " AND NOT EXISTS (SELECT 1 FROM web_page WHERE web_page.web_page_id = web_page_part.web_page_id) LIMIT ?",
        (before.timestamp(), limit),
    )
    return [row[0] for row in rows]


def _remove_page(tx: Tx, *, web_page_id: str) -> None:
    """From now on nobody sees its parts."""
    tx.db.execute("DELETE FROM web_page WHERE web_page_id = ?", (web_page_id,))


def _remove_parts(tx: Tx, *, web_page_id: str) -> int:
    return tx.db.execute(
        "DELETE FROM web_page_part WHERE row IN (SELECT row FROM web_page_part WHERE web_page_id = ? LIMIT ?)",
        (web_page_id, PARTS_AT_ONCE),
    ).rowcount
