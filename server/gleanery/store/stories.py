"""Workspaces, stories that were asked for and the webhooks that asked, as they are kept, and the contract of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from gleanery.model import Fence, NewTask, Task
from gleanery.model.stories import (
    AgentStep,
    Analysis,
    Enhancement,
    Goal,
    Stage,
    Story,
    StoryState,
    Triage,
    Workspace,
)


@dataclass(frozen=True)
class WorkspaceSecrets:
    """What no route, event, log or payload ever has. `repr` doesn't show it either."""

    secret: str | None = None
    api_token: str | None = None

    def __repr__(self) -> str:
        return "WorkspaceSecrets(…)"


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
    """What the stages made, as far as they are."""

    before: Story | None = None
    triage: Triage | None = None
    analysis: Analysis | None = None
    enhancement: Enhancement | None = None


@dataclass(frozen=True)
class After:
    """What is written, or would be: a title or description of None stays as it is. `theirs` is what a person had made of the
    story meanwhile, where that is a conflict."""

    name: str | None
    description: str | None
    labels: tuple[str, ...]
    comment: str
    theirs: Story | None = None


@dataclass(frozen=True)
class StoryRun:
    """A story that was asked for. `tasks` are those that are still kept, in order; `settings` are its workspace's as they
    were at the start; `ended_at` is None while it is open."""

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
    task_ids: tuple[str, ...]
    tasks: tuple[Task, ...]
    tokens: int
    cost_usd: float | None


@dataclass(frozen=True)
class Received:
    """How a webhook was answered; `is_new` is False for one that had come before."""

    answer: Mapping[str, Any]
    is_new: bool


class StoryStore(Protocol):
    async def workspaces(self) -> Sequence[Workspace]:
        """By name."""
        ...

    async def workspace(self, name: str) -> Workspace:
        """Raises NotFound."""
        ...

    async def secrets(self, name: str) -> WorkspaceSecrets:
        """Raises NotFound."""
        ...

    async def put_workspace(self, workspace: Workspace, secrets: WorkspaceSecrets) -> Workspace:
        """Keep a new one or replace it; a secret of None stays as it is, an empty one is taken away."""
        ...

    async def delete_workspace(self, name: str) -> None:
        """With its secrets. Its stories stay. Raises NotFound, and WrongState while one of them is open."""
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
        nothing and gives its answer of then. What waits for the same story and goal is superseded. Raises QueueFull."""
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

    async def results(self, story_id: str) -> StoryResults: ...

    async def after(self, story_id: str) -> After | None: ...

    async def steps(self, story_id: str) -> Sequence[AgentStep]:
        """In their order."""
        ...

    async def tokens(self, story_id: str) -> int: ...

    async def keep_before(self, fence: Fence, story_id: str, story: Story) -> None:
        """What all stages work on; one that is kept stays."""
        ...

    async def keep_stage(
        self, fence: Fence, story_id: str, stage: Stage, value: Triage | Analysis | Enhancement
    ) -> None:
        """One that is kept stays."""
        ...

    async def note(self, fence: Fence, story_id: str, step: AgentStep) -> None:
        """The same stage and ordinal once more changes nothing."""
        ...
