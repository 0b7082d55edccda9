"""`/search` and `/search/code`."""

from __future__ import annotations

import time
from collections.abc import Sequence

from aiohttp import web

from gleanery.api import present, wire
from gleanery.api.http import answer, read
from gleanery.api.route import Route
from gleanery.knowledge.search import Mode, Searcher


class SearchApi:
    """The routes."""

    def __init__(self, searcher: Searcher) -> None:
        self._searcher = searcher

    def routes(self) -> Sequence[Route]:
        return (
            Route(
                "POST",
                "/api/v1/search",
                self.search,
                "Search passages by words and meaning",
                "search",
                wire.SearchReply,
                wire.SearchRequest,
                errors=(404, 502),
            ),
            Route(
                "POST",
                "/api/v1/search/code",
                self.code,
                "Search code examples",
                "search",
                wire.CodeSearchReply,
                wire.CodeSearchRequest,
                errors=(404,),
            ),
        )

    async def search(self, request: web.Request) -> web.Response:
        started = time.perf_counter()
        body = await read(request, wire.SearchRequest)
        found = await self._searcher.search(
            body.query, mode=Mode(body.mode), source_id=body.source_id, tags=body.tags, limit=body.limit
        )
        hits = [
            wire.HitShape(
                chunk_id=hit.found.chunk.chunk_id,
                page_id=hit.found.chunk.page_id,
                source_id=hit.found.chunk.source_id,
                url=hit.url,
                title=hit.found.title,
                heading_path=list(hit.found.chunk.heading_path),
                content=hit.found.chunk.content,
                highlights=list(hit.highlights),
                score=hit.score,
                scores=dict(hit.scores),
            )
            for hit in found.hits
        ]
        return answer(wire.SearchReply(hits=hits, took_ms=_ms(started), mode=found.mode.value))

    async def code(self, request: web.Request) -> web.Response:
        started = time.perf_counter()
        body = await read(request, wire.CodeSearchRequest)
        found = await self._searcher.search_code(
            body.query, language=body.language, source_id=body.source_id, limit=body.limit
        )
        hits = [
            wire.CodeHit(
                **present.of_code(hit.found.code, hit.found.url, hit.found.title).model_dump(),
                highlights=list(hit.highlights),
                score=hit.score,
            )
            for hit in found
        ]
        return answer(wire.CodeSearchReply(hits=hits, took_ms=_ms(started)))


def _ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
