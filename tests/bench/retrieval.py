"""How well words, vectors and both together find the right chunk, on questions with known answers.

    python -m tests.bench retrieval DATA.json [--model DIR] [--cut] [--supabase] [--write DIR]

DATA.json holds `chunks` ({id, heading, text}) and `queries` ({query, relevant: [chunk id]}). Each chunk is stored as a page by
the way that crawls take, whole or (--cut) as gleanery cuts pages, in a file or (--supabase) in a Supabase project on this
machine, and the queries are put to the real search: a page counts by its best hit. Prints one line a mode: MRR@10 and
recall@k. With --write each ranking also becomes DIR/<mode>.json: {query: [chunk id, best first]}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gleanery.knowledge.budget import ChunkBudget, local_counter
from gleanery.knowledge.chunk import chunk_markdown
from gleanery.knowledge.embedders.local import LocalEmbedder
from gleanery.knowledge.minilm import MODEL_NAME, TOKENIZER_FILE, build
from gleanery.knowledge.search import Mode, Searcher, SearchQuery
from gleanery.knowledge.speller import Speller
from gleanery.knowledge.vectors import Vectors
from gleanery.model import Chunk, FrontierUrl, Heading, Page, PageBundle, UrlState, content_id, utc_now
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.supabase import SupabaseStore
from tests.ground.supabase import Gateway, Project
from tests.store.samples import Crawl, start_crawl

Ranked = Mapping[str, Sequence[str]]
CUTS = (1, 3, 5, 10)
HITS = 50  # several may be of one page


async def bench(
    data: Mapping[str, Any], model_dir: Path, *, is_cut: bool, is_in_supabase: bool = False
) -> Mapping[Mode, Ranked]:
    budget = ChunkBudget.for_model(LocalEmbedder.max_tokens, local_counter(model_dir / TOKENIZER_FILE))
    async with (
        _supabase() if is_in_supabase else _embedded() as store,
        _searched(store, data, model_dir, budget if is_cut else None) as searcher,
    ):
        return {mode: await _ranked(searcher, data, mode) for mode in Mode}


@asynccontextmanager
async def _embedded() -> AsyncIterator[Store]:
    with tempfile.TemporaryDirectory(prefix="gleanery-retrieval-") as folder:
        async with EmbeddedStore(Path(folder) / "gleanery.db", lambda _: None) as store:
            yield store


@asynccontextmanager
async def _supabase() -> AsyncIterator[Any]:
    with Project() as project:
        async with (
            Gateway(project) as gateway,
            SupabaseStore(gateway.url, project.service_key, lambda _: None) as store,
        ):
            yield store


@asynccontextmanager
async def _searched(
    store: Store, data: Mapping[str, Any], model_dir: Path, budget: ChunkBudget | None
) -> AsyncIterator[Searcher]:
    with ThreadPoolExecutor(2) as executor:
        crawl = await start_crawl(store, "https://retrieval.test/")
        for number, chunk in enumerate(data["chunks"]):
            await _store(crawl, number, chunk["heading"], chunk["text"], budget)
        vectors = Vectors(store.vectors, LocalEmbedder(model_dir, executor), nearest=store.nearest)
        await vectors.load()
        async for _ in vectors.embed_missing(crawl.fence, crawl.source.source_id):
            pass
        speller = Speller(store.search)
        await speller.refresh()
        yield Searcher(store.search, vectors, executor, speller=speller)


async def _store(crawl: Crawl, number: int, heading: str, text: str, budget: ChunkBudget | None) -> None:
    source_id, task_id, url = crawl.source.source_id, crawl.task.task_id, f"https://retrieval.test/{number}"
    page_id = content_id("pg", source_id, url)
    outline = (Heading(1, heading, None, 0),)
    page = Page(
        page_id, source_id, url, url, heading, "", None, text, outline, content_id("h", text), 200, "text/html", None, None,
        len(text), utc_now(), task_id,
    )  # fmt: skip
    slices = (
        [(0, len(text))]
        if budget is None
        else [(s.start, s.end) for s in chunk_markdown(text, (), heading, budget=budget)]
    )
    chunks = tuple(
        Chunk(f"{page_id}-{ordinal}", page_id, source_id, ordinal, start, end, (heading,), text[start:end])
        for ordinal, (start, end) in enumerate(slices)
    )
    frontier_url = FrontierUrl(url, url, 1, UrlState.QUEUED)
    await crawl.add(frontier_url)
    await crawl.store_page(frontier_url, PageBundle(page, chunks, ()))


async def _ranked(searcher: Searcher, data: Mapping[str, Any], mode: Mode) -> Ranked:
    ranked = {}
    for entry in data["queries"]:
        found = await searcher.find(SearchQuery(entry["query"], mode=mode, limit=HITS))
        numbers = dict.fromkeys(int(hit.found.url.rpartition("/")[2]) for hit in found.hits)
        ranked[entry["query"]] = [data["chunks"][number]["id"] for number in numbers]
    return ranked


def score(data: Mapping[str, Any], ranked: Ranked) -> dict[str, float]:
    """Means over all queries: reciprocal rank of the first right chunk in ten, and the share found in the first k."""
    sums = dict.fromkeys(("MRR@10", *(f"recall@{cut}" for cut in CUTS)), 0.0)
    for entry in data["queries"]:
        ids, relevant = ranked[entry["query"]], set(entry["relevant"])
        sums["MRR@10"] += next((1 / rank for rank, id_ in enumerate(ids[:10], start=1) if id_ in relevant), 0.0)
        for cut in CUTS:
            sums[f"recall@{cut}"] += len(relevant & set(ids[:cut])) / len(relevant)
    return {name: total / len(data["queries"]) for name, total in sums.items()}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--model", type=Path, default=Path("data/models") / MODEL_NAME, help="where the model is or goes"
    )
    parser.add_argument("--cut", action="store_true", help="cut each chunk as gleanery cuts a page")
    parser.add_argument("--supabase", action="store_true", help="keep and search them in a Supabase project")
    parser.add_argument("--write", type=Path, help="a folder for the rankings")
    options = parser.parse_args(arguments)
    data = json.loads(options.data.read_text())
    ranked_by_mode = bench(data, build(options.model), is_cut=options.cut, is_in_supabase=options.supabase)
    for mode, ranked in asyncio.run(ranked_by_mode).items():
        print(f"{mode:8}", "  ".join(f"{measure} {value:.3f}" for measure, value in score(data, ranked).items()))
        if options.write:
            (options.write / f"{mode}.json").write_text(json.dumps(ranked))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
