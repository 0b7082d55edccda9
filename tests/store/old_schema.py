"""A database as the first release left it, and a process that opens it: `python -m tests.store.old_schema DATABASE`."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from pathlib import Path

import numpy as np

from gleanery.model import NewTask, Progress, TaskStatus
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.schema import MIGRATIONS
from gleanery.store.sqlite import add_functions
from gleanery.store.sqlite_rows import dump_progress
from gleanery.store.values import TaskFilter

BEGIN = 1_767_300_000.0
EVENTS_EACH = 4
VECTOR = np.array([0.5, 0.25], np.float16)


def write_old(path: Path, version: int = 1) -> None:
    """One task in each state, each with its events, whose times are those of all tasks mixed, in a schema of that version."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    add_functions(db)
    db.executescript(MIGRATIONS[0])
    db.execute("PRAGMA user_version = 1")
    db.execute("BEGIN")
    for n, status in enumerate(TaskStatus):
        _task(db, f"tsk_{status}", status, BEGIN + n)
        db.executemany(
            "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)",
            [
                (f"tsk_{status}", seq, BEGIN + 10 * seq + n, "page_stored", f"é {seq}", json.dumps({"n": seq}))
                for seq in range(1, EVENTS_EACH + 1)
            ],
        )
    db.execute("INSERT INTO idempotency VALUES ('key', 'hash', 'tsk_completed', ?)", (BEGIN,))
    db.execute(
        "INSERT INTO source (source_id, url, url_key, knowledge_type, created_at, updated_at, last_task_id)"
        " VALUES ('src_1', 'https://a.test/', 'a.test/', 'docs', ?, ?, 'tsk_completed')",
        (BEGIN, BEGIN),
    )
    db.execute(
        "INSERT INTO frontier (task_id, url_key, url, depth, ordinal, state)"
        " VALUES ('tsk_running', 'a.test/', 'https://a.test/', 0, 1, 'queued')"
    )
    db.executemany(
        "INSERT INTO frontier (task_id, url_key, url, depth, ordinal, state, reason)"
        " VALUES ('tsk_running', ?, ?, 1, ?, 'skipped', ?)",
        [
            (f"a.test/{n}", f"https://a.test/{n}", n, reason)
            for n, reason in enumerate(("other_host", "page_limit", "not_html", "duplicate"), 2)
        ],
    )
    db.execute(
        "INSERT INTO page VALUES ('pg_1', 'src_1', 'https://a.test/', 'a.test/', 'T', '', 'en', '# T', '[]', 'hash', 200,"
        " 'text/html', '\"e\"', NULL, 9, ?, 'tsk_completed')",
        (BEGIN,),
    )
    db.execute(
        "INSERT INTO code_example (code_id, page_id, source_id, ordinal, language, heading_path, title, headings, context, code,"
        " start, \"end\") VALUES ('cx_1', 'pg_1', 'src_1', 0, 'c', '[]', 'T', '', '', 'int x;', 0, 6)"
    )
    for n, content in enumerate(("Call `create_task` soon.", "```\nint x;\n```")):
        db.execute(
            'INSERT INTO chunk (row_id, chunk_id, page_id, source_id, ordinal, start, "end", heading_path, title, headings, content)'
            " VALUES (?, ?, 'pg_1', 'src_1', ?, 0, 3, '[\"T\",\"U\"]', 'T', 'T U', ?)",
            (7 + n, f"ch_{n}", n, content),
        )
        db.execute(
            "INSERT INTO chunk_words (rowid, title, headings, content) VALUES (?, 'T', 'T U', ?)", (7 + n, content)
        )
    db.execute("INSERT INTO vector (model, chunk_row, data) VALUES ('m', 7, ?)", (VECTOR.tobytes(),))
    db.execute("COMMIT")
    for number in range(2, version + 1):
        db.executescript(MIGRATIONS[number - 1])
        db.execute(f"PRAGMA user_version = {number}")
    db.close()


def _task(db: sqlite3.Connection, task_id: str, status: TaskStatus, created_at: float) -> None:
    is_running = status is TaskStatus.RUNNING
    values = {
        "task_id": task_id,
        "task_type": "demo",
        "title": "T",
        "description": "D",
        "status": status,
        "priority": 50,
        "queue_name": "default",
        "payload": '{"é": 1}',
        "progress": dump_progress(Progress()),
        "attempt": int(status is not TaskStatus.QUEUED),
        "max_retries": 3,
        "run_at": created_at,
        "created_at": created_at,
        "processing_completed_at": created_at + 50 if status.is_final else None,
        "worker_id": "host:1" if is_running else None,
        "lease_until": created_at + 60 if is_running else None,
        "error": '{"code": "broken", "message": "It broke.", "details": {}}' if status is TaskStatus.FAILED else None,
        "serial_key": "src_1" if is_running else None,
        "last_seq": EVENTS_EACH,
    }
    columns = ", ".join(values)
    db.execute(f"INSERT INTO task ({columns}) VALUES ({', '.join('?' * len(values))})", tuple(values.values()))


async def main(path: Path) -> None:
    """Open it, add a task, and say how many tasks and events are there that the first release left."""
    async with EmbeddedStore(path, lambda changes: None) as store:
        await store.tasks.create(NewTask("new", {}))
        old = await store.tasks.list(TaskFilter(task_type="demo"), after=None, limit=100)
        sys.stdout.write(f"{len(old)} {sum(task.last_seq for task in old)}\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
