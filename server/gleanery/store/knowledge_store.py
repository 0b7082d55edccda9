"""The contract of the part of a store that keeps sources and their pages, as they are read. What holds for all: `store.base`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gleanery.model import (
    Fence,
    Page,
    Source,
)
from gleanery.store.values import (
    FoundChunk,
    FoundCode,
    SourceChange,
)


class KnowledgeStore(Protocol):
    async def ensure_source(self, source: Source, url_key: str) -> Source:
        """The source of that URL: kept as it is but for tags, kind and options, or made new."""
        ...

    async def source(self, source_id: str, model: str | None = None) -> Source:
        """Raises NotFound."""
        ...

    async def sources(
        self, *, after: tuple[float, str] | None, limit: int, model: str | None, url_key: str | None = None
    ) -> Sequence[Source]:
        """Newest first; with `url_key` the one of that URL alone."""
        ...

    async def name_source(self, fence: Fence, source_id: str, title: str) -> None:
        """The task is the last one that filled the source, which has this title unless it is empty or somebody has given it one.
        Raises LeaseLost."""
        ...

    async def change_source(self, source_id: str, change: SourceChange) -> Source:
        """What is given is so from now on, whatever its pages or a chat model say; an empty title or description leaves that
        to them again. Its schedule goes by the new tags and kind too. Raises NotFound."""
        ...

    async def delete_source(self, source_id: str) -> None:
        """Hide it at once and for good. Raises NotFound, and WrongState while a task of its works on it."""
        ...

    async def pages(
        self, source_id: str, *, after: str | None, limit: int, text: str | None = None, is_missing: bool = False
    ) -> Sequence[tuple[Page, int]]:
        """By URL, without their Markdown, each with its length in characters. `text` stands in title or URL, in capitals or
        not; with `is_missing` only those that the last refresh did not meet."""
        ...

    async def page(self, page_id: str, generation: int | None = None) -> Page:
        """As it is seen, or as that generation has it. Raises NotFound."""
        ...

    async def page_ids(self, source_id: str, url_keys: Sequence[str]) -> Mapping[str, str]:
        """URL key → id, of those that are seen. Raises NotFound for an unknown source."""
        ...

    async def chunks(self, source_id: str, *, page_id: str | None, after: int, limit: int) -> Sequence[FoundChunk]: ...

    async def code_examples(
        self, source_id: str, *, language: str | None, after: int, limit: int, page_id: str | None = None
    ) -> Sequence[FoundCode]: ...
