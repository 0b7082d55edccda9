"""`Embedder`: what makes vectors of one model, and what it answers with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gleanery import errors

Vectors = NDArray[np.float32]

PROBE_TEXT = "A short text, to see whether vectors come."


@dataclass(frozen=True)
class Embedding:
    """Vectors of those texts that have one: row i of `vectors` (float32, of length 1) is that of the text number `rows[i]`.

    `failures` has the others, by number. `tokens` is how many tokens of each text the model reads, `charged_tokens` what the
    server says it charges for (the sum of `tokens` where it doesn't say), 0 on this machine.
    """

    vectors: Vectors
    rows: tuple[int, ...]
    tokens: tuple[int, ...]
    failures: Mapping[int, errors.EmbedError] = field(default_factory=dict)
    charged_tokens: int = 0
    requests: int = 0


class Embedder(Protocol):
    """Makes vectors of one model. Its methods may be called by many tasks of one event loop at the same time.

    Vectors are float32, each of length 1, so that a dot product is the cosine. Of a text that is too long the beginning
    is read.
    """

    @property
    def name(self) -> str:
        """The identity stored beside vectors: vectors are only comparable under the same name."""
        ...

    @property
    def dimensions(self) -> int | None:
        """How long a vector is; None until the first answer of a model that doesn't say so before."""
        ...

    @property
    def max_tokens(self) -> int:
        """How many of a text's tokens are read; the rest of the text adds nothing to its vector."""
        ...

    @property
    def bulk_size(self) -> int:
        """How many texts `embed_each` is best given at once."""
        ...

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """[len(texts), dimensions] in the texts' order, for somebody who waits: ahead of what `embed_each` has in line. All of
        them, or an EmbedError."""
        ...

    async def embed_each(self, texts: Sequence[str]) -> Embedding:
        """What can be had, in bulk: a text that gives no vector is told in `failures` and doesn't keep back the others.
        Raises EmbedError for what concerns all texts."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """How many tokens of each text the model reads. Blocks: about 0.3 ms a text, so call it in a thread."""
        ...

    async def aclose(self) -> None:
        """Let go of sessions and connections; no embed() after it."""
        ...


def all_of(embedding: Embedding) -> Vectors:
    """The vectors of all texts. Raises the first text's failure."""
    for failure in embedding.failures.values():
        raise failure
    return embedding.vectors


def valid_unicode(text: str) -> str:
    """`text` with each lone surrogate (which no UTF-8 can carry) as a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
