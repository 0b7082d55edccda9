"""A stage that is killed between any two of its steps goes on where it stopped, and no answer of the model is paid twice."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from gleanery import errors
from gleanery.agents.stories.runtime import Api, Price
from gleanery.agents.stories.stages import ANALYSIS_TURNS, analyze, enhance, triage
from gleanery.agents.stories.tools import MAX_CALLS, MAX_READS
from gleanery.model.stories import Stage, StepKind
from tests.agents.stories.stage_run import ANALYSED, ANALYSIS, GUIDE, STORY, TRIAGED, Bench, Gone, runtime_for, scripted
from tests.sites.chat_server import Fault
from tests.sites.model_server import Calls, ModelServer, Turn, model_server


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with model_server(scripted) as it:
        yield it


@pytest.fixture(params=list(Api))
def api(request: pytest.FixtureRequest) -> Api:
    return Api(request.param)


async def test_a_death_between_any_two_steps_costs_nothing(server: ModelServer, api: Api) -> None:
    whole = Bench(runtime_for(server, api=api))
    expected = await analyze(whole.begin(Stage.ANALYSIS), STORY, TRIAGED)
    paid, steps = len(server.paid), len(whole.steps.kept)
    assert (paid, steps) == (2, 7)  # a marker, two looks around, and between two answers a search and a link
    for survivors in range(steps):
        server.paid.clear()
        bench = Bench(runtime_for(server, api=api))
        bench.steps.dies_after = survivors
        with pytest.raises(Gone):
            await analyze(bench.begin(Stage.ANALYSIS), STORY, TRIAGED)
        bench.steps.dies_after = None
        done = await analyze(bench.begin(Stage.ANALYSIS), STORY, TRIAGED)
        assert done == expected
        assert len(server.paid) == paid
        assert len({turn.key for turn in server.paid}) == paid
        assert bench.hands.read_urls == [GUIDE]
        assert [
            step.model_dump(exclude={"at", "seconds"}) for step in sorted(bench.notes.all, key=lambda it: it.ordinal)
        ] == [step.model_dump(exclude={"at", "seconds"}) for step in whole.notes.all]


async def test_a_death_at_each_step_in_turn_still_pays_each_answer_once(server: ModelServer, api: Api) -> None:
    bench = Bench(runtime_for(server, api=api))
    for survivors in range(7):
        bench.steps.dies_after = survivors
        with pytest.raises(Gone):
            await analyze(bench.begin(Stage.ANALYSIS), STORY, TRIAGED)
    bench.steps.dies_after = None
    assert (await analyze(bench.begin(Stage.ANALYSIS), STORY, TRIAGED)).by_model
    assert len(server.paid) == 2
    assert sum(step.prompt_tokens for step in bench.notes.all) == 200


async def test_an_outage_in_the_middle_leaves_what_was_paid(server: ModelServer, api: Api) -> None:
    bench = Bench(runtime_for(server, api=api))
    server.fail_with(Fault.SERVER_ERROR, after=1, times=3)
    with pytest.raises(errors.ChatUnavailable):
        await analyze(bench.begin(Stage.ANALYSIS), STORY, TRIAGED)
    assert (await analyze(bench.begin(Stage.ANALYSIS), STORY, TRIAGED)).by_model
    assert len(server.paid) == 2


async def test_a_death_between_the_repairs_of_an_answer_costs_nothing(server: ModelServer, api: Api) -> None:
    bench = Bench(runtime_for(server, api=api))
    server.fail_with(Fault.INVALID_JSON, times=2)
    for survivors in range(4):
        bench.steps.dies_after = survivors
        with pytest.raises(Gone):
            await triage(bench.begin(Stage.TRIAGE), STORY)
    bench.steps.dies_after = None
    assert (await triage(bench.begin(Stage.TRIAGE), STORY)).by_model
    assert len(server.paid) == 3
    assert len({turn.key for turn in server.paid}) == 3
    [step] = bench.notes.all
    assert (step.prompt_tokens, step.detail) == (300, "answer; asked 3 times")


async def test_what_was_given_up_is_begun_anew_and_counted_once(server: ModelServer, api: Api) -> None:
    bench = Bench(runtime_for(server, api=api))
    server.fail_with(Fault.INVALID_JSON, times=5)
    with pytest.raises(errors.ChatMismatch):
        await triage(bench.begin(Stage.TRIAGE), STORY)
    assert bench.begin(Stage.TRIAGE).spent_before.total_tokens == 360
    done = await triage(bench.begin(Stage.TRIAGE), STORY)
    assert done.by_model
    assert len(server.paid) == 6
    assert [step.prompt_tokens for step in bench.notes.all] == [300, 300]
    bench.max_tokens = 1
    assert await triage(bench.begin(Stage.TRIAGE), STORY) == done
    assert len(server.paid) == 6


async def test_another_story_or_model_is_asked_anew(server: ModelServer) -> None:
    bench = Bench(runtime_for(server))
    await triage(bench.begin(Stage.TRIAGE), STORY)
    await triage(bench.begin(Stage.TRIAGE), STORY.model_copy(update={"name": "Another"}))
    bench.model = "gpt-other"
    await triage(bench.begin(Stage.TRIAGE), STORY)
    assert [turn.body["model"] for turn in server.paid] == ["gpt-test", "gpt-test", "gpt-other"]


async def test_a_model_that_only_calls_tools_must_answer_in_the_end(server: ModelServer, api: Api) -> None:
    def greedy(turn: Turn) -> Calls | str:
        if turn.may_call:
            return Calls(*(("search_knowledge", {"query": f"{len(turn.results)} {number}"}) for number in range(1000)))
        return json.dumps(ANALYSIS)

    server.answer = greedy
    bench = Bench(runtime_for(server, api=api))
    assert (await analyze(bench.begin(Stage.ANALYSIS), STORY, TRIAGED)).by_model
    assert len(bench.hands.searched) == 1 + MAX_CALLS  # the look around, and what the tools allow
    assert "No more tools" in server.turns[-1].said[-1]
    assert len(server.paid) < ANALYSIS_TURNS


async def test_a_model_that_never_answers_is_given_up_within_its_turns(server: ModelServer, api: Api) -> None:
    server.answer = lambda _: Calls(("search_knowledge", {"query": "same"}))
    bench = Bench(runtime_for(server, api=api))
    with pytest.raises(errors.ChatMismatch):
        await analyze(bench.begin(Stage.ANALYSIS), STORY, TRIAGED)
    assert len(server.paid) == ANALYSIS_TURNS + 2  # the last one is asked three times
    assert bench.hands.searched == [STORY.name, "same"]  # the same is looked up once


async def test_links_are_read_within_their_bound(server: ModelServer) -> None:
    links = [f"https://docs.example.com/{number}" for number in range(9)]
    story = STORY.model_copy(update={"description": " ".join(links)})

    def reading(turn: Turn) -> Calls | str:
        if not turn.may_call or len(turn.results) >= len(links):
            return json.dumps(ANALYSIS)
        return Calls(("read_link", {"url": links[len(turn.results)]}))

    server.answer = reading
    bench = Bench(runtime_for(server))
    bench.hands.pages = dict.fromkeys(links, "Text.")
    await analyze(bench.begin(Stage.ANALYSIS), story, TRIAGED)
    assert bench.hands.read_urls == links[:MAX_READS]
    refused = [step.error for step in bench.notes.all if step.kind is StepKind.TOOL and step.error]
    assert refused
    assert set(refused) == {f"Refused: {MAX_READS} links are read already."}


async def test_a_budget_that_is_spent_leaves_the_rules(server: ModelServer) -> None:
    bench = Bench(runtime_for(server), max_tokens=500)
    done = await triage(bench.begin(Stage.TRIAGE), STORY)
    assert not done.by_model
    assert done.left_out == ["The 500 tokens of this story are spent: only rules looked at it."]
    assert server.turns == []
    better = await enhance(bench.begin(Stage.ENHANCEMENT), STORY, TRIAGED, ANALYSED)
    assert better.is_empty
    assert better.left_out == ["The 500 tokens of this story are spent: title and description stay as they are."]


@pytest.mark.parametrize(
    ("max_cost_usd", "price", "calls"),
    [(0.001, Price(1.0, 5.0), 0), (1.0, None, 0), (1.0, Price(1.0, 5.0), 1)],
    ids=["spent", "no price", "enough"],
)
async def test_what_a_story_may_cost_is_kept_to(
    server: ModelServer, max_cost_usd: float, price: Price | None, calls: int
) -> None:
    runtime = runtime_for(server)
    runtime.price = price
    bench = Bench(runtime, max_tokens=None, max_cost_usd=max_cost_usd)
    done = await triage(bench.begin(Stage.TRIAGE), STORY)
    assert len(server.paid) == calls
    if not calls:
        assert done.left_out == [f"The {max_cost_usd:g} US dollars of this story are spent: only rules looked at it."]


async def test_what_other_stages_cost_counts(server: ModelServer) -> None:
    runtime = runtime_for(server)
    runtime.price = Price(10.0, 10.0)
    bench = Bench(runtime, max_tokens=None)
    await triage(bench.begin(Stage.TRIAGE), STORY)
    paid = len(server.paid)
    bench.max_cost_usd = runtime.price.of(bench.begin(Stage.ENHANCEMENT).spent_before)
    assert (await enhance(bench.begin(Stage.ENHANCEMENT), STORY, TRIAGED, ANALYSED)).is_empty
    assert len(server.paid) == paid


async def test_a_budget_that_runs_low_brings_the_answer_early(server: ModelServer) -> None:
    def greedy(turn: Turn) -> Calls | str:
        more = Calls(("search_knowledge", {"query": f"more {len(turn.results)}"}))
        return more if turn.may_call else json.dumps(ANALYSIS)

    server.answer, server.prompt_tokens = greedy, 3_000
    bench = Bench(runtime_for(server), max_tokens=10_000)
    assert (await analyze(bench.begin(Stage.ANALYSIS), STORY, TRIAGED)).by_model
    assert len(server.paid) == 2
    assert sum(step.prompt_tokens + step.completion_tokens for step in bench.notes.all) <= 10_000


async def test_what_was_spent_before_counts_and_a_replay_does_not_count_twice(server: ModelServer) -> None:
    bench = Bench(runtime_for(server), max_tokens=10_000)
    await triage(bench.begin(Stage.TRIAGE), STORY)
    await analyze(bench.begin(Stage.ANALYSIS), STORY, TRIAGED)
    assert bench.begin(Stage.ENHANCEMENT).spent_before.total_tokens == 360
    assert bench.begin(Stage.ANALYSIS).spent_before.total_tokens == 120


async def test_a_vague_criterion_is_sent_back_once(server: ModelServer) -> None:
    vague = {
        "title": "",
        "sections": [{"title": "Context", "body": "Text."}],
        "acceptance_criteria": [{"given": "", "when": "an export runs", "then": "it works properly"}],
        "open_questions": [],
        "sources": [],
    }
    server.answer = lambda _: json.dumps(vague)
    bench = Bench(runtime_for(server))
    done = await enhance(bench.begin(Stage.ENHANCEMENT), STORY, TRIAGED, ANALYSED)
    assert done.acceptance_criteria == ["When an export runs, then it works properly."]
    assert len(server.paid) == 2
    assert "Nobody could check acceptance criterion 1" in server.turns[1].said[-1]
