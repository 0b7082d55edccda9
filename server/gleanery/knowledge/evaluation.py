"""How well search answers a source's saved queries: recall and mean reciprocal rank over pages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from gleanery import errors
from gleanery.model import Clock, new_id
from gleanery.store.saved_queries import (
    Evaluation,
    Figures,
    PageKey,
    QueryResult,
    SavedQuery,
    SavedQueryStore,
    page_key,
)

DEPTH = 10
"""Pages that are looked at."""
_SHALLOW = 5
_MOST_AHEAD = 5

Search = Callable[[SavedQuery], Awaitable[Sequence[str]]]
"""The URLs of the hits, best first. Several of one page count as one, so there should be more hits than DEPTH."""


async def evaluate(
    queries: Sequence[SavedQuery], search: Search, *, unknown: Collection[str] = (), concurrency: int = 2
) -> Figures:
    """Run all queries, `concurrency` of them at once. One that fails is told in its result; the others count.

    `unknown` are the expected pages that the source doesn't have.
    """
    gate = asyncio.Semaphore(concurrency)

    async def run(query: SavedQuery) -> QueryResult:
        async with gate:
            try:
                urls = await search(query)
            except (errors.EmbedError, errors.InvalidInput, errors.StorageError) as error:
                return score(query, (), error=error.message)
        return score(query, urls, unknown=unknown)

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(run(query)) for query in queries]
    return mean(task.result() for task in running)


def score(
    query: SavedQuery, urls: Sequence[str], *, unknown: Collection[str] = (), error: str | None = None
) -> QueryResult:
    """What a query is worth whose hits have these URLs. Recall is the share of the expected pages among the first pages."""
    pages = _pages(urls)
    ranks = [_rank(expected, pages) for expected in query.expected]
    found = [rank for rank in ranks if rank is not None]
    rank = min(found, default=None)
    return QueryResult(
        query_id=query.query_id,
        query=query.query,
        expected=query.expected,
        rank=rank,
        recall_at_5=_share(sum(rank <= _SHALLOW for rank in found), ranks),
        recall_at_10=_share(len(found), ranks),
        ahead=tuple(url for _, url in pages[: DEPTH if rank is None else rank - 1])[:_MOST_AHEAD],
        unknown=tuple(expected for expected in query.expected if expected in unknown),
        error=error,
    )


def mean(results: Iterable[QueryResult]) -> Figures:
    """The figures of many queries; those with an error count in none."""
    every = tuple(results)
    counted = [result for result in every if result.error is None]
    return Figures(
        queries=len(counted),
        recall_at_5=_mean([result.recall_at_5 for result in counted]),
        recall_at_10=_mean([result.recall_at_10 for result in counted]),
        mrr=_mean([result.reciprocal_rank for result in counted]),
        results=every,
    )


def _pages(urls: Sequence[str]) -> list[tuple[PageKey, str]]:
    """The first pages that the hits are of, each once, with the URL of its best hit without its fragment."""
    pages: dict[PageKey, str] = {}
    for url in urls:
        pages.setdefault(page_key(url), url.partition("#")[0])
        if len(pages) == DEPTH:
            break
    return list(pages.items())


def _rank(expected: str, pages: Sequence[tuple[PageKey, str]]) -> int | None:
    wanted = page_key(expected)
    for rank, (page, _) in enumerate(pages, 1):
        if wanted.place == page.place if wanted.place else wanted.path == page.path:
            return rank
    return None


def _share(count: int, whole: Sequence[object]) -> float:
    return count / len(whole) if whole else 0.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


SearchPages = Callable[[SavedQuery, int | None], Awaitable[Sequence[str]]]
"""The URLs that a query finds in its source, in the generation of that number; None: the one that everybody searches."""


class Evaluator:
    """Runs the saved queries of a source. `clock` is that of the store.

    One that doesn't keep what refreshes give is for a process whose search has no vectors in memory: its figures can be
    compared with each other, but not with those of the server.
    """

    def __init__(self, saved: SavedQueryStore, search: SearchPages, clock: Clock, *, keeps: bool = True) -> None:
        self._saved = saved
        self._search = search
        self._clock = clock
        self._keeps = keeps

    async def run(self, source_id: str, *, generation: int | None = None, task_id: str | None = None) -> Evaluation:
        """Run them all against a generation (None: the visible one) and keep what they gave.

        Raises NotFound for an unknown source, WrongState when it has no saved queries.
        """
        queries = await self._saved.queries(source_id)
        if not queries:
            raise errors.WrongState(
                f"The source has no saved queries: POST /api/v1/sources/{source_id}/queries makes one.",
                source_id=source_id,
            )
        evaluation = await self.try_out(source_id, queries, generation=generation, task_id=task_id)
        await self._saved.keep(evaluation)
        return evaluation

    async def try_out(
        self,
        source_id: str,
        queries: Sequence[SavedQuery],
        *,
        generation: int | None = None,
        task_id: str | None = None,
    ) -> Evaluation:
        """Run these without keeping anything."""
        visible = await self._saved.visible_generation(source_id)
        number = visible if generation is None else generation
        expected = sorted({page for query in queries for page in query.expected})
        unknown = await self._saved.unknown(source_id, number, expected)
        asked = None if number == visible else number

        async def search(query: SavedQuery) -> Sequence[str]:
            return await self._search(query, asked)

        figures = await evaluate(queries, search, unknown=unknown)
        return Evaluation(new_id("ev"), source_id, number, task_id, self._clock(), figures)

    async def for_gate(self, source_id: str, generation: int, task_id: str) -> Figures | None:
        """The figures of a generation for a refresh that is to be judged; None where there are no queries. Those of the
        one that it builds are kept; those of the visible one are there to compare with, searched in the same way."""
        queries = await self._saved.queries(source_id)
        if not queries:
            return None
        evaluation = await self.try_out(source_id, queries, generation=generation, task_id=task_id)
        if self._keeps and generation != await self._saved.visible_generation(source_id):
            await self._saved.keep(evaluation)
        return evaluation.figures
