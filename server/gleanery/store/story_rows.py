"""Rows of workspaces and stories as values, and values as rows: the same for every store."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from gleanery.model import Task
from gleanery.model.stories import (
    OPEN_STATES,
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
from gleanery.store.rows import Row, certain_time, compact, time_of
from gleanery.store.stories import NewStory, StoryResults, StoryRun

KEEP_DELIVERIES_SECONDS = 7 * 86_400.0
FORGOTTEN_AT_ONCE = 20

FROM_TASKS = frozenset({StoryState.SUPERSEDED, StoryState.FAILED, StoryState.CANCELLED})
"""States that are read from a story's tasks too, while it is under way by itself."""
UNDER_WAY = (StoryState.WAITING, StoryState.WORKING)


def workspace_from(row: Row) -> Workspace:
    settings = json.loads(row["settings"])
    return Workspace(**settings, is_secret_set=row["secret"] is not None, is_token_set=row["api_token"] is not None)


def dump_settings(workspace: Workspace) -> str:
    return compact(workspace.model_dump(mode="json", exclude={"is_secret_set", "is_token_set"}))


def new_story_row(new: NewStory) -> dict[str, Any]:
    """The columns that a new story sets, but for its time and state."""
    return {
        "story_id": new.story_id,
        "workspace": new.workspace.name,
        "shortcut_id": new.shortcut_id,
        "goal": new.goal,
        "name": new.name,
        "app_url": new.app_url,
        "settings": dump_settings(new.workspace),
    }


def run_from(row: Row, tasks: tuple[Task, ...]) -> StoryRun:
    """`seen` is its state as it follows from its tasks."""
    state = StoryState(row["seen"])
    ended_at = time_of(row["ended_at"])
    if ended_at is None and state not in OPEN_STATES:
        ends = [task.processing_completed_at for task in tasks if task.processing_completed_at is not None]
        ended_at = max(ends, default=None)
    return StoryRun(
        story_id=row["story_id"],
        workspace=row["workspace"],
        shortcut_id=row["shortcut_id"],
        goal=Goal(row["goal"]),
        state=state,
        name=row["name"],
        app_url=row["app_url"],
        settings=Workspace.model_validate_json(row["settings"]),
        created_at=certain_time(row["created_at"]),
        ended_at=ended_at,
        tasks=tasks,
        tokens=row["tokens"],
        cost_usd=row["cost_usd"],
        note=row["note"],
    )


def results_from(row: Row) -> StoryResults:
    def read(column: str, kind: Any) -> Any:
        return None if row[column] is None else kind.model_validate_json(row[column])

    return StoryResults(
        before=read("before", Story),
        triage=read("triage", Triage),
        analysis=read("analysis", Analysis),
        enhancement=read("enhancement", Enhancement),
        proposal=read("proposal", Proposal),
        theirs=read("theirs", Story),
    )


def steps_from(bodies: Iterable[str]) -> list[AgentStep]:
    """In their order."""
    order = list(Stage)
    steps = [AgentStep.model_validate_json(body) for body in bodies]
    return sorted(steps, key=lambda step: (order.index(step.stage), step.ordinal))
