"""`/search` and `/search/code`, as links (GET) and for programs (POST)."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any, TypeVar

from aiohttp import web
from pydantic import ValidationError

from gleanery import errors
from gleanery.api import present
from gleanery.api.http import answer, read
from gleanery.api.route import Query, Route
from gleanery.api.search_shapes import (
    CodeHit,
    CodeSearchReply,
    CodeSearchRequest,
    FacetShape,
    FacetsReply,
    Filters,
    HitShape,
    SearchReply,
    SearchRequest,
    SourceFacetShape,
    TwinShape,
)
from gleanery.knowledge.search import CodeQuery, Hit, Mode, Searcher, SearchQuery
from gleanery.store.search_store import Counts, SearchStore, SourceFilter

Asked = TypeVar("Asked", bound=Filters)

_FILTERS = (
    Query("q", "What to look for."),
    Query("source_id", "Only in this source; may be given several times."),
    Query("tag", "Only in sources with this tag; may be given several times."),
    Query("kind", "Only in sources of this kind."),
    Query("language", "Only in this language."),
    Query("path_prefix", "Only pages whose path begins so."),
    Query("version", "Only pages of this version."),
    Query("limit", "Most hits, 1 to 100.", "integer"),
    Query("typos", "Whether to correct words that nothing has.", "boolean"),
)
_MORE = (
    Query("mode", "By words, by meaning, or both.", values=("hybrid", "vector", "keyword")),
    Query("neighbours", "Chunks before and after each hit, 0 to 5.", "integer"),
    Query("fold", "Whether hits that say nearly the same are put into one.", "boolean"),
    Query("rerank", "Whether the reranker looks again, where one is set.", "boolean"),
)


class SearchApi:
    """The routes."""

    def __init__(self, searcher: Searcher, store: SearchStore) -> None:
        self._searcher = searcher
        self._store = store

    def routes(self) -> Sequence[Route]:
        search, code = "/api/v1/search", "/api/v1/search/code"
        passages, examples = "Search passages by words and meaning", "Search code examples"
        return (
            Route("POST", search, self.search, passages, "search", SearchReply, SearchRequest, errors=(404, 502)),
            Route(
                "GET",
                search,
                self.search_link,
                f"{passages}, as a link",
                "search",
                SearchReply,
                query=(*_FILTERS, *_MORE),
                errors=(404, 502),
            ),
            Route("POST", code, self.code, examples, "search", CodeSearchReply, CodeSearchRequest, errors=(404,)),
            Route(
                "GET",
                code,
                self.code_link,
                f"{examples}, as a link",
                "search",
                CodeSearchReply,
                query=_FILTERS,
                errors=(404,),
            ),
            Route(
                "GET",
                "/api/v1/search/facets",
                self.facets,
                "What searches can be filtered by, with how many there are",
                "search",
                FacetsReply,
                query=(Query("source_id", "Only what these sources have; may be given several times."),),
                errors=(404,),
            ),
        )

    async def search(self, request: web.Request) -> web.Response:
        return await self._passages(await read(request, SearchRequest))

    async def search_link(self, request: web.Request) -> web.Response:
        return await self._passages(_linked(request, SearchRequest))

    async def code(self, request: web.Request) -> web.Response:
        return await self._examples(await read(request, CodeSearchRequest))

    async def code_link(self, request: web.Request) -> web.Response:
        return await self._examples(_linked(request, CodeSearchRequest))

    async def facets(self, request: web.Request) -> web.Response:
        asked = SourceFilter(source_ids=tuple(request.query.getall("source_id", [])))
        found = await self._store.facets(await self._store.sources_for(asked))
        return answer(
            FacetsReply(
                sources=[SourceFacetShape(**dataclasses.asdict(source)) for source in found.sources],
                tags=_facets(found.tags),
                kinds=_facets(found.kinds),
                languages=_facets(found.languages),
                versions=_facets(found.versions),
                code_languages=_facets(found.code_languages),
            )
        )

    async def _passages(self, body: SearchRequest) -> web.Response:
        started = time.perf_counter()
        found = await self._searcher.find(
            SearchQuery(
                body.query,
                mode=Mode(body.mode),
                source_ids=_sources(body),
                tags=tuple(body.tags),
                kinds=_one(body.kind),
                languages=_one(body.language),
                path_prefixes=_one(body.path_prefix),
                versions=_one(body.version),
                limit=body.limit,
                neighbours=body.neighbours,
                fold=body.fold,
                typos=body.typos,
                rerank=body.rerank,
            )
        )
        reply = SearchReply(
            hits=[_hit(hit) for hit in found.hits],
            took_ms=_ms(started),
            mode=found.mode.value,
            corrections=dict(found.corrections),
            notes=list(found.notes),
        )
        return answer(reply)

    async def _examples(self, body: CodeSearchRequest) -> web.Response:
        started = time.perf_counter()
        found = await self._searcher.find_code(
            CodeQuery(
                body.query,
                languages=_one(body.language),
                source_ids=_sources(body),
                tags=tuple(body.tags),
                kinds=_one(body.kind),
                path_prefixes=_one(body.path_prefix),
                versions=_one(body.version),
                limit=body.limit,
                typos=body.typos,
            )
        )
        hits = [
            CodeHit(
                **present.of_code(hit.found.code, hit.found.url, hit.found.title).model_dump(),
                highlights=list(hit.highlights),
                score=hit.score,
                scores=dict(hit.scores),
            )
            for hit in found.hits
        ]
        reply = CodeSearchReply(
            hits=hits, took_ms=_ms(started), corrections=dict(found.corrections), notes=list(found.notes)
        )
        return answer(reply)


_FIELDS = {"q": "query", "tag": "tags", "source_id": "source_ids"}
"""Names in a link, with the fields that they are in a body."""


def _linked(request: web.Request, model: type[Asked]) -> Asked:
    """What a link asks for. Raises InvalidInput for a parameter that is wrong or that there isn't."""
    values: dict[str, Any] = {}
    for name in request.query:
        field = _FIELDS.get(name, name)
        if field not in model.model_fields or name in _FIELDS.values():
            raise errors.InvalidInput(name, "unknown parameter")
        values[field] = request.query.getall(name) if name in ("tag", "source_id") else request.query[name]
    return _validated(model, values)


def _validated(model: type[Asked], values: dict[str, Any]) -> Asked:
    names = {field: name for name, field in _FIELDS.items()}
    try:
        return model.model_validate(values, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else "q"
        raise errors.InvalidInput(names.get(field, field), first["msg"]) from None


def _hit(hit: Hit) -> HitShape:
    chunk = hit.found.chunk
    return HitShape(
        chunk_id=chunk.chunk_id,
        page_id=chunk.page_id,
        source_id=chunk.source_id,
        url=hit.url,
        title=hit.found.title,
        heading_path=list(chunk.heading_path),
        content=chunk.content,
        start=chunk.start,
        end=chunk.end,
        context=chunk.context,
        highlights=list(hit.highlights),
        matched=list(hit.matched),
        folded=[TwinShape(**dataclasses.asdict(twin)) for twin in hit.folded],
        neighbours=[present.of_chunk(each) for each in hit.neighbours],
        score=hit.score,
        scores=dict(hit.scores),
    )


def _sources(body: Filters) -> tuple[str, ...]:
    return (*_one(body.source_id), *body.source_ids)


def _facets(counts: Counts) -> list[FacetShape]:
    return [FacetShape(value=value, count=count) for value, count in counts.items()]


def _one(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
