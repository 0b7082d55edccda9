"""`/sources/{id}/tree` and `/sources/{id}/storage`: what a source holds, and what it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web
from pydantic import ValidationError

from gleanery import errors
from gleanery.api.holding_shapes import BranchPage, StorageShape, of_branch, of_storage
from gleanery.api.http import answer, cursor_of, limit_of, make_cursor
from gleanery.api.route import PAGED, Query, Route
from gleanery.knowledge.embedders.options import EmbedderOptions
from gleanery.store.holdings import HoldingStore
from gleanery.store.vector_store import VectorStore

MAX_FOLDER_LENGTH = 4096


class HoldingsApi:
    """The routes."""

    def __init__(self, holdings: HoldingStore, vectors: VectorStore) -> None:
        self._holdings = holdings
        self._vectors = vectors

    def routes(self) -> Sequence[Route]:
        source = "/api/v1/sources/{source_id}"
        return (
            Route(
                "GET",
                f"{source}/tree",
                self.tree,
                "Its pages as a tree by path, one branch at a time",
                "sources",
                BranchPage,
                query=(Query("under", "A folder's `path`; without it the innermost one that has all pages."), *PAGED),
                errors=(404,),
            ),
            Route(
                "GET",
                f"{source}/storage",
                self.storage,
                "What it takes on the disk, and what its vectors took",
                "sources",
                StorageShape,
                errors=(404,),
            ),
        )

    async def tree(self, request: web.Request) -> web.Response:
        limit, key, under = limit_of(request), cursor_of(request), request.query.get("under")
        if under is not None and not (under.endswith("/") and len(under) <= MAX_FOLDER_LENGTH):
            raise errors.InvalidInput("under", "must be the path of a folder, which ends with /")
        after = str(key[0]) if key else None
        branch = await self._holdings.branch(request.match_info["source_id"], under, after=after, limit=limit)
        cursor = make_cursor(branch.pages[-1][0].url_key) if len(branch.pages) == limit else None
        return answer(of_branch(branch, cursor))

    async def storage(self, request: web.Request) -> web.Response:
        source_id = request.match_info["source_id"]
        storage = await self._holdings.storage(source_id)
        tasks = await self._holdings.embeddings(source_id)
        return answer(of_storage(source_id, storage, tasks, await self._options()))

    async def _options(self) -> Mapping[str, EmbedderOptions]:
        """Of the models that are known, without those that another gleanery has kept in a form of its own."""
        found = dict[str, EmbedderOptions]()
        for stored in await self._vectors.models():
            try:
                found[stored.name] = EmbedderOptions.model_validate(stored.options)
            except ValidationError:
                continue
        return found
