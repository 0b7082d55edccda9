"""Tasks of type `test` for tests of the UI: started by REST, and a log of many lines written beforehand."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.server_process import ServerProcess


async def add_task(server: ServerProcess, title: str, *, max_retries: int | None = None, **payload: Any) -> str:
    body = {"task_type": "test", "payload": payload, "title": title, "max_retries": max_retries}
    async with aiohttp.ClientSession() as session, session.post(f"{server.url}/api/v1/tasks", json=body) as reply:
        assert reply.status == 202, await reply.text()
        return str((await reply.json())["task_id"])


async def cancel(server: ServerProcess, task_id: str) -> None:
    url = f"{server.url}/api/v1/tasks/{task_id}/cancel"
    async with aiohttp.ClientSession() as session, session.put(url) as reply:
        assert reply.status in (200, 202), await reply.text()


async def ended(server: ServerProcess, task_id: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            task: dict[str, Any] = await server.get(f"/api/v1/tasks/{task_id}")
            if task["status"] in ("completed", "failed", "cancelled"):
                return task
            await asyncio.sleep(0.05)


async def task_with_lines(server: ServerProcess, data_dir: Path, lines: int, *, errors_at: tuple[int, ...] = ()) -> str:
    """A task that has ended and whose log has so many lines. They are written while the server is down."""
    task_id = await add_task(server, "Long log", steps=1, seconds=0)
    last = int((await ended(server, task_id))["last_seq"])
    await server.stop()
    rows = [
        (
            task_id,
            seq,
            1_700_000_000 + seq / 100,
            "page_failed" if seq in errors_at else "page_stored",
            f"Line number{seq} tells of wombats",
            "{}",
        )
        for seq in range(last + 1, lines + 1)
    ]
    with sqlite3.connect(data_dir / "gleanery.db") as db:
        db.executemany("INSERT INTO event (task_id, seq, at, type, message, data) VALUES (?, ?, ?, ?, ?, ?)", rows)
        db.execute("UPDATE task SET last_seq = ? WHERE task_id = ?", (lines, task_id))
    db.close()
    await server.start()
    return task_id
