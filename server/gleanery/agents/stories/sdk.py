"""Runs an agent of the SDK whose every call of a model or a tool is a stored step of its task. Imported at the first run: it
takes two seconds."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from agents import (
    Agent,
    FunctionTool,
    Handoff,
    Model,
    ModelResponse,
    ModelSettings,
    ModelTracing,
    RunConfig,
    Runner,
    ToolExecutionConfig,
    TResponseInputItem,
    UserError,
    generation_span,
    handoff_span,
    trace,
)
from agents import Tool as SdkTool
from agents import Usage as SdkUsage
from agents.agent_output import AgentOutputSchemaBase
from agents.exceptions import AgentsException
from agents.items import TResponseOutputItem, TResponseStreamEvent
from agents.tool_context import ToolContext
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText
from openai.types.responses.response_prompt_param import ResponsePromptParam
from pydantic import BaseModel
from typing_extensions import override

from gleanery.agents.answer_form import read_answer, strict_schema
from gleanery.agents.asking import BudgetSpent
from gleanery.agents.budget import TokenBudget, Usage
from gleanery.agents.stories.context import StageContext
from gleanery.agents.stories.model_call import Call, Form, ModelServer, Reply
from gleanery.agents.stories.prompts import AGENTS, ANSWER_AGAIN, ANSWER_NOW, INSTRUCTIONS, VERSION
from gleanery.agents.stories.runtime import Runtime
from gleanery.agents.stories.told import weakness
from gleanery.agents.stories.tools import MAX_CALLS, TOOLS, Tool, Toolbox
from gleanery.agents.stories.tracing import RECORDER, Recorder
from gleanery.errors import ChatError, ChatMismatch, GleaneryError
from gleanery.model.stories import Stage

T = TypeVar("T", bound=BaseModel)

ANSWER_TOKENS = 8_192  # leaves room for models that think first, which counts as answer
EXPECTED_ANSWER_TOKENS = 1_000
MAX_CALLS_AT_ONCE = 6
REPAIRS = 2
"""How often an answer that can't be used is asked for again."""
FAILED_ORDINALS = 1_000
"""Records of calls that failed are numbered from this times the attempt: the call may be made again, and succeed."""
_TOLD_BACK_CHARACTERS = 2_000


