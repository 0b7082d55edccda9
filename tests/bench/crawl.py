"""Measures crawling: gleanery, crawl4ai and Scrapy side by side on one site.

    python -m tests.bench crawl [FOLDER] [--pages N] [--only NAME ...] [--scrapy-python PYTHON]

FOLDER (default: Debian's python3.11-doc) is served on loopback by a process of its own; each contender runs in its own
process, one after the other. crawl4ai takes N pages, spread evenly over the site. Figures are wall times on this
machine as it is: read them as ratios within one run. `machine lag` is that of a loop that does nothing meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench.crawl_child import Child, started
from tests.bench.crawl_lag import Ticker, ms

DEBIAN_PYTHON = Path("/usr/share/doc/python3.11/html")
START_CALLS = 300
START_EVERY_SECONDS = 0.02
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Row:
    """What one run of a contender took. CPU is of its process and its children, memory its peak, lag in milliseconds."""

    name: str
    pages: int
    seconds: float
    cpu_main: float
    cpu_children: float
    peak_mb: float
    lag: Mapping[str, float]
    machine_lag: Mapping[str, float]
    notes: str = ""

    @property
    def rate(self) -> float:
        return self.pages / self.seconds

    @property
    def cpu_ms(self) -> float:
        return 1000 * (self.cpu_main + self.cpu_children) / self.pages

    def line(self) -> str:
        main = 1000 * self.cpu_main / self.pages
        lag = f"{self.lag['p50']:6.1f} {self.lag['p99']:7.1f} {self.lag['max']:7.0f}"
        return (
            f"{self.name:22} {self.pages:6} {self.seconds:7.1f} {self.rate:8.1f} {self.cpu_ms:8.1f} {main:8.1f}"
            f" {self.peak_mb:8.0f} {lag} {self.machine_lag['p99']:8.1f}  {self.notes}"
        )


HEAD = (
    f"{'contender':22} {'pages':>6} {'seconds':>7} {'pages/s':>8} {'CPU ms':>8} {'in main':>8} {'peak MB':>8}"
    f" {'lag p50':>6} {'p99':>6} {'max':>7} {'machine':>8}  notes"
)


@dataclass(frozen=True)
class Setting:
    """What all contenders share: the site, its folder, the list for those that don't follow links, scratch room."""

    site_url: str
    folder: Path
    urls: Sequence[str]
    scratch: Path
    scrapy_python: str


class Meter:
    """CPU and time of a child from here on, beside the lag of a loop that does nothing."""

    def __init__(self, name: str, child: Child, idle: Ticker) -> None:
        self._name, self._child, self._idle = name, child, idle
        idle.take()
        self._cpu = child.cpu_seconds()
        self._started = time.monotonic()

    def row(self, pages: int, lag: Mapping[str, float], notes: str = "", *, seconds: float | None = None) -> Row:
        took = seconds or time.monotonic() - self._started
        cpu = self._child.cpu_seconds()
        return Row(
            name=self._name,
            pages=pages,
            seconds=took,
            cpu_main=cpu["main"] - self._cpu["main"],
            cpu_children=cpu["children"] - self._cpu["children"],
            peak_mb=self._child.peak_mb,
            lag=lag,
            machine_lag=self._idle.take(),
            notes=notes,
        )


async def run_gleanery(setting: Setting, idle: Ticker) -> Row:
    """The server, from the start call to `completed`; only words are indexed."""
    return await _run_server(setting, idle, "gleanery", "/", "http")


async def run_mixed(setting: Setting, idle: Ticker) -> Row:
    """The same where every third page is empty without its scripts; the server finds out which."""
    return await _run_server(setting, idle, "gleanery, mixed", "/mixed/index.html", "auto", max_pages=150)


async def run_rendered(setting: Setting, idle: Ticker) -> Row:
    """The same with every page rendered."""
    return await _run_server(setting, idle, "gleanery, rendered", "/", "browser", max_pages=100)


async def _run_server(
    setting: Setting, idle: Ticker, name: str, path: str, render: str, *, max_pages: int | None = None
) -> Row:
    async with _server(setting, "none") as (child, api):
        child.tell("mark")
        meter = Meter(name, child, idle)
        task = await api.start(f"{setting.site_url}{path}", render=render, max_pages=max_pages)
        done = await api.until_ended(task["task_id"])
        pages = done["progress"]["stages"]["stored"]["done"]
        child.tell("lag")
        rendered = await api.count_rendered(task["task_id"]) if render != "http" else 0
        notes = done["status"] + (f", {rendered} rendered" if rendered else "")
        return meter.row(pages, (await child.hear())["lag"], notes)


