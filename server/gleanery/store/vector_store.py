"""What a store keeps of texts to embed: their vectors, by model, what an embedder refused, and which model search goes by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import numpy as np

from gleanery.model import Fence
from gleanery.store.values import ChunkText, VectorRow

MAX_ATTEMPTS = 3
"""So often a text is tried with a model; each time in another task."""


class ModelState(StrEnum):
    """Search goes by the active model, the vectors of the next are being built, those of the previous are kept."""

    ACTIVE = "active"
    BUILDING = "building"
    PREVIOUS = "previous"


@dataclass(frozen=True)
class StoredModel:
    """A model whose vectors are kept. `options` are those of its embedder, `environment` is what the environment asked for when
    they were set. `usage` counts texts, tokens, requests and failed texts since then."""

    name: str
    state: ModelState
    options: Mapping[str, Any]
    environment: Mapping[str, Any]
    created_at: datetime
    activated_at: datetime | None = None
    usage: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class TextFailure:
    """A text that a model gave no vector for, and on which page it stands."""

    text_row: int
    code: str
    message: str
    attempts: int = 1
    at: datetime | None = None
    source_id: str = ""
    url: str = ""
    heading_path: tuple[str, ...] = ()


@dataclass(frozen=True)
class Coverage:
    """Of the different texts that are visible: how many there are, how many have a vector, how many were refused."""

    texts: int = 0
    embedded: int = 0
    failed: int = 0

    @property
    def lacking(self) -> int:
        return self.texts - self.embedded - self.failed


@dataclass(frozen=True)
class Usage:
    """What embedding some texts took: `tokens` as charged, `text_tokens` how long each of the texts is, in their order."""

    tokens: int = 0
    requests: int = 0
    text_tokens: tuple[int, ...] = ()


class VectorStore(Protocol):
    """Equal texts have one row and one vector a model, wherever they stand. A text without a vector is told as such: there
    are no vectors of zeros."""

    async def without_vectors(
        self, source_id: str, model: str, *, after: int, limit: int, tried_before: datetime | None = None
    ) -> Sequence[ChunkText]:
        """Chunks, visible or being built, whose text has no vector of this model yet, by row and each text once. Texts that
        were refused at `tried_before` or later, or three times, are passed over."""
        ...

    async def sources_without_vectors(self, model: str) -> Sequence[str]:
        """Those that `without_vectors` has something of and that no task works on."""
        ...

    async def sources_lacking(self, model: str, source_id: str | None = None) -> Sequence[str]:
        """Those, or that one, of which something visible has neither a vector of this model nor was refused one."""
        ...

    async def tasks_at_work(self, model: str, source_id: str | None = None) -> Sequence[str]:
        """The tasks of type `embed_source` that name this model in their payload and have not ended."""
        ...

    async def coverage(self, model: str, source_id: str | None = None) -> Coverage: ...

    async def texts_lacking(self, model: str, source_id: str | None, *, limit: int) -> Sequence[ChunkText]:
        """Some of the visible texts without a vector of this model, spread over all of them."""
        ...

    async def add_vectors(
        self,
        fence: Fence,
        model: str,
        texts: Sequence[ChunkText],
        vectors: np.ndarray[Any, np.dtype[np.float32]],
        usage: Usage = Usage(),
    ) -> int:
        """Keep vectors (n × dimensions, normalised; kept as float16); how many pages are complete by them. Texts that
        are gone meanwhile are passed over."""
        ...

    async def add_failures(self, fence: Fence, model: str, failures: Sequence[TextFailure]) -> None:
        """Note that these texts gave no vector; an attempt more for those of which it was known."""
        ...

    async def failures(self, model: str, *, limit: int) -> Sequence[TextFailure]:
        """Those of texts that are visible, the latest first."""
        ...

    async def vectors(self, model: str, *, after: int, limit: int) -> Sequence[VectorRow]:
        """Of up to `limit` texts, by text row, one for each source that has the text."""
        ...

    async def newer_texts(self, source_id: str, model: str, *, after: int, limit: int) -> Sequence[tuple[int, int]]:
        """The source's chunks after that row whose text has a vector of this model: chunk row and text row, by row."""
        ...

    async def newest_row(self, source_id: str) -> int:
        """The highest row of the source's chunks, 0 without any."""
        ...

    async def embedded_texts(self, source_id: str, model: str) -> Sequence[int]:
        """The source's texts that have a vector of this model, ascending."""
        ...

    async def vectors_of(self, source_id: str, text_rows: Sequence[int], model: str) -> Sequence[VectorRow]:
        """The vectors of those texts that (still) have one; at most 500 rows."""
        ...

    async def dimensions(self, model: str) -> int | None:
        """How long the stored vectors of this model are; None without any."""
        ...

    async def models(self) -> Sequence[StoredModel]: ...

    async def propose(self, name: str, options: Mapping[str, Any], environment: Mapping[str, Any]) -> ModelState:
        """Have this model's vectors built beside the active ones, in place of any other that is being built. The active one
        gets the options and nothing is built; where none is active it is at once. Gives the state that it has by it."""
        ...

    async def activate(self, name: str, *, is_forced: bool = False) -> bool:
        """Have search go by the model that is being built, and keep the active one as the previous. False, with nothing
        written, when it isn't being built, or (unless forced) something visible lacks a vector of it. What comes in that
        moment may lack one all the same: look for it afterwards."""
        ...

    async def give_up(self) -> str | None:
        """Build no other model's vectors any more; the name of the one that was built. One that had been active before is
        the previous one again."""
        ...

    async def drop_orphans(self, limit: int) -> int:
        """Remove up to so many vectors and failures of models that aren't kept; how many went."""
        ...
