"""An answer of `POST /v1/embeddings` taken apart. Whatever a server sends gives vectors or an EmbedMismatch."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gleanery.errors import EmbedMismatch
from gleanery.knowledge.embedders.embedder import Vectors


@dataclass(frozen=True)
class Answer:
    """Vectors in the texts' order, each of length 1 but those that `is_usable` denies: zeros, NaN, infinite."""

    vectors: Vectors
    is_usable: NDArray[np.bool_]
    usage_tokens: int


def decode_answer(body: bytes, count: int) -> Answer:
    """Raises EmbedMismatch for anything but `count` vectors of one length. Blocks: runs in a thread."""
    try:
        answer = json.loads(body)
        items = sorted(answer["data"], key=lambda item: item["index"])
        indices = [item["index"] for item in items]
        rows = [_decode_vector(item["embedding"]) for item in items]
        usage_tokens = _usage(answer.get("usage"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, binascii.Error) as error:
        raise EmbedMismatch(
            "The embedding server answered something that is no list of vectors: check OPENAI_BASE_URL.",
            reason=f"{type(error).__name__}: {error}"[:200],
        ) from None
    if indices != list(range(count)):
        raise EmbedMismatch(f"The embedding server answered with {len(rows)} vectors for {count} texts.")
    if len({row.shape for row in rows}) != 1 or rows[0].ndim != 1 or not rows[0].size:
        raise EmbedMismatch("The embedding server answered with vectors of different lengths, or with none.")
    return _normalised(np.stack(rows), usage_tokens)


def _decode_vector(embedding: str | list[float]) -> Vectors:
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4").astype(np.float32, copy=False)
    return np.asarray(embedding, dtype=np.float32)


def _usage(usage: Any) -> int:
    tokens = usage.get("total_tokens") if isinstance(usage, dict) else None
    return tokens if isinstance(tokens, int) and 0 <= tokens < 2**53 else 0


def _normalised(vectors: Vectors, usage_tokens: int) -> Answer:
    """Each row of length 1. Half precision, in which they are kept, holds such numbers, but not any length."""
    with np.errstate(all="ignore"):  # what overflows here is told by its row
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
        is_usable = np.isfinite(lengths) & (lengths > 0)
        vectors = (vectors / np.where(is_usable, lengths, 1.0)[:, np.newaxis]).astype(np.float32)
    return Answer(vectors, is_usable, usage_tokens)
