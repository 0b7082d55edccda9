"""Embedders: what turns texts into vectors, on this machine or through OpenAI's API.

Both give the same shape: float32 [n, dimensions], row i for text i, each row of length 1, so that a dot product is the
cosine. A text that is too long is embedded by its beginning. What can't be embedded raises an EmbedError: there are no
rows of zeros.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import itertools
import json
import random
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gleanery.errors import EmbedError, EmbedKeyRefused, EmbedMismatch, EmbedQuotaSpent, EmbedUnavailable
from gleanery.knowledge import minilm
from gleanery.knowledge.tokens import count_tokens, truncate_to_tokens

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAIError

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Makes vectors of one model. Its methods may be called by many tasks of one event loop at the same time."""

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

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [len(texts), dimensions], L2-normalised, in the texts' order. All of them, or an EmbedError."""
        ...

    async def aclose(self) -> None:
        """Let go of sessions and connections; no embed() after it."""
        ...


# --- on this machine ---------------------------------------------------------------------------------------------

_MAX_BATCH_TEXTS = 32
# A batch holds its thread until it is done, and a user's query may wait behind it: about half a second at most.
_MAX_BATCH_TOKENS = 2048
_TOKENIZE_AT_ONCE = 128


class LocalEmbedder:
    """all-MiniLM-L6-v2 in int8 with onnxruntime, without a server or a key.

    `model_dir` is what minilm.build made. Nothing is loaded before the first embed(). Every piece of work runs in
    `executor`, batch by batch, so several callers take turns. `threads` is how many cores one batch may use.
    """

    name = f"local:{minilm.MODEL_NAME}"
    dimensions = minilm.DIMENSIONS
    max_tokens = 256

    def __init__(self, model_dir: Path, executor: ThreadPoolExecutor, *, threads: int = 1) -> None:
        self._model_dir = model_dir
        self._executor = executor
        self._threads = threads
        self._loading = threading.Lock()
        self._model: _MiniLM | None = None

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder. Raises EmbedError when no usable model is in `model_dir`."""
        loop = asyncio.get_running_loop()
        tokens: list[list[int]] = []
        for some in _slices(texts, _TOKENIZE_AT_ONCE):
            tokens += await loop.run_in_executor(self._executor, self._tokenize, some)
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for rows in _local_batches([len(ids) for ids in tokens]):
            batch = [tokens[row] for row in rows]
            vectors[rows] = await loop.run_in_executor(self._executor, self._infer, batch)
        return vectors

    async def aclose(self) -> None:
        self._model = None

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        return self._loaded().tokenize(texts)

    def _infer(self, tokens: Sequence[list[int]]) -> Vectors:
        return self._loaded().infer(tokens)

    def _loaded(self) -> _MiniLM:
        with self._loading:  # two first callers in two threads share one session
            if self._model is None:
                self._model = _load_minilm(self._model_dir, self.max_tokens, self._threads)
            return self._model


@dataclass(frozen=True)
class _MiniLM:
    """A loaded model; blocking, to be called in a thread."""

    session: Any
    tokenizer: Any

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        # One by one: encode_batch would start a thread of its own on every core.
        return [self.tokenizer.encode(_valid_unicode(text)).ids for text in texts]

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


def _load_minilm(model_dir: Path, max_tokens: int, threads: int) -> _MiniLM:
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


def _local_batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Row numbers in batches of like length, so that little is computed for padding; the longest first."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        most = min(_MAX_BATCH_TEXTS, max(1, _MAX_BATCH_TOKENS // lengths[batch[0]])) if batch else 1
        if batch and len(batch) >= most:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _slices(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (texts[start : start + size] for start in range(0, len(texts), size))


def _valid_unicode(text: str) -> str:
    """`text` with each lone surrogate (which no UTF-8 can carry) as a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


# --- through OpenAI's API ----------------------------------------------------------------------------------------

_MAX_REQUEST_TOKENS = 250_000  # the API refuses 300,000; the margin is for counts that are estimates
_NO_KEY = "none"  # the client insists on a key, a server of one's own need not
_BACKOFF_BASE_SECONDS = 1.0
_BACKOFF_CAP_SECONDS = 60.0
_LONGEST_WAIT_SECONDS = 120.0  # told to wait longer than this, the task gives its place to others and comes back


