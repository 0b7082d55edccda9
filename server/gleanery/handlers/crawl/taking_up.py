"""A crawl as it stands: from its first page, or from what the store holds of it, by a later attempt or a helper alike."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gleanery.engine.handler import TaskContext
from gleanery.handlers.crawl.listing import Listing
from gleanery.handlers.crawl.payload import CrawlPayload
from gleanery.handlers.crawl.progress import CrawlProgress
from gleanery.handlers.crawl.reasons import Reason
from gleanery.handlers.crawl.run import CrawlParts, CrawlRun
from gleanery.model import FrontierUrl, UrlOrigin, UrlState
from gleanery.web.scope import Refusal
from gleanery.web.traps import TrapWatch

ROWS_AT_ONCE = 1_000
_REFUSALS = frozenset(Refusal)
_OUT_OF_SCOPE = frozenset(
    {
        Refusal.OTHER_HOST,
        Refusal.OUTSIDE_PATH,
        Refusal.EXCLUDED,
        Refusal.NOT_INCLUDED,
        Refusal.TOO_DEEP,
        Refusal.NOT_A_DOCUMENT,
    }
)


async def take_up(parts: CrawlParts, ctx: TaskContext, payload: CrawlPayload, progress: CrawlProgress) -> CrawlRun:
    """The run as it stands: from the start URL, or from where that led to when it is stored already."""
    crawls = parts.store.crawls
    [first] = await crawls.urls(ctx.task.task_id, state=None, after=0, limit=1)
    start = payload.url if first.page_id is None else (await crawls.page(first.page_id)).url
    run = CrawlRun(ctx, payload, start, parts, progress)
    if first.state is UrlState.QUEUED:
        return run
    run.start_is_settled.set()
    if first.reason == Reason.LISTING:
        run.begin_with(Listing.SITEMAP, start, None)
    else:
        run.begin_at(start, None)
    if first.page_id is not None:
        run.variants.page_language(start, (await crawls.page(first.page_id)).language or "")
    await _remember(run)
    return run


async def _remember(run: CrawlRun) -> None:
    """Learn again what the crawl had learned of the site, as far as the stored frontier tells it."""
    loop, executor = asyncio.get_running_loop(), run.parts.executor
    taken: list[tuple[str, int, bool | None]] = []
    task_id, after = run.ctx.task.task_id, 0
    while rows := await run.parts.store.crawls.urls(task_id, state=None, after=after, limit=ROWS_AT_ONCE):
        after = rows[-1].ordinal
        taken += [(row.url, row.depth, _is_new(row)) for row in rows if not _is_refused(row)]
        await loop.run_in_executor(executor, _learn, run, rows)
    run.traps = await loop.run_in_executor(executor, TrapWatch.of, taken)


def _learn(run: CrawlRun, rows: Sequence[FrontierUrl]) -> None:
    """What these tell of versions and languages, and of where the site keeps its Markdown."""
    for row in rows:
        if row.reason not in _OUT_OF_SCOPE:
            run.variants.refusal(row.url)
        if row.reason == Reason.MARKDOWN_TWIN and row.origin is UrlOrigin.LLMS:
            run.learn_markdown(row.url, row.url)


def _is_refused(row: FrontierUrl) -> bool:
    return row.reason is not None and row.reason in _REFUSALS


def _is_new(row: FrontierUrl) -> bool | None:
    """Whether a URL brought a page that was new; None while that isn't known."""
    return None if row.state is UrlState.QUEUED else row.state is UrlState.STORED
