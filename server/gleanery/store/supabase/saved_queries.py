"""`SavedQueryStore` over Supabase. What a method does is told in `store/saved_queries.py`, how in sql/027."""

from __future__ import annotations

from collections.abc import Sequence

from gleanery.store.saved_queries import MAX_QUERIES, Evaluation, NewQuery, SavedQuery
from gleanery.store.saved_query_rows import (
    KEPT_EVALUATIONS,
    Unmet,
    evaluation_from,
    evaluation_row,
    new_query_row,
    query_from,
    query_row,
    whole_evaluation_from,
)
from gleanery.store.supabase.client import Rest

URLS_AT_ONCE = 1_000


class SupabaseSavedQueries:
    """`SavedQueryStore` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def queries(
        self, source_id: str, *, after: tuple[float, str] | None = None, limit: int = MAX_QUERIES
    ) -> Sequence[SavedQuery]:
        at, last = after or (0.0, "")
        rows = await self._rest.call("saved_queries", source_id=source_id, at=at, last=last, limit=limit)
        return [query_from(row) for row in rows]

    async def put(self, source_id: str, queries: Sequence[NewQuery]) -> Sequence[SavedQuery]:
        given = [new_query_row(query) for query in queries]
        rows = await self._rest.write("saved_put", source_id=source_id, queries=given, most=MAX_QUERIES)
        return [query_from(row) for row in rows]

    async def change(self, source_id: str, query_id: str, query: NewQuery) -> SavedQuery:
        row = await self._rest.write("saved_change", source_id=source_id, query_id=query_id, query=query_row(query))
        return query_from(row)

    async def delete(self, source_id: str, query_id: str) -> None:
        await self._rest.write("saved_delete", source_id=source_id, query_id=query_id)

    async def visible_generation(self, source_id: str) -> int:
        return int(await self._rest.call("saved_visible_generation", source_id=source_id))

    async def unknown(self, source_id: str, generation: int, expected: Sequence[str]) -> frozenset[str]:
        unmet, after = Unmet(expected), ""
        while unmet:
            rows = await self._rest.call(
                "saved_page_urls", source_id=source_id, generation=generation, after=after, limit=URLS_AT_ONCE
            )
            unmet.meet(row["url"] for row in rows)
            if len(rows) < URLS_AT_ONCE:
                break
            after = rows[-1]["url_key"]
        return unmet.names

    async def keep(self, evaluation: Evaluation) -> None:
        await self._rest.write("saved_keep", evaluation=evaluation_row(evaluation), most=KEPT_EVALUATIONS)

    async def evaluations(
        self, source_id: str, *, before: tuple[float, str] | None, limit: int
    ) -> Sequence[Evaluation]:
        at, last = before or (None, "")
        rows = await self._rest.call("saved_evaluations", source_id=source_id, at=at, last=last, limit=limit)
        return [evaluation_from(row) for row in rows]

    async def evaluation(self, source_id: str, evaluation_id: str) -> Evaluation:
        found = await self._rest.call("saved_evaluation", source_id=source_id, evaluation_id=evaluation_id)
        return whole_evaluation_from(found)
