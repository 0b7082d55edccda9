"""`GenerationStore` over Supabase. What a method does is told in `generation_store.py`, how in sql/024."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from gleanery import errors
from gleanery.model import Fence, Generation, NewEvent, Page, PageChange, PageDelta, PageVersion, Progress, StoredCode
from gleanery.store.generation_store import TOLD_PAGES
from gleanery.store.knowledge_rows import code_from, delta_from, generation_from, page_from, page_version_from
from gleanery.store.rows import compact, fence_row
from gleanery.store.supabase.client import Rest
from gleanery.store.supabase.crawls import told_args
from gleanery.store.supabase.page_writer import ROWS_TAKEN_AT_ONCE
from gleanery.store.values import BuildSaved, GenerationFigures


class SupabaseGenerations:
    """`GenerationStore` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def begin(self, fence: Fence, source_id: str) -> Generation:
        args = {"fence": fence_row(fence), "source_id": source_id, "rows_at_once": ROWS_TAKEN_AT_ONCE}
        while (row := await self._rest.write("generations_begin", **args)) is None:
            pass  # each round is a short transaction of its own: others get in between
        return generation_from(row)

    async def figures(self, source_id: str, number: int | None) -> GenerationFigures:
        return GenerationFigures(**await self._rest.call("generations_figures", source_id=source_id, number=number))

    async def saved(self, source_id: str, number: int) -> BuildSaved:
        return BuildSaved(**await self._rest.call("generations_saved", source_id=source_id, number=number))

    async def complete(
        self,
        fence: Fence,
        source_id: str,
        grace: timedelta,
        events: Sequence[NewEvent],
        progress: Progress,
        result: Mapping[str, Any],
    ) -> Generation:
        row = await self._rest.write(
            "generations_complete",
            source_id=source_id,
            grace_seconds=grace.total_seconds(),
            result=compact(dict(result)),
            told_pages=TOLD_PAGES,
            **told_args(fence, events, progress),
        )
        return generation_from(row)

    async def reject(self, fence: Fence, source_id: str, result: Mapping[str, Any]) -> Generation:
        row = await self._rest.write(
            "generations_reject", fence=fence_row(fence), source_id=source_id, result=compact(dict(result))
        )
        return generation_from(row)

    async def activate(self, source_id: str, number: int) -> Generation:
        return generation_from(await self._rest.write("generations_activate", source_id=source_id, number=number))

    async def get(self, source_id: str, number: int) -> Generation:
        return generation_from(await self._rest.call("generations_get", source_id=source_id, number=number))

    async def of_task(self, source_id: str, task_id: str) -> Generation | None:
        row = await self._rest.call("generations_of_task", source_id=source_id, task_id=task_id)
        return None if row is None else generation_from(row)

    async def list(self, source_id: str, *, before: int | None, limit: int) -> Sequence[Generation]:
        rows = await self._rest.call("generations_list", source_id=source_id, before=before, limit=limit)
        return [generation_from(row) for row in rows]

    async def delta(
        self, source_id: str, number: int, change: PageChange | None, *, after: str | None, limit: int
    ) -> Sequence[PageDelta]:
        rows = await self._rest.call(
            "generations_delta", source_id=source_id, number=number, change=change, after=after, limit=limit
        )
        return [delta_from(row) for row in rows]

    async def delta_counts(self, source_id: str, number: int) -> Mapping[PageChange, int]:
        counts = await self._rest.call("generations_delta_counts", source_id=source_id, number=number)
        return {PageChange(change): count for change, count in counts.items()}

    async def page_version(self, page_row: int) -> tuple[Page, Sequence[StoredCode]]:
        found = await self._rest.call("generations_page_version", page_row=page_row)
        page = page_from(found["page"], found["page"]["markdown"])
        return page, [code_from(row) for row in found["code"]]

    async def page_versions(self, page_id: str, *, before: int | None, limit: int) -> Sequence[PageVersion]:
        rows = await self._rest.call("generations_page_versions", page_id=page_id, before=before, limit=limit)
        if not rows and before is None:
            raise errors.NotFound("page", page_id)
        return [page_version_from(row) for row in rows]

    async def prune(self, keep: int) -> int:
        return int(await self._rest.write("generations_prune", keep=keep, rows_at_once=ROWS_TAKEN_AT_ONCE))
