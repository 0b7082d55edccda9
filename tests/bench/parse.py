"""Measures parses: the whole server, beside plain Playwright that goes to the same pages and takes `aria_snapshot` alone.

    python -m tests.bench parse [--at-once N ...] [--rounds N] [--queue N] [--pool N] [--packages NAME ...]

The pages are those of Debian's documentation packages, evenly spaced, served on loopback by a process of its own. Both have
the same Chromium with the same flags, proxy and niceness, a context for each page and the same number of pages at once, and take turns.
The ways to wait: `load` on both sides; gleanery's `settled` beside `networkidle`. With `+picture` both take a screenshot
of the whole page. Milliseconds a page are those that the clock shows for all of them, divided by their number.
While gleanery works a client in a process of its own asks for the lists of tasks and parses, for one of each, and for another
start; the calls that start all of them at once are a column of their own.

Exit code 1 when a parse failed, or where a page takes more than 1.5 times as long as in plain Playwright.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench.crawl_child import Child, started
from tests.bench.crawl_lag import ms

DOCS = Path("/usr/share/doc")
PACKAGES = ("python3.11", "git-doc", "postgresql-doc-15", "cmake-data", "python-django-doc")
MODES = {
    "load": ("load", "load", False),
    "settled": ("settled", "networkidle", False),
    "load+picture": ("load", "load", True),
}
MOST = 1.5
PROBE_SECONDS = 0.05
FINAL = ("completed", "failed", "cancelled")


@dataclass(frozen=True)
class Run:
    """One contender's way through some pages. `each` are the seconds of the pages, without those that they waited for a place."""

    pages: int
    failed: Sequence[str]
    seconds: float
    each: Sequence[float]
    cpu: Mapping[str, float]
    peak_mb: float
    lag: Mapping[str, float]
    rest: Sequence[float] = ()
    starts: Sequence[float] = ()
    own_lag: Mapping[str, float] | None = None
    timing: Sequence[Mapping[str, float]] = ()

    @property
    def page_ms(self) -> float:
        return 1000 * self.seconds / self.pages


class Plain:
    def __init__(self, child: Child) -> None:
        self._child = child

    async def run(self, urls: Sequence[str], mode: str) -> Run:
        await _mark(self._child)
        began = time.perf_counter()
        asked = {"urls": urls, "wait_until": MODES[mode][1], "screenshot": MODES[mode][2]}
        self._child.tell(json.dumps(asked))
        pages = (await self._child.hear())["pages"]
        seconds = time.perf_counter() - began
        measured = await _take(self._child)
        failed = [str(page["failed"]) for page in pages if page["failed"]]
        return Run(len(urls), failed, seconds, [page["seconds"] for page in pages], **measured)


class Gleanery:
    def __init__(self, child: Child, asker: Child, session: aiohttp.ClientSession) -> None:
        self._child = child
        self._asker = asker
        self._session = session

    async def run(self, urls: Sequence[str], mode: str) -> Run:
        """All are asked for at once; over when the last task has ended."""
        started_in: list[float] = []
        options = {"wait_until": MODES[mode][0], "screenshot": MODES[mode][2], "force_refresh": True}
        await _mark(self._child)
        began = time.perf_counter()
        starts = await asyncio.gather(*(self._start({"url": url, **options}, started_in) for url in urls))
        self._asker.tell(starts[0])
        await self._ended()
        seconds = time.perf_counter() - began
        measured = await _take(self._child)
        asked = await _take(self._asker)
        parsed = [await self._get(f"/api/v1/web-pages/{task_id}") for task_id in starts]
        failed = [f"{one['url']}: {one['error']}" for one in parsed if one["status"] != "completed"]
        done = [one for one in parsed if one["status"] == "completed"]
        return Run(
            len(urls),
            failed,
            seconds,
            [one["processing_time_ms"] / 1000 for one in done],
            rest=asked["seconds"],
            starts=started_in,
            own_lag=asked["lag"],
            timing=[one["page"]["timing"] for one in done],
            **measured,
        )

    async def _start(self, body: Mapping[str, Any], rest: list[float]) -> str:
        began = time.perf_counter()
        async with self._session.post("/api/v1/web-pages/parse", json=body) as reply:
            answer = await reply.json()
            rest.append(time.perf_counter() - began)
            if reply.status != 202:
                raise RuntimeError(f"a start was answered {reply.status}: {answer}")
            return str(answer["task_id"])

    async def _ended(self) -> None:
        while True:
            listed = await self._get("/api/v1/tasks?status=queued,running&limit=1")
            if not listed["items"]:
                return
            await asyncio.sleep(0.1)

    async def _get(self, path: str) -> Any:
        async with self._session.get(path) as reply:
            if reply.status != 200:
                raise RuntimeError(f"GET {path}: {reply.status}")
            return await reply.json()


async def _mark(child: Child) -> None:
    child.tell("mark")
    await child.hear()


async def _take(child: Child) -> dict[str, Any]:
    child.tell("take")
    return dict(await child.hear())


