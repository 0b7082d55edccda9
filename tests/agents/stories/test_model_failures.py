"""Every way in which a model server fails agents, by both of its APIs: under its own name, tried again or not, and counted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gleanery import errors
from gleanery.agents.stories.runtime import Api
from gleanery.agents.stories.stages import analyze, triage
from gleanery.model.stories import Stage
from tests.agents.stories.stage_run import ANALYSIS, STORY, TRIAGE, TRIAGED, Bench, runtime_for, scripted
from tests.sites.chat_server import Fault
from tests.sites.model_server import Calls, ModelServer, Turn, model_server


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with model_server(scripted) as it:
        yield it


@pytest.fixture(params=list(Api))
def api(request: pytest.FixtureRequest) -> Api:
    return Api(request.param)


def bench_of(server: ModelServer, api: Api | None) -> Bench:
    return Bench(runtime_for(server, api=api))


@pytest.mark.parametrize(
    ("fault", "error", "can_retry"),
    [
        (Fault.KEY_REFUSED, errors.ChatKeyRefused, False),
        (Fault.QUOTA_SPENT, errors.ChatQuotaSpent, False),
        (Fault.FILTERED_BEFORE, errors.ChatRefused, False),
        (Fault.TOO_LONG, errors.ChatTooLong, False),
        (Fault.REFUSES, errors.ChatMismatch, False),
        (Fault.NOT_CHAT, errors.ChatMismatch, False),
    ],
)
async def test_what_no_other_try_helps_is_asked_once(
    server: ModelServer, api: Api, fault: Fault, error: type[errors.ChatError], can_retry: bool
) -> None:
    bench = bench_of(server, api)
    server.fail_with(fault)
    with pytest.raises(error) as raised:
        await triage(bench.begin(Stage.TRIAGE), STORY)
    assert type(raised.value) is error
    assert raised.value.can_retry is can_retry
    assert "sk-secret" not in f"{raised.value.message}{raised.value.details}"
    assert len(server.turns) == 1
    assert bench.notes.all == []


async def test_a_model_that_is_not_there_is_named(server: ModelServer, api: Api) -> None:
    bench = bench_of(server, api)
    bench.model = "gpt-nowhere"
    with pytest.raises(errors.ChatModelUnknown, match="gpt-nowhere"):
        await triage(bench.begin(Stage.TRIAGE), STORY)
    assert len(server.turns) == 1


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.SERVER_ERROR, Fault.DROP])
async def test_what_passes_is_tried_again(server: ModelServer, api: Api, fault: Fault) -> None:
    bench = bench_of(server, api)
    server.fail_with(fault, times=2, retry_after="3")
    assert (await triage(bench.begin(Stage.TRIAGE), STORY)).by_model
    assert len(server.turns) == 3
    assert len({turn.key for turn in server.turns}) == 1
    assert len(server.paid) == 1


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.SERVER_ERROR, Fault.DROP])
async def test_what_does_not_pass_goes_to_the_engine_with_its_wait(server: ModelServer, api: Api, fault: Fault) -> None:
    bench = bench_of(server, api)
    server.fail_with(fault, times=3, retry_after="7")
    with pytest.raises(errors.ChatUnavailable) as raised:
        await triage(bench.begin(Stage.TRIAGE), STORY)
    assert raised.value.can_retry
    assert raised.value.details["retry_after"] == (7.0 if fault is Fault.RATE_LIMITED else None)


async def test_a_long_wait_is_the_engines(server: ModelServer, api: Api) -> None:
    bench = bench_of(server, api)
    server.fail_with(Fault.RATE_LIMITED, retry_after="900")
    with pytest.raises(errors.ChatUnavailable) as raised:
        await triage(bench.begin(Stage.TRIAGE), STORY)
    assert raised.value.details["retry_after"] == 900.0
    assert len(server.turns) == 1


async def test_a_silent_server_is_given_up(server: ModelServer, api: Api) -> None:
    bench = Bench(runtime_for(server, api=api, timeout_seconds=0.1, max_retries=0))
    assert bench.runtime is not None
    await bench.runtime.open()
    server.fail_with(Fault.HANG)
    with pytest.raises(errors.ChatUnavailable, match="did not answer in time"):
        await triage(bench.begin(Stage.TRIAGE), STORY)


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault.REFUSAL, errors.ChatRefused), (Fault.FILTERED, errors.ChatRefused), (Fault.CUT_OFF, errors.ChatTooLong)],
)
async def test_an_answer_that_no_repair_helps_is_counted_and_asked_anew_by_hand(
    server: ModelServer, api: Api, fault: Fault, error: type[errors.ChatError]
) -> None:
    bench = bench_of(server, api)
    server.fail_with(fault)
    with pytest.raises(error):
        await triage(bench.begin(Stage.TRIAGE), STORY)
    [failed] = bench.notes.all
    assert failed.prompt_tokens > 0
    assert failed.error is not None
    assert failed.ordinal > 1000
    assert (await triage(bench.begin(Stage.TRIAGE), STORY)).by_model
    assert len(server.paid) == 2
    assert [step.error is None for step in bench.notes.all] == [False, True]


@pytest.mark.parametrize("fault", [Fault.INVALID_JSON, Fault.OTHER_FORM])
async def test_an_answer_of_another_form_is_asked_for_again_with_what_is_wrong(
    server: ModelServer, api: Api, fault: Fault
) -> None:
    bench = bench_of(server, api)
    server.fail_with(fault, times=2)
    assert (await triage(bench.begin(Stage.TRIAGE), STORY)).by_model
    assert len(server.paid) == 3
    assert "This answer can't be used" in server.turns[-1].said[-1]
    [step] = bench.notes.all
    assert (step.prompt_tokens, step.completion_tokens) == (300, 60)
    assert step.detail == "answer; asked 3 times"


@pytest.mark.parametrize("fault", [Fault.INVALID_JSON, Fault.OTHER_FORM, Fault.HUGE])
async def test_a_model_that_never_fits_the_form_is_given_up(server: ModelServer, api: Api, fault: Fault) -> None:
    bench = bench_of(server, api)
    server.fail_with(fault, times=10)
    with pytest.raises(errors.ChatMismatch):
        await triage(bench.begin(Stage.TRIAGE), STORY)
    assert len(server.paid) == (1 if fault is Fault.HUGE else 3)
    assert sum(step.prompt_tokens for step in bench.notes.all) == 100 * len(server.paid)


@pytest.mark.parametrize("is_page", [False, True])
async def test_a_server_without_the_responses_api_is_asked_by_chat_from_then_on(
    server: ModelServer, is_page: bool
) -> None:
    server.apis, server.unknown_is_a_page = frozenset({"chat"}), is_page
    bench = bench_of(server, None)
    assert (await triage(bench.begin(Stage.TRIAGE), STORY)).by_model
    assert bench.runtime is not None
    assert bench.runtime.api is Api.CHAT
    assert [turn.api for turn in server.turns] == ["chat"]


async def test_a_server_that_knows_both_is_asked_by_responses(server: ModelServer) -> None:
    bench = bench_of(server, None)
    await triage(bench.begin(Stage.TRIAGE), STORY)
    assert bench.runtime is not None
    assert bench.runtime.api is Api.RESPONSES
    [turn] = server.turns
    assert turn.body["store"] is False


async def test_a_server_that_holds_to_no_schema_is_told_it_in_words(server: ModelServer, api: Api) -> None:
    server.knows_forms = False
    server.answer = lambda turn: (
        f"<think>Well.</think>Here:\n```json\n{json.dumps(TRIAGE)}\n```"
        if '"needs_enhancement"' in turn.instructions
        else "?"
    )
    assert (await triage(bench_of(server, api).begin(Stage.TRIAGE), STORY)).by_model


async def test_a_server_that_knows_the_older_limit_alone_gets_it(server: ModelServer) -> None:
    server.old_limit_only = True
    assert (await triage(bench_of(server, Api.CHAT).begin(Stage.TRIAGE), STORY)).by_model
    assert "max_tokens" in server.paid[0].body


async def test_a_model_without_tools_works_with_what_was_found_for_the_title(server: ModelServer, api: Api) -> None:
    server.knows_tools = False
    server.answer = lambda turn: json.dumps(ANALYSIS) if "An export has at most 10,000 rows." in turn.said[0] else "?"
    bench = bench_of(server, api)
    assert (await analyze(bench.begin(Stage.ANALYSIS), STORY, TRIAGED)).by_model
    assert [turn.tools for turn in server.paid] == [()]


async def test_what_has_no_utf8_is_stored_all_the_same(server: ModelServer, api: Api) -> None:
    story = STORY.model_copy(update={"name": "Half \ud83d of it"})
    bench = bench_of(server, api)
    server.answer = calling(
        ("search_\ud800", {}), ("search_knowledge", '{"query": "\\ud800"}'), ("read_link", "\ud800")
    )
    assert (await analyze(bench.begin(Stage.ANALYSIS), story, TRIAGED)).by_model
    for step in bench.notes.all:
        step.model_dump_json().encode()


@pytest.mark.parametrize(
    "arguments",
    [
        *("", "{", "null", "[1]", '"x"', "NaN", '{"query": NaN}', '{"query": 1e999}', '{"query": null}', "{}", "\x00"),
        *('{"query": "a", "query": "b", "c": 1}', '{"query": ""}', "[" * 4_000, '{"query": "' + "x" * 20_000 + '"}'),
    ],
)
async def test_arguments_that_fit_no_tool_are_refused_and_the_agent_goes_on(
    server: ModelServer, arguments: str
) -> None:
    bench = bench_of(server, Api.CHAT)
    server.answer = calling(("search_knowledge", arguments), ("", arguments))
    assert (await analyze(bench.begin(Stage.ANALYSIS), STORY, TRIAGED)).by_model
    assert bench.hands.searched == [STORY.name]


def calling(*calls: tuple[str, dict[str, Any] | str]) -> Callable[[Turn], Calls | str]:
    """A model that calls these, then answers."""
    return lambda turn: json.dumps(ANALYSIS) if turn.results else Calls(*calls)
