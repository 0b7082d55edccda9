"""Runs an agent of the SDK whose every call of a model or a tool is a stored step of its task. Imported at the first run: it
takes two seconds."""

from __future__ import annotations

from typing import Any, TypeVar

from agents import (
    Agent,
    FunctionTool,
    RunConfig,
    Runner,
    ToolExecutionConfig,
    handoff_span,
    trace,
)
from agents import Tool as SdkTool
from agents.exceptions import AgentsException
from agents.tool_context import ToolContext
from pydantic import BaseModel

from gleanery.agents.answer_form import strict_schema
from gleanery.agents.stories.context import StageContext
from gleanery.agents.stories.model_call import Form
from gleanery.agents.stories.prompts import AGENTS, INSTRUCTIONS
from gleanery.agents.stories.runtime import Runtime
from gleanery.agents.stories.stored_model import GivenUp, StoredModel
from gleanery.agents.stories.tools import TOOLS, Tool, Toolbox
from gleanery.agents.stories.tracing import RECORDER, Recorder
from gleanery.errors import ChatMismatch, GleaneryError
from gleanery.model.stories import Stage

T = TypeVar("T", bound=BaseModel)


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
        except GivenUp as given_up:
            raise given_up.error from None
        except AgentsException as error:
            raise _ours(error) from error
        finally:
            await recorder.flush()
    answer = result.final_output
    assert isinstance(answer, form)
    return answer


def _function_tool(tool: Tool, toolbox: Toolbox) -> FunctionTool:
    async def invoke(_: ToolContext[Any], arguments: str) -> str:
        return await toolbox.call(tool.name, arguments)

    return FunctionTool(tool.name, tool.description, strict_schema(tool.arguments), invoke)


def _ours(error: AgentsException) -> Exception:
    """What a tool raised, which the SDK has wrapped; else that the model did something that leads nowhere."""
    cause = error.__cause__
    if isinstance(cause, GleaneryError):
        return cause
    return ChatMismatch("The chat model's answer leads nowhere.", reason=type(error).__name__)
