"""The chat client against a real server: answers in their form, every failure under its own name, and what it costs."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence

import pytest
from pydantic import BaseModel, Field

from gleanery.agents.budget import TokenBudget, Usage
from gleanery.agents.chat import ChatClient
from gleanery.agents.messages import Message, Role
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
from tests.sites.chat_server import ChatRequest, ChatServer, Fault, chat_server


class Verdict(BaseModel):
    text: str
    share: float = Field(ge=0, le=1)


QUESTION = (Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "Is it?"))
PROPER = '{"text": "it is", "share": 0.5}'


class Sleeps:
    """Waits that only are noted."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def proper(_: ChatRequest) -> str:
    return PROPER


@pytest.fixture
async def server() -> AsyncIterator[ChatServer]:
    async with chat_server(proper) as it:
        yield it


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


@pytest.fixture
async def client(server: ChatServer, sleeps: Sleeps) -> AsyncIterator[ChatClient]:
    it = ChatClient("gpt-test", "sk-secret", base_url=server.base_url, sleep=sleeps, max_retries=3)
    yield it
    await it.aclose()


async def ask(client: ChatClient, budget: TokenBudget | None = None) -> Verdict:
    return (await client.ask(QUESTION, Verdict, max_answer_tokens=50, budget=budget)).value


async def test_an_answer_comes_in_its_form_and_is_counted(server: ChatServer, client: ChatClient) -> None:
    budget = TokenBudget(1000)
    answer = await client.ask(QUESTION, Verdict, max_answer_tokens=50, budget=budget)
    assert answer.value == Verdict(text="it is", share=0.5)
    assert answer.usage == client.usage == budget.usage == Usage(100, 20)
    [request] = server.requests
    assert request.authorization == "Bearer sk-secret"
    assert request.body == {
        "model": "gpt-test",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Is it?"}],
        "max_completion_tokens": 50,
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "Verdict",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"text": {"type": "string"}, "share": {"type": "number"}},
                    "required": ["text", "share"],
                    "additionalProperties": False,
                },
            },
        },
    }


@pytest.mark.parametrize(
    ("fault", "error", "sentence"),
    [
        (Fault.KEY_REFUSED, ChatKeyRefused, "127.0.0.1 refused the API key for chat: set a valid OPENAI_API_KEY."),
        (
            Fault.QUOTA_SPENT,
            ChatQuotaSpent,
            "The account at 127.0.0.1 has no quota left: add credit or set another key.",
        ),
        (Fault.REFUSAL, ChatRefused, "The chat model refused to answer."),
        (Fault.FILTERED, ChatRefused, "The chat model refused to answer."),
        (Fault.FILTERED_BEFORE, ChatRefused, "127.0.0.1 refused the question for what it is about."),
        (Fault.CUT_OFF, ChatTooLong, "The chat model's answer was cut off after 50 tokens."),
        (Fault.TOO_LONG, ChatTooLong, "The question is longer than 'gpt-test' reads."),
    ],
)
async def test_each_failure_has_its_name_and_is_not_tried_again(
    server: ChatServer, client: ChatClient, fault: Fault, error: type[ChatError], sentence: str
) -> None:
    server.fail_with(fault)
    with pytest.raises(error) as raised:
        await ask(client)
    assert raised.value.message == sentence
    assert "sk-secret" not in json.dumps([raised.value.message, raised.value.details])
    assert len(server.requests) == 1
    assert raised.value.can_retry is False


@pytest.mark.parametrize("fault", [Fault.REFUSES, Fault.NOT_CHAT, Fault.HUGE, Fault.INVALID_JSON, Fault.OTHER_FORM])
async def test_what_is_no_answer_is_asked_once_more_in_words_and_then_a_mismatch(
    server: ChatServer, client: ChatClient, fault: Fault
) -> None:
    server.fail_with(fault, times=2)
    with pytest.raises(ChatMismatch) as raised:
        await ask(client)
    assert "sk-secret" not in json.dumps([raised.value.message, raised.value.details])
    assert [request.form for request in server.requests] == ["json_schema", "json_object"]
    # Nothing was learnt by it: the next one is asked as the first.
    await ask(client)
    assert server.requests[-1].form == "json_schema"


async def test_a_model_that_is_not_there_is_named(server: ChatServer) -> None:
    client = ChatClient("gpt-nowhere", "sk-secret", base_url=server.base_url)
    with pytest.raises(ChatModelUnknown, match="no chat model 'gpt-nowhere'"):
        await ask(client)
    await client.aclose()


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.SERVER_ERROR, Fault.DROP])
async def test_what_may_pass_is_tried_again(
    server: ChatServer, client: ChatClient, sleeps: Sleeps, fault: Fault
) -> None:
    server.fail_with(fault, times=3)
    assert (await ask(client)).text == "it is"
    assert len(server.requests) == 4
    assert len(sleeps.seconds) == 3
    assert all(0 <= wait <= 2.0**n for n, wait in enumerate(sleeps.seconds))


async def test_after_the_last_try_it_is_unavailable(server: ChatServer, client: ChatClient) -> None:
    server.fail_with(Fault.SERVER_ERROR, times=4)
    with pytest.raises(ChatUnavailable, match="no room for this now \\(status 500\\)") as raised:
        await ask(client)
    assert len(server.requests) == 4
    assert raised.value.can_retry
    assert raised.value.details["retry_after"] is None


