"""Tasks of type `fetch_evidence`: passages for each control, by several searches over the chosen sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gleanery import errors
from gleanery.engine.handler import Outcome, TaskContext, TaskSpec, Work
from gleanery.engine.retry import RetryPolicy
from gleanery.handlers.compliance.payload import EVIDENCE, ReportPayload
from gleanery.knowledge.compliance.evidence import HITS_A_QUERY, Taken, queries_of, taken_of
from gleanery.knowledge.hits import Found, SearchQuery
from gleanery.model.compliance import Control, Passage
from gleanery.store.compliance import ComplianceStore
from gleanery.store.knowledge_store import KnowledgeStore


class Search(Protocol):
    async def find(self, asked: SearchQuery) -> Found: ...


class FetchEvidenceHandler:
    """`Handler` for tasks of type `fetch_evidence`. What was found for a control is kept with it: another attempt goes on with
    the next one."""

    spec = TaskSpec(
        EVIDENCE,
        ReportPayload,
        Work.CPU,
        description="Evidence",
        retry=RetryPolicy(max_retries=3),
        can_pause=True,
        serial_key=lambda payload: f"compliance:{payload.report_id}",
    )

    def __init__(self, store: ComplianceStore, knowledge: KnowledgeStore, search: Search) -> None:
        self._store = store
        self._knowledge = knowledge
        self._search = search

    async def run(self, ctx: TaskContext, payload: ReportPayload) -> Outcome:
        report = await self._store.report(payload.report_id)
        framework, _ = await self._store.framework(report.framework_id, report.version)
        waiting = await self._store.without_evidence(report.report_id)
        total = len(framework.controls)
        done = total - len(waiting)
        for position in waiting:
            control = framework.controls[position]
            await ctx.advance("controls", done, total, f"Looking for evidence: {control.id}, {control.title}")
            passages = await self._evidence(control, report.source_ids)
            await self._store.keep_evidence(ctx.fence, report.report_id, position, passages)
            done += 1
        await ctx.advance("controls", done, total)
        found = [result.evidence or [] for result in await self._store.controls(report.report_id)]
        passages_found = sum(map(len, found))
        without = sum(not each for each in found)
        result = {"report_id": report.report_id, "controls": total, "passages": passages_found, "without": without}
        message = f"{passages_found} passages for {total} controls; nothing for {without}"
        return Outcome(result, None, message)

    async def _evidence(self, control: Control, source_ids: tuple[str, ...]) -> Sequence[Passage]:
        found = []
        for query in queries_of(control):
            asked = SearchQuery(query, source_ids=source_ids, limit=HITS_A_QUERY, typos=False, rerank=False)
            found.append((query, (await self._search.find(asked)).hits))
        passages = [await self._passage(taken) for taken in taken_of(found)]
        return [passage for passage in passages if passage is not None]

    async def _passage(self, taken: Taken) -> Passage | None:
        """None for a page that went away meanwhile."""
        chunk = taken.hit.found.chunk
        try:
            page = await self._knowledge.page(chunk.page_id)
        except errors.NotFound:
            return None
        return Passage(
            page_id=chunk.page_id,
            chunk_id=chunk.chunk_id,
            source_id=chunk.source_id,
            url=taken.hit.url,
            title=taken.hit.found.title,
            heading_path=list(chunk.heading_path),
            start=chunk.start,
            end=chunk.end,
            content=chunk.content,
            seen_at=page.fetched_at,
            is_missing=page.missing_since is not None,
            why=list(taken.why),
        )
