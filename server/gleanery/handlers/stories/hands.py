"""What the agents of a story may reach: the knowledge base, a document at a link, and the workspace's other stories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gleanery import errors
from gleanery.agents.stories.context import FoundPassage, ReadPage
from gleanery.knowledge.extract_pool import ExtractPool
from gleanery.knowledge.hits import Found, SearchQuery
from gleanery.model.stories import RelatedStory
from gleanery.web.fetch import Fetcher
from gleanery.web.shortcut import ShortcutClient
from gleanery.web.urls import parse_url


class Search(Protocol):
    async def find(self, asked: SearchQuery) -> Found: ...


@dataclass(frozen=True)
class Reach:
    """The parts that all stories share."""

    search: Search
    fetcher: Fetcher
    extract_pool: ExtractPool
    shortcut: ShortcutClient


class StoryHands:
    """`Hands` of one story. Which link may be read is the tools' to say; which address may be dialled is the guard's."""

    def __init__(self, reach: Reach, token: str, shortcut_id: int) -> None:
        self._reach = reach
        self._token = token
        self._shortcut_id = shortcut_id

    async def search(self, query: str, limit: int) -> Sequence[FoundPassage]:
        found = await self._reach.search.find(SearchQuery(query, limit=limit, rerank=False))
        return [
            FoundPassage(
                page_id=hit.found.chunk.page_id,
                url=hit.url,
                title=hit.found.title,
                heading_path=hit.found.chunk.heading_path,
                text=hit.found.chunk.content,
            )
            for hit in found.hits
        ]

    async def read(self, url: str) -> ReadPage:
        document = await self._reach.fetcher.fetch(parse_url(url))
        parts = await self._reach.extract_pool.extract(document.body, document.url, document.charset)
        if not parts:
            raise errors.EmptyPage(document.url, "There is nothing to read on it.")
        return ReadPage(document.url, parts[0].page.title, parts[0].page.markdown)

    async def related(self, query: str, limit: int) -> Sequence[RelatedStory]:
        found = await self._reach.shortcut.search(self._token, query, limit + 1)
        return [story for story in found if story.shortcut_id != self._shortcut_id][:limit]
