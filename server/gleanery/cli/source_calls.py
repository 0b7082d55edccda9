"""What the commands about one source ask of a server; and which source is meant by an id, a URL or a host."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TypeVar
from urllib.parse import quote

import aiohttp
from pydantic import BaseModel

from gleanery import errors
from gleanery.api import source_shapes
from gleanery.api.change_shapes import (
    GenerationChanges,
    GenerationChangesPage,
    PageDeltaPage,
    PageDeltaShape,
    PageDiffShape,
)
from gleanery.api.saved_query_shapes import EvaluationPage, EvaluationShape, EvaluationSummary, SavedQueryRequest
from gleanery.cli.client import Client
from gleanery.store.saved_queries import page_key

Model = TypeVar("Model", bound=BaseModel)

_ROWS = 500
_MOST_NAMED = 5
_EVALUATE_TIMEOUT = aiohttp.ClientTimeout(total=600, sock_connect=10)


async def find_source(client: Client, name: str) -> source_shapes.SourceShape:
    """The source of that id, URL or host. Raises InvalidInput when there is none, or more than one."""
    sources = [source async for source in _sources(client)]
    by_id = [source for source in sources if source.source_id == name]
    by_url = [source for source in sources if page_key(source.url) == page_key(name)]
    by_host = [source for source in sources if page_key(source.url).place.partition("/")[0] == name.strip("/").lower()]
    found = by_id or by_url or by_host
    if len(found) == 1:
        return found[0]
    if not found:
        known = _listed([source.url for source in sources]) if sources else "there are none yet"
        raise errors.InvalidInput("SOURCE", f"no source has the id, URL or host {name!r}; {known}")
    raise errors.InvalidInput("SOURCE", f"{name!r} may be {_listed([source.url for source in found])}")


def _listed(urls: Sequence[str]) -> str:
    more = f" and {len(urls) - _MOST_NAMED} more" if len(urls) > _MOST_NAMED else ""
    return "there are " + ", ".join(urls[:_MOST_NAMED]) + more


async def _sources(client: Client) -> AsyncIterator[source_shapes.SourceShape]:
    cursor: str | None = None
    while True:
        query = {"limit": _ROWS, "cursor": cursor}
        page = await client.call("GET", "/api/v1/sources", source_shapes.SourcePage, query=query)
        for source in page.items:
            yield source
        cursor = page.next_cursor
        if cursor is None:
            return


async def evaluate(
    client: Client, source_id: str, generation: int | None, queries: Sequence[SavedQueryRequest] | None
) -> EvaluationShape:
    """Run the saved queries, or these."""
    lines = None if queries is None else [query.model_dump(exclude_none=True) for query in queries]
    body = {"generation": generation, "queries": lines}
    path = f"{_source(source_id)}/evaluate"
    return await client.call("POST", path, EvaluationShape, body=body, patience=_EVALUATE_TIMEOUT)


async def last_evaluation(client: Client, source_id: str) -> EvaluationSummary | None:
    page = await client.call("GET", f"{_source(source_id)}/evaluations", EvaluationPage, query={"limit": 1})
    return page.items[0] if page.items else None


async def generations(client: Client, source_id: str, limit: int) -> Sequence[GenerationChanges]:
    """Newest first."""
    query = {"limit": limit}
    return (await client.call("GET", f"{_source(source_id)}/changes", GenerationChangesPage, query=query)).items


async def changed_pages(client: Client, source_id: str, number: int) -> AsyncIterator[PageDeltaShape]:
    cursor: str | None = None
    while True:
        query = {"limit": _ROWS, "cursor": cursor}
        page = await client.call("GET", f"{_source(source_id)}/changes/{number}", PageDeltaPage, query=query)
        for delta in page.items:
            yield delta
        cursor = page.next_cursor
        if cursor is None:
            return


async def page_diff(client: Client, source_id: str, number: int, page_id: str) -> PageDiffShape:
    path = f"{_source(source_id)}/changes/{number}/pages/{quote(page_id, safe='')}"
    return await client.call("GET", path, PageDiffShape)


def _source(source_id: str) -> str:
    return f"/api/v1/sources/{quote(source_id, safe='')}"
