"""What a chat model adds to stored pages, as a store gives and takes it: what lacks it, answers kept, what is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gleanery.model import Fence
from gleanery.store.values import ChunkText


@dataclass(frozen=True)
class ChunkToPlace:
    """A visible chunk without a context. `before` and `after` are the end and the beginning of the chunks beside it."""

    row: int
    chunk_id: str
    page_row: int
    ordinal: int
    title: str
    heading_path: tuple[str, ...]
    content: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class CodeToName:
    """A visible code example that no chat model has named yet. `before` is the prose before it."""

    row: int
    code_id: str
    page_row: int
    ordinal: int
    title: str
    heading_path: tuple[str, ...]
    language: str | None
    before: str
    code: str


@dataclass(frozen=True)
class PageSetting:
    """What a page is, in short. `headings` are (level, text), `lead` is how it begins."""

    page_row: int
    url: str
    title: str
    description: str
    headings: tuple[tuple[int, str], ...]
    lead: str


@dataclass(frozen=True)
class SourceSetting:
    """A source with the pages at the top of its site; `description` is what it has."""

    source_id: str
    url: str
    title: str
    description: str
    page_count: int
    pages: tuple[PageSetting, ...]


@dataclass(frozen=True)
class Lacking:
    """What of a source's visible pages nothing was said about yet: for each page that lacks something (count, characters)."""

    chunks: Sequence[tuple[int, int]]
    code_examples: Sequence[tuple[int, int]]
    has_description: bool


@dataclass(frozen=True)
class KeptAnswer:
    """What a chat model answered about one thing; None as its value: nothing that can be used, and no use to ask again."""

    key: bytes
    kind: str
    model: str
    value: Any
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class NewContext:
    row: int
    chunk_id: str
    context: str


@dataclass(frozen=True)
class NewSummary:
    row: int
    code_id: str
    name: str
    summary: str


class EnrichStore(Protocol):
    """Writes are fenced: LeaseLost when another worker has taken over. Rows that are gone meanwhile are passed over."""

    async def lacking(self, source_id: str) -> Lacking:
        """Raises NotFound."""
        ...

    async def chunks_to_place(self, source_id: str, *, after: int, limit: int) -> Sequence[ChunkToPlace]:
        """In order of their rows, from behind row `after`."""
        ...

    async def code_to_name(self, source_id: str, *, after: int, limit: int) -> Sequence[CodeToName]:
        """In order of their rows, from behind row `after`."""
        ...

    async def settings(self, page_rows: Sequence[int]) -> Mapping[int, PageSetting]:
        """Those of the pages that are still there."""
        ...

    async def source_setting(self, source_id: str) -> SourceSetting:
        """Raises NotFound."""
        ...

    async def answers(self, keys: Sequence[bytes]) -> Mapping[bytes, Any]:
        """The values of the kept answers among these (at most 500 keys)."""
        ...

    async def keep_answers(self, fence: Fence, answers: Sequence[KeptAnswer]) -> None: ...

    async def new_texts(self, fence: Fence, contexts: Sequence[NewContext]) -> Sequence[ChunkText]:
        """The texts that these chunks will have with their contexts, with a row each to keep vectors under. The chunks
        themselves are as they were: search goes by their old texts."""
        ...

    async def add_contexts(self, fence: Fence, model: str | None, contexts: Sequence[NewContext]) -> int:
        """Give the chunks their contexts, all at once for each: its words are found, and its text is the new one. A chunk
        whose old text has a vector of `model` and whose new one has none is left as it is; how many got theirs."""
        ...

    async def add_summaries(self, fence: Fence, summaries: Sequence[NewSummary]) -> int:
        """Names and summaries of code examples, found by words from now on; how many."""
        ...

    async def describe_source(self, fence: Fence, source_id: str, description: str) -> None: ...
