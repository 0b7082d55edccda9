"""Vectors of the local model, kept on disk by a hash of model and text: a second run embeds only what is new."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gleanery.knowledge.embedders.embedder import Embedding
from gleanery.knowledge.embedders.local import LocalEmbedder
from gleanery.knowledge.minilm import BUILD_VERSION

_AT_ONCE = 256
_LOOK_UP = 500

Matrix = NDArray[np.float32]


class VectorCache:
    """`Embedder` of the local model with a memory. `texts_embedded` is how many texts were not in it."""

    name = LocalEmbedder.name
    dimensions = LocalEmbedder.dimensions
    max_tokens = LocalEmbedder.max_tokens
    bulk_size = 512

    def __init__(self, file: Path, model_dir: Path, threads: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(file, timeout=60)
        self._db.execute("CREATE TABLE IF NOT EXISTS vector (key BLOB PRIMARY KEY, data BLOB) WITHOUT ROWID")
        self._model_dir = model_dir
        self._threads = threads
        self.texts_embedded = 0

    async def embed(self, texts: Sequence[str], what: str = "") -> Matrix:
        """See Embedder. With a name of `what` the texts are, it says on standard error how far it is."""
        keys = [hashlib.sha256(f"{LocalEmbedder.name} {BUILD_VERSION}\n{text}".encode()).digest() for text in texts]
        known = self._known(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            known |= await self._embed(missing, what)
        return np.stack([np.frombuffer(known[key], dtype="<f2") for key in keys]).astype(np.float32)

    async def embed_each(self, texts: Sequence[str]) -> Embedding:
        return Embedding(await self.embed(texts), tuple(range(len(texts))), (0,) * len(texts))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [0] * len(texts)

    async def aclose(self) -> None:
        self._db.close()

    def _known(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        for start in range(0, len(keys), _LOOK_UP):
            some = keys[start : start + _LOOK_UP]
            marks = ",".join("?" * len(some))
            found.update(self._db.execute(f"SELECT key, data FROM vector WHERE key IN ({marks})", some))
        return found

    async def _embed(self, missing: dict[bytes, str], what: str) -> dict[bytes, bytes]:
        made: dict[bytes, bytes] = {}
        # Neighbours in length share a batch, so that little is computed for padding.
        items = sorted(missing.items(), key=lambda item: len(item[1]))
        started = time.monotonic()
        with ThreadPoolExecutor(self._threads) as executor:
            embedder = LocalEmbedder(self._model_dir, executor)
            for start in range(0, len(items), _AT_ONCE):
                some = items[start : start + _AT_ONCE]
                shares = [some[n :: self._threads] for n in range(self._threads)]
                done = await asyncio.gather(*(embedder.embed([text for _, text in share]) for share in shares))
                rows = [
                    (key, vector.astype("<f2").tobytes())
                    for share, vectors in zip(shares, done, strict=True)
                    for (key, _), vector in zip(share, vectors, strict=True)
                ]
                with self._db:
                    self._db.executemany("INSERT OR IGNORE INTO vector VALUES (?, ?)", rows)
                made.update(rows)
                if what:
                    _tell(what, len(made), len(items), started)
            await embedder.aclose()
        self.texts_embedded += len(made)
        return made


def _tell(what: str, done: int, total: int, started: float) -> None:
    rate = done / (time.monotonic() - started)
    sys.stderr.write(f"\r{what}: {done:,} of {total:,} texts embedded, {rate:.0f}/s  ")
    if done == total:
        sys.stderr.write("\n")
    sys.stderr.flush()