async def run_first_page(setting: Setting, idle: Ticker) -> Row:
    """How soon the first page is found, by words and by meaning, with vectors being made as well."""
    async with _server(setting, "local") as (child, api):
        child.tell("mark")
        meter = Meter("gleanery + vectors", child, idle)
        before = time.monotonic()
        task = await api.start(f"{setting.site_url}/")
        by_words = asyncio.create_task(api.seconds_until_found(task["source_id"], setting.folder, "keyword", before))
        by_meaning = asyncio.create_task(api.seconds_until_found(task["source_id"], setting.folder, "vector", before))
        notes = f"first page found by words after {await by_words:.2f} s, by meaning after {await by_meaning:.2f} s"
        await asyncio.sleep(max(0.0, 10 - (time.monotonic() - before)))
        state = await api.task(task["task_id"])
        child.tell("lag")
        lag = (await child.hear())["lag"]
        return meter.row(state["progress"]["stages"]["stored"]["done"], lag, f"first 10 s only; {notes}")


async def run_start_calls(setting: Setting, idle: Ticker) -> Row:
    """How long a start call takes while a crawl runs: the others wait in the queue behind it."""
    async with _server(setting, "none") as (child, api):
        child.tell("mark")
        meter = Meter("gleanery + start calls", child, idle)
        task = await api.start(f"{setting.site_url}/")
        await api.seconds_until_found(task["source_id"], setting.folder, "keyword", time.monotonic())
        took = []
        for number in range(START_CALLS):
            before = time.perf_counter()
            await api.start(f"{setting.site_url}/about.html?n={number}", max_pages=1, key=f"bench-{number}")
            took.append(time.perf_counter() - before)
            if (await api.task(task["task_id"]))["status"] != "running":
                break
            await asyncio.sleep(START_EVERY_SECONDS)
        state = await api.task(task["task_id"])
        child.tell("lag")
        lag = (await child.hear())["lag"]
        notes = f"{len(took)} calls: p50 {ms(took, 0.5):.1f}, p99 {ms(took, 0.99):.1f}, max {ms(took, 1):.1f} ms"
        return meter.row(state["progress"]["stages"]["stored"]["done"], lag, notes)


async def run_crawl4ai(setting: Setting, idle: Ticker) -> Row:
    urls = setting.scratch / "urls"
    urls.write_text("\n".join(setting.urls))
    env = {"CRAWL4_AI_BASE_DIRECTORY": str(setting.scratch / "crawl4ai"), "CRAWL4AI_NO_CLOUD_NOTICE": "1"}
    async with started(sys.executable, "tests.bench.crawl_crawl4ai", [str(urls)], **env) as child:
        return await _run_list(child, "crawl4ai (HTTP)", idle)


async def run_scrapy(setting: Setting, idle: Ticker) -> Row:
    feed = str(setting.scratch / "scrapy.jsonl")
    async with started(setting.scrapy_python, "tests.bench.crawl_scrapy", [f"{setting.site_url}/", feed]) as child:
        return await _run_list(child, "Scrapy + markdownify", idle)


async def _run_list(child: Child, name: str, idle: Ticker) -> Row:
    await child.hear()
    meter = Meter(name, child, idle)
    child.tell("go")
    told = await child.hear()
    return meter.row(told["pages"], told["lag"])


CONTENDERS: Mapping[str, Callable[[Setting, Ticker], Awaitable[Row]]] = {
    "gleanery": run_gleanery,
    "mixed": run_mixed,
    "rendered": run_rendered,
    "scrapy": run_scrapy,
    "crawl4ai": run_crawl4ai,
    "first-page": run_first_page,
    "start-calls": run_start_calls,
}


