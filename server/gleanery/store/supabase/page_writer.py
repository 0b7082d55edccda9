"""How a page gets into Supabase: in one call with its rows, or, where it has many, rows first and the page last."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from gleanery.model import Chunk, Fence, PageBundle, StoredAs, StoredCode
from gleanery.store.page_rows import (
    chunk_row,
    chunk_text_hash,
    chunk_words,
    code_row,
    code_words,
    page_row,
    parts_ahead,
    rest_of,
    size_row,
    with_what_was_said,
)
from gleanery.store.rows import fence_row
from gleanery.store.search_store import Shelf
from gleanery.store.supabase.client import Rest
from gleanery.store.supabase.words import vector_of

ROWS_TAKEN_AT_ONCE = 50
"""Rows that one transaction takes away: others never wait long for it."""


class PageWriter:
    """Stores pages over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def store(self, fence: Fence, bundle: PageBundle, ended: Mapping[str, Any]) -> StoredAs:
        """`ended` is how the page's URL ended, with the fence, events and progress of it."""
        args = {**ended, **_ids(bundle), "page": _page(bundle)}
        if not parts_ahead(bundle):
            return await self._store(bundle, args)
        while (stored := await self._store_large(fence, bundle, args)) is None:
            pass  # it was there when it was looked for, and is not any more; or its row is gone
        return StoredAs(stored)

    async def _store(self, bundle: PageBundle, args: Mapping[str, Any]) -> StoredAs:
        given = {**args, "page_row": None, "is_said_known": False}
        answer = await self._rest.write("crawls_store_page", **given, **await _rows(bundle))
        if "said" in answer:
            rows = await _rows(_as_said(bundle, answer["said"]))
            answer = await self._rest.write("crawls_store_page", **{**given, "is_said_known": True}, **rows)
        return StoredAs(answer["stored"])

    async def _store_large(self, fence: Fence, bundle: PageBundle, args: Mapping[str, Any]) -> str | None:
        """Its rows go ahead of it, unless it is there as it is: then none is sent."""
        given = {**args, "page": _head(args["page"]), "is_said_known": True}
        before = await self._rest.write(
            "crawls_look_before", fence=fence_row(fence), page=given["page"], **_ids(bundle)
        )
        rest: dict[str, Any] = {"page_row": None, "chunks": None, "code": None}
        if not before["is_there"]:
            bundle = _as_said(bundle, before["said"])
            row, ahead = await self._begin_page(fence, bundle), parts_ahead(bundle)
            for part in ahead:
                if not await self._put_ahead(fence, row, part):
                    return None
            rest = {"page_row": row, **await _rows(rest_of(bundle, ahead))}
        stored: str | None = (await self._rest.write("crawls_store_page", **given, **rest))["stored"]
        return stored

    async def _begin_page(self, fence: Fence, bundle: PageBundle) -> int:
        """The row of a page whose rows go ahead of it, one's own also where somebody else on the crawl begins that page too. What
        an earlier attempt has left of it goes first, where no helper is about."""
        args = {"fence": fence_row(fence), "page": _page(bundle), "rows_at_once": ROWS_TAKEN_AT_ONCE}
        while (row := await self._rest.write("crawls_begin_page", **args)) is None:
            pass
        return int(row)

    async def _put_ahead(self, fence: Fence, row: int, part: PageBundle) -> bool:
        """Whether the row is still there: to one who stood still for long its page was taken by another, who cleared up."""
        args = {"fence": fence_row(fence), "page_row": row, "page": _head(_page(part)), **await _rows(part)}
        is_there: bool = await self._rest.write("crawls_put_ahead", **args)
        return is_there


def _page(bundle: PageBundle) -> dict[str, Any]:
    links = None if bundle.links is None else f"\\x{bundle.links.hex()}"
    return {**page_row(bundle), **size_row(bundle), "links": links}


def _head(page: Mapping[str, Any]) -> dict[str, Any]:
    """Without its Markdown, where that is not written."""
    return {**page, "markdown": ""}


def _ids(bundle: PageBundle) -> dict[str, Any]:
    return {
        "chunk_ids": [chunk.chunk_id for chunk in bundle.chunks],
        "code_ids": [each.code_id for each in bundle.code_examples],
    }


async def _rows(bundle: PageBundle) -> dict[str, Any]:
    """In a thread: to take a chunk into words costs half a millisecond."""
    title = bundle.page.title
    return await asyncio.to_thread(
        lambda: {
            "chunks": [_chunk(chunk, title) for chunk in bundle.chunks],
            "code": [_code(each, title) for each in bundle.code_examples],
        }
    )


def _chunk(chunk: Chunk, title: str) -> dict[str, Any]:
    text_hash = chunk_text_hash(chunk, title).hex()
    return {
        **chunk_row(chunk, title),
        "text_hash": text_hash,
        "words": vector_of(Shelf.CHUNKS, chunk_words(chunk, title)),
    }


def _code(code: StoredCode, title: str) -> dict[str, Any]:
    return {**code_row(code, title), "words": vector_of(Shelf.CODE, code_words(code, title))}


def _as_said(bundle: PageBundle, said: Mapping[str, Any] | None) -> PageBundle:
    """With what a chat model has said of rows of the version before."""
    if said is None:
        return bundle
    return with_what_was_said(bundle, said["contexts"], {key: tuple(pair) for key, pair in said["names"].items()})
