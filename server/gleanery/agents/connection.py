"""The way to a model server: requests in turn, within their time, tried again where that may help, errors as ours."""

from __future__ import annotations

import asyncio
import copy
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from gleanery.agents.messages import SAID_CHARACTERS
from gleanery.backoff import retry_after_seconds, retry_delay
from gleanery.config import OPENAI_URL
from gleanery.errors import (
    ChatError,
    ChatKeyRefused,
    ChatMismatch,
    ChatModelUnknown,
    ChatQuotaSpent,
    ChatRefused,
    ChatTooLong,
    ChatUnavailable,
)

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI, OpenAIError

R = TypeVar("R")

_NO_KEY = "none"  # the client insists on a key, a server of one's own need not
_LONGEST_WAIT_SECONDS = 120.0  # told to wait longer than this, the task gives its place to others and comes back
_LENGTH_WORDS = ("context length", "context window", "too many tokens", "is too large", "prompt is too long")


class Connection:
    """One model at a server that speaks OpenAI's API, through the openai client; what each setting means stands at
    `ChatClient`. Shared by all that ask this model, so that no more than `max_concurrency` requests run at once."""

    def __init__(
        self,
        model: str,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        max_concurrency: int = 4,
        max_retries: int = 5,
        timeout_seconds: float = 60.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.model = model
        self.max_concurrency = max_concurrency
        self._key = api_key
        self._base_url = base_url
        self._turns = asyncio.Semaphore(max_concurrency)
        self._max_retries = max_retries
        self._timeout_seconds = timeout_seconds
        self._sleep = sleep
        self._opening = asyncio.Lock()
        self._client: AsyncOpenAI | None = None

    def of_model(self, model: str) -> Connection:
        """The same way to another model of the server. Only once it is open."""
        other = copy.copy(self)
        other.model = model
        return other

    async def ask(self, request: Callable[[AsyncOpenAI], Awaitable[R]], *, patience: float = 1.0) -> R:
        """What `request` gives, which makes one request through the client; made again after a failure that may pass. It may
        take `patience` times as long as is set.

        Raises the ChatErrors that the client's errors stand for, ChatUnavailable when every try failed; any other error of
        `request` as it is.
        """
        for attempt in itertools.count():
            try:
                async with self._turns:
                    return await self._once(request, patience)
            except ChatUnavailable as error:
                delay_seconds = retry_delay(attempt, error.details["retry_after"], random.random())
                if attempt >= self._max_retries or delay_seconds > _LONGEST_WAIT_SECONDS:
                    raise
            await self._sleep(delay_seconds)
        raise AssertionError("unreachable: the loop ends by return or raise")

    async def open(self) -> AsyncOpenAI:
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(_open, self._key, self._base_url, self._timeout_seconds)
            return self._client

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _once(self, request: Callable[[AsyncOpenAI], Awaitable[R]], patience: float) -> R:
        seconds = self._timeout_seconds * patience
        client = (await self.open()).with_options(timeout=seconds)
        from openai import OpenAIError

        try:
            async with asyncio.timeout(seconds):
                return await request(client)
        except TimeoutError:
            raise _silent(client) from None
        except OpenAIError as error:
            raise self.translated(error, client) from error

    def translated(self, error: OpenAIError, client: AsyncOpenAI) -> ChatError:
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        host = client.base_url.host
        if isinstance(error, APITimeoutError):
            return _silent(client)
        if isinstance(error, APIConnectionError):
            return ChatUnavailable(f"{host} can't be reached: check OPENAI_BASE_URL.", retry_after=None)
        if not isinstance(error, APIStatusError):
            return ChatMismatch(f"{host} answered something that is no chat answer: {type(error).__name__}.")
        return self._translated_status(error, host)

    def _translated_status(self, error: APIStatusError, host: str) -> ChatError:
        """Sentences never repeat a key: a server may quote it."""
        status: int = error.status_code
        facts: dict[str, Any] = {"status": status, "model": self.model}
        if status in (401, 403):
            return ChatKeyRefused(f"{host} refused the API key for chat: set a valid OPENAI_API_KEY.", **facts)
        if status == 402 or "insufficient_quota" in (error.code, error.type):
            return ChatQuotaSpent(f"The account at {host} has no quota left: add credit or set another key.", **facts)
        if status == 404:
            return ChatModelUnknown(
                f"{host} serves no chat model {self.model!r}: check GLEANERY_CHAT_MODEL and OPENAI_BASE_URL.", **facts
            )
        if status in (408, 409, 425, 429) or status >= 500:
            seconds = retry_after_seconds(error.response.headers, datetime.now(UTC))
            return ChatUnavailable(f"{host} has no room for this now (status {status}).", retry_after=seconds, **facts)
        if status == 413 or error.code == "context_length_exceeded" or is_about(error, _LENGTH_WORDS):
            return ChatTooLong(f"The question is longer than {self.model!r} reads.", **facts)
        if error.code in ("content_filter", "content_policy_violation"):
            return ChatRefused(f"{host} refused the question for what it is about.", **facts)
        said = error.message[:SAID_CHARACTERS].replace(self._key or _NO_KEY, "…")
        return ChatMismatch(f"{host} refused a question to the chat model {self.model!r}: {said}", **facts)


def is_about(error: OpenAIError, words: Sequence[str]) -> bool:
    text = f"{error} {getattr(error, 'param', '')}".lower()
    return any(word in text for word in words)


def _silent(client: AsyncOpenAI) -> ChatUnavailable:
    return ChatUnavailable(f"{client.base_url.host} did not answer in time.", retry_after=None)


def _open(key: str | None, base_url: str | None, timeout_seconds: float) -> AsyncOpenAI:
    """The vendor's client with all that its first request would import. Blocks for a second: runs in a thread."""
    from openai import AsyncOpenAI

    # Not left to the client: it would take an OPENAI_BASE_URL that is set to nothing for an address.
    client = AsyncOpenAI(
        api_key=key or _NO_KEY, base_url=base_url or OPENAI_URL, max_retries=0, timeout=timeout_seconds
    )
    _ = client.chat.completions.with_raw_response
    return client