async def test_retry_after_is_kept(server: ChatServer, client: ChatClient, sleeps: Sleeps) -> None:
    server.fail_with(Fault.RATE_LIMITED, retry_after="7")
    await ask(client)
    assert 7 <= sleeps.seconds[0] < 8


async def test_a_wait_that_is_too_long_is_left_to_the_task(
    server: ChatServer, client: ChatClient, sleeps: Sleeps
) -> None:
    server.fail_with(Fault.RATE_LIMITED, retry_after="600")
    with pytest.raises(ChatUnavailable) as raised:
        await ask(client)
    assert raised.value.details["retry_after"] == 600
    assert sleeps.seconds == []


async def test_a_silent_server_is_not_waited_for(server: ChatServer, sleeps: Sleeps) -> None:
    client = ChatClient("gpt-test", "sk", base_url=server.base_url, sleep=sleeps, max_retries=0, timeout_seconds=0.2)
    server.fail_with(Fault.HANG)
    with pytest.raises(ChatUnavailable, match=r"127\.0\.0\.1 did not answer in time"):
        await ask(client)
    await client.aclose()


async def test_a_server_that_is_not_there_is_unavailable(sleeps: Sleeps) -> None:
    client = ChatClient("gpt-test", base_url="http://127.0.0.1:9/v1", sleep=sleeps, max_retries=0)
    with pytest.raises(ChatUnavailable, match=r"127\.0\.0\.1 can't be reached"):
        await ask(client)
    await client.aclose()


@pytest.mark.parametrize(
    ("knows", "forms"),
    [
        ({"json_object", "text"}, ["json_schema", "json_object"]),
        ({"text"}, ["json_schema", "json_object", "text"]),
    ],
)
@pytest.mark.parametrize(
    "said", ["This response_format type is unavailable now", "Unsupported: json_schema, json_object (guided_json)"]
)
async def test_a_server_that_knows_no_schema_is_told_in_words_from_then_on(
    server: ChatServer, client: ChatClient, knows: set[str], forms: Sequence[str], said: str
) -> None:
    server.knows, server.refusal_of_forms = frozenset(knows), said
    assert (await ask(client)).text == "it is"
    assert [request.form for request in server.requests] == forms
    assert '"required":["text","share"]' in server.requests[-1].texts[0]
    assert server.requests[-1].texts[1] == "Is it?"
    await ask(client)
    assert [request.form for request in server.requests] == [*forms, forms[-1]]


async def test_a_server_that_passes_over_the_schema_is_told_in_words_from_then_on(
    server: ChatServer, client: ChatClient
) -> None:
    def prose_without_words(request: ChatRequest) -> str:
        return f"<think>{{hm}}</think>Gladly:\n```json\n{PROPER}\n```" if "JSON" in request.texts[0] else "It is!"

    server.answer = prose_without_words
    assert (await ask(client)).text == "it is"
    assert (await ask(client)).text == "it is"
    assert [request.form for request in server.requests] == ["json_schema", "json_object", "json_object"]
    assert client.usage == Usage(300, 60)


async def test_an_older_server_gets_the_older_limit(server: ChatServer, client: ChatClient) -> None:
    server.old_limit_only = True
    await ask(client)
    await ask(client)
    limits = [sorted(key for key in request.body if key.startswith("max")) for request in server.requests]
    assert limits == [["max_completion_tokens"], ["max_tokens"], ["max_tokens"]]


async def test_no_more_run_at_once_than_allowed(server: ChatServer) -> None:
    client = ChatClient("gpt-test", "sk", base_url=server.base_url, max_concurrency=2)
    server.fail_with(Fault.HANG, times=2)
    questions = [asyncio.create_task(ask(client)) for _ in range(6)]
    for _ in range(2):
        await server.hanging.get()
    server.release()
    await asyncio.gather(*questions)
    assert len(server.requests) == 6
    assert server.most_at_once == 2
    await client.aclose()


async def test_a_server_that_tells_no_usage_is_estimated(server: ChatServer, client: ChatClient) -> None:
    server.tells_usage = False
    await ask(client)
    assert client.usage == Usage(4, 8)  # 15 and 31 characters


async def test_an_answer_that_can_not_be_used_is_counted(server: ChatServer, client: ChatClient) -> None:
    budget = TokenBudget(None)
    server.fail_with(Fault.REFUSAL)
    with pytest.raises(ChatRefused):
        await ask(client, budget)
    assert budget.spent == 120


async def test_a_question_with_half_a_character_is_asked_all_the_same(server: ChatServer, client: ChatClient) -> None:
    answer = await client.ask([Message(Role.USER, "a \ud800 b")], Verdict, max_answer_tokens=5)
    assert answer.value.text == "it is"
    assert server.requests[0].texts == ["a ? b"]


async def test_it_can_be_opened_ahead_and_asks_nothing_by_it(server: ChatServer, client: ChatClient) -> None:
    await asyncio.gather(client.open(), client.open())
    assert "openai.resources.chat" in sys.modules
    assert server.requests == []
    assert (await ask(client)).text == "it is"


def test_nothing_of_it_is_imported_before_the_first_question() -> None:
    code = (
        "import sys; from gleanery.agents.chat import ChatClient; ChatClient('gpt-test');"
        " sys.exit('openai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_address_that_is_set_to_nothing_is_the_vendors() -> None:
    """As Compose sets variables that nobody gave it."""
    code = "from gleanery.agents.connection import _open; print(_open('k', None, 1.0).base_url)"
    env = {**os.environ, "OPENAI_BASE_URL": ""}
    told = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "https://api.openai.com/v1/"
