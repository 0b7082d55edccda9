"""A crawl of a large generated site, killed on the way: what is stored at the end, and how memory goes.

The server is the real one, in a process of its own, and gets SIGKILL at even shares of the crawl; each time it is
started again and goes on by itself. Prints the resident memory of the server and its processes as it goes, and at the
end whether every page is stored, how many there are twice, and how many pages were asked for again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from tests.e2e.server_process import ServerProcess

POLL_SECONDS = 0.5


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--pages", type=int, default=20_000)
    cli.add_argument("--kills", type=int, default=3)
    options = cli.parse_args()
    sys.exit(asyncio.run(bench(options.pages, options.kills)))


async def bench(pages: int, kills: int) -> int:
    site = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.large_site", str(pages), stdin=PIPE, stdout=PIPE
    )
    with tempfile.TemporaryDirectory(prefix="gleanery-large-") as folder:
        try:
            return await _crawl(site, Path(folder), pages, kills)
        finally:
            site.kill()
            await site.wait()


async def _crawl(site: Process, folder: Path, pages: int, kills: int) -> int:
    assert site.stdout is not None
    url = json.loads(await site.stdout.readline())["bench"]["url"]
    server = ServerProcess(folder, GLEANERY_LOG_LEVEL="error")
    await server.start()
    started = time.monotonic()
    task_id = await _start(server, url, pages)
    kill_at = [pages * (n + 1) // (kills + 1) for n in range(kills)]
    print(f"{'stored':>8} {'seconds':>8} {'MB':>6} {'all MB':>7}  (resident: the server, and with its processes)")
    told, peak = 0, 0.0
    while True:
        task = await server.get(f"/api/v1/tasks/{task_id}")
        stored = _stored(task)
        own, whole = _memory_mb(server)
        peak = max(peak, whole)
        if stored >= told:
            print(f"{stored:8,} {time.monotonic() - started:8.0f} {own:6.0f} {whole:7.0f}", flush=True)
            told = stored + pages // 20
        if kill_at and stored >= kill_at[0]:
            kill_at.pop(0)
            print(f"{stored:8,} killed")
            await server.kill()
            await server.start()
        if task["status"] in ("completed", "failed", "cancelled"):
            break
        await asyncio.sleep(POLL_SECONDS)
    return await _judge(server, site, task, pages, time.monotonic() - started, peak)


async def _start(server: ServerProcess, url: str, pages: int) -> str:
    body = {"url": url, "max_pages": pages + 100, "max_depth": 100}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/api/v1/knowledge/add", json=body) as reply,
    ):
        return str((await reply.json())["task_id"])


async def _judge(
    server: ServerProcess, site: Process, task: dict[str, Any], pages: int, seconds: float, peak: float
) -> int:
    assert site.stdin is not None
    assert site.stdout is not None
    site.stdin.write(b"\n")
    counts = json.loads(await site.stdout.readline())["bench"]
    source_id = task["payload"]["source_id"]
    urls: list[str] = []
    cursor = ""
    while True:
        listed: dict[str, Any] = await server.get(f"/api/v1/sources/{source_id}/pages?limit=500&cursor={cursor}")
        urls += [row["url"] for row in listed["items"]]
        if not (cursor := listed["next_cursor"] or ""):
            break
    await server.stop()
    print(
        f"\n{task['status']}: {len(set(urls)):,} of {pages:,} pages stored, {len(urls) - len(set(urls))} twice;"
        f" {counts['again']} asked for again; {seconds:.0f} s, {pages / seconds:.1f} pages/s, peak {peak:.0f} MB"
    )
    return 0 if len(urls) == len(set(urls)) == pages and task["status"] == "completed" else 1


def _stored(task: dict[str, Any]) -> int:
    return int(task["progress"]["stages"].get("stored", {}).get("done", 0))


def _memory_mb(server: ServerProcess) -> tuple[float, float]:
    """Of the server alone, and with all processes below it."""
    try:
        root = psutil.Process(server.pid)
        own = root.memory_info().rss
        return own / 2**20, (own + sum(process.memory_info().rss for process in root.children(recursive=True))) / 2**20
    except psutil.NoSuchProcess:
        return 0.0, 0.0


if __name__ == "__main__":
    main()
