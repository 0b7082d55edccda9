"""A model of the SDK that looks into the task's steps first: what was answered once is not asked, and not paid, again."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from agents import (
    FunctionTool,
    Model,
    ModelResponse,
    ModelSettings,
    TResponseInputItem,
    UserError,
    generation_span,
)
from agents import Tool as SdkTool
from agents import Usage as SdkUsage
from agents.items import TResponseOutputItem, TResponseStreamEvent
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText
from pydantic import BaseModel

from gleanery.agents.answer_form import read_answer, strict_schema
from gleanery.agents.asking import BudgetSpent
from gleanery.agents.budget import TokenBudget, Usage
from gleanery.agents.stories.context import StageContext
from gleanery.agents.stories.material import one_line
from gleanery.agents.stories.model_call import Call, Form, ModelServer, Reply, ToolCall
from gleanery.agents.stories.prompts import ANSWER_AGAIN, ANSWER_NOW, VERSION
from gleanery.agents.stories.runtime import Runtime
from gleanery.agents.stories.told import weakness
from gleanery.agents.stories.tools import MAX_CALLS, Toolbox
from gleanery.agents.stories.tracing import DETAIL_CHARACTERS, Recorder
from gleanery.errors import ChatError, ChatMismatch
from gleanery.model.stories import Stage

ANSWER_TOKENS = 8_192  # leaves room for models that think first, which counts as answer
EXPECTED_ANSWER_TOKENS = 1_000
MAX_CALLS_AT_ONCE = 6
REPAIRS = 2
"""How often an answer that can't be used is asked for again."""
FAILED_ORDINALS = 1_000
"""Records of calls that failed are numbered from this times the attempt: the call may be made again, and succeed."""
_TOLD_BACK_CHARACTERS = 2_000


@dataclass
class _Tries:
    """The replies to one call. What an earlier attempt was charged waits to be counted: it may be in a record already."""

    count: int = 0
    usage: Usage = field(default_factory=Usage)
    waiting: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    at: datetime | None = None
    told: tuple[TResponseInputItem, ...] = ()

    def add(self, reply: Reply, *, is_fresh: bool) -> None:
        self.count += 1
        self.usage += reply.usage
        self.waiting += Usage() if is_fresh else reply.usage
        self.seconds += reply.seconds
        self.at = self.at or reply.at

    def taken(self) -> Usage:
        """What waits, which then waits no more."""
        waiting, self.waiting = self.waiting, Usage()
        return waiting

    def begin(self) -> None:
        """Anew."""
        self.count, self.usage, self.waiting, self.seconds, self.at, self.told = 0, Usage(), Usage(), 0.0, None, ()


class GivenUp(Exception):
    """No reply can be used: `error` says why."""

    def __init__(self, error: ChatError) -> None:
        super().__init__(error.message)
        self.error = error


