"""What more workers bring, over SQLite and over Supabase: start latency, pages and events a second, and how fast search answers.

    python -m tests.bench scale [--workers 1 2 4] [--stores sqlite supabase procrastinate] [--pages N] [--sites N]

For each store and each number of workers: a server that runs no tasks itself and so many `gleanery worker`, all of them processes
of their own, on a fresh database. `procrastinate` is Supabase with a direct connection besides. The sites are pages of Debian's
documentation packages, a part each, crawled at once; the project is PostgreSQL, PostgREST and a gateway in Python, on this
machine too. The stores take turns, so that what else the machine does meets each of them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from tests.api.client import Client
from tests.bench.crawl_child import started
from tests.bench.crawl_lag import ms
from tests.bench.engine_table import markdown
from tests.e2e.server_process import ServerProcess
from tests.e2e.worker_process import WorkerProcess

DOCS = Path("/usr/share/doc")
PACKAGES = ("python3.11", "postgresql-doc-15", "cmake-data", "python-django-doc")
STORES = ("sqlite", "supabase", "procrastinate")
TASKS_AT_ONCE = 4
"""So many tasks a worker runs at once."""
STARTS = 40
TALKERS, STEPS, LINES = 16, 20, 5
"""Tasks that tell, how many steps each has, and how many events each step writes in one transaction."""
WORDS = (
    "function",
    "configure the server",
    "how to read a file",
    "index of a table",
    "error",
    "asyncio",
    "create view",
    "template tag",
)
SEARCHES = 120


@dataclass(frozen=True)
class Figures:
    """Of one store with so many workers; times in seconds. `starts` are by the store's clock, `heard` by the caller's."""

    starts: Sequence[float]
    heard: Sequence[float]
    pages: int
    crawl_seconds: float
    searches: Sequence[float]
    chunks: int
    events: int
    event_seconds: float


def sites(folder: Path, count: int, pages: int) -> list[Path]:
    """So many folders with so many pages each, and an index that links to all of them."""
    every = [file for name in PACKAGES for file in sorted((DOCS / name).rglob("*.html")) if file.is_file()]
    if len(every) < count * pages:
        raise SystemExit(f"{len(every)} pages of {', '.join(PACKAGES)} are here, {count * pages} are needed")
    spread = [every[len(every) * n // (count * pages)] for n in range(count * pages)]
    made = [folder / f"site-{number}" for number in range(count)]
    for number, site in enumerate(made):
        site.mkdir()
        for at, file in enumerate(spread[number::count]):
            shutil.copyfile(file, site / f"page-{at}.html")
        links = "".join(f'<li><a href="page-{at}.html">Page {at}</a></li>' for at in range(pages))
        (site / "index.html").write_text(
            f"<!doctype html><title>Site {number}</title><h1>All pages</h1><ul>{links}</ul>"
        )
    return made


@contextlib.asynccontextmanager
async def ready(store: str, workers: int, folder: Path) -> AsyncIterator[Client]:
    """A client of a server with so many workers on a fresh database."""
    async with contextlib.AsyncExitStack() as stack:
        env: dict[str, str] = {"GLEANERY_QUEUE_LIMIT": "100000"}
        if store != "sqlite":
            project = await stack.enter_async_context(started(sys.executable, "tests.bench.scale_stack", []))
            said = await project.hear()
            env |= {"SUPABASE_URL": said["url"], "SUPABASE_SERVICE_KEY": said["key"]}
            if store == "procrastinate":
                env["GLEANERY_DATABASE_URL"] = said["database"]
        server = ServerProcess(folder, GLEANERY_WORKER_CONCURRENCY="0", **env)
        await server.start()
        stack.push_async_callback(server.kill)
        hands = [
            WorkerProcess(folder, f"worker-{n}", GLEANERY_WORKER_CONCURRENCY=str(TASKS_AT_ONCE), **env)
            for n in range(workers)
        ]
        for hand in hands:
            stack.push_async_callback(hand.kill)
        await asyncio.gather(*(hand.start() for hand in hands))
        yield Client(server.url, await stack.enter_async_context(aiohttp.ClientSession()))


async def start_latency(client: Client) -> tuple[list[float], list[float]]:
    """One after the other: from a task's first event to that of its start, and from the call until that is heard."""
    starts, heard = [], []
    for number in range(STARTS + 3):
        began = time.perf_counter()
        task = await _task(client, {"steps": 1, "seconds": 0})
        at: dict[str, float] = {}
        async for event in client.follow(task):
            at[event["type"]] = _at(event["at"])
            if event["type"] == "task_started":
                break
        if number >= 3:  # the first have what is loaded on first use
            heard.append(time.perf_counter() - began)
            starts.append(at["task_started"] - at["task_queued"])
    return starts, heard


