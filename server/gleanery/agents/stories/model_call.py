"""One call of a model through the SDK's clients: by the Responses API or Chat Completions, whichever the server speaks, and what
it answered read with care."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from agents import (
    ModelBehaviorError,
    ModelResponse,
    ModelSettings,
    ModelTracing,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Tool,
    TResponseInputItem,
)
from agents.agent_output import AgentOutputSchemaBase
from openai import APIStatusError, AsyncOpenAI
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage
from openai.types.shared import Reasoning
from pydantic import BaseModel

from gleanery.agents.answer_form import read_answer, strict_schema, told_in_words
from gleanery.agents.budget import Usage, estimated_tokens
from gleanery.agents.connection import Connection, is_about
from gleanery.agents.messages import SAID_CHARACTERS
from gleanery.agents.stories.runtime import Api, Runtime
from gleanery.errors import ChatError, ChatMismatch, ChatRefused, ChatTooLong

MAX_TEXT_CHARACTERS = 256 * 1024
MAX_ARGUMENT_CHARACTERS = 8 * 1024

PATIENCE = 5.0
"""Answers of agents are long, and one that is given up in its middle is paid all the same."""
_NO_SUCH_API = (404, 405, 501)
_FORM_WORDS = ("response_format", "json_schema", "structured output", "guided_json", "text.format")
_TOOL_WORDS = (
    "support tool",
    "support function",
    "tools are not",
    "tool use",
    "tool calling",
    "function calling",
    "tool_choice",
)
_NOT_AN_ANSWER = (AttributeError, TypeError, ValueError, KeyError, IndexError, RecursionError)
"""What the SDK comes to with a body that is none of the API's: it reads fields without looking."""


class Form(AgentOutputSchemaBase):
    """The form of an agent's last answer: the house's strict schema, and its reading of what comes."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.model = model

    def is_plain_text(self) -> bool:
        return False

    def name(self) -> str:
        return self.model.__name__

    def json_schema(self) -> dict[str, Any]:
        return strict_schema(self.model)

    def is_strict_json_schema(self) -> bool:
        return True

    def validate_json(self, json_str: str) -> Any:
        """Raises ChatMismatch."""
        return read_answer(json_str, self.model)


@dataclass(frozen=True)
class Call:
    """`key` is the same whenever the same is asked again after a crash: a gateway that knows it needn't charge twice."""

    instructions: str
    items: tuple[TResponseInputItem, ...]
    tools: tuple[Tool, ...]
    form: Form
    max_answer_tokens: int
    key: str
    may_use_tools: bool = True

    @property
    def size(self) -> int:
        """In tokens, about."""
        told = sum(estimated_tokens(str(item)) for item in self.items)
        return estimated_tokens(self.instructions) + told


