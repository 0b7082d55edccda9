"""How fast search answers over many chunks, alone and beside a crawl, and how fast chunks go in.

    python -m tests.bench search [--chunks 100000] [--queries 400] [--store DIR] [--model DIR] [--supabase]

Real documentation (Debian's -doc packages, repeated under other titles) goes through the insertion path into an embedded store;
vectors are random directions, which cost the same to look through, and queries are embedded by the local model where it is
there. With --store the store is kept and taken again. With --supabase it is a project on this machine, in processes of its own,
in whose tables the vectors are. Prints chunks per second, and milliseconds by mode and kind of query.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from gleanery import config
from gleanery.knowledge import minilm
from gleanery.knowledge.embedders.embedder import Embedder, Embedding
from gleanery.knowledge.embedders.local import LocalEmbedder
from gleanery.knowledge.right_of_way import RightOfWay
from gleanery.knowledge.search import CodeQuery, Mode, Searcher, SearchQuery
from gleanery.knowledge.speller import Speller
from gleanery.knowledge.vectors import Vectors
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.search_store import PageFilter, SourceFilter
from gleanery.store.supabase import SupabaseStore
from tests.bench.crawl_child import started
from tests.bench.search_store import crawl_on, fill, keep_vectors, queries, real_pages

DIMENSIONS = minilm.DIMENSIONS


class AnyDirection:
    """An `Embedder` that costs nothing: where the local model is missing."""

    name = "any"
    dimensions = DIMENSIONS
    max_tokens = 256
    bulk_size = 32

    async def embed_each(self, texts: Sequence[str]) -> Embedding:
        return Embedding(await self.embed(texts), tuple(range(len(texts))), tuple(map(len, texts)))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return list(map(len, texts))

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return _directions(len(texts), len(texts[0]))

    async def aclose(self) -> None:
        return


def _directions(count: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((count, DIMENSIONS)).astype(np.float32)


async def bench(options: argparse.Namespace) -> None:
    pages = real_pages()
    gc.collect()
    gc.freeze()  # the pages are the bench's own: a server has no such heap to go through
    async with _supabase() if options.supabase else _embedded(options.store) as (store, database_url):
        sources = await store.search.sources_for(SourceFilter())
        if not sources:
            filled = await fill(store, pages, options.chunks)
            print(
                f"insertion: {filled.chunks:,} chunks of {filled.pages:,} pages at {filled.chunks / filled.seconds:.0f}"
                f" chunks/s, {filled.chunks / filled.cpu_seconds:.0f} by CPU time",
                flush=True,
            )
        right_of_way = RightOfWay()
        async with _searcher(store, database_url, options.model, right_of_way) as searcher:
            asked = list(queries(pages, options.queries))
            await _ask_all(searcher, asked[:20])  # what is loaded on first use
            _print("alone", await _ask_all(searcher, asked))
            async with crawl_on(store, pages, right_of_way) as progress:
                _print("beside a crawl", await _ask_all(searcher, asked))
            print(f"the crawl stored {progress.chunks / progress.seconds:.0f} chunks/s meanwhile")
            print(f"resident memory: {psutil.Process().memory_info().rss / 1e6:.0f} MB")


@asynccontextmanager
async def _embedded(kept: Path | None) -> AsyncIterator[tuple[Store, None]]:
    with tempfile.TemporaryDirectory(prefix="gleanery-search-") as folder:
        async with EmbeddedStore(Path(kept or folder) / "gleanery.db", lambda _: None) as store:
            yield store, None


@asynccontextmanager
async def _supabase() -> AsyncIterator[tuple[Store, str]]:
    """Besides, where its database is reached directly."""
    async with started(sys.executable, "tests.bench.scale_stack", []) as project:
        said = await project.hear()
        async with SupabaseStore(said["url"], said["key"], lambda _: None) as store:
            yield store, said["database"]


@asynccontextmanager
async def _searcher(
    store: Store, database_url: str | None, model: Path, right_of_way: RightOfWay
) -> AsyncIterator[Searcher]:
    with ThreadPoolExecutor(4) as executor:
        embedder: Embedder = LocalEmbedder(model, executor) if minilm.is_built(model) else AnyDirection()
        vectors = Vectors(store.vectors, embedder, nearest=store.nearest)
        await vectors.load()
        began, before = time.perf_counter(), psutil.Process().memory_info().rss
        if database_url is not None:
            count = await asyncio.to_thread(keep_vectors, database_url, embedder.name, _directions)
        else:
            for source_id in await store.search.sources_for(SourceFilter()):
                texts = await store.search.texts_of(PageFilter((source_id,)))
                if texts:
                    vectors.index.add(source_id, texts, _directions(len(texts), len(texts)))
            count = len(vectors.index)
        memory = (psutil.Process().memory_info().rss - before) / 1e6
        print(f"index: {count:,} vectors, {memory:.0f} MB, in {time.perf_counter() - began:.1f} s", flush=True)
        speller = Speller(store.search)
        began = time.perf_counter()
        await speller.refresh()
        print(f"words of the index read in {time.perf_counter() - began:.1f} s")
        yield Searcher(store.search, vectors, executor, speller=speller, right_of_way=right_of_way)


Took = Mapping[tuple[str, str], list[tuple[float, float]]]
"""Milliseconds by the clock and of CPU time (of the whole process), by mode and kind of query."""


async def _ask_all(searcher: Searcher, asked: Sequence[tuple[str, str]]) -> Took:
    took: dict[tuple[str, str], list[tuple[float, float]]] = {}

    async def timed(mode: str, kind: str, answer: Awaitable[object]) -> None:
        started, cpu_started = time.perf_counter(), time.process_time()
        await answer
        cpu_ms = (time.process_time() - cpu_started) * 1000
        took.setdefault((mode, kind), []).append(((time.perf_counter() - started) * 1000, cpu_ms))

    for kind, text in asked:
        for mode in Mode:
            await timed(mode.value, kind, searcher.find(SearchQuery(text, mode=mode)))
        await timed("code", kind, searcher.find_code(CodeQuery(text)))
    return took


def _print(title: str, took: Took) -> None:
    print(f"\n{title:24} {'p50':>7} {'p95':>7} {'p99':>7} ms, CPU: {'p50':>7} {'p95':>7}")
    for mode, kinds in itertools.groupby(sorted(took), key=lambda key: key[0]):
        of_mode = list(kinds)
        _print_line(mode, [value for key in of_mode for value in took[key]])
        if mode == Mode.HYBRID:
            for key in of_mode:
                _print_line(f"  {key[1]}", took[key])


def _print_line(name: str, values: Sequence[tuple[float, float]]) -> None:
    p50, p95, p99 = np.percentile([wall for wall, _ in values], (50, 95, 99))
    cpu50, cpu95 = np.percentile([cpu for _, cpu in values], (50, 95))
    print(f"{name:24} {p50:7.1f} {p95:7.1f} {p99:7.1f} {'':8} {cpu50:7.1f} {cpu95:7.1f}", flush=True)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument("--store", type=Path, help="a folder to keep the store in")
    parser.add_argument("--supabase", action="store_true", help="over a Supabase project on this machine")
    parser.add_argument("--model", type=Path, default=config.load().model_dir)
    asyncio.run(bench(parser.parse_args(arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
