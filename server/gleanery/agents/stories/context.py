"""What a stage is given to work with: the task's stored steps, the model, and hands that reach what it may look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from gleanery.agents.budget import Usage
from gleanery.agents.stories.runtime import Runtime
from gleanery.model.stories import AgentStep, RelatedStory, Stage

KeepStep = Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""`TaskContext.step`: what the work gives (JSON), worked out once in the task's life."""

Note = Callable[[AgentStep], Awaitable[None]]
"""Keeps a record; the same stage and ordinal once more changes nothing."""


@dataclass(frozen=True)
class FoundPassage:
    """A passage of the knowledge base."""

    page_id: str
    url: str
    title: str
    heading_path: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class ReadPage:
    """What stands at a link, as Markdown; `url` is where its redirects ended."""

    url: str
    title: str
    markdown: str


class Hands(Protocol):
    """What the agents' tools are made of. Bounds are the tools' own: how often, how much, which link."""

    async def search(self, query: str, limit: int) -> Sequence[FoundPassage]:
        """The best passages of the knowledge base, best first. Raises GleaneryError."""
        ...

    async def read(self, url: str) -> ReadPage:
        """The document at `url`, through the guarded fetcher and the extractor. Raises FetchError and InvalidUrl."""
        ...

    async def related(self, query: str, limit: int) -> Sequence[RelatedStory]:
        """Stories of the same workspace about the same. Raises GleaneryError."""
        ...


@dataclass(frozen=True)
class StageContext:
    """One attempt of a stage. `runtime` is None where no chat model is set; `model` is the workspace's own, None the server's.

    `max_tokens` and `max_cost_usd` bound what the story may take (None: no bound), of which `spent_before` is gone: see
    `spent_outside`. Both hold over all workers: what was charged stands in the store, and a story's stages run one by one.
    """

    task_id: str
    attempt: int
    step: KeepStep
    note: Note
    hands: Hands
    runtime: Runtime | None = None
    model: str | None = None
    max_tokens: int | None = None
    max_cost_usd: float | None = None
    spent_before: Usage = field(default_factory=Usage)


def spent_outside(steps: Sequence[AgentStep], stage: Stage) -> Usage:
    """The tokens of a story that no replay of `stage` counts again: those of its other stages and of calls that failed."""
    counted = [step for step in steps if step.stage is not stage or step.error is not None]
    return Usage(sum(step.prompt_tokens for step in counted), sum(step.completion_tokens for step in counted))
