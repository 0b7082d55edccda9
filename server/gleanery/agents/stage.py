"""What a stage of a story gets to work with beside the story itself: the seam between the tasks of stories and their agents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gleanery.model.stories import AgentStep, Analysis, Enhancement, RelatedStory, Stage, Story, Triage


@dataclass(frozen=True)
class StageContext:
    """One attempt of one stage.

    `step` works something out (JSON) once in the task's life: a later attempt gets the stored value. `note` stores a call of a
    model or a tool beside the story; the same ordinal once more changes nothing. `related` searches the workspace's other
    stories, and gives none where no API token is set. `model` is the workspace's, None the server's. `max_tokens` is what
    the story may still cost when the stage begins, None no bound. `tell` says what is being done.
    """

    task_id: str
    stage: Stage
    step: Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]]
    note: Callable[[AgentStep], Awaitable[None]]
    related: Callable[[str], Awaitable[Sequence[RelatedStory]]]
    tell: Callable[[str], Awaitable[None]]
    model: str | None = None
    max_tokens: int | None = None


class StoryAgents(Protocol):
    """The three stages. Without a model each does what rules can, and says in `left_out` what it didn't do. Raises ChatErrors."""

    async def triage(self, ctx: StageContext, story: Story) -> Triage: ...

    async def analyze(self, ctx: StageContext, story: Story, triage: Triage) -> Analysis: ...

    async def enhance(self, ctx: StageContext, story: Story, triage: Triage, analysis: Analysis) -> Enhancement: ...
