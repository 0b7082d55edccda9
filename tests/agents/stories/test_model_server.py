"""The local model server speaks to the real SDK, whole and in pieces, by both APIs."""

from __future__ import annotations

import json

import pytest
from agents import Agent, FunctionTool, OpenAIChatCompletionsModel, OpenAIResponsesModel, RunConfig, Runner
from agents.tool_context import ToolContext
from openai import AsyncOpenAI

from gleanery.agents.stories.runtime import Api
from tests.sites.model_server import Calls, Turn, model_server

SAID = "The weather in Lund is fine, and will stay so."


async def weather(_: ToolContext[None], arguments: str) -> str:
    return f"fine in {json.loads(arguments)['city']}"


@pytest.mark.parametrize("api", list(Api))
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_an_agent_calls_a_tool_and_answers(api: Api, is_streamed: bool) -> None:
    def answer(turn: Turn) -> Calls | str:
        return SAID if turn.results == ("fine in Lund",) else Calls(("weather", {"city": "Lund"}))

    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    tool = FunctionTool("weather", "The weather in a city.", schema, weather)
    async with model_server(answer) as server, AsyncOpenAI(api_key="sk-test", base_url=server.base_url) as client:
        kind = OpenAIResponsesModel if api is Api.RESPONSES else OpenAIChatCompletionsModel
        agent = Agent(name="weather", tools=[tool], model=kind("gpt-test", client))
        config = RunConfig(tracing_disabled=True)
        pieces: list[str] = []
        if is_streamed:
            streamed = Runner.run_streamed(agent, "How is it in Lund?", run_config=config)
            pieces = [
                event.data.delta
                async for event in streamed.stream_events()
                if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
            ]
            said = streamed.final_output
        else:
            said = (await Runner.run(agent, "How is it in Lund?", run_config=config)).final_output
        assert said == SAID
        assert "".join(pieces) == (SAID if is_streamed else "")
        assert [turn.body.get("stream", False) for turn in server.paid] == [is_streamed] * 2
        assert {turn.api for turn in server.paid} == {api}
