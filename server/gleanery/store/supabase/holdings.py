"""`HoldingStore` over Supabase. What a method does is told in `store/holdings.py`, how in sql/026."""

from __future__ import annotations

from collections.abc import Sequence

from gleanery.store.holding_rows import branch_from, embedding_from, end_of, folder_of_all, storage_from
from gleanery.store.holdings import Branch, Embedding, Storage
from gleanery.store.supabase.client import Rest


class SupabaseHoldings:
    """`HoldingStore` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def branch(self, source_id: str, under: str | None, *, after: str | None, limit: int) -> Branch:
        folder = await self._innermost(source_id) if under is None else under
        found = await self._rest.call(
            "holdings_branch", source_id=source_id, under=folder, end=end_of(folder), after=after, limit=limit
        )
        return branch_from(folder, found["folders"], found["pages"])

    async def _innermost(self, source_id: str) -> str:
        ends = await self._rest.call("holdings_ends", source_id=source_id)
        return "" if ends["first"] is None else folder_of_all(ends["first"], ends["last"])

    async def storage(self, source_id: str) -> Storage:
        found = await self._rest.call("holdings_storage", source_id=source_id)
        return storage_from(found["sizes"], found["languages"], found["vectors"])

    async def embeddings(self, source_id: str) -> Sequence[Embedding]:
        return [embedding_from(row) for row in await self._rest.call("holdings_embeddings", source_id=source_id)]