@dataclass(frozen=True)
class ToolCall:
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Reply:
    """`failure` is why it can't be used although it was charged for; `is_final` that it was asked for without tools."""

    usage: Usage
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    failure: ChatError | None = None
    is_final: bool = False
    seconds: float = 0.0
    at: datetime | None = None

    def stored(self) -> dict[str, Any]:
        """As JSON."""
        failure = self.failure
        return {
            "usage": [self.usage.prompt_tokens, self.usage.completion_tokens],
            "text": self.text,
            "tool_calls": [[call.call_id, call.name, call.arguments] for call in self.tool_calls],
            "failure": None if failure is None else [failure.code, failure.message, failure.details],
            "is_final": self.is_final,
            "seconds": round(self.seconds, 3),
            "at": None if self.at is None else self.at.isoformat(),
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Reply:
        """What `stored` gave."""
        failure = None
        if stored["failure"] is not None:
            code, message, details = stored["failure"]
            failure = _FAILURES[code](message, **details)
        return cls(
            Usage(*stored["usage"]),
            stored["text"],
            tuple(ToolCall(*call) for call in stored["tool_calls"]),
            failure,
            stored["is_final"],
            stored["seconds"],
            None if stored["at"] is None else datetime.fromisoformat(stored["at"]),
        )


_FAILURES: Mapping[str, type[ChatError]] = {kind.code: kind for kind in (ChatRefused, ChatTooLong, ChatMismatch)}


class ModelServer:
    """Asks one model; `runtime` remembers what the server turned out to know."""

    def __init__(self, runtime: Runtime, model: str | None) -> None:
        self._runtime = runtime
        self._connection: Connection = runtime.connection if model is None else runtime.connection.of_model(model)
        self.model = self._connection.model

    async def ask(self, call: Call) -> Reply:
        """Raises the ChatErrors of a call that was not answered."""
        runtime = self._runtime
        if runtime.api is not Api.CHAT:
            try:
                reply = await self._connection.ask(partial(self._request, call, Api.RESPONSES), patience=PATIENCE)
            except _NoSuchApi:
                pass
            else:
                runtime.api = Api.RESPONSES
                return reply
        reply = await self._connection.ask(partial(self._request, call, Api.CHAT), patience=PATIENCE)
        runtime.api = Api.CHAT
        return reply

    async def _request(self, call: Call, api: Api, client: AsyncOpenAI) -> Reply:
        runtime = self._runtime
        limit_name, is_schema_known, are_tools_known = (
            runtime.limit_name,
            runtime.is_schema_known,
            runtime.are_tools_known,
        )
        try:
            return self._read(await self._response(call, api, client), call)
        except APIStatusError as error:
            if self._is_unknown(api) and error.status_code in _NO_SUCH_API and error.code != "model_not_found":
                raise _NoSuchApi from error
            if api is Api.CHAT and limit_name == "max_completion_tokens" and is_about(error, (limit_name,)):
                runtime.limit_name = "max_tokens"
            elif is_schema_known and error.status_code < 500 and is_about(error, _FORM_WORDS):
                runtime.is_schema_known = False
            elif are_tools_known and call.tools and error.status_code < 500 and is_about(error, _TOOL_WORDS):
                runtime.are_tools_known = False
            else:
                raise
            return await self._request(call, api, client)
        except ModelBehaviorError as error:
            return _unusable(error, call)
        except _NOT_AN_ANSWER as error:
            if self._is_unknown(api):  # a page for people, say: what it doesn't know it answers with that
                raise _NoSuchApi from error
            raise ChatMismatch(
                f"{client.base_url.host} answered something that is no chat answer: check OPENAI_BASE_URL.",
                reason=type(error).__name__,
            ) from None

    def _is_unknown(self, api: Api) -> bool:
        return api is Api.RESPONSES and self._runtime.api is None

    async def _response(self, call: Call, api: Api, client: AsyncOpenAI) -> ModelResponse:
        runtime = self._runtime
        model = (OpenAIResponsesModel if api is Api.RESPONSES else OpenAIChatCompletionsModel)(self.model, client)
        words = "" if runtime.is_schema_known else f"\n\n{told_in_words(call.form.model)}"
        return await model.get_response(
            _storable(call.instructions + words),
            [_plain(item) for item in call.items],
            self._settings(call, api, is_openai=client.base_url.host.endswith("openai.com")),
            list(call.tools) if runtime.are_tools_known else [],
            call.form if runtime.is_schema_known else None,
            [],
            ModelTracing.DISABLED,
            previous_response_id=None,
            conversation_id=None,
            prompt=None,
        )

    def _settings(self, call: Call, api: Api, *, is_openai: bool) -> ModelSettings:
        """The server is to keep nothing of it (`store`, which not every server of Chat Completions knows)."""
        effort = self._runtime.reasoning_effort
        settings = ModelSettings(
            store=False if api is Api.RESPONSES or is_openai else None,
            parallel_tool_calls=None,
            tool_choice="none" if call.tools and not call.may_use_tools and self._runtime.are_tools_known else None,
            reasoning=None if effort is None else Reasoning.model_validate({"effort": effort}),
            extra_headers={"Idempotency-Key": call.key},
        )
        if api is Api.RESPONSES:
            return replace(settings, max_tokens=call.max_answer_tokens)
        return replace(settings, extra_args={self._runtime.limit_name: call.max_answer_tokens})

    def _read(self, response: ModelResponse, call: Call) -> Reply:
        text, refusal = "", ""
        tool_calls: list[ToolCall] = []
        for item in response.output:
            if isinstance(item, ResponseOutputMessage):
                for part in item.content:
                    text += _storable(part.text) if part.type == "output_text" else ""
                    refusal += _storable(part.refusal) if part.type == "refusal" else ""
            elif isinstance(item, ResponseFunctionToolCall):
                tool_calls.append(_tool_call(item, len(tool_calls)))
        usage = Usage(max(0, response.usage.input_tokens), max(0, response.usage.output_tokens))
        if usage.total_tokens == 0:  # a server that tells none is taken to charge what the texts come to
            usage = Usage(call.size, estimated_tokens(text))
        failure: ChatError | None = None
        if refusal:
            failure = ChatRefused("The chat model refused to answer.", said=refusal[:SAID_CHARACTERS])
        elif len(text) > MAX_TEXT_CHARACTERS:
            failure = ChatMismatch("The chat server answered more than is read.", limit_characters=MAX_TEXT_CHARACTERS)
            text = ""
        elif not tool_calls and usage.completion_tokens >= call.max_answer_tokens:
            failure = _cut_off(call)
        return Reply(usage, text, tuple(tool_calls), failure)


class _NoSuchApi(Exception):
    """The server doesn't speak the Responses API."""


def _tool_call(item: ResponseFunctionToolCall, number: int) -> ToolCall:
    """Ids and arguments are bounded: they go into what is stored and asked next."""
    call_id = item.call_id if 0 < len(item.call_id) <= 64 else f"call_{number}"
    return ToolCall(_storable(call_id), _storable(item.name[:64]), _arguments(item.arguments))


def _arguments(told: str) -> str:
    """JSON that the SDK can take apart and put together again, else nothing: then the tool says what it wants."""
    if len(told) > MAX_ARGUMENT_CHARACTERS:
        return ""
    try:
        given = json.loads(told, parse_constant=_no_number)
        return _storable(json.dumps(given, ensure_ascii=False)) if isinstance(given, dict) else ""
    except (ValueError, RecursionError):
        return ""


def _no_number(name: str) -> float:
    raise ValueError(name)


def _unusable(error: ModelBehaviorError, call: Call) -> Reply:
    """An answer that the SDK gave up on; it was charged for, and tells no usage any more."""
    said = error.message
    if "max_output_tokens" in said or "'length'" in said:
        return Reply(Usage(call.size, call.max_answer_tokens), failure=_cut_off(call))
    if "content_filter" in said:
        return Reply(Usage(call.size, 0), failure=ChatRefused("The chat model refused to answer.", said=""))
    failure = ChatMismatch("The chat server answered something that is no chat answer: check OPENAI_BASE_URL.")
    return Reply(Usage(call.size, 0), failure=failure)


def _cut_off(call: Call) -> ChatTooLong:
    limit = call.max_answer_tokens
    return ChatTooLong(f"The chat model's answer was cut off after {limit} tokens.", limit_tokens=limit)


def _plain(item: TResponseInputItem) -> TResponseInputItem:
    """A lone surrogate has no UTF-8: "?" stands for it."""
    for key in ("content", "output", "arguments"):
        value = item.get(key)
        if isinstance(value, str):
            item = {**item, key: _storable(value)}  # type: ignore[assignment]
    return item


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