class OpenAIEmbedder:
    """Any server that speaks `POST /v1/embeddings`, through the openai client.

    `api_key` None is for servers that ask for none. `base_url` None means what the client reads from OPENAI_BASE_URL,
    else OpenAI itself. `dimensions` asks the model
    for shorter vectors; None takes what it gives and holds it to that. Up to `max_concurrency` requests run at once,
    over all callers; each is tried up to 1 + `max_retries` times. `executor` counts tokens and decodes answers (None:
    the loop's own). The constructor imports openai, which takes over a second: build it before serving.

    `usage_tokens` is how many tokens the server has charged for so far.
    """

    def __init__(
        self,
        api_key: str | None,
        *,
        base_url: str | None = None,
        model: str = "text-embedding-3-small",
        dimensions: int | None = None,
        batch_size: int = 96,
        max_concurrency: int = 4,
        max_retries: int = 5,
        timeout_seconds: float = 60.0,
        executor: Executor | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        from openai import AsyncOpenAI

        self._client = AsyncOpenAI(
            api_key=api_key or _NO_KEY, base_url=base_url, max_retries=0, timeout=timeout_seconds
        )
        self._model = model
        self._asked_dimensions = dimensions
        self._batch_size = batch_size
        self._turns = asyncio.Semaphore(max_concurrency)
        self._max_retries = max_retries
        self._executor = executor
        self._sleep = sleep
        # base64 is a quarter of the bytes of float, and no million numbers to parse
        self._encoding_format: Literal["base64", "float"] = "base64"
        self.name = f"openai:{model}" if dimensions is None else f"openai:{model}/{dimensions}"
        self.dimensions = dimensions
        self.max_tokens = 8191
        self.usage_tokens = 0

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder.

        Raises EmbedKeyRefused, EmbedQuotaSpent, EmbedMismatch at once and EmbedUnavailable when every try failed, with
        `retry_after` (seconds or None) in its details.
        """
        loop = asyncio.get_running_loop()
        batches = await loop.run_in_executor(self._executor, self._plan, tuple(texts))
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._embed_batch(batch)) for batch in batches]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None  # one reason is enough; the group has cancelled the other requests
        parts = [task.result() for task in tasks]
        return np.concatenate(parts) if parts else np.empty((0, self.dimensions or 0), dtype=np.float32)

    async def aclose(self) -> None:
        await self._client.close()

    def _plan(self, texts: Sequence[str]) -> list[list[str]]:
        """The texts as they are sent, in requests that keep to the API's limits. May take long: runs in a thread."""
        batches: list[list[str]] = []
        room = 0
        for text in texts:
            sent = truncate_to_tokens(_valid_unicode(text), self.max_tokens, self._model)
            tokens = self._count(sent)
            if not batches or len(batches[-1]) == self._batch_size or tokens > room:
                batches.append([])
                room = _MAX_REQUEST_TOKENS
            batches[-1].append(sent if sent.strip() else ".")  # the API refuses a request with an empty text in it
            room -= tokens
        return batches

    def _count(self, text: str) -> int:
        # Four bytes a character at most and a token a byte at most: a batch of short texts needs no counting at all.
        most = 4 * len(text)
        return most if most * self._batch_size <= _MAX_REQUEST_TOKENS else count_tokens(text, self._model)

    async def _embed_batch(self, texts: list[str]) -> Vectors:
        body = await self._request_until_answered(texts)
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._executor, _decode_answer, body, len(texts))
        if self.dimensions is None:
            self.dimensions = answer.vectors.shape[1]
        if answer.vectors.shape[1] != self.dimensions:
            raise EmbedMismatch(
                f"The embedding model {self._model!r} answered with {answer.vectors.shape[1]} dimensions where "
                f"{self.dimensions} were expected: set the dimensions it has, or embed the sources again.",
                expected=self.dimensions,
                got=answer.vectors.shape[1],
            )
        self.usage_tokens += answer.usage_tokens
        return answer.vectors

    async def _request_until_answered(self, texts: list[str]) -> bytes:
        for attempt in itertools.count():
            try:
                async with self._turns:
                    return await self._request(texts)
            except EmbedUnavailable as error:
                delay_seconds = retry_delay(attempt, error.details["retry_after"], random.random())
                if attempt >= self._max_retries or delay_seconds > _LONGEST_WAIT_SECONDS:
                    raise
            await self._sleep(delay_seconds)
        raise AssertionError("unreachable: the loop ends by return or raise")

    async def _request(self, texts: list[str]) -> bytes:
        from openai import BadRequestError, OpenAIError

        encoding_format = self._encoding_format  # of this request: another one may change it meanwhile
        try:
            return await self._post(texts, encoding_format)
        except BadRequestError as error:
            if "encoding_format" not in str(error) or encoding_format == "float":
                raise self._translated(error) from error
            self._encoding_format = "float"  # some servers that speak this API know no base64
        except OpenAIError as error:
            raise self._translated(error) from error
        return await self._request(texts)

    async def _post(self, texts: list[str], encoding_format: Literal["base64", "float"]) -> bytes:
        from openai import omit

        raw = await self._client.embeddings.with_raw_response.create(
            model=self._model,
            input=texts,
            encoding_format=encoding_format,
            dimensions=omit if self._asked_dimensions is None else self._asked_dimensions,
        )
        content: bytes = raw.http_response.content
        return content

    def _translated(self, error: OpenAIError) -> EmbedError:
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        host = self._client.base_url.host
        if isinstance(error, APITimeoutError):
            return EmbedUnavailable(f"{host} did not answer in time with vectors.", retry_after=None)
        if isinstance(error, APIConnectionError):
            return EmbedUnavailable(f"{host} can't be reached for vectors: check OPENAI_BASE_URL.", retry_after=None)
        if isinstance(error, APIStatusError):
            return self._translated_status(error, host)
        return EmbedMismatch(f"{host} answered something that is no list of vectors: {type(error).__name__}.")

    def _translated_status(self, error: APIStatusError, host: str) -> EmbedError:
        """Sentences never repeat what a server says about a key: it may quote it."""
        status: int = error.status_code
        facts = {"status": status, "model": self._model}
        if status in (401, 403):
            return EmbedKeyRefused(f"{host} refused the API key: set a valid OPENAI_API_KEY.", **facts)
        if status == 402 or "insufficient_quota" in (error.code, error.type):
            return EmbedQuotaSpent(f"The account at {host} has no quota left: add credit or set another key.", **facts)
        if status == 404:
            return EmbedMismatch(
                f"{host} serves no embedding model {self._model!r}: check its name and OPENAI_BASE_URL.", **facts
            )
        if status in (408, 409, 429) or status >= 500:
            seconds = retry_after_seconds(error.response.headers, datetime.now(UTC))
            return EmbedUnavailable(f"{host} has no room for this now (status {status}).", retry_after=seconds, **facts)
        said = error.message[:300]
        return EmbedMismatch(f"{host} refused texts for the embedding model {self._model!r}: {said}", **facts)


