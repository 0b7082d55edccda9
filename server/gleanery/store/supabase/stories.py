"""`StoryStore` over Supabase. What a method does is told in `store/stories.py`, how in sql/074."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gleanery.model import Fence, NewTask
from gleanery.model.stories import AgentStep, Stage, Story, StoryState, Workspace
from gleanery.store.rows import Row, compact, fence_row, new_task_row, task_from
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
    FORGOTTEN_AT_ONCE,
    FROM_TASKS,
    KEEP_DELIVERIES_SECONDS,
    UNDER_WAY,
    dump_settings,
    new_story_row,
    results_from,
    run_from,
    steps_from,
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
        row = await self._rest.write(
            "stories_put_workspace",
            name=workspace.name,
            settings=dump_settings(workspace),
            secret=secrets.secret,
            api_token=secrets.api_token,
        )
        return workspace_from(row)

    async def delete_workspace(self, name: str) -> None:
        await self._rest.write("stories_delete_workspace", name=name)

    async def delivery(self, workspace: str, delivery_id: str) -> Mapping[str, Any] | None:
        text = await self._rest.call("stories_delivery", workspace=workspace, delivery_id=delivery_id)
        return None if text is None else _answer(text)

    async def receive(
        self,
        workspace: str,
        delivery_id: str,
        stories: Sequence[NewStory],
        answer: Mapping[str, Any],
        *,
        queue_limit: int,
    ) -> Received:
        known = await self._rest.write(
            "stories_receive",
            workspace=workspace,
            delivery_id=delivery_id,
            stories=[{"row": new_story_row(new), "tasks": list(map(new_task_row, new.tasks))} for new in stories],
            answer=compact(dict(answer)),
            queue_limit=queue_limit,
            write_back=WRITE_BACK,
            keep_seconds=KEEP_DELIVERIES_SECONDS,
            forget=FORGOTTEN_AT_ONCE,
        )
        return Received(answer, is_new=True) if known is None else Received(_answer(known), is_new=False)

    async def story(self, story_id: str) -> StoryRun:
        return _run(await self._rest.call("stories_story", story_id=story_id))

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
            kept=sorted({*states, *(UNDER_WAY if FROM_TASKS & set(states) else ())}),
            workspace=workspace,
            shortcut_id=shortcut_id,
            after=after,
            limit=limit,
        )
        return [_run(row) for row in rows]

    async def counts(self) -> Mapping[StoryState, int]:
        found = await self._rest.call("stories_counts")
        return {state: found.get(state.value, 0) for state in StoryState}

    async def results(self, story_id: str) -> StoryResults:
        return results_from(await self._rest.call("stories_results", story_id=story_id))

    async def steps(self, story_id: str) -> Sequence[AgentStep]:
        return steps_from(await self._rest.call("stories_steps", story_id=story_id))

    async def keep_before(self, fence: Fence, story_id: str, story: Story) -> Story:
        text = await self._rest.write(
            "stories_keep_before",
            fence=fence_row(fence),
            story_id=story_id,
            before=story.model_dump_json(),
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
            proposed=None if proposed is None else _proposed(proposed),
        )
        return StoryState(state)

    async def note(self, fence: Fence, story_id: str, step: AgentStep) -> None:
        row = {
            "story_id": story_id,
            "stage": step.stage,
            "ordinal": step.ordinal,
            "tokens": step.prompt_tokens + step.completion_tokens,
            "body": step.model_dump_json(),
        }
        await self._rest.write("stories_note", fence=fence_row(fence), step=row, cost_usd=step.cost_usd)

    async def approve(
        self, story_id: str, write_back: NewTask, *, idempotency: Idempotency | None, queue_limit: int
    ) -> StoryRun:
        row = await self._rest.write(
            "stories_approve",
            story_id=story_id,
            task=new_task_row(write_back),
            idempotency=None if idempotency is None else asdict(idempotency),
            queue_limit=queue_limit,
        )
        return _run(row)

    async def reject(self, story_id: str, note: str) -> StoryRun:
        return _run(await self._rest.write("stories_reject", story_id=story_id, note=note))

    async def end(self, fence: Fence, story_id: str, state: StoryState, theirs: Story | None = None) -> None:
        await self._rest.write(
            "stories_end",
            fence=fence_row(fence),
            story_id=story_id,
            state=state,
            theirs=None if theirs is None else theirs.model_dump_json(),
        )


def _answer(text: str) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = json.loads(text)
    return answer


def _run(row: Row) -> StoryRun:
    return run_from(row["run"], tuple(map(task_from, row["tasks"])))


def _proposed(proposed: Proposed) -> dict[str, Any]:
    back = proposed.write_back
    return {
        "proposal": proposed.proposal.model_dump_json(),
        "write_back": None if back is None else new_task_row(back),
    }
