"""What the agents of a story may reach: the knowledge base, a document at a link, and the workspace's other stories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gleanery.agents.stories.context import FoundPassage, ReadPage
from gleanery.knowledge.extract_pool import ExtractPool
from gleanery.knowledge.formats import Kind, kind_of
from gleanery.knowledge.hits import Found, SearchQuery
from gleanery.model.stories import RelatedStory
from gleanery.web.fetch import Fetcher
from gleanery.web.shortcut import ShortcutClient
from gleanery.web.urls import host_key, parse_url

ACCEPT = "text/html,application/xhtml+xml,text/markdown;q=0.9,application/pdf;q=0.8,*/*;q=0.5"
MAX_PARTS = 50
"""Of a document that is many pages, such as an OpenAPI description."""


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
        """A document of any format that a crawl reads. Its redirects may not lead to another site."""
        href = parse_url(url)

        def leaves(target: str) -> str | None:
            return None if _site(target) == _site(href) else "other_site"

        document = await self._reach.fetcher.fetch(href, accept=ACCEPT, is_readable=_is_readable, may_follow=leaves)
        kind = kind_of(document.content_type, document.url, document.body) or Kind.HTML
        parts = await self._reach.extract_pool.extract(document.body, document.url, document.charset, kind)
        text = "\n\n".join(part.page.markdown for part in parts[:MAX_PARTS])
        return ReadPage(document.url, parts[0].page.title, text)

    async def related(self, query: str, limit: int) -> Sequence[RelatedStory]:
        found = await self._reach.shortcut.search(self._token, query, limit + 1)
        return [story for story in found if story.shortcut_id != self._shortcut_id][:limit]


def _site(url: str) -> str:
    return host_key(url).removeprefix("www.")


def _is_readable(content_type: str, url: str, body: bytes) -> bool:
    return kind_of(content_type, url, body) is not None
