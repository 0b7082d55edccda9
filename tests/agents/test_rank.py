"""An order from a chat model: whatever it answers, every passage is in it once."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery.agents.chat import ChatClient
from gleanery.agents.rank import ChatRanker, Ranking, order_of
from gleanery.errors import ChatRefused
from tests.sites.chat_server import ChatRequest, Fault, chat_server


async def test_passages_come_in_the_order_of_the_answer() -> None:
    def backwards(request: ChatRequest) -> str:
        assert "The query: how to run" in request.texts[1]
        return json.dumps({"numbers": [3, 1, 99, 3, -1]})

    async with chat_server(backwards) as server:
        client = ChatClient("gpt-test", "sk", base_url=server.base_url)
        rank = ChatRanker(client)
        assert await rank("how to run", ["a", "b", "c"]) == [2, 0, 1]
        assert await rank("how to run", ["a"]) == [0]
        assert await rank("how to run", []) == []
        assert len(server.requests) == 1, "one passage needs no order"
        server.fail_with(Fault.REFUSAL)
        with pytest.raises(ChatRefused):
            await rank("how to run", ["a", "b"])
        assert await rank("how to run", ["x" * 10**6] * 60) == [2, 0, 1, *range(3, 60)]
        assert len(server.requests[-1].texts[1]) < 90_000
        await client.aclose()


@given(st.lists(st.integers()), st.integers(0, 20), st.integers(0, 20))
def test_every_index_is_there_once(numbers: list[int], asked: int, more: int) -> None:
    assert sorted(order_of(Ranking(numbers=numbers), asked, asked + more)) == list(range(asked + more))
