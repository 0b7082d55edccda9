"""A second look at the best hits: by a cross-encoder from a folder, or by a chat model. In a bounded time, and never needed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gleanery.errors import InvalidInput, RerankFailed

MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
MAX_TOKENS = 512
BATCH_PAIRS = 8
MAX_PASSAGE_CHARS = 2_000


@dataclass(frozen=True)
class Reranked:
    """`position` is that of a passage as it was given; `raw` is the reranker's own score, for people to see."""

    position: int
    raw: float


class Reranker(Protocol):
    """Puts passages in the order in which they answer a query."""

    @property
    def name(self) -> str:
        """What to call it in a reply."""
        ...

    async def rank(self, query: str, passages: Sequence[str], seconds: float) -> Sequence[Reranked]:
        """All passages, best first, within that time. Raises RerankFailed, or another GleaneryError of what it asks."""
        ...


class CrossEncoder:
    """Scores pairs of query and passage with a model in ONNX form (ms-marco-MiniLM and the like): `folder` has model.onnx and
    tokenizer.json. It is loaded on first use, and works in `executor`.

    Raises InvalidInput for a folder without these files.
    """

    def __init__(self, folder: Path, executor: ThreadPoolExecutor, *, threads: int = 1) -> None:
        for name in (MODEL_FILE, TOKENIZER_FILE):
            if not (folder / name).is_file():
                raise InvalidInput("GLEANERY_RERANKER", f"there is no {name} in {folder}")
        self.name = folder.name
        self._folder = folder
        self._executor = executor
        self._threads = threads
        self._loading = threading.Lock()
        self._model: _Model | None = None

    async def rank(self, query: str, passages: Sequence[str], seconds: float) -> Sequence[Reranked]:
        """See Reranker. A batch under way is not interrupted: the thread may be busy for some 100 ms more."""
        if not passages:
            return ()
        deadline = time.monotonic() + seconds
        work = asyncio.get_running_loop().run_in_executor(self._executor, self._scores, query, passages, deadline)
        try:
            async with asyncio.timeout(seconds):
                scores = await work
        except TimeoutError:
            raise RerankFailed(f"The reranker took longer than {seconds:g} s.") from None
        return [Reranked(int(at), float(scores[at])) for at in np.argsort(-scores, kind="stable")]

    def _scores(self, query: str, passages: Sequence[str], deadline: float) -> NDArray[np.float32]:
        model = self._loaded()
        scores = []
        for start in range(0, len(passages), BATCH_PAIRS):
            if time.monotonic() > deadline:
                raise RerankFailed("The reranker ran out of time.")
            batch = passages[start : start + BATCH_PAIRS]
            scores.append(model.score(query, [passage[:MAX_PASSAGE_CHARS] for passage in batch]))
        found = np.concatenate(scores)
        if not np.isfinite(found).all():
            raise RerankFailed("The reranker gave scores that are no numbers.")
        return found

    def _loaded(self) -> _Model:
        with self._loading:
            if self._model is None:
                self._model = _load(self._folder, self._threads)
            return self._model


@dataclass(frozen=True)
class _Model:
    """A loaded model; blocking, to be called in a thread."""

    session: Any
    tokenizer: Any
    inputs: frozenset[str]
    failures: tuple[type[Exception], ...]

    def score(self, query: str, passages: Sequence[str]) -> NDArray[np.float32]:
        encoded = [self.tokenizer.encode(query, passage) for passage in passages]
        longest = max(len(pair.ids) for pair in encoded)
        fed = {name: np.zeros((len(encoded), longest), dtype=np.int64) for name in self.inputs}
        for row, pair in enumerate(encoded):
            for name, values in (
                ("input_ids", pair.ids),
                ("attention_mask", pair.attention_mask),
                ("token_type_ids", pair.type_ids),
            ):
                if name in fed:
                    fed[name][row, : len(values)] = values
        try:
            logits = self.session.run(None, fed)[0]
        except self.failures as error:
            raise RerankFailed("The reranker's model can't be run.", reason=str(error)[:500]) from error
        return _relevance(np.asarray(logits, dtype=np.float32), len(passages))


def _relevance(logits: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """One number a pair: the only output, or how much more "relevant" is than "not relevant" of two."""
    if logits.shape == (count,):
        return logits
    if logits.shape == (count, 1):
        return logits[:, 0]
    if logits.shape == (count, 2):
        difference: NDArray[np.float32] = logits[:, 1] - logits[:, 0]
        return difference
    raise RerankFailed("The reranker's model is no cross-encoder.", shape=list(logits.shape))


def _load(folder: Path, threads: int) -> _Model:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state
    from tokenizers import Tokenizer

    failures = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf, state.RuntimeException)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(str(folder / MODEL_FILE), options, providers=["CPUExecutionProvider"])
    except (*failures, state.NotImplemented) as error:
        raise RerankFailed("The reranker's model can't be loaded.", reason=str(error)[:500]) from error
    try:
        tokenizer = Tokenizer.from_buffer((folder / TOKENIZER_FILE).read_bytes())
    except (OSError, ValueError) as error:
        raise RerankFailed("The reranker's tokenizer can't be loaded.", reason=str(error)[:500]) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS, strategy="only_second")
    known = {"input_ids", "attention_mask", "token_type_ids"}
    inputs = frozenset(described.name for described in session.get_inputs())
    if not inputs <= known or "input_ids" not in inputs:
        raise RerankFailed("The reranker's model is no cross-encoder.", inputs=sorted(inputs))
    return _Model(session, tokenizer, inputs, failures)


class ChatReranker:
    """Asks a chat model. `ask` gets the query and the passages and answers with their positions, best first.

    What a model answers is not trusted: positions that don't exist or come twice are passed over, those that are missing
    follow in the order they had.
    """

    def __init__(self, name: str, ask: Callable[[str, Sequence[str]], Awaitable[Sequence[int]]]) -> None:
        self.name = name
        self._ask = ask

    async def rank(self, query: str, passages: Sequence[str], seconds: float) -> Sequence[Reranked]:
        """See Reranker; `raw` is the share of passages that come after."""
        try:
            async with asyncio.timeout(seconds):
                answered = await self._ask(query, [passage[:MAX_PASSAGE_CHARS] for passage in passages])
        except TimeoutError:
            raise RerankFailed(f"The chat model took longer than {seconds:g} s.") from None
        named = [at for at in dict.fromkeys(answered) if 0 <= at < len(passages)]
        if not named:
            raise RerankFailed("The chat model named none of the passages.")
        order = dict.fromkeys((*named, *range(len(passages))))
        return [Reranked(at, 1 - rank / len(passages)) for rank, at in enumerate(order)]
