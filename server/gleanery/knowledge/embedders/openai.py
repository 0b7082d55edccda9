"""The embedder over OpenAI's API, whoever serves it: requests within its limits, and a refused text singled out."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import numpy as np

from gleanery.backoff import retry_after_seconds, retry_delay
from gleanery.config import OPENAI_URL
from gleanery.errors import (
    EmbedError,
    EmbedMismatch,
    EmbedTextRefused,
    EmbedTimedOut,
    EmbedUnavailable,
    EmbedUnreachable,
    EmbedWrongDimensions,
)
from gleanery.knowledge.embedders.answers import Answer, decode_answer
from gleanery.knowledge.embedders.embedder import PROBE_TEXT, Embedding, Vectors, all_of, valid_unicode
from gleanery.knowledge.embedders.limits import LONGEST_WAIT_SECONDS, Share, Throttle, alone
from gleanery.knowledge.embedders.options import EmbedderOptions
from gleanery.knowledge.embedders.refusals import Refusal, TextFault, error_of
from gleanery.knowledge.tokens import count_tokens, truncate_to_tokens

if TYPE_CHECKING:
    from httpx2 import HTTPError
    from openai import APIStatusError, OpenAIError

NO_KEY = "none"  # the client insists on a key, a server of one's own need not
MAX_RETRIES = 5
MAX_ANSWER_BYTES = 1024 * 1024
MAX_VECTOR_BYTES = 16_000 * 25
"""The most dimensions there may be, each written out as a number."""
URGENT_AT_ONCE = 4
"""Requests that somebody waits for have places of their own."""


@dataclass(frozen=True)
class _Batch:
    """Texts as they are sent in one request, with their numbers among all texts and their tokens."""

    rows: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()
    tokens: tuple[int, ...] = ()

    def halves(self) -> tuple[_Batch, _Batch]:
        middle = (len(self.rows) + 1) // 2
        return (
            _Batch(self.rows[:middle], self.texts[:middle], self.tokens[:middle]),
            _Batch(self.rows[middle:], self.texts[middle:], self.tokens[middle:]),
        )


@dataclass
class _Gathered:
    """What the requests of one call have brought so far."""

    is_urgent: bool
    vectors: dict[int, Vectors] = field(default_factory=dict)
    failures: dict[int, EmbedError] = field(default_factory=dict)
    charged_tokens: int = 0
    requests: int = 0
    is_probed: bool = False


class OpenAIEmbedder:
    """Any server that speaks `POST /v1/embeddings`, through the openai client.

    `api_key` None is for servers that ask for none. `known_dimensions` is the length of vectors that are stored under this
    name; others are refused. Each request is tried up to 1 + `max_retries` times. `executor` counts tokens and decodes answers
    (None: the loop's own). Limits a minute are kept together with the processes that `share` tells of. The constructor imports
    openai and reads certificates, which takes a second: call it in a thread.
    """

    def __init__(
        self,
        options: EmbedderOptions,
        api_key: str | None,
        *,
        known_dimensions: int | None = None,
        max_retries: int = MAX_RETRIES,
        executor: Executor | None = None,
        share: Share = alone,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        self._client = AsyncOpenAI(
            api_key=api_key or NO_KEY,
            base_url=options.base_url or OPENAI_URL,
            max_retries=0,
            timeout=options.timeout_seconds,
            # Who was asked may not send the request on to somebody whom nobody looked at.
            http_client=DefaultAsyncHttpxClient(follow_redirects=False),
        )
        self._options = options
        self._turns = asyncio.Semaphore(options.concurrency)
        self._urgent_turns = asyncio.Semaphore(URGENT_AT_ONCE)
        self._throttle = Throttle(options.requests_per_minute, options.tokens_per_minute, clock=clock, sleep=sleep)
        has_limits = options.requests_per_minute is not None or options.tokens_per_minute is not None
        self._share = share if has_limits else alone
        self._max_retries = max_retries
        self._executor = executor
        self._sleep = sleep
        self._most_texts = options.batch_size
        # base64 is a quarter of the bytes of float, and no million numbers to parse
        self._encoding_format: Literal["base64", "float"] = "base64"
        self.name = options.name
        self.dimensions = options.dimensions or known_dimensions
        self.max_tokens = min(options.max_tokens, options.request_tokens)

    @property
    def bulk_size(self) -> int:
        return self._most_texts * self._options.concurrency

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder.

        Raises EmbedKeyRefused, EmbedQuotaSpent, EmbedMismatch, EmbedTextRefused at once and EmbedUnavailable when every try
        failed, with `retry_after` (seconds or None) in its details.
        """
        return all_of(await self._embed(texts, _Gathered(is_urgent=True)))

    async def embed_each(self, texts: Sequence[str]) -> Embedding:
        """See Embedder. A refused request is halved until the text that is refused is alone; a server that refuses every
        text, also a harmless one, is an EmbedMismatch."""
        return await self._embed(texts, _Gathered(is_urgent=False))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [min(self.max_tokens, count_tokens(valid_unicode(text), self._options.model)) for text in texts]

    async def aclose(self) -> None:
        await self._client.close()

    async def _embed(self, texts: Sequence[str], gathered: _Gathered) -> Embedding:
        loop = asyncio.get_running_loop()
        batches = await loop.run_in_executor(self._executor, self._plan, tuple(texts))
        try:
            async with asyncio.TaskGroup() as group:
                for batch in batches:
                    group.create_task(self._gather(batch, gathered))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None  # one reason is enough; the group has cancelled the other requests
        rows = tuple(sorted(gathered.vectors))
        found = [gathered.vectors[row] for row in rows]
        counts = tuple(itertools.chain.from_iterable(batch.tokens for batch in batches))
        return Embedding(
            np.stack(found) if found else np.empty((0, self.dimensions or 0), dtype=np.float32),
            rows,
            counts,
            dict(sorted(gathered.failures.items())),
            gathered.charged_tokens,
            gathered.requests,
        )

    def _plan(self, texts: Sequence[str]) -> list[_Batch]:
        """The texts as they are sent, in requests that keep to the limits. May take long: runs in a thread."""
        batches: list[list[tuple[int, str, int]]] = []
        room = 0
        for row, text in enumerate(texts):
            sent = truncate_to_tokens(valid_unicode(text), self.max_tokens, self._options.model)
            tokens = count_tokens(sent, self._options.model)
            if not batches or len(batches[-1]) >= self._most_texts or tokens > room:
                batches.append([])
                room = self._options.request_tokens
            batches[-1].append((row, sent if sent.strip() else ".", tokens))  # the API refuses an empty text
            room -= tokens
        return [_Batch(*zip(*batch, strict=True)) for batch in batches]

    async def _gather(self, batch: _Batch, gathered: _Gathered) -> None:
        """Vectors of the batch's texts, and failures, into `gathered`; halves of it where the server refuses the whole."""
        try:
            answer = await self._answered(batch, gathered)
        except EmbedTextRefused as refused:
            await self._single_out(batch, gathered, refused)
            return
        gathered.charged_tokens += answer.usage_tokens or sum(batch.tokens)
        for row, vector, is_usable in zip(batch.rows, answer.vectors, answer.is_usable, strict=True):
            if is_usable:
                gathered.vectors[row] = vector
            else:
                gathered.failures[row] = EmbedTextRefused(
                    f"{self._options.host} answered with a vector that has no direction (zeros or no numbers).",
                    reason=str(TextFault.NO_VECTOR),
                    model=self._options.model,
                )
        if not answer.is_usable.all():
            await self._probe(gathered)

    async def _single_out(self, batch: _Batch, gathered: _Gathered, refused: EmbedTextRefused) -> None:
        if len(batch.rows) == 1:
            gathered.failures[batch.rows[0]] = refused
            await self._probe(gathered)
            return
        await self._probe(gathered)
        halves = batch.halves()
        for half in halves:
            await self._gather(half, gathered)
        if refused.details["is_batch"] and gathered.failures.keys().isdisjoint(batch.rows):
            self._most_texts = min(self._most_texts, len(halves[0].rows))  # it was their number and no text

    async def _probe(self, gathered: _Gathered) -> None:
        """Once in a call that has met a refusal: does a harmless text get a vector? Raises EmbedMismatch if it doesn't."""
        if gathered.is_probed or gathered.is_urgent:
            return
        gathered.is_probed = True
        try:
            answer = await self._answered(_Batch((0,), (PROBE_TEXT,), (10,)), gathered)
        except EmbedTextRefused as refused:
            facts = {name: value for name, value in refused.details.items() if name != "is_batch"}
            raise EmbedMismatch(f"It is no single text: {refused.message}", **facts) from None
        gathered.charged_tokens += answer.usage_tokens
        if not answer.is_usable.all():
            raise EmbedMismatch(
                f"{self._options.host} answers with vectors that have no direction (zeros or no numbers): "
                f"check the model {self._options.model!r}.",
                model=self._options.model,
            )

    async def _answered(self, batch: _Batch, gathered: _Gathered) -> Answer:
        body = await self._until_answered(batch, gathered)
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._executor, decode_answer, body, len(batch.texts))
        if self.dimensions is None:
            self.dimensions = answer.vectors.shape[1]
        if answer.vectors.shape[1] != self.dimensions:
            raise EmbedWrongDimensions(
                f"The embedding model {self._options.model!r} answered with {answer.vectors.shape[1]} dimensions where "
                f"{self.dimensions} were expected: set the dimensions it has, or embed the sources again.",
                expected=self.dimensions,
                got=answer.vectors.shape[1],
            )
        return answer

    async def _until_answered(self, batch: _Batch, gathered: _Gathered) -> bytes:
        turns = self._urgent_turns if gathered.is_urgent else self._turns
        for attempt in itertools.count():
            try:
                async with turns, self._share(f"vectors:{self._options.host}") as processes:
                    tokens = sum(batch.tokens)
                    await self._throttle.turn(tokens, is_urgent=gathered.is_urgent, processes=processes)
                    gathered.requests += 1
                    return await self._request(batch.texts)
            except EmbedUnavailable as error:
                retry_after = error.details["retry_after"]
                delay_seconds = retry_delay(attempt, retry_after, random.random())
                if attempt >= self._max_retries or delay_seconds > LONGEST_WAIT_SECONDS:
                    raise
            if retry_after is None:
                await self._sleep(delay_seconds)
            else:
                self._throttle.pause(delay_seconds)  # it was said to all
        raise AssertionError("unreachable: the loop ends by return or raise")

    async def _request(self, texts: Sequence[str]) -> bytes:
        from httpx2 import HTTPError
        from openai import BadRequestError, OpenAIError

        encoding_format = self._encoding_format  # of this request: another one may change it meanwhile
        try:
            return await self._post(texts, encoding_format)
        except BadRequestError as error:
            if "encoding_format" not in str(error) or encoding_format == "float":
                raise self._translated(error) from error
            self._encoding_format = "float"  # some servers that speak this API know no base64
        except (OpenAIError, HTTPError) as error:  # the latter where the line breaks within the answer
            raise self._translated(error) from error
        return await self._request(texts)

    async def _post(self, texts: Sequence[str], encoding_format: Literal["base64", "float"]) -> bytes:
        from openai import omit

        asked = self._client.embeddings.with_streaming_response.create(
            model=self._options.model,
            input=list(texts),
            encoding_format=encoding_format,
            dimensions=omit if self._options.dimensions is None else self._options.dimensions,
        )
        body, most = bytearray(), MAX_ANSWER_BYTES + MAX_VECTOR_BYTES * len(texts)
        async with asked as answer:
            self._throttle.hear(answer.headers)
            async for part in answer.iter_bytes():
                body += part
                if len(body) > most:
                    raise EmbedMismatch(f"{self._options.host} answered with more than vectors can take.", limit=most)
        return bytes(body)

    def _translated(self, error: OpenAIError | HTTPError) -> EmbedError:
        from httpx2 import HTTPError, TimeoutException
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        host = self._options.host
        if isinstance(error, APITimeoutError | TimeoutException):
            return EmbedTimedOut(
                f"{host} did not answer within {self._options.timeout_seconds:g} s with vectors: it is busy, or "
                "GLEANERY_EMBEDDING_TIMEOUT_SECONDS is too short.",
                retry_after=None,
            )
        if isinstance(error, APIConnectionError | HTTPError):
            return EmbedUnreachable(f"{host} can't be reached for vectors: check OPENAI_BASE_URL.", retry_after=None)
        if isinstance(error, APIStatusError):
            self._throttle.hear(error.response.headers)
            return error_of(self._refusal(error))
        return EmbedMismatch(f"{host} answered something that is no list of vectors: {type(error).__name__}.")

    def _refusal(self, error: APIStatusError) -> Refusal:
        said = error.body.get("message") if isinstance(error.body, dict) else None
        return Refusal(
            host=self._options.host,
            model=self._options.model,
            status=error.status_code,
            code=str(error.code or ""),
            type=str(error.type or ""),
            message=said if isinstance(said, str) else error.message,
            retry_after=retry_after_seconds(error.response.headers, datetime.now(UTC)),
        )
