"""The search that saved queries are scored with: what it finds by itself, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gleanery.knowledge.evaluation import SearchPages
from gleanery.knowledge.search import Mode, Searcher, SearchQuery
from gleanery.store.saved_queries import SavedQuery

HITS = 50
"""Several hits may be of one page: among so many there are ten pages, or the source has no more that fit."""


def searching(searcher: Searcher) -> SearchPages:
    """Search the source of a saved query as its filters say.

    Without a reranker, which may cost money with each query and is not what a refresh changes; and without folding, so that
    a page counts though another one says nearly the same.
    """

    async def search(query: SavedQuery, generation: int | None) -> Sequence[str]:
        found = await searcher.find(
            SearchQuery(
                query.query,
                mode=Mode(query.filters.get("mode", Mode.HYBRID)),
                source_ids=(query.source_id,),
                languages=_one(query.filters.get("language")),
                path_prefixes=_one(query.filters.get("path_prefix")),
                versions=_one(query.filters.get("version")),
                generation=generation,
                limit=HITS,
                fold=False,
                rerank=False,
            )
        )
        return [hit.url for hit in found.hits]

    return search


def _one(value: Any) -> tuple[str, ...]:
    return () if value is None else (str(value),)
