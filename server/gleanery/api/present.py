"""From the nouns of `model` to the shapes of the wire: one function for each, and a room's message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from gleanery import model
from gleanery.api.crawl_shapes import BranchShape, EstimateShape, PreviewShape, RobotsShape, TriedShape, UrlShape
from gleanery.api.live_shapes import ProgressUpdate
from gleanery.api.source_shapes import (
    ChunkShape,
    CodeExampleShape,
    GenerationShape,
    HeadingShape,
    LastCrawlShape,
    PageShape,
    PageSummary,
    SourceShape,
)
from gleanery.api.task_shapes import (
    EventShape,
    ProgressDetails,
    ProgressShape,
    SeedStatus,
    SpreadShape,
    StageShape,
    TaskShape,
    TaskStatsShape,
)
from gleanery.api.wire import ErrorBody
from gleanery.handlers.crawl.preview import Branch, Estimate, Preview
from gleanery.handlers.crawl.reasons import sentence_of
from gleanery.handlers.crawl.survey import tried
from gleanery.store.values import Spread, TaskStats


def of_error(error: model.ErrorInfo | None) -> ErrorBody | None:
    return None if error is None else ErrorBody(code=error.code, message=error.message, details=dict(error.details))


def of_progress(progress: model.Progress) -> ProgressShape:
    return ProgressShape(
        percentage=round(progress.percentage, 1),
        stage=progress.stage,
        stages={name: StageShape(done=count.done, total=count.total) for name, count in progress.stages.items()},
        message=progress.message,
        eta_seconds=progress.eta_seconds,
        rate_per_second=progress.rate_per_second,
        current_url=progress.current_url,
        failed=progress.failed,
        skipped=progress.skipped,
    )


def of_task(task: model.Task, now: datetime) -> TaskShape:
    """The task as clients see it; `now` turns the ETA into `estimated_completion_at`."""
    progress = of_progress(task.progress)
    return TaskShape(
        task_id=task.task_id,
        task_type=task.task_type,
        title=task.title,
        description=task.description,
        status=task.status,
        priority=task.priority,
        queue_name=task.queue_name,
        payload=dict(task.payload),
        result=None if task.result is None else dict(task.result),
        error=of_error(task.error),
        progress=progress,
        progress_details=ProgressDetails(current_step=progress.stage, progress=progress.percentage),
        retry_attempts=task.retry_attempts,
        max_retries=task.max_retries,
        run_at=task.run_at,
        created_at=task.created_at,
        processing_started_at=task.processing_started_at,
        processing_completed_at=task.processing_completed_at,
        estimated_completion_at=model.after(now, progress.eta_seconds),
        last_error_at=task.last_error_at,
        error_details=of_error(task.last_error),
        worker_id=task.worker_id,
        background_task_id=None if task.worker_id is None else f"{task.worker_id}:{task.attempt}",
        browser_session_id=task.browser_session_id,
        memory_usage_mb=task.memory_usage_mb,
        depends_on=list(task.depends_on),
        coalesce_key=task.coalesce_key,
        parent_task_id=task.parent_task_id,
        webhook_url=task.webhook_url,
        webhook_states=list(task.webhook_states),
        on_dependency_failure=task.on_dependency_failure,
        waits_for=task.waits_for,
        serial_key=task.serial_key,
        schedule_id=task.schedule_id,
        is_cancel_requested=task.is_cancel_requested,
        is_pause_requested=task.is_pause_requested,
        waited_seconds=task.waited_seconds,
        ran_seconds=task.ran_seconds,
        first_seq=task.first_seq,
        last_seq=task.last_seq,
    )


def of_stats(stats: TaskStats) -> TaskStatsShape:
    return TaskStatsShape(
        window_seconds=stats.window_seconds,
        by_status=dict(stats.by_status),
        by_type={name: dict(counts) for name, counts in stats.by_type.items()},
        by_queue={name: dict(counts) for name, counts in stats.by_queue.items()},
        due=stats.due,
        oldest_due_seconds=stats.oldest_due_seconds,
        ended=dict(stats.ended),
        throughput_per_second=round(sum(stats.ended.values()) / stats.window_seconds, 4),
        retries=stats.retries,
        coalesced=stats.superseded,
        skipped=stats.skipped_ticks,
        waiting=_spread(stats.waiting),
        running=_spread(stats.running),
        waiting_by_type={name: _spread(spread) for name, spread in stats.waiting_by_type.items()},
        running_by_type={name: _spread(spread) for name, spread in stats.running_by_type.items()},
    )


def _spread(spread: Spread) -> SpreadShape:
    return SpreadShape(count=spread.count, p50=spread.p50, p95=spread.p95)


def of_event(event: model.Event) -> EventShape:
    return EventShape(seq=event.seq, at=event.at, type=event.type, message=event.message, data=dict(event.data))


def of_url(row: model.FrontierUrl) -> UrlShape:
    return UrlShape(
        url=row.url,
        state=row.state,
        reason=row.reason,
        message=row.message or sentence_of(row.reason),
        status_code=row.status_code,
        depth=row.depth,
        attempts=row.attempts,
        found_on=row.found_on,
        page_id=row.page_id,
        chunks=row.chunk_count,
        code_examples=row.code_example_count,
        elapsed_seconds=row.elapsed_seconds,
        settled_at=row.settled_at,
        origin=row.origin,
        lastmod=row.lastmod,
        fetched_by=row.fetched_by,
        same_as=row.same_as,
    )


def of_preview(preview: Preview) -> PreviewShape:
    discovery = preview.discovery
    return PreviewShape(
        url=preview.url,
        final_url=preview.final_url,
        title=preview.title,
        generator=preview.generator,
        mode=preview.mode.kind.value,
        sentence=preview.mode.sentence,
        rendering_sign=preview.rendering_sign,
        robots=RobotsShape(
            crawl_delay_seconds=preview.robots.crawl_delay_seconds, sitemaps=list(preview.robots.sitemaps)
        ),
        tried=[TriedShape.model_validate(place) for place in tried(discovery)] if discovery else [],
        is_complete=discovery is None or discovery.is_complete,
        estimate=_of_estimate(preview.estimate),
        scope=_of_branch(preview.tree),
        skipped=preview.skipped,
        examples=preview.examples,
    )


def _of_estimate(estimate: Estimate) -> EstimateShape:
    outlay = estimate.outlay
    return EstimateShape(
        pages=estimate.pages,
        is_whole=estimate.is_whole,
        seconds=estimate.seconds,
        tokens=estimate.tokens,
        model=None if outlay is None else outlay.model,
        embed_seconds=0.0 if outlay is None else round(outlay.seconds, 1),
        cost_usd=0.0 if outlay is None else outlay.cost_usd,
    )


def _of_branch(branch: Branch) -> BranchShape:
    return BranchShape(path=branch.path, pages=branch.pages, children=[_of_branch(child) for child in branch.children])


def of_source(source: model.Source) -> SourceShape:
    return SourceShape(
        source_id=source.source_id,
        url=source.url,
        title=source.title,
        tags=list(source.tags),
        knowledge_type=source.knowledge_type,
        options=dict(source.options),
        created_at=source.created_at,
        updated_at=source.updated_at,
        last_task_id=source.last_task_id,
        pages=source.page_count,
        chunks=source.chunk_count,
        code_examples=source.code_example_count,
        embedded_chunks=source.embedded_chunk_count,
        size_bytes=source.size_bytes,
        description=source.description,
        generation=source.generation,
        last_crawl=None if source.last_crawl is None else LastCrawlShape.model_validate(vars(source.last_crawl)),
    )


def of_generation(generation: model.Generation, visible: int) -> GenerationShape:
    return GenerationShape(
        source_id=generation.source_id,
        number=generation.number,
        state=generation.state,
        is_visible=generation.number == visible,
        base=generation.base,
        task_id=generation.task_id,
        created_at=generation.created_at,
        completed_at=generation.completed_at,
        result=dict(generation.result),
    )


def of_page_summary(page: model.Page, chars: int) -> PageSummary:
    return PageSummary(
        page_id=page.page_id,
        source_id=page.source_id,
        url=page.url,
        title=page.title,
        language=page.language,
        version=page.version,
        chars=chars,
        fetched_at=page.fetched_at,
        missing_since=page.missing_since,
    )


def of_page(page: model.Page) -> PageShape:
    return PageShape(
        **of_page_summary(page, len(page.markdown)).model_dump(),
        description=page.description,
        markdown=page.markdown,
        outline=[HeadingShape(level=h.level, text=h.text, anchor=h.anchor, offset=h.offset) for h in page.outline],
        content_hash=page.content_hash,
        status_code=page.status_code,
        content_type=page.content_type,
        etag=page.etag,
        last_modified=page.last_modified,
        size_bytes=page.size_bytes,
        task_id=page.task_id,
        fetched_by=page.fetched_by,
    )


def of_chunk(chunk: model.Chunk) -> ChunkShape:
    return ChunkShape(
        chunk_id=chunk.chunk_id,
        page_id=chunk.page_id,
        source_id=chunk.source_id,
        ordinal=chunk.ordinal,
        start=chunk.start,
        end=chunk.end,
        heading_path=list(chunk.heading_path),
        content=chunk.content,
        context=chunk.context,
    )


def of_code(code: model.StoredCode, url: str, title: str) -> CodeExampleShape:
    return CodeExampleShape(
        code_id=code.code_id,
        page_id=code.page_id,
        source_id=code.source_id,
        url=url,
        title=title,
        ordinal=code.ordinal,
        language=code.language,
        code=code.code,
        heading_path=list(code.heading_path),
        context=code.context,
        start=code.start,
        end=code.end,
        name=code.name,
        summary=code.summary,
        is_guessed=code.is_guessed,
    )


_SEED_WORDS: Mapping[model.TaskStatus, SeedStatus] = {
    model.TaskStatus.PAUSED: "paused",
    model.TaskStatus.COMPLETED: "complete",
    model.TaskStatus.FAILED: "error",
    model.TaskStatus.CANCELLED: "cancelled",
}
_SEED_STAGES: Mapping[str, SeedStatus] = {
    "analyzing": "analyzing",
    "crawling": "crawling",
    "embedding": "embedding",
    "": "starting",
}


def seed_status(task: model.Task) -> SeedStatus:
    """The state in the words that progress clients know: a running task is named by its stage."""
    if task.status is model.TaskStatus.QUEUED:
        return "retrying" if task.last_error is not None else "queued"
    if task.status is model.TaskStatus.RUNNING:
        return _SEED_STAGES.get(task.progress.stage, "running")
    return _SEED_WORDS[task.status]


def of_update(task: model.Task, prev_seq: int, events: Sequence[model.Event]) -> ProgressUpdate:
    """A room's message: all events after `prev_seq` and the task as it stood after the last of them."""
    progress = of_progress(task.progress)
    return ProgressUpdate(
        progress_id=task.task_id,
        prev_seq=prev_seq,
        seq=events[-1].seq if events else prev_seq,
        events=[of_event(event) for event in events],
        status=seed_status(task),
        task_status=task.status,
        percentage=-1 if task.status is model.TaskStatus.FAILED else progress.percentage,
        stage=progress.stage,
        stages=progress.stages,
        current_url=progress.current_url,
        log=events[-1].message if events else progress.message,
        eta_seconds=progress.eta_seconds,
        rate_per_second=progress.rate_per_second,
        failed=progress.failed,
        skipped=progress.skipped,
        error=of_error(task.error),
    )