class StoredModel(Model):
    """A model that looks into the task's steps first: what was answered once to the same is answered so again, for nothing.

    No dataclass: the SDK would make a deep copy of one, with all that it holds, to know the agent by.
    """

    def __init__(
        self,
        ctx: StageContext,
        runtime: Runtime,
        stage: Stage,
        form: type[BaseModel],
        recorder: Recorder,
        toolbox: Toolbox | None,
        turns: int,
    ) -> None:
        self.ctx = ctx
        self.runtime = runtime
        self.stage = stage
        self.form = form
        self.recorder = recorder
        self.toolbox = toolbox
        self.turns = turns
        self.turn = 0
        self.last_prompt_tokens = 0
        self.call_ids: set[str] = set()
        self.server = ModelServer(runtime, ctx.model)
        self.budget = TokenBudget(ctx.max_tokens, spent_before=ctx.spent_before.total_tokens)

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],
        model_settings: ModelSettings,  # noqa: ARG002 - what is asked is set by `Call`
        tools: list[SdkTool],
        *_: Any,
        **__: Any,
    ) -> ModelResponse:
        await self.recorder.flush()
        self.turn += 1
        items: list[TResponseInputItem] = [{"role": "user", "content": input}] if isinstance(input, str) else input
        call = Call(system_instructions or "", tuple(items), tuple(tools), Form(self.form), ANSWER_TOKENS, "")
        with generation_span(model=self.server.model) as span:
            tries = _Tries()
            try:
                reply, output = await self._answered(
                    f"{self.stage}.model.{self.turn}.{self._digest(call)}", call, tries
                )
            except (GivenUp, BudgetSpent) as error:
                if tries.usage.total_tokens:
                    span.span_data.model_config = {**self._failed(error), **self._charged(tries)}
                raise
            span.span_data.model_config = {"detail": _detail(reply, tries), **self._charged(tries)}
        self.last_prompt_tokens = reply.usage.prompt_tokens
        await self.recorder.flush()
        return ModelResponse(output=output, usage=_sdk_usage(tries.usage), response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[TResponseStreamEvent]:
        """An answer is kept whole or not at all: nobody streams."""
        raise UserError("agents of stories are not streamed")

    async def _answered(self, name: str, call: Call, tries: _Tries) -> tuple[Reply, list[TResponseOutputItem]]:
        """The first reply that can be used; one that can't is asked for again, with what is wrong about it.

        Each reply is a step. Where an earlier attempt gave up after so many, these are in its record, and it begins anew.
        """
        for number in itertools.count():
            reply, is_fresh = await self._reply(f"{name}.{number}", call, tries)
            try:
                output = self._output(reply, is_repaired=tries.count > 1)
            except ChatError as error:
                if isinstance(error, ChatMismatch) and reply.failure is None and tries.count <= REPAIRS:
                    tries.told = _again(reply.text, error)
                elif is_fresh:
                    raise GivenUp(error) from error
                else:
                    tries.begin()
                continue
            self.budget.count(tries.waiting)
            return reply, output
        raise AssertionError("unreachable: the loop ends by return or raise")

    async def _reply(self, name: str, call: Call, tries: _Tries) -> tuple[Reply, bool]:
        """The stored reply or a new one, and whether it is new."""
        is_fresh = False

        async def ask() -> dict[str, Any]:
            nonlocal is_fresh
            is_fresh = True
            self.budget.count(tries.taken())
            asked = replace(call, items=(*call.items, *tries.told), key=f"{self.ctx.task_id}:{name}")
            return (await self._asked(asked)).stored()

        reply = Reply.of(await self.ctx.step(name, ask))
        tries.add(reply, is_fresh=is_fresh)
        return reply, is_fresh

    async def _asked(self, call: Call) -> Reply:
        at, began = datetime.now(UTC), time.monotonic()
        is_last = self._is_last(call)
        if is_last and self.turn > 1:
            call = replace(call, items=(*call.items, _user(ANSWER_NOW)))
        expected = self._expected(call)
        if not self._can_pay(1, expected) or not self.budget.reserve(expected):
            raise BudgetSpent
        try:
            reply = await self.server.ask(replace(call, may_use_tools=not is_last))
        finally:
            self.budget.release(expected)
        self.budget.count(reply.usage)
        return replace(reply, is_final=is_last, seconds=time.monotonic() - began, at=at)

    def _is_last(self, call: Call) -> bool:
        """Whether it must be the answer: the calls are made, or there is no room for one more after this one."""
        if self.turn >= self.turns or (self.toolbox is not None and self.toolbox.calls >= MAX_CALLS):
            return True
        two = 2 * self._expected(call)
        if self._can_pay(2, two) and self.budget.reserve(two):
            self.budget.release(two)
            return False
        return True

    def _can_pay(self, calls: int, expected: int) -> bool:
        """Whether so many calls of so many tokens in all are within the story's cost; without a price none is."""
        if self.ctx.max_cost_usd is None:
            return True
        if self.runtime.price is None:
            return False
        answers = calls * EXPECTED_ANSWER_TOKENS
        usage = self.ctx.spent_before + self.budget.usage + Usage(expected - answers, answers)
        return self.runtime.price.of(usage) <= self.ctx.max_cost_usd

    def _expected(self, call: Call) -> int:
        """What a call will cost, about: a conversation only grows, so no less than its last one."""
        return max(call.size, self.last_prompt_tokens) + EXPECTED_ANSWER_TOKENS

    def _output(self, reply: Reply, *, is_repaired: bool) -> list[TResponseOutputItem]:
        """The tools that it calls, or the answer as JSON alone, whatever stood around it. Raises ChatError."""
        if reply.failure is not None:
            raise reply.failure
        if reply.tool_calls and not reply.is_final:
            return [self._tool_call(number, made) for number, made in enumerate(reply.tool_calls[:MAX_CALLS_AT_ONCE])]
        answer = read_answer(reply.text, self.form)
        weak = None if is_repaired else weakness(answer)
        if weak is not None:
            raise ChatMismatch("The chat model's answer is not good enough.", reason=weak)
        text = ResponseOutputText(type="output_text", text=answer.model_dump_json(), annotations=[])
        said = ResponseOutputMessage(id="answer", type="message", role="assistant", status="completed", content=[text])
        return [said]

    def _tool_call(self, number: int, made: ToolCall) -> ResponseFunctionToolCall:
        """Under an id of its own, also where the server gives one twice."""
        call_id = made.call_id if made.call_id not in self.call_ids else f"{made.call_id[:40]}_{self.turn}_{number}"
        self.call_ids.add(call_id)
        return ResponseFunctionToolCall(type="function_call", call_id=call_id, name=made.name, arguments=made.arguments)

    def _charged(self, tries: _Tries) -> dict[str, Any]:
        price = self.runtime.price
        return {
            "prompt_tokens": tries.usage.prompt_tokens,
            "completion_tokens": tries.usage.completion_tokens,
            "cost_usd": None if price is None else price.of(tries.usage),
            "seconds": tries.seconds,
            "at": tries.at,
        }

    def _failed(self, error: GivenUp | BudgetSpent) -> dict[str, Any]:
        ordinal = FAILED_ORDINALS * self.ctx.attempt + self.recorder.count + 1
        if isinstance(error, BudgetSpent):
            return {"ordinal": ordinal, "error": "The story's tokens are spent.", "detail": "budget_spent"}
        return {"ordinal": ordinal, "error": error.error.message, "detail": error.error.code}

    def _digest(self, call: Call) -> str:
        """Equal for calls of the same: then the stored answer is the answer."""
        tools = [[tool.name, tool.params_json_schema] for tool in call.tools if isinstance(tool, FunctionTool)]
        said = [VERSION, self.server.model, call.instructions, call.items, tools, strict_schema(self.form)]
        told = json.dumps(said, sort_keys=True, default=str)
        return hashlib.blake2b(told.encode("utf-8", "replace"), digest_size=12).hexdigest()


def _detail(reply: Reply, tries: _Tries) -> str:
    done = "answer" if reply.is_final or not reply.tool_calls else ", ".join(call.name for call in reply.tool_calls)
    return one_line(f"{done}; asked {tries.count} times" if tries.count > 1 else done, DETAIL_CHARACTERS)


def _sdk_usage(usage: Usage) -> SdkUsage:
    return SdkUsage(
        requests=1,
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
    )


def _user(text: str) -> TResponseInputItem:
    return {"role": "user", "content": text}


def _again(text: str, error: ChatMismatch) -> tuple[TResponseInputItem, TResponseInputItem]:
    reason = f"{error.message} {error.details.get('reason', '')}".strip()
    told: TResponseInputItem = {"role": "assistant", "content": text[:_TOLD_BACK_CHARACTERS] or "(nothing)"}
    return told, _user(ANSWER_AGAIN.format(reason=reason))
