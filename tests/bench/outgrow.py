"""What saturates first when gleanery outgrows a machine, and what that costs a month: a simulation from measured costs.

    python -m tests.bench outgrow [parses | crawl] [--set NAME=NUMBER ...]

`parses`: 1,000 parses at once, and 1,000 kept under way, on ever more workers. `crawl`: 10^8 pages over 10^6 hosts, whose sizes
are as uneven as the web's. Every input is a field of `Costs` with its source; `--set` changes one for a run. Nothing is measured
here: it says where to look, not how fast it will be.
"""

from __future__ import annotations

import argparse
import heapq
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

MONTH = 30 * 86_400.0
GB = 1e9


@dataclass(frozen=True)
class Costs:
    """Measured on two shared cores (figures of README.md beside this file), but for what is called a price or a bound."""

    # One parse (benchmark parse, 10 at once)
    parse_cpu: float = 0.385  # core seconds, all processes
    parse_wait: float = 0.35  # seconds in which a page loads and nobody computes
    parse_base_mb: float = 300  # a worker with its browser and no page
    parse_page_mb: float = 60  # each page that is open besides: (542 - 300) / 4 as the peak of five places has it
    parse_events: float = 11  # 77 events of 7 parses
    parse_result_kb: float = 180  # row and picture

    # One page of a crawl (python3.11-doc: 527 pages)
    page_cpu: float = 0.030  # benchmark crawl
    page_chunks: float = 28.8
    page_frontier_rows: float = 8.9
    page_events: float = 1.04
    page_kb: float = 116  # Markdown 33, chunks 51, words 20, code 12
    frontier_row_kb: float = 0.46
    event_kb: float = 0.36
    host_seconds: float = 0.5  # between two pages of a host: a place or two and what the host asks for
    chunk_vector_cpu: float = 0.055  # all-MiniLM-L6-v2 int8, 18 chunks a core second
    vector_kb: float = 1.9  # halfvec(384) with its share of an HNSW graph (m = 16), half full pages

    # What one PostgreSQL primary takes
    commits: float = 1_500  # small transactions with an event, 50 at once (benchmark engine, Procrastinate)
    frontier_rows: float = 27_500  # inserted, 100 a statement, with its two indexes
    vectors: float = 400  # inserted into an HNSW index that fits the memory
    hot_gb: float = 128  # what should lie in its memory: indexes of the frontier, the graph of vectors

    # Prices a month (dear enough for a small customer of a large cloud)
    core: float = 25.0
    memory_gb: float = 3.5
    disk_gb: float = 0.10

    # Machines of workers
    worker_cores: float = 4
    worker_gb: float = 16


@dataclass(frozen=True)
class Use:
    """How much of a resource is asked for, as a share of what is there; above 1 it is what holds everything up."""

    name: str
    share: float


def worst(uses: Sequence[Use]) -> Use:
    return max(uses, key=lambda use: use.share)


# Parses


@dataclass(frozen=True)
class Parses:
    seconds: float
    p50: float
    p95: float

    def per_second(self, count: int) -> float:
        return count / self.seconds