class Api:
    """The few REST calls that a user of a crawl makes."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = f"{base}/api/v1"

    async def start(
        self, url: str, *, render: str = "http", max_pages: int | None = None, key: str | None = None
    ) -> Mapping[str, Any]:
        body = {"url": url, "render": render} | ({} if max_pages is None else {"max_pages": max_pages})
        headers = {} if key is None else {"Idempotency-Key": key}
        async with self._session.post(f"{self._base}/knowledge/add", json=body, headers=headers) as reply:
            reply.raise_for_status()
            return await reply.json()

    async def count_rendered(self, task_id: str) -> int:
        """How many of a crawl's pages the browser gave."""
        async with self._session.get(f"{self._base}/tasks/{task_id}/pages?state=stored&limit=500") as reply:
            return sum(row["fetched_by"] == "browser" for row in (await reply.json())["items"])

    async def task(self, task_id: str) -> Mapping[str, Any]:
        async with self._session.get(f"{self._base}/tasks/{task_id}") as reply:
            reply.raise_for_status()
            return await reply.json()

    async def until_ended(self, task_id: str) -> Mapping[str, Any]:
        """The task once it has ended, heard over its WebSocket as a UI would."""
        socket_url = self._base.removesuffix("/api/v1").replace("http", "ws", 1)
        async with self._session.ws_connect(f"{socket_url}/ws/tasks/{task_id}/status") as socket:
            async for message in socket:
                if message.json()["status"] in ("complete", "error", "cancelled"):
                    break
        return await self.task(task_id)

    async def seconds_until_found(self, source_id: str, folder: Path, mode: str, since: float) -> float:
        """From `since` until a search for the start page's title finds something of the source."""
        query = {"query": _title(folder / "index.html"), "source_id": source_id, "mode": mode, "limit": 1}
        while True:
            async with self._session.post(f"{self._base}/search", json=query) as reply:
                if reply.status == 200 and (await reply.json())["hits"]:
                    return time.monotonic() - since
            await asyncio.sleep(POLL_SECONDS)


@contextlib.asynccontextmanager
async def _server(setting: Setting, embedder: str) -> AsyncIterator[tuple[Child, Api]]:
    with tempfile.TemporaryDirectory(dir=setting.scratch) as data:
        async with (
            started(sys.executable, "tests.bench.crawl_gleanery", [data, embedder]) as child,
            aiohttp.ClientSession() as session,
        ):
            yield child, Api(session, (await child.hear())["url"])


def _title(file: Path) -> str:
    found = re.search(r"<title>(.*?)</title>", file.read_text(errors="replace"), re.DOTALL)
    return " ".join(re.findall(r"[A-Za-z]{3,}", unescape(found[1])))[:100] if found else "documentation"


def spread(items: Sequence[str], count: int) -> Sequence[str]:
    """`count` of them, evenly spaced."""
    return items if count >= len(items) else [items[i * len(items) // count] for i in range(count)]


async def compare(options: argparse.Namespace) -> int:
    folder: Path = options.folder.resolve()
    files = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.html"))
    rows: dict[str, Row] = {}
    idle = Ticker()
    ticking = asyncio.create_task(idle.run())
    with tempfile.TemporaryDirectory(prefix="bench-crawl-") as scratch:
        async with started(sys.executable, "tests.bench.crawl_site", [str(folder)]) as site:
            url = (await site.hear())["url"]
            urls = [f"{url}/{name}" for name in spread(files, options.pages)]
            setting = Setting(url, folder, urls, Path(scratch), options.scrapy_python)
            print(f"{folder}: {len(files)} HTML files\n\n{HEAD}", flush=True)
            for name in options.only or CONTENDERS:
                rows[name] = await CONTENDERS[name](setting, idle)
                print(rows[name].line(), flush=True)
    ticking.cancel()
    for other in ("crawl4ai", "scrapy"):
        if "gleanery" in rows and other in rows:
            ours, theirs = rows["gleanery"], rows[other]
            speed, cost = ours.rate / theirs.rate, theirs.cpu_ms / ours.cpu_ms
            print(
                f"\ngleanery against {other}: {speed:.1f} × the pages/s, a page for 1/{cost:.1f} of the CPU time",
                end="",
            )
    print()
    return 0


def main(arguments: Sequence[str]) -> int:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("folder", type=Path, nargs="?", default=DEBIAN_PYTHON)
    cli.add_argument("--pages", type=int, default=60, help="how many pages crawl4ai takes")
    cli.add_argument("--only", nargs="+", choices=list(CONTENDERS))
    cli.add_argument("--scrapy-python", default=sys.executable, help="a Python that has Scrapy and markdownify")
    options = cli.parse_args(arguments)
    if not (options.folder / "index.html").is_file():
        cli.error(f"{options.folder} holds no index.html: name a folder of HTML")
    return asyncio.run(compare(options))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