def retry_delay(attempt: int, retry_after: float | None, chance: float) -> float:
    """Seconds to wait after try number `attempt` (from 0) failed; `chance` is in [0, 1).

    Backoff with full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). A server's
    Retry-After is the least to wait; the jitter comes on top, so that many clients don't return in the same moment.
    """
    jitter = chance * min(_BACKOFF_CAP_SECONDS, _BACKOFF_BASE_SECONDS * 2.0**attempt)
    return jitter if retry_after is None else retry_after + chance * min(1.0, retry_after)


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """What `retry-after-ms` (OpenAI's) or `Retry-After` (RFC 9110: seconds or a date) asks for; None for neither."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "")
    if (seconds := _number(value)) is not None:
        return seconds
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):  # no date, or one without a zone
        return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


@dataclass(frozen=True)
class _Answer:
    vectors: Vectors
    usage_tokens: int


def _decode_answer(body: bytes, count: int) -> _Answer:
    """The vectors of one answer in the texts' order. Raises EmbedMismatch for anything but `count` proper vectors."""
    try:
        answer = json.loads(body)
        items = sorted(answer["data"], key=lambda item: item["index"])
        indices = [item["index"] for item in items]
        rows = [_decode_vector(item["embedding"]) for item in items]
        usage_tokens = int((answer.get("usage") or {}).get("total_tokens") or 0)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise EmbedMismatch(
            "The embedding server answered something that is no list of vectors: check OPENAI_BASE_URL.",
            reason=f"{type(error).__name__}: {error}"[:200],
        ) from error
    if indices != list(range(count)):
        raise EmbedMismatch(f"The embedding server answered with {len(rows)} vectors for {count} texts.")
    if len({row.shape for row in rows}) != 1 or rows[0].ndim != 1:
        raise EmbedMismatch("The embedding server answered with vectors of different lengths, or with none.")
    return _Answer(_normalised(np.stack(rows)), usage_tokens)


def _decode_vector(embedding: str | list[float]) -> Vectors:
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4").astype(np.float32, copy=False)
    return np.asarray(embedding, dtype=np.float32)


def _normalised(vectors: Vectors) -> Vectors:
    """Each row of length 1. Raises EmbedMismatch for a row without a direction: all zeros, NaN, infinite or empty."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not (lengths > 0).all():
        raise EmbedMismatch("The embedding server answered with vectors that have no direction (zeros or no numbers).")
    normalised: Vectors = vectors / lengths
    return normalised