async def events(client: Client) -> tuple[int, float]:
    """How many events tasks write that do nothing else, and in which time: from the first start to the last end."""
    tasks = await asyncio.gather(
        *(_task(client, {"steps": STEPS, "seconds": 0, "lines": LINES}) for _ in range(TALKERS))
    )
    ended = await asyncio.gather(*(client.ended(task) for task in tasks))
    first = min(_at(one.task["processing_started_at"]) for one in ended)
    last = max(_at(one.task["processing_completed_at"]) for one in ended)
    return sum(len(one.events) for one in ended), last - first


async def crawls(client: Client, urls: Sequence[str]) -> tuple[int, float]:
    """All sites at once: how many pages were stored, from the start calls to the last end."""
    began = time.perf_counter()
    tasks = [str((await client.start(f"{url}/index.html", render="http"))["task_id"]) for url in urls]
    ended = await asyncio.gather(*(client.ended(task) for task in tasks))
    seconds = time.perf_counter() - began
    for one in ended:
        if one.status != "completed":
            raise RuntimeError(f"a crawl ended {one.status}: {one.task['error']}")
    return sum(event["type"] == "page_stored" for one in ended for event in one.events), seconds


async def searches(client: Client) -> list[float]:
    took = []
    for number in range(SEARCHES + 8):
        began = time.perf_counter()
        reply = await client.post("/search", {"query": WORDS[number % len(WORDS)], "mode": "keyword"})
        if reply.status != 200:
            raise RuntimeError(f"a search was answered {reply.status}")
        if number >= 8:
            took.append(time.perf_counter() - began)
    return took


async def _task(client: Client, payload: Mapping[str, Any]) -> str:
    reply = await client.post("/tasks", {"task_type": "test", "payload": payload})
    if reply.status != 202:
        raise RuntimeError(f"a task was answered {reply.status}: {reply.body}")
    return str(reply.body["task_id"])


def _at(time_text: str) -> float:
    return datetime.fromisoformat(time_text).timestamp()


async def measure(store: str, workers: int, urls: Sequence[str]) -> Figures:
    with tempfile.TemporaryDirectory(prefix="gleanery-scale-") as folder:
        async with ready(store, workers, Path(folder)) as client:
            starts, heard = await start_latency(client)
            told, event_seconds = await events(client)
            pages, crawl_seconds = await crawls(client, urls)
            answered = await searches(client)
            chunks = sum(source["chunks"] for source in await client.every("/sources"))
            return Figures(starts, heard, pages, crawl_seconds, answered, chunks, told, event_seconds)


ROWS: Mapping[str, Callable[[Figures], str]] = {
    "queued to started: p50 ms": lambda it: f"{ms(it.starts, 0.5):.1f}",
    "queued to started: p95 ms": lambda it: f"{ms(it.starts, 0.95):.1f}",
    "start call to hearing of it: p50 ms": lambda it: f"{ms(it.heard, 0.5):.1f}",
    "events/s": lambda it: f"{it.events / it.event_seconds:,.0f}",
    "crawl, pages/s": lambda it: f"{it.pages / it.crawl_seconds:.1f}",
    "search by words: p50 ms": lambda it: f"{ms(it.searches, 0.5):.1f}",
    "search by words: p95 ms": lambda it: f"{ms(it.searches, 0.95):.1f}",
    "chunks that are searched": lambda it: f"{it.chunks:,}",
}


async def bench(stores: Sequence[str], workers: Sequence[int], site_count: int, pages: int) -> None:
    found: dict[tuple[str, int], Figures] = {}
    with tempfile.TemporaryDirectory(prefix="gleanery-sites-") as folder:
        async with contextlib.AsyncExitStack() as stack:
            urls = []
            for site in sites(Path(folder), site_count, pages):
                child = await stack.enter_async_context(started(sys.executable, "tests.bench.crawl_site", [str(site)]))
                urls.append(str((await child.hear())["url"]))
            for count in workers:
                for store in stores:
                    load = os.getloadavg()[0]
                    found[store, count] = await measure(store, count, urls)
                    print(f"{store}, {count} worker(s), at load {load:.1f}: " + _line(found[store, count]), flush=True)
    print(
        f"\n{site_count} sites of {pages} pages, {TALKERS} tasks that tell; {os.cpu_count()} cores for all processes.\n"
    )
    head = ["", *(f"{store}, {count}" for store in stores for count in workers)]
    print(
        markdown(head, [[title, *(show(found[s, c]) for s in stores for c in workers)] for title, show in ROWS.items()])
    )


def _line(it: Figures) -> str:
    return ", ".join(f"{title} {show(it)}" for title, show in ROWS.items())


def main(arguments: Sequence[str]) -> int:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    cli.add_argument("--stores", nargs="+", choices=STORES, default=STORES)
    cli.add_argument("--sites", type=int, default=4)
    cli.add_argument("--pages", type=int, default=60, help="of each site")
    asked = cli.parse_args(arguments)
    asyncio.run(bench(asked.stores, asked.workers, asked.sites, asked.pages))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
