"""The local embedder: all-MiniLM-L6-v2 in onnxruntime, without a server or a key."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gleanery.errors import EmbedError
from gleanery.knowledge import minilm
from gleanery.knowledge.embedders.embedder import Embedding, Vectors, valid_unicode
from gleanery.knowledge.right_of_way import RightOfWay

BATCH_TEXTS = 32
# A batch takes what its tokens take, 0.13 ms each, however they are put together; searches go first between two batches.
BATCH_TOKENS = 512
TOKENIZE_AT_ONCE = 128


class LocalEmbedder:
    """all-MiniLM-L6-v2 in int8 with onnxruntime.

    `model_dir` is what minilm.build made. Nothing is loaded before the first embed(). Every piece of work runs in
    `executor`, batch by batch, so several callers take turns, and gives way to searches before each. `threads` is how many
    cores one batch may use.
    """

    name = f"local:{minilm.MODEL_NAME}"
    dimensions = minilm.DIMENSIONS
    max_tokens = 256
    bulk_size = BATCH_TEXTS

    def __init__(
        self,
        model_dir: Path,
        executor: ThreadPoolExecutor,
        *,
        threads: int = 1,
        right_of_way: RightOfWay | None = None,
    ) -> None:
        self._model_dir = model_dir
        self._executor = executor
        self._threads = threads
        self._right_of_way = right_of_way or RightOfWay()
        self._loading = threading.Lock()
        self._model: _MiniLM | None = None

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder. Raises EmbedError when no usable model is in `model_dir`."""
        return (await self.embed_each(texts)).vectors

    async def embed_each(self, texts: Sequence[str]) -> Embedding:
        """See Embedder; there are no failures."""
        loop = asyncio.get_running_loop()
        if len(texts) == 1:  # somebody waits for the answer to a query: one job, not one after the other
            return await loop.run_in_executor(self._executor, self._embed_one, texts[0])
        tokens: list[list[int]] = []
        for some in _slices(texts, TOKENIZE_AT_ONCE):
            tokens += await loop.run_in_executor(self._executor, self._tokenize, some)
        lengths = tuple(len(ids) for ids in tokens)
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for rows in _batches(lengths):
            batch = [tokens[row] for row in rows]
            await self._right_of_way.give()
            vectors[rows] = await loop.run_in_executor(self._executor, self._infer, batch)
        return Embedding(vectors, tuple(range(len(texts))), lengths)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(ids) for ids in self._tokenize(texts)]

    async def aclose(self) -> None:
        self._model = None

    def _embed_one(self, text: str) -> Embedding:
        [tokens] = self._tokenize([text])
        return Embedding(self._infer([tokens]), (0,), (len(tokens),))

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        return self._loaded().tokenize(texts)

    def _infer(self, tokens: Sequence[list[int]]) -> Vectors:
        return self._loaded().infer(tokens)

    def _loaded(self) -> _MiniLM:
        with self._loading:  # two first callers in two threads share one session
            if self._model is None:
                self._model = _load(self._model_dir, self.max_tokens, self._threads)
            return self._model


@dataclass(frozen=True)
class _MiniLM:
    """A loaded model; blocking, to be called in a thread."""

    session: Any
    tokenizer: Any

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        # One by one: encode_batch would start a thread of its own on every core.
        return [self.tokenizer.encode(valid_unicode(text)).ids for text in texts]

    def infer(self, tokens: Sequence[list[int]]) -> Vectors:
        longest = max(len(ids) for ids in tokens)
        input_ids = np.zeros((len(tokens), longest), dtype=np.int64)  # 0 is [PAD]
        mask = np.zeros_like(input_ids)
        for row, ids in enumerate(tokens):
            input_ids[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        output = self.session.run(["embedding"], {"input_ids": input_ids, "attention_mask": mask})[0]
        vectors: Vectors = output.astype(np.float32, copy=False)
        return vectors


def _load(model_dir: Path, max_tokens: int, threads: int) -> _MiniLM:
    if not minilm.is_built(model_dir):
        raise EmbedError(
            "The local embedding model is missing or damaged: "
            "run `make setup`, or set GLEANERY_EMBEDDER to `openai` or `none`.",
            model_dir=str(model_dir),
        )
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model_dir / minilm.TOKENIZER_FILE))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # By default an idle worker thread spins: on a small machine it takes the core that the event loop runs on.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The arena keeps its peak forever, some hundred MB after one long batch; without it a batch is no slower.
    options.enable_cpu_mem_arena = False
    path = str(model_dir / minilm.MODEL_FILE)
    return _MiniLM(onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]), tokenizer)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Row numbers in batches of like length, so that little is computed for padding; the longest first."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        most = min(BATCH_TEXTS, max(1, BATCH_TOKENS // lengths[batch[0]])) if batch else 1
        if batch and len(batch) >= most:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _slices(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (texts[start : start + size] for start in range(0, len(texts), size))