async def run(
    ctx: StageContext,
    runtime: Runtime,
    stage: Stage,
    material: str,
    form: type[T],
    *,
    toolbox: Toolbox | None = None,
    turns: int = 1,
    handed_by: Stage | None = None,
) -> T:
    """What the agent of `stage` answers in `form`, within so many calls of the model; the last one is without tools.

    Raises BudgetSpent, the ChatErrors, and what the stores of `ctx` raise.
    """
    recorder = Recorder(ctx.task_id, stage, AGENTS[stage], ctx.note)
    tools: list[SdkTool] = [] if toolbox is None else [_function_tool(tool, toolbox) for tool in TOOLS]
    model = StoredModel(ctx, runtime, stage, form, recorder, toolbox, turns)
    agent = Agent(
        name=AGENTS[stage], instructions=INSTRUCTIONS[stage], tools=tools, model=model, output_type=Form(form)
    )
    config = RunConfig(
        tool_not_found_behavior="return_error_to_model",
        tool_execution=ToolExecutionConfig(max_function_tool_concurrency=1),
        trace_include_sensitive_data=True,  # traces stay here
    )
    with trace(f"story {stage}", group_id=ctx.task_id, metadata={"task_id": ctx.task_id, RECORDER: recorder}):
        if handed_by is not None:
            with handoff_span(AGENTS[handed_by], AGENTS[stage]):
                pass
        try:
            result = await Runner.run(agent, material, max_turns=turns + 1, run_config=config)
        except AgentsException as error:
            raise _ours(error) from error
        finally:
            await recorder.flush()
    answer = result.final_output
    assert isinstance(answer, form)
    return answer


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
        self.budget = TokenBudget(ctx.max_tokens, spent_before=ctx.spent_before)

    @override
    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],
        model_settings: ModelSettings,
        tools: list[SdkTool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff],
        tracing: ModelTracing,
        *,
        previous_response_id: str | None,
        conversation_id: str | None,
        prompt: ResponsePromptParam | None,
    ) -> ModelResponse:
        await self.recorder.flush()
        self.turn += 1
        items: list[TResponseInputItem] = [{"role": "user", "content": input}] if isinstance(input, str) else input
        call = Call(system_instructions or "", tuple(items), tuple(tools), Form(self.form), ANSWER_TOKENS, "")
        name = f"{self.stage}.model.{self.turn}.{self._digest(call)}"
        spent = TokenBudget(None)
        with generation_span(model=self.server.model) as span:
            try:
                kept = await self.ctx.step(name, partial(self._answered, name, call, spent))
            except ChatError as error:
                if spent.spent:
                    span.span_data.model_config = {**self._failed(error), **self._charged(spent.usage)}
                raise
            usage = Usage(kept["prompt_tokens"], kept["completion_tokens"])
            span.span_data.model_config = {**kept["record"], **self._charged(usage)}
        if not spent.spent:
            self.budget.count(usage)  # of an earlier attempt
        self.last_prompt_tokens = usage.prompt_tokens
        await self.recorder.flush()
        return self._response(kept, usage)

    @override
    def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[TResponseStreamEvent]:
        """An answer is kept whole or not at all: nobody streams."""
        raise UserError("agents of stories are not streamed")

    async def _answered(self, name: str, call: Call, spent: TokenBudget) -> dict[str, Any]:
        """As it is stored. What can't be used is asked for again, with what is wrong about it."""
        at, began = datetime.now(UTC), time.monotonic()
        is_last = self._is_last(call)
        if is_last and self.turn > 1:
            call = replace(call, items=(*call.items, _user(ANSWER_NOW)))
        asked = replace(call, may_use_tools=not is_last)
        for number in range(1 + REPAIRS):
            reply = await self._asked(replace(asked, key=f"{self.ctx.task_id}:{name}:{number}"), spent)
            calls = [] if is_last else self._calls(reply)
            try:
                text = "" if calls else self._text(reply, is_repaired=number > 0)
            except ChatMismatch as error:
                if number == REPAIRS:
                    raise
                asked = replace(asked, items=(*call.items, *_again(reply.text, error)))
                continue
            detail = ", ".join(made["name"] for made in calls) or "answer"
            return {
                "text": text,
                "calls": calls,
                "prompt_tokens": spent.usage.prompt_tokens,
                "completion_tokens": spent.usage.completion_tokens,
                "record": {
                    "detail": detail + (f"; asked {number + 1} times" if number else ""),
                    "seconds": round(time.monotonic() - began, 3),
                    "at": at.isoformat(),
                },
            }
        raise AssertionError("unreachable: the loop ends by return or raise")

    async def _asked(self, call: Call, spent: TokenBudget) -> Reply:
        expected = self._expected(call)
        if not self.budget.reserve(expected):
            raise BudgetSpent
        try:
            reply = await self.server.ask(call)
        finally:
            self.budget.release(expected)
        self.budget.count(reply.usage)
        spent.count(reply.usage)
        if reply.failure is not None:
            raise reply.failure
        return reply

    def _is_last(self, call: Call) -> bool:
        """Whether it must be the answer: the calls are made, or there is no room for one more after this one."""
        if self.turn >= self.turns or (self.toolbox is not None and self.toolbox.calls >= MAX_CALLS):
            return True
        two = 2 * self._expected(call)
        if self.budget.reserve(two):
            self.budget.release(two)
            return False
        return True

    def _expected(self, call: Call) -> int:
        """What a call will cost, about: a conversation only grows, so no less than its last one."""
        return max(call.size, self.last_prompt_tokens) + EXPECTED_ANSWER_TOKENS

    def _calls(self, reply: Reply) -> list[dict[str, str]]:
        """The tools that the model calls, each under an id of its own; the rest of very many is dropped."""
        calls: list[dict[str, str]] = []
        for number, made in enumerate(reply.tool_calls[:MAX_CALLS_AT_ONCE]):
            call_id = made.call_id
            if call_id in self.call_ids:
                call_id = f"{call_id[:40]}_{self.turn}_{number}"
            self.call_ids.add(call_id)
            calls.append({"call_id": call_id, "name": made.name, "arguments": made.arguments})
        return calls

    def _text(self, reply: Reply, *, is_repaired: bool) -> str:
        """The answer as JSON alone, whatever stood around it. Raises ChatMismatch."""
        answer = read_answer(reply.text, self.form)
        weak = None if is_repaired else weakness(answer)
        if weak is not None:
            raise ChatMismatch("The chat model's answer is not good enough.", reason=weak)
        return answer.model_dump_json()

    def _response(self, kept: Mapping[str, Any], usage: Usage) -> ModelResponse:
        output: list[TResponseOutputItem] = [
            ResponseFunctionToolCall(type="function_call", **made) for made in kept["calls"]
        ]
        self.call_ids.update(made["call_id"] for made in kept["calls"])
        if not output:
            text = ResponseOutputText(type="output_text", text=kept["text"], annotations=[])
            output.append(
                ResponseOutputMessage(id="answer", type="message", role="assistant", status="completed", content=[text])
            )
        charged = SdkUsage(
            requests=1,
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
            total_tokens=usage.total_tokens,
        )
        return ModelResponse(output=output, usage=charged, response_id=None)

    def _charged(self, usage: Usage) -> dict[str, Any]:
        price = self.runtime.price
        return {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "cost_usd": None if price is None else price.of(usage),
        }

    def _failed(self, error: ChatError) -> dict[str, Any]:
        ordinal = FAILED_ORDINALS * self.ctx.attempt + self.recorder.count + 1
        return {"ordinal": ordinal, "error": error.message, "detail": error.code}

    def _digest(self, call: Call) -> str:
        """Equal for calls of the same: then the stored answer is the answer."""
        tools = [[tool.name, tool.params_json_schema] for tool in call.tools if isinstance(tool, FunctionTool)]
        said = [VERSION, self.server.model, call.instructions, call.items, tools, strict_schema(self.form)]
        told = json.dumps(said, sort_keys=True, default=str)
        return hashlib.blake2b(told.encode("utf-8", "replace"), digest_size=12).hexdigest()


def _function_tool(tool: Tool, toolbox: Toolbox) -> FunctionTool:
    async def invoke(_: ToolContext[Any], arguments: str) -> str:
        return await toolbox.call(tool.name, arguments)

    return FunctionTool(tool.name, tool.description, strict_schema(tool.arguments), invoke)


def _user(text: str) -> TResponseInputItem:
    return {"role": "user", "content": text}


def _again(text: str, error: ChatMismatch) -> tuple[TResponseInputItem, TResponseInputItem]:
    reason = f"{error.message} {error.details.get('reason', '')}".strip()
    told: TResponseInputItem = {"role": "assistant", "content": text[:_TOLD_BACK_CHARACTERS] or "(nothing)"}
    return told, _user(ANSWER_AGAIN.format(reason=reason))


def _ours(error: AgentsException) -> Exception:
    """What a tool raised, which the SDK has wrapped; else that the model did something that leads nowhere."""
    cause = error.__cause__
    if isinstance(cause, GleaneryError):
        return cause
    return ChatMismatch("The chat model's answer leads nowhere.", reason=type(error).__name__)