def pages_of(packages: Sequence[str], count: int) -> list[str]:
    """So many paths, each package giving its share of them, evenly spaced; where it has too few they come again, by other
    addresses."""
    found: list[str] = []
    for number, package in enumerate(packages):
        files = sorted(file for file in (DOCS / package).rglob("*.html") if file.is_file())
        share = count * (number + 1) // len(packages) - count * number // len(packages)
        if not files:
            raise SystemExit(f"{package} has no pages under {DOCS}")
        paths = [file.relative_to(DOCS).as_posix() for file in files]
        if share <= len(paths):
            found += [paths[len(paths) * n // share] for n in range(share)]
        else:
            again = [f"{path}?again={turn}" for turn in range(1, 1 + share // len(paths)) for path in paths]
            found += [*paths, *again][:share]
    return found


@contextlib.asynccontextmanager
async def contenders(pool: int) -> AsyncIterator[tuple[str, Plain, Gleanery]]:
    with tempfile.TemporaryDirectory(prefix="gleanery-parse-") as folder:
        async with (
            started(sys.executable, "tests.bench.crawl_site", [str(DOCS)]) as site,
            started(sys.executable, "tests.bench.parse_child", ["plain", f"{folder}/plain", str(pool)]) as plain,
            started(sys.executable, "tests.bench.parse_child", ["gleanery", f"{folder}/data", str(pool)]) as server,
        ):
            url = (await site.hear())["url"]
            await plain.hear()
            server_url = str((await server.hear())["url"])
            async with (
                started(sys.executable, "tests.bench.parse_asker", [server_url]) as asker,
                aiohttp.ClientSession(server_url) as session,
            ):
                yield url, Plain(plain), Gleanery(server, asker, session)


HEAD = (
    f"{'':24} {'pages/s':>8} {'ms/page':>8} {'ratio':>6} {'p50 s':>6} {'p95 s':>6} {'CPU ms':>7} {'python':>7} {'extract':>7}"
    f" {'driver':>7} {'chromium':>8} {'peak MB':>8} {'failed':>6} {'lag p99':>8} {'REST p50/p99':>14}"
    f" {'client lag p99':>14} {'starts max':>10}"
)


def line(name: str, runs: Sequence[Run], ratio: float | None) -> str:
    """Medians over the rounds; each page's time over all."""
    each = [seconds for run in runs for seconds in run.each]
    rest = [seconds for run in runs for seconds in run.rest]
    middle = statistics.median(run.page_ms for run in runs)
    cpu = {
        kind: statistics.median(1000 * run.cpu[kind] / run.pages for run in runs)
        for kind in ("python", "extract", "driver", "chromium")
    }
    starts = [seconds for run in runs for seconds in run.starts]
    own = max((run.own_lag["p99"] for run in runs if run.own_lag), default=float("nan"))
    asked = f"{ms(rest, 0.5):.1f}/{ms(rest, 0.99):.1f}" if rest else "-"
    return (
        f"{name:24} {1000 / middle:8.2f} {middle:8.0f} {'' if ratio is None else f'{ratio:.2f}':>6} {ms(each, 0.5) / 1000:6.2f}"
        f" {ms(each, 0.95) / 1000:6.2f} {sum(cpu.values()):7.0f} {cpu['python']:7.0f} {cpu['extract']:7.0f}"
        f" {cpu['driver']:7.0f} {cpu['chromium']:8.0f} {max(run.peak_mb for run in runs):8.0f}"
        f" {sum(len(run.failed) for run in runs):6} {statistics.median(run.lag['p99'] for run in runs):8.1f} {asked:>14} {own:14.1f}"
        f" {f'{ms(starts, 1.0):.0f}' if starts else '-':>10}"
    )


def steps(runs: Sequence[Run]) -> str:
    rows = [row for run in runs for row in run.timing]
    names = rows[0] if rows else ()
    return "  steps, median ms: " + ", ".join(
        f"{name.removesuffix('_ms')} {statistics.median(row[name] for row in rows):.0f}" for name in names
    )


async def bench(
    at_once: Sequence[int], modes: Sequence[str], rounds: int, queue: int, pool: int, packages: Sequence[str]
) -> int:
    faults: list[str] = []
    print(HEAD, flush=True)
    async with contenders(pool) as (url, plain, gleanery):

        def urls(count: int) -> list[str]:
            return [f"{url}/{path}" for path in pages_of(packages, count)]

        warm = urls(8)
        await plain.run(warm, "load")
        await gleanery.run(warm, "load+picture")
        for count in at_once:
            for mode in modes:
                by_turns = [
                    (await plain.run(urls(count), mode), await gleanery.run(urls(count), mode)) for _ in range(rounds)
                ]
                ratio = statistics.median(ours.page_ms / theirs.page_ms for theirs, ours in by_turns)
                print(line(f"plain {count} {MODES[mode][1]}", [theirs for theirs, _ in by_turns], None))
                print(line(f"gleanery {count} {mode}", [ours for _, ours in by_turns], ratio))
                print(steps([ours for _, ours in by_turns]), flush=True)
                faults += [fault for _, ours in by_turns for fault in ours.failed]
                if ratio > MOST:
                    faults.append(f"{count} at once, {mode}: {ratio:.2f} times as long as plain Playwright")
        if queue:
            run = await gleanery.run(urls(queue), "settled")
            print(line(f"gleanery {queue} queued", [run], None), flush=True)
            faults += run.failed
    print("\n".join(f"WRONG: {fault}" for fault in faults) or "none failed, and none took too long")
    return 1 if faults else 0


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--at-once", type=int, nargs="*", default=[10, 100])
    cli.add_argument("--modes", nargs="+", choices=[*MODES], default=[*MODES])
    cli.add_argument("--rounds", type=int, default=3)
    cli.add_argument("--queue", type=int, default=1000, help="so many are queued at once at the end; 0: none")
    cli.add_argument("--pool", type=int, default=5)
    cli.add_argument("--packages", nargs="+", default=PACKAGES)
    asked = cli.parse_args()
    sys.exit(asyncio.run(bench(asked.at_once, asked.modes, asked.rounds, asked.queue, asked.pool, asked.packages)))


if __name__ == "__main__":
    main()
