"""gleanery as it is served: pages through the insertion path into a store of its own, asked through its Searcher."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gleanery.knowledge.budget import ChunkBudget
from gleanery.knowledge.search import Mode, Searcher, SearchQuery
from gleanery.knowledge.speller import Speller
from gleanery.knowledge.vectors import Vectors
from gleanery.model import FrontierUrl, PageBundle, UrlState
from gleanery.store.embedded import EmbeddedStore
from tests.bench.headings_chunks import Passage, bundle_of, own_passages
from tests.bench.headings_score import Place
from tests.bench.headings_site import SITES, SitePage
from tests.bench.headings_vectors import VectorCache
from tests.store.samples import Crawl, start_crawl

HITS = 10


@dataclass(frozen=True)
class Served:
    """What was stored, and what answers about it."""

    passages: Sequence[Passage]
    _searcher: Searcher
    _numbers: Mapping[str, int]

    async def ask(self, query: str, mode: Mode) -> list[Place]:
        """The first hits, of both sites, as a user without filters gets them."""
        found = await self._searcher.find(SearchQuery(query, mode, limit=HITS))
        chunks = [hit.found.chunk for hit in found.hits]
        return [Place(self._numbers[chunk.page_id], chunk.start, chunk.end) for chunk in chunks]


@asynccontextmanager
async def served(pages: Sequence[SitePage], budget: ChunkBudget, embedder: VectorCache) -> AsyncIterator[Served]:
    """Each site becomes a source; every chunk of it has its vector when this is entered."""
    with tempfile.TemporaryDirectory(prefix="gleanery-headings-") as folder, ThreadPoolExecutor(2) as executor:
        async with EmbeddedStore(Path(folder) / "gleanery.db", lambda changes: None) as store:
            crawls = {site: await start_crawl(store, f"https://docs.example.org/{site}/") for site in SITES}
            bundles = [
                bundle_of(page, crawls[page.site].source.source_id, crawls[page.site].task.task_id, budget)
                for page in pages
            ]
            passages = own_passages(bundles)
            await embedder.embed([passage.text for passage in passages], "chunks")  # so that it can say how far it is
            for page, bundle in zip(pages, bundles, strict=True):
                await _put(crawls[page.site], bundle)
            vectors = Vectors(store.vectors, embedder)
            await vectors.load()
            for crawl in crawls.values():
                async for _ in vectors.embed_missing(crawl.fence, crawl.source.source_id):
                    pass
            numbers = {bundle.page.page_id: number for number, bundle in enumerate(bundles)}
            speller = Speller(store.search)  # as in a server: its counts decide which rows are ranked
            await speller.refresh()
            yield Served(passages, Searcher(store.search, vectors, executor, speller=speller), numbers)


async def _put(crawl: Crawl, bundle: PageBundle) -> None:
    url = FrontierUrl(bundle.page.url, bundle.page.url_key, 1, UrlState.QUEUED)
    await crawl.add(url)
    await crawl.store_page(url, bundle)
