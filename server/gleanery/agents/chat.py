"""The chat client: questions to a model over OpenAI's API, answered in a given form or refused with a reason.

Nothing here trusts an answer beyond its form: what is done with its words is its caller's to bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

from gleanery.agents.answer_form import AnswerForm, read_answer, response_format
from gleanery.agents.budget import TokenBudget, Usage
from gleanery.agents.connection import Connection, is_about
from gleanery.agents.messages import Message, Question, Reply, read_reply, text_of
from gleanery.errors import ChatError, ChatMismatch

if TYPE_CHECKING:
    from openai import AsyncOpenAI

T = TypeVar("T", bound=BaseModel)

_FORM_STATUSES = (400, 404, 415, 422, 501)
_FORM_WORDS = ("response_format", "json_schema", "json_object", "structured output", "guided_json")


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What the model answered, and what all tries for it were charged."""

    value: T
    usage: Usage


class ChatClient:
    """Any server that speaks `POST /v1/chat/completions`, through the openai client.

    `api_key` None is for servers that ask for none, `base_url` None for OpenAI itself. Up to `max_concurrency` requests run at
    once, over all callers; one that failed for a reason that may pass is tried up to 1 + `max_retries` times.
    `reasoning_effort` is for models that think before they answer, and are paid for it; None sends none. openai is imported
    at the first question, in a thread: it takes a second.

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
        self.connection = Connection(
            model,
            api_key,
            base_url=base_url,
            max_concurrency=max_concurrency,
            max_retries=max_retries,
            timeout_seconds=timeout_seconds,
            sleep=sleep,
        )
        self._reasoning_effort = reasoning_effort
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
        await self.connection.open()

    async def aclose(self) -> None:
        await self.connection.aclose()

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
        async def request(client: AsyncOpenAI) -> bytes:
            return await self._request(client, question, form)

        content = await self.connection.ask(request)
        return read_reply(content, sum(len(message["content"]) for message in question.told(form)))

    async def _request(self, client: AsyncOpenAI, question: Question[Any], form: AnswerForm) -> bytes:
        """The answer's body as it came."""
        from openai import APIStatusError, OpenAIError

        limit_name = self._limit_name  # of this request: another one may change it meanwhile
        body: dict[str, Any] = {"model": self.model, "messages": question.told(form)}
        body[limit_name] = question.max_answer_tokens
        form_model: type[BaseModel] = question.model
        if (wanted := response_format(form, form_model)) is not None:
            body["response_format"] = wanted
        if self._reasoning_effort is not None:
            body["reasoning_effort"] = self._reasoning_effort
        try:
            raw = await client.chat.completions.with_raw_response.create(**body)
        except OpenAIError as error:
            if limit_name == "max_completion_tokens" and is_about(error, (limit_name,)):
                self._limit_name = "max_tokens"  # the older name, which some servers know alone
                return await self._request(client, question, form)
            is_of_form = isinstance(error, APIStatusError) and error.status_code in _FORM_STATUSES
            if is_of_form and is_about(error, _FORM_WORDS) and form is not AnswerForm.TEXT:
                raise _FormUnknown(self.connection.translated(error, client)) from error
            raise
        content: bytes = raw.http_response.content
        return content


class _FormUnknown(Exception):
    """The server knows no such `response_format`."""

    def __init__(self, error: ChatError) -> None:
        super().__init__(error.message)
        self.error = error
