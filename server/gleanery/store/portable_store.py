"""The contract of a store whose sources go out as files and come in from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from gleanery.model import Chunk, Fence, Page, Source, StoredCode


@dataclass(frozen=True)
class ListedPage:
    """A visible page without its text."""

    page_id: str
    url: str
    title: str
    description: str


class SourceContent(Protocol):
    """What is seen of a source at one moment. Pages go by a number of the store's, in the order in which they came."""

    @property
    def source(self) -> Source: ...
    @property
    def url_key(self) -> str: ...

    def pages(self) -> Sequence[int]: ...

    def page(self, number: int) -> tuple[Page, bytes | None]:
        """With its packed links."""
        ...

    def chunks(self, number: int) -> Sequence[Chunk]:
        """By ordinal, as `code`."""
        ...

    def code(self, number: int) -> Sequence[StoredCode]: ...

    def models(self) -> Sequence[tuple[str, int, int]]:
        """Those whose vectors are kept: name, dimensions, and how many of the source's texts have one."""
        ...

    def vectors(self, model: str) -> Iterator[tuple[bytes, bytes]]:
        """By the hash of the text: that and the float16 vector."""
        ...

    def queries(self) -> Sequence[tuple[str, Sequence[str], Mapping[str, Any]]]:
        """Saved ones: text, expected pages, filters."""
        ...


class PortableStore(Protocol):
    def content(self, source_id: str) -> AbstractContextManager[SourceContent]:
        """What is visible of a source, as it is now, until the end of the block; in a thread. Raises NotFound."""
        ...

    async def known(self, url_key: str) -> str | None:
        """The id of the source of that URL, if there is one."""
        ...

    async def site(self, source_id: str) -> tuple[Source, Sequence[ListedPage]]:
        """The source with its visible pages in the order in which the site leads to them: as its last crawl found them,
        then by URL. Raises NotFound."""
        ...

    async def add_vectors(
        self, fence: Fence, source_id: str, model: str, vectors: Sequence[tuple[bytes, bytes]]
    ) -> int:
        """Keep vectors (float16) by the hash of their text, where the source has that text and it has none of this model
        yet; how many. One that came with a file never takes the place of one that was made here."""
        ...

    async def describe(self, fence: Fence, source_id: str, description: str) -> None:
        """Raises NotFound."""
        ...
