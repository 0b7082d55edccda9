"""`/sources/{id}/changes` and `/pages/{id}/versions`: what each refresh changed, down to the words; and as feeds."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor

from aiohttp import web

from gleanery import errors
from gleanery.api.change_feed import ATOM, JSON_FEED, Feed, FeedEntry, as_atom, as_json_feed
from gleanery.api.change_shapes import (
    GenerationChangesPage,
    PageDeltaPage,
    PageDeltaShape,
    PageDiffShape,
    PageVersionPage,
    of_diff,
    of_generation,
    of_version,
    page_counts,
)
from gleanery.api.http import answer, cursor_of, limit_of, make_cursor
from gleanery.api.route import PAGED, Query, Route
from gleanery.knowledge.changes import NO_PAGE, PageText, diff_pages
from gleanery.model import Generation, GenerationState, PageChange, PageDelta
from gleanery.store.base import Store

FEED_ENTRIES = 20
FEED_PAGES = 30
_LOOKED_AT = 500
"""Generations that a feed looks through for those that changed something, and pages of a listing at once."""


class ChangesApi:
    """The routes. Diffs are made in the threads of `executor`."""

    def __init__(self, store: Store, executor: Executor) -> None:
        self._store = store
        self._executor = executor

    def routes(self) -> Sequence[Route]:
        return (*self._listings(), *self._feeds())

    def _listings(self) -> Sequence[Route]:
        changes = "/api/v1/sources/{source_id}/changes"
        kind = Query("kind", "Only pages that were so.", values=[str(change) for change in PageChange])
        return (
            Route(
                "GET",
                changes,
                self.generations,
                "Its generations with what each changed, newest first",
                "changes",
                GenerationChangesPage,
                query=PAGED,
                errors=(404,),
            ),
            Route(
                "GET",
                f"{changes}/{{generation}}",
                self.pages,
                "Pages that a refresh added, changed or removed",
                "changes",
                PageDeltaPage,
                query=(*PAGED, kind),
                errors=(404,),
            ),
            Route(
                "GET",
                f"{changes}/{{generation}}/pages/{{page_id}}",
                self.page,
                "What changed on a page, by sections and code examples",
                "changes",
                PageDiffShape,
                errors=(404,),
            ),
            Route(
                "GET",
                "/api/v1/pages/{page_id}/versions",
                self.versions,
                "The generations that changed a page, newest first",
                "changes",
                PageVersionPage,
                query=PAGED,
                errors=(404,),
            ),
        )

    def _feeds(self) -> Sequence[Route]:
        changes = "/api/v1/sources/{source_id}/changes"
        return (
            Route("GET", f"{changes}.atom", self.atom, "Its changes as an Atom feed", "changes", None, errors=(404,)),
            Route("GET", f"{changes}.json", self.json, "Its changes as a JSON Feed", "changes", None, errors=(404,)),
        )

    async def generations(self, request: web.Request) -> web.Response:
        source_id, limit = request.match_info["source_id"], limit_of(request)
        before = _number_key(cursor_of(request))
        visible = (await self._store.knowledge.source(source_id)).generation
        rows = await self._store.generations.list(source_id, before=before, limit=limit)
        cursor = make_cursor(rows[-1].number) if len(rows) == limit else None
        return answer(GenerationChangesPage(items=[of_generation(row, visible) for row in rows], next_cursor=cursor))

    async def pages(self, request: web.Request) -> web.Response:
        limit, key = limit_of(request), cursor_of(request)
        after = str(key[0]) if key else None
        rows = await self._store.generations.delta(
            request.match_info["source_id"], _generation_in(request), _kind_of(request), after=after, limit=limit
        )
        cursor = make_cursor(rows[-1].url_key) if len(rows) == limit else None
        items = [PageDeltaShape(page_id=row.page_id, url=row.url, title=row.title, change=row.change) for row in rows]
        return answer(PageDeltaPage(items=items, next_cursor=cursor))

    async def page(self, request: web.Request) -> web.Response:
        page_id = request.match_info["page_id"]
        delta = await self._delta_of(request.match_info["source_id"], _generation_in(request), page_id)
        old, new = await asyncio.gather(self._text(delta.old_row), self._text(delta.new_row))
        loop = asyncio.get_running_loop()
        text = await loop.run_in_executor(
            self._executor, lambda: of_diff(delta, diff_pages(old, new)).model_dump_json()
        )
        return web.Response(text=text, content_type="application/json")

    async def versions(self, request: web.Request) -> web.Response:
        limit, before = limit_of(request), _number_key(cursor_of(request))
        rows = await self._store.generations.page_versions(request.match_info["page_id"], before=before, limit=limit)
        cursor = make_cursor(rows[-1].generation) if len(rows) == limit else None
        return answer(PageVersionPage(items=[of_version(row) for row in rows], next_cursor=cursor))

    async def atom(self, request: web.Request) -> web.Response:
        return _feed_answer(request, await self._feed(request), as_atom, ATOM)

    async def json(self, request: web.Request) -> web.Response:
        return _feed_answer(request, await self._feed(request), as_json_feed, JSON_FEED)

    async def _delta_of(self, source_id: str, number: int, page_id: str) -> PageDelta:
        """Raises NotFound for a page that the generation has as its base has it."""
        after: str | None = None
        while True:
            rows = await self._store.generations.delta(source_id, number, None, after=after, limit=_LOOKED_AT)
            for row in rows:
                if row.page_id == page_id:
                    return row
            if len(rows) < _LOOKED_AT:
                raise errors.NotFound(f"changed page of generation {number}", page_id)
            after = rows[-1].url_key

    async def _text(self, page_row: int | None) -> PageText:
        if page_row is None:
            return NO_PAGE
        page, codes = await self._store.generations.page_version(page_row)
        return PageText(page.title, page.markdown, page.outline, tuple(codes))

    async def _feed(self, request: web.Request) -> Feed:
        source_id = request.match_info["source_id"]
        source = await self._store.knowledge.source(source_id)
        rows = await self._store.generations.list(source_id, before=None, limit=_LOOKED_AT)
        changed = [(row, counts) for row in rows if (counts := _changed(row)) is not None][:FEED_ENTRIES]
        base = request.url.with_query(None).with_fragment(None)
        entries = [
            FeedEntry(
                number=row.number,
                at=row.completed_at or row.created_at,
                counts=counts,
                pages=await self._some_pages(row),
                link=str(base.with_path(f"/api/v1/sources/{source_id}/changes/{row.number}")),
            )
            for row, counts in changed
        ]
        return Feed(
            source_id=source_id,
            title=source.title,
            source_url=source.url,
            self_url=str(base),
            updated_at=entries[0].at if entries else source.created_at,
            entries=entries,
        )

    async def _some_pages(self, generation: Generation) -> Sequence[PageDelta]:
        try:
            return await self._store.generations.delta(
                generation.source_id, generation.number, None, after=None, limit=FEED_PAGES
            )
        except errors.NotFound:  # its base is not kept any more: the counts are all that is left
            return ()


def _changed(generation: Generation) -> Mapping[PageChange, int] | None:
    """The counts of a refresh that became visible and changed something; None for others."""
    counts = page_counts(generation)
    is_told = generation.state is GenerationState.COMPLETE and counts is not None and any(counts.values())
    return counts if is_told else None


def _feed_answer(request: web.Request, feed: Feed, render: Callable[[Feed], str], kind: str) -> web.Response:
    """The feed, or 304 for a reader that has it: readers ask again and again."""
    body = render(feed).encode()
    etag = hashlib.sha256(body).hexdigest()[:32]
    headers = {"ETag": f'"{etag}"', "Cache-Control": "no-cache"}
    if any(known.value in (etag, "*") for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)


def _generation_in(request: web.Request) -> int:
    """The number in the path. Raises NotFound for what is none."""
    text = request.match_info["generation"]
    if not (text.isascii() and text.isdigit()) or len(text) > 15:
        raise errors.NotFound("generation", text)
    return int(text)


def _kind_of(request: web.Request) -> PageChange | None:
    text = request.query.get("kind")
    if not text:
        return None
    try:
        return PageChange(text)
    except ValueError:
        raise errors.InvalidInput("kind", f"must be one of {', '.join(PageChange)}") from None


def _number_key(key: list[object] | None) -> int | None:
    if key is None:
        return None
    match key:
        case [int() as number]:
            return number
        case _:
            raise errors.InvalidInput("cursor", "is not one that this listing gave")
