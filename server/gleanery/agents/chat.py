"""The chat client: questions to a model over OpenAI's API, answered in a given form or refused with a reason.

Nothing here trusts an answer beyond its form: what is done with its words is its caller's to bound.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

from gleanery.agents.answer_form import AnswerForm, read_answer, response_format
from gleanery.agents.budget import TokenBudget, Usage
from gleanery.agents.messages import SAID_CHARACTERS, Message, Question, Reply, read_reply, text_of
from gleanery.backoff import retry_after_seconds, retry_delay
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

T = TypeVar("T", bound=BaseModel)

_NO_KEY = "none"  # the client insists on a key, a server of one's own need not
_LONGEST_WAIT_SECONDS = 120.0  # told to wait longer than this, the task gives its place to others and comes back
_LENGTH_WORDS = ("context length", "context window", "too many tokens", "is too large", "prompt is too long")
_FORM_WORDS = ("response_format", "json_schema", "json_object", "structured output", "guided_json")


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What the model answered, and what all tries for it were charged."""

    value: T
    usage: Usage


class ChatClient:
    """Any server that speaks `POST /v1/chat/completions`, through the openai client.

    `api_key` None is for servers that ask for none. `base_url` None means what the client reads from OPENAI_BASE_URL,
    else OpenAI itself. Up to `max_concurrency` requests run at once, over all callers; one that failed for a reason that
    may pass is tried up to 1 + `max_retries` times. `reasoning_effort` is for models that think before they answer, and
    are paid for it; None sends none. openai is imported at the first question, in a thread: it takes a second.

    `usage` is what the server has charged for so far.
    """

    def __init__(
        self,
        model: str,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        max_concurrency: int = 4,
        max_retries: int = 5,
        timeout_seconds: float = 60.0,
        reasoning_effort: str | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.model = model
        self.usage = Usage()
        self.max_concurrency = max_concurrency
        self._key = api_key
        self._base_url = base_url
        self._turns = asyncio.Semaphore(max_concurrency)
        self._max_retries = max_retries
        self._timeout_seconds = timeout_seconds
        self._reasoning_effort = reasoning_effort
        self._sleep = sleep
        self._opening = asyncio.Lock()
        self._client: AsyncOpenAI | None = None
        self._form = AnswerForm.SCHEMA
        self._limit_name = "max_completion_tokens"

    async def ask(
        self,
        messages: Sequence[Message],
        answer_model: type[T],
        *,
        max_answer_tokens: int,
        budget: TokenBudget | None = None,
    ) -> Answer[T]:
        """The model's answer in the form of `answer_model` (a field without a default can't be left out; bounds of fields
        are checked when it is read). Every answer is counted in `budget`, also one that can't be used.

        Raises ChatKeyRefused, ChatQuotaSpent, ChatModelUnknown, and ChatUnavailable when every try failed, with
        `retry_after` (seconds or None) in its details; of this question only: ChatRefused, ChatTooLong, ChatMismatch.
        """
        question = Question(tuple(messages), answer_model, max_answer_tokens, budget)
        tried = self._form
        try:
            return await self._answer(question, tried)
        except ChatMismatch:
            # A server that passes over `response_format` answers with prose: the schema in the prompt may do.
            weaker = tried.weaker if self._form is tried else self._form
            if weaker is None:
                raise
        answer = await self._answer(question, weaker)
        self._weaken(weaker)
        return answer

    async def open(self) -> None:
        """Import and build what the first question needs, which else does it. In a thread, and still the loop stops for a tenth
        of a second: a server does it before it serves."""
        await self._opened()

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _answer(self, question: Question[T], form: AnswerForm) -> Answer[T]:
        spent = Usage()
        while True:
            try:
                reply = await self._reply(question, form)
            except _FormUnknown as refusal:
                weaker = form.weaker
                if weaker is None:
                    raise refusal.error from None
                form = weaker
                self._weaken(form)
                continue
            self.usage += reply.usage
            spent += reply.usage
            if question.budget is not None:
                question.budget.count(reply.usage)
            return Answer(read_answer(text_of(reply, question.max_answer_tokens), question.model), spent)

    def _weaken(self, form: AnswerForm) -> None:
        """From now on no stronger form is tried: the server has shown that it doesn't know it."""
        self._form = max(self._form, form, key=list(AnswerForm).index)

    async def _reply(self, question: Question[Any], form: AnswerForm) -> Reply:
        for attempt in itertools.count():
            try:
                async with self._turns:
                    return await self._request(question, form)
            except ChatUnavailable as error:
                delay_seconds = retry_delay(attempt, error.details["retry_after"], random.random())
                if attempt >= self._max_retries or delay_seconds > _LONGEST_WAIT_SECONDS:
                    raise
            await self._sleep(delay_seconds)
        raise AssertionError("unreachable: the loop ends by return or raise")

    async def _request(self, question: Question[Any], form: AnswerForm) -> Reply:
        client = await self._opened()
        from openai import OpenAIError

        limit_name = self._limit_name  # of this request: another one may change it meanwhile
        body: dict[str, Any] = {"model": self.model, "messages": question.told(form)}
        body[limit_name] = question.max_answer_tokens
        form_model: type[BaseModel] = question.model
        if (wanted := response_format(form, form_model)) is not None:
            body["response_format"] = wanted
        if self._reasoning_effort is not None:
            body["reasoning_effort"] = self._reasoning_effort
        try:
            async with asyncio.timeout(self._timeout_seconds):
                raw = await client.chat.completions.with_raw_response.create(**body)
        except TimeoutError:
            raise self._silent(client) from None
        except OpenAIError as error:
            if limit_name == "max_completion_tokens" and _is_about(error, (limit_name,)):
                self._limit_name = "max_tokens"  # the older name, which some servers know alone
                return await self._request(question, form)
            raise self._translated(error, client, form) from error
        content: bytes = raw.http_response.content
        return read_reply(content, sum(len(message["content"]) for message in question.told(form)))

    async def _opened(self) -> AsyncOpenAI:
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(_open, self._key, self._base_url, self._timeout_seconds)
            return self._client

    def _silent(self, client: AsyncOpenAI) -> ChatUnavailable:
        return ChatUnavailable(f"{client.base_url.host} did not answer in time.", retry_after=None)

    def _translated(self, error: OpenAIError, client: AsyncOpenAI, form: AnswerForm) -> Exception:
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        host = client.base_url.host
        if isinstance(error, APITimeoutError):
            return self._silent(client)
        if isinstance(error, APIConnectionError):
            return ChatUnavailable(f"{host} can't be reached: check OPENAI_BASE_URL.", retry_after=None)
        if not isinstance(error, APIStatusError):
            return ChatMismatch(f"{host} answered something that is no chat answer: {type(error).__name__}.")
        translated = self._translated_status(error, host)
        is_form = error.status_code in (400, 404, 415, 422, 501) and _is_about(error, _FORM_WORDS)
        return _FormUnknown(translated) if is_form and form is not AnswerForm.TEXT else translated

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
        if status == 413 or error.code == "context_length_exceeded" or _is_about(error, _LENGTH_WORDS):
            return ChatTooLong(f"The question is longer than {self.model!r} reads.", **facts)
        if error.code in ("content_filter", "content_policy_violation"):
            return ChatRefused(f"{host} refused the question for what it is about.", **facts)
        said = error.message[:SAID_CHARACTERS].replace(self._key or _NO_KEY, "…")
        return ChatMismatch(f"{host} refused a question to the chat model {self.model!r}: {said}", **facts)


class _FormUnknown(Exception):
    """The server knows no such `response_format`."""

    def __init__(self, error: ChatError) -> None:
        super().__init__(error.message)
        self.error = error


def _is_about(error: OpenAIError, words: Sequence[str]) -> bool:
    text = f"{error} {getattr(error, 'param', '')}".lower()
    return any(word in text for word in words)


def _open(key: str | None, base_url: str | None, timeout_seconds: float) -> AsyncOpenAI:
    """The vendor's client with all that its first request would import. Blocks for a second: runs in a thread."""
    from openai import AsyncOpenAI

    client = AsyncOpenAI(api_key=key or _NO_KEY, base_url=base_url, max_retries=0, timeout=timeout_seconds)
    _ = client.chat.completions.with_raw_response
    return client
