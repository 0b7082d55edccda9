"""Workspaces, stories that were asked for and the webhooks that asked, as they are kept, and the contract of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from gleanery.model import Fence, NewTask, Task
from gleanery.model.stories import (
    AgentStep,
    Analysis,
    Enhancement,
    Goal,
    Proposal,
    Stage,
    Story,
    StoryState,
    Triage,
    Workspace,
)
from gleanery.store.values import Idempotency

WRITE_BACK = "write_back_story"
"""The task that writes to Shortcut: while it runs, a newer request does not take its place."""


@dataclass(frozen=True)
class WorkspaceSecrets:
    """What no route, event, log or payload ever has; `repr` neither."""

    secret: str | None = field(default=None, repr=False)
    api_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class NewStory:
    """A story to be worked on, with the settings of its workspace as they were then and the tasks of its stages in order."""

    story_id: str
    workspace: Workspace
    shortcut_id: int
    goal: Goal
    name: str
    app_url: str
    tasks: tuple[NewTask, ...]


@dataclass(frozen=True)
class StoryResults:
    """What became of it so far. `theirs` is the story as a person had changed it meanwhile, where that is a conflict."""

    before: Story | None = None
    triage: Triage | None = None
    analysis: Analysis | None = None
    enhancement: Enhancement | None = None
    proposal: Proposal | None = None
    theirs: Story | None = None


@dataclass(frozen=True)
class Proposed:
    """What the last stage leaves to be done: the proposal, and the task that writes it, None where somebody must approve."""

    proposal: Proposal
    write_back: NewTask | None


@dataclass(frozen=True)
class StoryRun:
    """A story that was asked for. `settings` are its workspace's as they were at the start; `tasks` are those that are still
    kept, in order; `note` is why it was rejected; `ended_at` is None while it is open."""

    story_id: str
    workspace: str
    shortcut_id: int
    goal: Goal
    state: StoryState
    name: str
    app_url: str
    settings: Workspace
    created_at: datetime
    ended_at: datetime | None
    tasks: tuple[Task, ...]
    tokens: int
    cost_usd: float | None
    note: str = ""


@dataclass(frozen=True)
class Received:
    """How a webhook was answered; `is_new` is False for one that had come before."""

    answer: Mapping[str, Any]
    is_new: bool


StageValue = Triage | Analysis | Enhancement


class StoryStore(Protocol):
    async def workspaces(self) -> Sequence[Workspace]:
        """By name."""
        ...

    async def workspace(self, name: str) -> Workspace:
        """Raises NotFound."""
        ...

    async def secrets(self, name: str) -> tuple[Workspace, WorkspaceSecrets]:
        """Raises NotFound."""
        ...

    async def put_workspace(self, workspace: Workspace, secrets: WorkspaceSecrets) -> Workspace:
        """Keep a new one or replace it; a secret of None stays as it is, an empty one is taken away."""
        ...

    async def delete_workspace(self, name: str) -> None:
        """With its secrets; its stories stay. Raises NotFound, and WrongState while one of them is open."""
        ...

    async def delivery(self, workspace: str, delivery_id: str) -> Mapping[str, Any] | None:
        """How a webhook of that id was answered; None for one that hasn't come yet."""
        ...

    async def receive(
        self,
        workspace: str,
        delivery_id: str,
        stories: Sequence[NewStory],
        answer: Mapping[str, Any],
        *,
        queue_limit: int,
    ) -> Received:
        """Keep a webhook with the stories and tasks that it asks for: all are there or none. One that came before changes
        nothing and gives its answer of then. What is open for the same story and goal is superseded, but for a write-back
        that runs already. Raises QueueFull."""
        ...

    async def story(self, story_id: str) -> StoryRun:
        """Raises NotFound."""
        ...

    async def stories(
        self,
        *,
        states: Sequence[StoryState],
        workspace: str | None,
        shortcut_id: int | None,
        after: tuple[float, str] | None,
        limit: int,
    ) -> Sequence[StoryRun]:
        """Newest first."""
        ...

    async def counts(self) -> Mapping[StoryState, int]:
        """How many stories are in each state."""
        ...

    async def results(self, story_id: str) -> StoryResults:
        """Raises NotFound."""
        ...

    async def steps(self, story_id: str) -> Sequence[AgentStep]:
        """In their order."""
        ...

    async def keep_before(self, fence: Fence, story_id: str, story: Story) -> Story:
        """What all stages work on; one that is kept stays, and is given."""
        ...

    async def keep_stage(
        self, fence: Fence, story_id: str, stage: Stage, value: StageValue, proposed: Proposed | None
    ) -> StoryState:
        """Keep what a stage made; with `proposed`, which the last one has, what follows: the write-back's task, or the wait for
        an approval. What is kept stays, and of a story that is final nothing follows."""
        ...

    async def note(self, fence: Fence, story_id: str, step: AgentStep) -> None:
        """The same stage and ordinal once more changes nothing."""
        ...

    async def approve(
        self, story_id: str, write_back: NewTask, *, idempotency: Idempotency | None, queue_limit: int
    ) -> StoryRun:
        """It is to be written. Raises NotFound, WrongState where it doesn't wait for that, QueueFull."""
        ...

    async def reject(self, story_id: str, note: str) -> StoryRun:
        """It is not to be written. Raises NotFound, and WrongState where it doesn't wait for that."""
        ...

    async def delete(self, story_id: str) -> None:
        """With all that came of it; its tasks stay as long as tasks are kept. Raises NotFound, and WrongState while it is open
        or one of its tasks has not ended."""
        ...

    async def prune(self, before: datetime, limit: int) -> int:
        """Remove up to `limit` of those that were asked for before that, as `delete` does; those that it refuses stay. How
        many went."""
        ...

    async def end(self, fence: Fence, story_id: str, state: StoryState, theirs: Story | None = None) -> None:
        """How the write-back came out."""
        ...
