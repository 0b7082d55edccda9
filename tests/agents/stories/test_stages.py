"""Stages over the real SDK and a real server: what agents are told, what they may do, and what becomes of their answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gleanery.agents.stories.runtime import Api, Price
from gleanery.agents.stories.stages import analyze, enhance, triage
from gleanery.model.stories import Stage, StepKind
from tests.agents.stories.stage_run import ANALYSED, GUIDE, OTHER, PASSAGE, STORY, TRIAGED, Bench, runtime_for, scripted
from tests.sites.model_server import ModelServer, model_server


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with model_server(scripted) as it:
        yield it


@pytest.fixture(params=list(Api))
def api(request: pytest.FixtureRequest) -> Api:
    return Api(request.param)


async def test_a_triage_is_what_the_agent_says_made_plain(server: ModelServer, api: Api) -> None:
    bench = Bench(runtime_for(server, api=api, price=Price(prompt=2.0, completion=10.0)))
    done = await triage(bench.begin(Stage.TRIAGE), STORY)
    assert (done.kind, done.complexity, done.missing, done.by_model) == (
        "feature",
        "medium",
        ["acceptance criteria"],
        True,
    )
    [turn] = server.turns
    assert turn.api == api
    assert turn.authorization == "Bearer sk-secret"
    assert STORY.description in turn.said[0]
    [step] = bench.notes.all
    assert (step.task_id, step.stage, step.kind, step.agent) == ("t1", Stage.TRIAGE, StepKind.MODEL, "triage")
    assert (step.model, step.prompt_tokens, step.completion_tokens) == ("gpt-test", 100, 20)
    assert step.cost_usd == pytest.approx((100 * 2 + 20 * 10) / 1e6)


async def test_an_analysis_uses_its_tools_and_cites_what_they_found(server: ModelServer, api: Api) -> None:
    bench = Bench(runtime_for(server, api=api))
    done = await analyze(bench.begin(Stage.ANALYSIS), STORY, TRIAGED)
    assert bench.hands.searched == [STORY.name, "export limits"]
    assert bench.hands.read_urls == [GUIDE]
    assert [source.url for source in done.sources] == [GUIDE, PASSAGE.url, OTHER.app_url]
    assert done.sources[1].page_id == "p1"
    assert done.findings == ["An export has at most 10,000 rows. [2]", "It once timed out. [3]"]
    assert done.sources_dropped == 2
    assert done.related == [OTHER]
    assert [step.kind for step in bench.notes.all] == [
        StepKind.HANDOFF,
        StepKind.MODEL,
        StepKind.TOOL,
        StepKind.TOOL,
        StepKind.MODEL,
    ]
    assert [step.ordinal for step in bench.notes.all] == [1, 2, 3, 4, 5]
    assert bench.notes.all[0].detail == "triage → analysis"
    assert bench.notes.all[2].tool == "search_knowledge"


async def test_an_enhancement_is_a_better_story(server: ModelServer, api: Api) -> None:
    bench = Bench(runtime_for(server, api=api))
    done = await enhance(bench.begin(Stage.ENHANCEMENT), STORY, TRIAGED, ANALYSED)
    assert done.name == "Invoices are exported within 30 seconds"
    assert done.sections[0].body == f"Customers wait. See [the guide]({GUIDE})."
    assert done.acceptance_criteria == [
        "Given an account with 10,000 invoices, when an export is asked for, then it is there within 30 s."
    ]
    assert done.sources == []
    assert done.sources_dropped == 1
