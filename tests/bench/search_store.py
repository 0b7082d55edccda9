"""A store with many chunks of real documentation, filled by the way that crawls take, and queries to ask it."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psycopg
from numpy.typing import NDArray

from gleanery.errors import EmptyPage, ExtractFailed
from gleanery.knowledge.cut import Origin, cut_page
from gleanery.knowledge.extract import ExtractedPage, extract_page
from gleanery.knowledge.extract_worker import NICENESS
from gleanery.knowledge.right_of_way import RightOfWay
from gleanery.model import FrontierUrl, UrlState, new_id
from gleanery.store.base import Store
from gleanery.store.supabase.half_floats import as_texts
from tests.store.samples import Crawl, start_crawl

SITES = {
    "python": Path("/usr/share/doc/python3.11/html"),
    "postgresql": Path("/usr/share/doc/postgresql-doc-15/html"),
    "django": Path("/usr/share/doc/python-django-doc/html"),
    "cmake": Path("/usr/share/doc/cmake-data/html"),
    "git": Path("/usr/share/doc/git-doc"),
}
_INDEXES = re.compile(r"genindex|modindex|bookindex|search\.html|contents\.html")
VECTORS_AT_ONCE = 1_000
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True)
class RealPage:
    site: str
    path: str
    extracted: ExtractedPage


def real_pages(limit: int | None = None) -> list[RealPage]:
    """Every page of the sites that are on this machine (Debian's -doc packages), taken apart in two processes."""
    files = [
        (site, file.relative_to(root).as_posix())
        for site, root in SITES.items()
        for file in sorted(root.rglob("*.html"))
        if not _INDEXES.search(file.name)
    ][:limit]
    with ProcessPoolExecutor(2) as pool:
        return [page for page in pool.map(_page, files, chunksize=16) if page is not None]


def _page(site_and_path: tuple[str, str]) -> RealPage | None:
    site, path = site_and_path
    try:
        return RealPage(site, path, extract_page((SITES[site] / path).read_bytes(), f"https://{site}.test/{path}"))
    except (EmptyPage, ExtractFailed):
        return None


@dataclass
class Filled:
    """What went into a store, and how long the store took for it."""

    pages: int = 0
    chunks: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0


async def fill(store: Store, pages: Sequence[RealPage], chunks: int) -> Filled:
    """Store pages, each site a source, until there are so many chunks; copies of a site have titles of their own."""
    filled = Filled()
    for copy in itertools.count():
        for site in dict.fromkeys(page.site for page in pages):
            crawl = await start_crawl(store, f"https://{site}{copy or ''}.test/")
            for page in (page for page in pages if page.site == site):
                if filled.chunks >= chunks:
                    return filled
                await _store(crawl, page, copy, filled, RightOfWay())
    raise AssertionError("there are pages without end")


async def _store(crawl: Crawl, page: RealPage, copy: int, filled: Filled, right_of_way: RightOfWay) -> None:
    extracted = replace(page.extracted, title=f"{page.extracted.title} {copy}") if copy else page.extracted
    url = f"https://{page.site}{copy or ''}.test/{page.path}"
    source_id, task_id, now = crawl.source.source_id, crawl.task.task_id, datetime.now(UTC)
    origin = Origin(source_id, task_id, url, url, 200, "text/html", None, None, 1, now)
    await right_of_way.give()  # before both, as crawls do
    bundle = await asyncio.to_thread(cut_page, origin, extracted, extract_code=True)
    frontier_url = FrontierUrl(url, url, 1, UrlState.QUEUED)
    await crawl.add(frontier_url)
    await right_of_way.give()
    started, cpu_started = time.perf_counter(), time.process_time()
    await crawl.store_page(frontier_url, bundle)
    filled.seconds += time.perf_counter() - started
    filled.cpu_seconds += time.process_time() - cpu_started
    filled.chunks += len(bundle.chunks)
    filled.pages += 1


@asynccontextmanager
async def crawl_on(store: Store, pages: Sequence[RealPage], right_of_way: RightOfWay) -> AsyncIterator[Filled]:
    """As long as this is entered, a crawl stores pages as fast as it can, while a process takes others apart."""
    crawl = await start_crawl(store, f"https://{new_id('new')}.test/")
    filled = Filled()

    async def go_on(pool: ProcessPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        for number, page in enumerate(itertools.cycle(pages)):
            await asyncio.gather(
                loop.run_in_executor(pool, _page, (page.site, page.path)),
                _store(crawl, page, 1000 + number, filled, right_of_way),
            )

    # As gleanery's own processes for this are: what answers comes first.
    with ProcessPoolExecutor(1, initializer=os.nice, initargs=(NICENESS,)) as pool:
        going = asyncio.create_task(go_on(pool))
        started = time.perf_counter()
        try:
            yield filled
        finally:
            filled.seconds = time.perf_counter() - started
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)


def keep_vectors(database_url: str, model: str, make: Callable[[int, int], NDArray[np.float32]]) -> int:
    """A vector for each text of a Supabase project, straight into its table; `make` gives so many by a seed. The graph is built
    after them, which takes a fraction of the time."""
    with psycopg.connect(database_url, autocommit=True) as database:
        texts = [row for (row,) in database.execute("select text_row from gleanery.text order by 1")]
        index = f"gleanery.vector_near_{make(1, 0).shape[1]}"
        definition = database.execute("select pg_get_indexdef(%s::regclass)", [index]).fetchone()
        assert definition is not None
        database.execute(f"drop index {index}; set maintenance_work_mem = '1GB'")
        with database.cursor().copy("copy gleanery.vector (text_row, model, data) from stdin") as copy:
            for start in range(0, len(texts), VECTORS_AT_ONCE):
                some = texts[start : start + VECTORS_AT_ONCE]
                for text_row, vector in zip(some, as_texts(make(len(some), start)), strict=True):
                    copy.write_row((text_row, model, vector))
        database.execute(definition[0])
        database.execute("vacuum analyze")  # as PostgreSQL does by itself after a while
    return len(texts)


def queries(pages: Sequence[RealPage], count: int, seed: int = 5) -> Iterator[tuple[str, str]]:
    """(kind, query): one to twelve words of the pages, phrases, names, questions, common words, with a slip, with filters."""
    chance = random.Random(seed)
    texts = [page.extracted.markdown for page in pages if len(page.extracted.markdown) > 500]
    headings = [heading.text for page in pages for heading in page.extracted.outline if len(heading.text) > 8]
    names = sorted({name for text in texts[:400] for name in re.findall(r"\b[a-z]+[._][a-z_.]+[a-z]\b", text)})
    for number in range(count):
        words = _WORD.findall(chance.choice(texts))
        start = chance.randrange(max(1, len(words) - 12))
        kind = ("words", "sentence", "heading", "name", "phrase", "common", "slip", "filter")[number % 8]
        yield (
            kind,
            {
                "words": " ".join(chance.sample(words, min(len(words), chance.randint(1, 4)))),
                "sentence": " ".join(words[start : start + 12]),
                "heading": chance.choice(headings),
                "name": chance.choice(names),
                "phrase": f'"{" ".join(words[start : start + 2])}" {chance.choice(words)}',
                "common": "how to use a function to get the value of an object",
                "slip": _slip(chance, max(words[start : start + 5], key=len)),
                "filter": f"{chance.choice(headings)} site:{chance.choice(list(SITES))}.test",
            }[kind],
        )


def _slip(chance: random.Random, word: str) -> str:
    at = chance.randrange(1, len(word))
    return word[:at] + word[at + 1 :]