def run_parses(costs: Costs, workers: int, places: int, count: int, seed: int = 1) -> Parses:
    """`count` parses that all come at once; each worker has `places` and shares its cores among those that compute.

    A parse waits for its page, then computes; when more compute than there are cores, all of them go slower (processor sharing).
    """
    chance = np.random.default_rng(seed)
    spread = chance.lognormal(0.0, 0.5, (count, 2)) / np.exp(0.125)
    waits, works = spread[:, 0] * costs.parse_wait, spread[:, 1] * costs.parse_cpu
    shares = [run_worker(waits[n::workers], works[n::workers], places, costs.worker_cores) for n in range(workers)]
    ends = np.sort(np.concatenate(shares))
    return Parses(float(ends[-1]), float(ends[len(ends) // 2]), float(ends[int(0.95 * (len(ends) - 1))]))


def run_worker(
    waits: NDArray[np.float64], works: NDArray[np.float64], places: int, cores: float
) -> NDArray[np.float64]:
    """When each parse of one worker ends, in seconds from the start."""
    now, done = 0.0, 0.0  # `done`: the work that each of those that compute has been given so far
    loading: list[tuple[float, int]] = []
    working: list[tuple[float, int]] = []
    ends, next_one = np.zeros(len(waits)), 0
    while next_one < len(waits) or loading or working:
        while next_one < len(waits) and len(loading) + len(working) < places:
            heapq.heappush(loading, (now + waits[next_one], next_one))
            next_one += 1
        rate = min(1.0, cores / len(working)) if working else 0.0
        ready = loading[0][0] if loading else np.inf
        finished = now + (working[0][0] - done) / rate if working else np.inf
        step = min(ready, finished)
        done += (step - now) * rate
        now = step
        if finished <= ready:
            ends[heapq.heappop(working)[1]] = now
        else:
            number = heapq.heappop(loading)[1]
            heapq.heappush(working, (done + works[number], number))
    return ends


def tell_parses(costs: Costs, count: int = 1_000) -> None:
    print(f"\n{count:,} parses at once, workers of {costs.worker_cores:g} cores and {costs.worker_gb:g} GB\n")
    print(
        "| workers | places each | all done s | p50 s | p95 s | parses/s | cores | memory | commits | first | $/month | $ / 1,000 |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for workers in (1, 2, 4, 8, 16, 32, 64, 128):
        places = most_places(costs)
        found = run_parses(costs, workers, places, count)
        uses = parse_uses(costs, workers, places, found.per_second(count))
        rate = found.per_second(count) / max(1.0, worst(uses).share)
        price = workers * worker_price(costs)
        shares = " | ".join(f"{use.share:.0%}" for use in uses)
        per_thousand = price / MONTH / rate * 1_000
        print(
            f"| {workers} | {places} | {found.seconds:.0f} | {found.p50:.1f} | {found.p95:.1f} | {rate:.1f} | {shares} |"
            f" {worst(uses).name} | {price:,.0f} | {per_thousand:.2f} |"
        )


def most_places(costs: Costs) -> int:
    """As many pages as keep the cores busy while others load, within the memory."""
    busy = costs.worker_cores * (1 + costs.parse_wait / costs.parse_cpu)
    room = (costs.worker_gb * 1000 * 0.75 - costs.parse_base_mb) / costs.parse_page_mb
    return int(min(busy + 1, room))


def parse_uses(costs: Costs, workers: int, places: int, rate: float) -> Sequence[Use]:
    memory = (costs.parse_base_mb + places * costs.parse_page_mb) / 1000
    return (
        Use("cores of workers", rate * costs.parse_cpu / (workers * costs.worker_cores)),
        Use("memory of browsers", memory / costs.worker_gb),
        Use("event table", rate * costs.parse_events / costs.commits),
    )


def worker_price(costs: Costs) -> float:
    return costs.worker_cores * costs.core + costs.worker_gb * costs.memory_gb


# A large crawl


@dataclass(frozen=True)
class Web:
    """`pages[n]` of host n; `hosts` of them in all."""

    pages: NDArray[np.int64]

    @classmethod
    def made(cls, pages: int, hosts: int, seed: int = 1) -> Web:
        """Sizes by a power law, as the web has them: most hosts have a few pages and some have a tenth of a thousandth of all."""
        chance = np.random.default_rng(seed)
        raw = chance.pareto(1.1, hosts) + 1
        raw = np.minimum(raw, pages * 1e-4)
        return cls(np.maximum(1, np.round(raw * pages / raw.sum())).astype(np.int64))


@dataclass(frozen=True)
class Crawled:
    days: float
    pages_per_second: float
    busy_days: float
    """After so many days nine tenths are done; what is left waits for its hosts."""
    largest_days: float


def run_crawl(costs: Costs, web: Web, most_per_second: float, window: int, step: float = 3_600.0) -> Crawled:
    """In steps of an hour: each host of the window gives what it may, as far as the machines can take it; the largest go first."""
    left = np.sort(web.pages)[::-1].astype(np.float64)
    total, now, done, busy = float(left.sum()), 0.0, 0.0, 0.0
    per_host = step / costs.host_seconds
    while len(left):
        active = left[:window]
        offered = np.minimum(active, per_host)
        scale = min(1.0, most_per_second * step / offered.sum())
        active -= offered * scale
        done += float((offered * scale).sum())
        now += step
        busy = busy or (now if done >= 0.9 * total else 0.0)
        left = left[left > 0.5]
    return Crawled(now / 86_400, total / now, busy / 86_400, float(web.pages.max()) * costs.host_seconds / 86_400)


def page_uses(costs: Costs, rate: float, workers: int, with_vectors: bool) -> Sequence[Use]:
    """Shares of everything that `rate` pages a second ask for."""
    cores = costs.page_cpu + (costs.page_chunks * costs.chunk_vector_cpu if with_vectors else 0)
    return (
        Use("cores of workers", rate * cores / (workers * costs.worker_cores)),
        Use("event table", rate * (costs.page_events + 1) / costs.commits),  # a page's links have a commit of their own
        Use("frontier", rate * costs.page_frontier_rows / costs.frontier_rows),
        Use("vectors", rate * costs.page_chunks / costs.vectors if with_vectors else 0.0),
    )


def most_pages(costs: Costs, workers: int, with_vectors: bool) -> tuple[float, str]:
    """Pages a second at which the first resource is full, and which that is."""
    first = worst(page_uses(costs, 1.0, workers, with_vectors))
    return 1 / first.share, first.name


def tell_crawl(costs: Costs, pages: int = 10**8, hosts: int = 10**6) -> None:
    web = Web.made(pages, hosts)
    window = hosts // 10
    print(
        f"\n{web.pages.sum():,} pages over {hosts:,} hosts (half have at most {int(np.median(web.pages))}, the largest"
        f" {web.pages.max():,}), {window:,} hosts at once, {costs.host_seconds:g} s between two pages of one\n"
    )
    print(
        "| vectors | workers | first full | pages/s | days | nine tenths after | largest host alone | $ in all | stored GB |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for with_vectors in (False, True):
        for workers in (1, 4, 16, 64, 256):
            most, first = most_pages(costs, workers, with_vectors)
            found = run_crawl(costs, web, most, window)
            if found.largest_days >= 0.9 * found.days:
                first = "politeness"
            stored = stored_gb(costs, pages, with_vectors)
            price = found.days / 30 * (workers * worker_price(costs) + database_price(costs, stored))
            print(
                f"| {'yes' if with_vectors else 'no'} | {workers} | {first} | {found.pages_per_second:,.0f} | {found.days:,.0f} |"
                f" {found.busy_days:,.0f} | {found.largest_days:,.1f} | {price:,.0f} | {sum(stored.values()):,.0f} |",
                flush=True,
            )
    for name, size in stored_gb(costs, pages, with_vectors=True).items():
        print(f"\n{name}: {size:,.0f} GB", end="")
    print(f"\n\nShould lie in memory: {hot_gb(costs, pages):,.0f} GB, there are {costs.hot_gb:g}.")


def stored_gb(costs: Costs, pages: int, with_vectors: bool) -> Mapping[str, float]:
    return {
        "pages, chunks, words": pages * costs.page_kb * 1e3 / GB,
        "frontier": pages * costs.page_frontier_rows * costs.frontier_row_kb * 1e3 / GB,
        "events": pages * costs.page_events * costs.event_kb * 1e3 / GB,
        "vectors": pages * costs.page_chunks * costs.vector_kb * 1e3 / GB if with_vectors else 0.0,
    }


def hot_gb(costs: Costs, pages: int) -> float:
    """The graph of the vectors, and half of the frontier: its keys."""
    stored = stored_gb(costs, pages, with_vectors=True)
    return stored["vectors"] + stored["frontier"] / 2


def database_price(costs: Costs, stored: Mapping[str, float]) -> float:
    """A primary of 16 cores with its memory, and a standby; both hold everything."""
    return 2 * (16 * costs.core + costs.hot_gb * costs.memory_gb + sum(stored.values()) * costs.disk_gb)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["parses", "crawl"])
    parser.add_argument("--set", action="append", default=[], metavar="NAME=NUMBER", help="another value of an input")
    options = parser.parse_args(arguments)
    known = {field.name for field in fields(Costs)}
    changed: dict[str, float] = {}
    for one in options.set:
        name, _, number = one.partition("=")
        if name not in known:
            parser.error(f"there is no {name!r}; there are {', '.join(sorted(known))}")
        changed[name] = float(number)
    costs = replace(Costs(), **changed)
    if options.what in (None, "parses"):
        tell_parses(costs)
    if options.what in (None, "crawl"):
        tell_crawl(costs)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
