"""What agents run on: a connection to a model, by which of OpenAI's two APIs it is asked, and what its tokens cost."""

from __future__ import annotations

import asyncio
import importlib
from dataclasses import dataclass
from enum import StrEnum

from gleanery.agents.budget import Usage
from gleanery.agents.connection import Connection


class Api(StrEnum):
    """The Responses API is OpenAI's newer one, which many other servers don't speak."""

    RESPONSES = "responses"
    CHAT = "chat"


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens."""

    prompt: float
    completion: float

    def of(self, usage: Usage) -> float:
        return (usage.prompt_tokens * self.prompt + usage.completion_tokens * self.completion) / 1_000_000


class Runtime:
    """`api` None finds out: Responses is tried, and Chat Completions where the server knows no such thing. Shared by all
    stages of a process, so that it is found out once."""

    def __init__(
        self,
        connection: Connection,
        *,
        api: Api | None = None,
        reasoning_effort: str | None = None,
        price: Price | None = None,
    ) -> None:
        self.connection = connection
        self.api = api
        self.reasoning_effort = reasoning_effort
        self.price = price
        self.is_schema_known = True
        self.are_tools_known = True
        self.limit_name = "max_completion_tokens"
        """As `ChatClient` has it, for Chat Completions."""

        self._is_open = False

    async def open(self) -> None:
        """Import what the first stage needs, and have the SDK's traces stay here. In a thread, as it takes two seconds."""
        if self._is_open:
            return
        await asyncio.gather(
            self.connection.open(), asyncio.to_thread(importlib.import_module, "gleanery.agents.stories.sdk")
        )
        from gleanery.agents.stories.tracing import record_only

        record_only()
        self._is_open = True
