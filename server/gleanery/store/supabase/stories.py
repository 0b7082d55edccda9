"""`StoryStore` over Supabase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from json import loads
from typing import Any

from gleanery.model import Fence, NewTask
from gleanery.model.stories import AgentStep, Stage, Story, StoryState, Workspace
from gleanery.store.rows import compact, fence_row, new_task_row, task_from
from gleanery.store.stories import (
    WRITE_BACK,
    NewStory,
    Proposed,
    Received,
    StageValue,
    StoryResults,
    StoryRun,
    WorkspaceSecrets,
)
from gleanery.store.story_rows import (
    KEEP_DELIVERIES_SECONDS,
    results_from,
    settings_of,
    story_from,
    workspace_from,
)
from gleanery.store.supabase.client import Rest
from gleanery.store.values import Idempotency


class SupabaseStories:
    """`StoryStore` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def workspaces(self) -> Sequence[Workspace]:
        return [workspace_from(row) for row in await self._rest.call("stories_workspaces")]

    async def workspace(self, name: str) -> Workspace:
        return workspace_from(await self._rest.call("stories_workspace", name=name))

    async def secrets(self, name: str) -> tuple[Workspace, WorkspaceSecrets]:
        row = await self._rest.call("stories_workspace", name=name)
        return workspace_from(row), WorkspaceSecrets(row["secret"], row["api_token"])

    async def put_workspace(self, workspace: Workspace, secrets: WorkspaceSecrets) -> Workspace:
        before = [one for one in await self.workspaces() if one.name == workspace.name]
        now = self._rest.clock()
        kept = workspace.model_copy(update={"created_at": before[0].created_at if before else now, "changed_at": now})
        row = await self._rest.write(
            "stories_put_workspace",
            name=kept.name,
            settings=settings_of(kept),
            secret=secrets.secret,
            api_token=secrets.api_token,
        )
        return workspace_from(row)

    async def delete_workspace(self, name: str) -> None:
        await self._rest.write("stories_delete_workspace", name=name)

    async def delivery(self, workspace: str, delivery_id: str) -> Mapping[str, Any] | None:
        text = await self._rest.call("stories_delivery", workspace=workspace, delivery_id=delivery_id)
        return None if text is None else loads(text)

    async def receive(
        self,
        workspace: str,
        delivery_id: str,
        stories: Sequence[NewStory],
        answer: Mapping[str, Any],
        *,
        queue_limit: int,
    ) -> Received:
        found = await self._rest.write(
            "stories_receive",
            workspace=workspace,
            delivery_id=delivery_id,
            stories=[_new_row(story) for story in stories],
            answer=compact(dict(answer)),
            queue_limit=queue_limit,
            keep_seconds=KEEP_DELIVERIES_SECONDS,
        )
        return Received(loads(found["answer"]), is_new=found["is_new"])

    async def story(self, story_id: str) -> StoryRun:
        return _story(await self._rest.call("stories_story", story_id=story_id))

    async def stories(
        self,
        *,
        states: Sequence[StoryState],
        workspace: str | None,
        shortcut_id: int | None,
        after: tuple[float, str] | None,
        limit: int,
    ) -> Sequence[StoryRun]:
        rows = await self._rest.call(
            "stories_list",
            states=list(states),
            workspace=workspace,
            shortcut_id=shortcut_id,
            after=after,
            limit=limit,
        )
        return [_story(row) for row in rows]

    async def counts(self) -> Mapping[StoryState, int]:
        counts = await self._rest.call("stories_counts")
        return {state: counts.get(state, 0) for state in StoryState}

    async def results(self, story_id: str) -> StoryResults:
        return results_from((await self._rest.call("stories_story", story_id=story_id))["run"])

    async def steps(self, story_id: str) -> Sequence[AgentStep]:
        order = list(Stage)
        bodies = await self._rest.call("stories_steps", story_id=story_id)
        steps = [AgentStep.model_validate_json(body) for body in bodies]
        return sorted(steps, key=lambda step: (order.index(step.stage), step.ordinal))

    async def keep_before(self, fence: Fence, story_id: str, story: Story) -> Story:
        text = await self._rest.write(
            "stories_keep_before",
            fence=fence_row(fence),
            story_id=story_id,
            story=story.model_dump_json(),
            name=story.name,
            app_url=story.app_url,
        )
        return Story.model_validate_json(text)

    async def keep_stage(
        self, fence: Fence, story_id: str, stage: Stage, value: StageValue, proposed: Proposed | None
    ) -> StoryState:
        state = await self._rest.write(
            "stories_keep_stage",
            fence=fence_row(fence),
            story_id=story_id,
            stage=stage,
            value=value.model_dump_json(),
            proposed=None if proposed is None else _proposed_row(proposed),
        )
        return StoryState(state)

    async def note(self, fence: Fence, story_id: str, step: AgentStep) -> None:
        await self._rest.write(
            "stories_note",
            fence=fence_row(fence),
            story_id=story_id,
            stage=step.stage,
            ordinal=step.ordinal,
            tokens=step.prompt_tokens + step.completion_tokens,
            cost_usd=step.cost_usd,
            body=step.model_dump_json(),
        )

    async def approve(
        self, story_id: str, write_back: NewTask, *, idempotency: Idempotency | None, queue_limit: int
    ) -> StoryRun:
        row = await self._rest.write(
            "stories_approve",
            story_id=story_id,
            write_back=new_task_row(write_back),
            idempotency=None if idempotency is None else asdict(idempotency),
            queue_limit=queue_limit,
        )
        return _story(row)

    async def reject(self, story_id: str, note: str) -> StoryRun:
        return _story(await self._rest.write("stories_reject", story_id=story_id, note=note))

    async def delete(self, story_id: str) -> None:
        await self._rest.write("stories_delete", story_id=story_id)

    async def prune(self, before: datetime, limit: int) -> int:
        return int(await self._rest.write("stories_prune", before=before.timestamp(), limit=limit))

    async def end(self, fence: Fence, story_id: str, state: StoryState, theirs: Story | None = None) -> None:
        await self._rest.write(
            "stories_end",
            fence=fence_row(fence),
            story_id=story_id,
            state=state,
            theirs=None if theirs is None else theirs.model_dump_json(),
        )


def _new_row(story: NewStory) -> dict[str, Any]:
    return {
        "story_id": story.story_id,
        "workspace": story.workspace.name,
        "shortcut_id": story.shortcut_id,
        "goal": story.goal,
        "name": story.name,
        "app_url": story.app_url,
        "settings": settings_of(story.workspace),
        "write_back": WRITE_BACK,
        "tasks": [new_task_row(task) for task in story.tasks],
    }


def _proposed_row(proposed: Proposed) -> dict[str, Any]:
    back = proposed.write_back
    return {
        "proposal": proposed.proposal.model_dump_json(),
        "write_back": None if back is None else new_task_row(back),
    }


def _story(found: Mapping[str, Any]) -> StoryRun:
    row = {**found["run"], "seen": found["seen"]}
    return story_from(row, tuple(map(task_from, found["tasks"])))
