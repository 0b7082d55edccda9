"""The generation that a crawl builds: begun before the first page, judged after the last, and swapped in at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gleanery import errors
from gleanery.handlers.crawl.run import CrawlRun, count_of
from gleanery.knowledge.gate import BuildFigures, Verdict, figures_from, figures_of, judge_generation
from gleanery.model import CrawlCounts, EventType, Generation, GenerationState, NewEvent, PageChange
from gleanery.store.saved_queries import Figures
from gleanery.store.values import BuildSaved

_FIGURES = "figures"
_SCOPE = ("max_depth", "max_pages", "include", "exclude", "subdomains", "all_variants", "render")


class Publisher:
    """One for a run of a crawl."""

    def __init__(self, run: CrawlRun) -> None:
        self._run = run
        self._policy = run.parts.publish
        self._evaluate = run.parts.evaluate
        self._store = run.parts.store.generations

    async def begin(self, counts: CrawlCounts) -> None:
        """Before the first page. One that is complete and has nothing left to crawl needs no other."""
        if counts.queued or await self._published() is None:
            await self._store.begin(self._run.ctx.fence, self._run.payload.source_id)

    async def publish(self, counts: CrawlCounts) -> Mapping[str, Any]:
        """Make what was built the state that is seen, and tell what it brought. Raises RefreshRejected where it must not be,
        and then it stays to be looked at."""
        done = await self._published()
        if done is not None:
            return _told(done)  # a crash came between this and the task's end
        run, source_id = self._run, self._run.payload.source_id
        building = await self._store.begin(run.ctx.fence, source_id)
        saved = await self._store.saved(source_id, building.number)
        figures = figures_of(counts, saved.pages, saved.chars, _scope(run.payload.model_dump()))
        if building.base is not None:
            await self._judge(building, building.base, figures)
        result = {_FIGURES: figures.as_json(), "saved": _saved(saved)}
        message = self._sentence(building, saved)
        event = NewEvent(EventType.SOURCE_PUBLISHED, message, {"source_id": source_id, "generation": building.number})
        done = await self._store.complete(
            run.ctx.fence, source_id, self._policy.grace, [event], run.snapshot(message), result
        )
        return _told(done)

    async def _published(self) -> Generation | None:
        generation = await self._store.of_task(self._run.payload.source_id, self._run.ctx.task.task_id)
        is_complete = generation is not None and generation.state is GenerationState.COMPLETE
        return generation if is_complete else None

    async def _judge(self, building: Generation, base: int, figures: BuildFigures) -> None:
        run, source_id = self._run, building.source_id
        before = figures_from((await self._store.get(source_id, base)).result.get(_FIGURES, {}))
        if before is None:
            stored = await self._store.figures(source_id, base)
            before = BuildFigures(stored.pages, stored.chars, scope=figures.scope)
        verdict = judge_generation(
            before,
            figures,
            self._policy.gate,
            queries=await self._queries(source_id, base, building.number),
            refused=await self._refused(building),
            is_forced=run.payload.force,
        )
        for warning in verdict.warnings:
            await run.warn("refresh_differs", f"· {warning}")
        if not verdict.is_passed:
            await self._reject(building, figures, verdict)

    async def _reject(self, building: Generation, figures: BuildFigures, verdict: Verdict) -> None:
        told = {_FIGURES: figures.as_json(), "reasons": list(verdict.reasons)}
        await self._store.reject(self._run.ctx.fence, building.source_id, told)
        how_to = f"POST /api/v1/sources/{building.source_id}/generations/{building.number}/activate"
        raise errors.RefreshRejected(
            f"The refresh is not taken; search answers from what was there. {' '.join(verdict.reasons)}"
            f" Take it all the same with {how_to}.",
            source_id=building.source_id,
            generation=building.number,
            reasons=list(verdict.reasons),
        )

    async def _queries(self, source_id: str, base: int, number: int) -> tuple[Figures, Figures] | None:
        """Saved queries on both, with the embedder as it is now."""
        if self._evaluate is None:
            return None
        run = self._run
        run.progress.stage = "evaluating"
        task_id = run.ctx.task.task_id
        before = await self._evaluate(source_id, base, task_id)
        after = None if before is None else await self._evaluate(source_id, number, task_id)
        return None if before is None or after is None else (before, after)

    async def _refused(self, building: Generation) -> Sequence[BuildFigures]:
        """What was refused since the present state was taken, newest first."""
        rows = await self._store.list(building.source_id, before=building.number, limit=20)
        refused = [row for row in rows if row.state is not GenerationState.COMPLETE and row.base == building.base]
        kept = [figures_from(row.result.get(_FIGURES, {})) for row in refused]
        return [figures for figures in kept if figures is not None]

    def _sentence(self, building: Generation, saved: BuildSaved) -> str:
        if building.base is None:
            return f"{count_of(saved.pages, 'page')} can be searched"
        return (
            f"The new state of {count_of(saved.pages, 'page')} is in place: {saved.pages_unchanged:,} unchanged,"
            f" {saved.chunks_kept:,} chunks and {saved.tokens_kept:,} tokens need no new vectors"
        )


def _saved(saved: BuildSaved) -> dict[str, int]:
    return {
        "pages_not_fetched": saved.pages_not_fetched,
        "pages_unchanged": saved.pages_unchanged,
        "chunks": saved.chunks_kept,
        "tokens": saved.tokens_kept,
    }


def _told(done: Generation) -> dict[str, Any]:
    """What the task's result says of it."""
    told: dict[str, Any] = {"generation": done.number, "saved": done.result.get("saved", {})}
    if done.base is not None:
        told |= {f"pages_{change}": done.result.get(f"pages_{change}", 0) for change in PageChange}
    return told


def _scope(options: Mapping[str, Any]) -> str:
    """The options that decide how many pages there are."""
    return " ".join(f"{name}={options[name]}" for name in _SCOPE)
